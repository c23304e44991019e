// The older place of the functions of the package array.
package array

import a "array"

from = a.from
concat = a.concat
map = a.map
filter = a.filter
