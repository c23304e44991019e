// What every program knows without an import, as far as it is simplest said in the language itself.
package universe


option location = {zone: "UTC", offset: 0h}

today = () => _truncateTime(t: now(), unit: 1d)

increase = (tables=<-, columns=["_value"]) =>
    tables
        |> difference(nonNegative: true, columns: columns, keepFirst: true, initialZero: true)
        |> cumulativeSum(columns: columns)

median = (tables=<-, method="estimate_tdigest", compression=0.0, column="_value") =>
    tables |> quantile(q: 0.5, method: method, compression: compression, column: column)

top = (n, columns=["_value"], tables=<-) => tables |> _sortLimit(n: n, columns: columns, desc: true)

bottom = (n, columns=["_value"], tables=<-) => tables |> _sortLimit(n: n, columns: columns, desc: false)

_select = (tables, n, column, groupColumns, reducer, picker) =>
    picker(tables: tables |> group(columns: groupColumns) |> reducer() |> group(columns: []), n: n, columns: [column])

highestMax = (n, column="_value", groupColumns=[], tables=<-) =>
    _select(tables: tables, n: n, column: column, groupColumns: groupColumns, reducer: (tables=<-) => tables |> max(column: column), picker: top)

highestAverage = (n, column="_value", groupColumns=[], tables=<-) =>
    _select(tables: tables, n: n, column: column, groupColumns: groupColumns, reducer: (tables=<-) => tables |> mean(column: column), picker: top)

highestCurrent = (n, column="_value", groupColumns=[], tables=<-) =>
    _select(tables: tables, n: n, column: column, groupColumns: groupColumns, reducer: (tables=<-) => tables |> last(column: column), picker: top)

lowestMin = (n, column="_value", groupColumns=[], tables=<-) =>
    _select(tables: tables, n: n, column: column, groupColumns: groupColumns, reducer: (tables=<-) => tables |> min(column: column), picker: bottom)

lowestAverage = (n, column="_value", groupColumns=[], tables=<-) =>
    _select(tables: tables, n: n, column: column, groupColumns: groupColumns, reducer: (tables=<-) => tables |> mean(column: column), picker: bottom)

lowestCurrent = (n, column="_value", groupColumns=[], tables=<-) =>
    _select(tables: tables, n: n, column: column, groupColumns: groupColumns, reducer: (tables=<-) => tables |> last(column: column), picker: bottom)

stateCount = (fn, column="stateCount", tables=<-) => tables |> stateTracking(countColumn: column, fn: fn)

stateDuration = (fn, column="stateDuration", timeColumn="_time", unit=1s, tables=<-) =>
    tables |> stateTracking(durationColumn: column, timeColumn: timeColumn, fn: fn, durationUnit: unit)

timedMovingAverage = (every, period, column="_value", tables=<-) =>
    tables
        |> window(every: every, period: period)
        |> mean(column: column)
        |> duplicate(column: "_stop", as: "_time")
        |> window(every: inf)

doubleEMA = (n, tables=<-) =>
    tables
        |> exponentialMovingAverage(n: n)
        |> duplicate(column: "_value", as: "__ema")
        |> exponentialMovingAverage(n: n)
        |> map(fn: (r) => ({r with _value: 2.0 * r.__ema - r._value}))
        |> drop(columns: ["__ema"])

tripleEMA = (n, tables=<-) =>
    tables
        |> exponentialMovingAverage(n: n)
        |> duplicate(column: "_value", as: "__ema1")
        |> exponentialMovingAverage(n: n)
        |> duplicate(column: "_value", as: "__ema2")
        |> exponentialMovingAverage(n: n)
        |> map(fn: (r) => ({r with _value: 3.0 * r.__ema1 - 3.0 * r.__ema2 + r._value}))
        |> drop(columns: ["__ema1", "__ema2"])

cov = (x, y, on, pearsonr=false) =>
    join(tables: {x: x, y: y}, on: on) |> covariance(pearsonr: pearsonr, columns: ["_value_x", "_value_y"])

pearsonr = (x, y, on) => cov(x: x, y: y, on: on, pearsonr: true)

timeWeightedAvg = (tables=<-, unit) =>
    tables
        |> integral(unit: unit, interpolate: "linear")
        |> map(fn: (r) => ({r with _value: r._value * float(v: int(v: unit)) / float(v: int(v: r._stop) - int(v: r._start))}))
