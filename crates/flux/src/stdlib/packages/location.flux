// The option `location` as the library itself knows it.
package location

option location = {zone: "UTC", offset: 0h}
