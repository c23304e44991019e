// The older place of the functions of the package array.
package array

import a "array"

from = a.from
concat = a.concat
map = a.map
filter = a.filter
toBool = a.toBool
toDuration = a.toDuration
toFloat = a.toFloat
toInt = a.toInt
toString = a.toString
toTime = a.toTime
toUInt = a.toUInt
