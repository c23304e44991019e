// Days of the hourly metrics: from system_metrics_1h to system_metrics_1d.
//
// The mean of a day is the mean of its hours weighted by their counts, so it equals the mean of all
// points of the day; min, max, last and count follow. A point stands at the start of its day (UTC).
//
// A run makes the last whole day before now(): no gap, nothing counted twice, and the same points
// when it is run again.
import "date"
import "regexp"
import "strings"

parameters = {
    source: "system_metrics_1h",
    target: "system_metrics_1d",
    // Whole days made in one run: more than one makes the days before again, with what came late.
    span: "1d",
}

stop = date.truncate(t: now(), unit: 1d)
start = date.sub(d: duration(v: parameters.span), from: stop)

write = (tables=<-) =>
    tables
        |> set(key: "_measurement", value: "system_metrics_daily")
        |> to(bucket: parameters.target)

hours =
    from(bucket: parameters.source)
        |> range(start: start, stop: stop)
        |> filter(fn: (r) => r._measurement == "system_metrics_hourly")

hours
    |> filter(fn: (r) => r._field =~ /_min$/)
    |> aggregateWindow(every: 1d, fn: min, createEmpty: false, timeSrc: "_start")
    |> write()

hours
    |> filter(fn: (r) => r._field =~ /_max$/)
    |> aggregateWindow(every: 1d, fn: max, createEmpty: false, timeSrc: "_start")
    |> write()

hours
    |> filter(fn: (r) => r._field =~ /_last$/)
    |> aggregateWindow(every: 1d, fn: last, createEmpty: false, timeSrc: "_start")
    |> write()

hours
    |> filter(fn: (r) => r._field =~ /_count$/)
    |> aggregateWindow(every: 1d, fn: sum, createEmpty: false, timeSrc: "_start")
    |> write()

// Mean and count of an hour side by side, then the weighted mean.
hours
    |> filter(fn: (r) => r._field =~ /_(mean|count)$/)
    |> map(
        fn: (r) =>
            ({r with
                statistic: if strings.hasSuffix(v: r._field, suffix: "_mean") then "mean" else "count",
                _field: regexp.replaceAllString(r: /_(mean|count)$/, v: r._field, t: ""),
                _value: float(v: r._value),
            }),
    )
    |> group(columns: ["_time", "_value", "statistic"], mode: "except")
    |> pivot(rowKey: ["_time"], columnKey: ["statistic"], valueColumn: "_value")
    // An hour of which one of the two is missing has no weight, and reduce() takes no null.
    |> filter(fn: (r) => exists r.mean and exists r.count)
    |> window(every: 1d)
    |> reduce(
        identity: {sum: 0.0, points: 0.0},
        fn: (r, accumulator) =>
            ({
                sum: accumulator.sum + r.mean * r.count,
                points: accumulator.points + r.count,
            }),
    )
    |> map(
        fn: (r) =>
            ({r with _time: r._start, _field: r._field + "_mean", _value: r.sum / r.points}),
    )
    |> drop(columns: ["sum", "points"])
    |> write()
