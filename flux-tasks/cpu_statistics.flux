// Mean, least, greatest and standard deviation of CPU usage per hour, for baselines and capacity.
//
// One point per series and hour, at the start of the hour, in the measurement cpu_statistics. A run
// makes the last whole hour before now(), and the same points when it is run again.
import "date"
import "math"

parameters = {
    source: "system_metrics_raw",
    target: "system_metrics_1h",
    // Whole hours made in one run: more than one makes the hours before again, with what came late.
    span: "1h",
}

stop = date.truncate(t: now(), unit: 1h)
start = date.sub(d: duration(v: parameters.span), from: stop)

write = (tables=<-, field) =>
    tables
        |> map(fn: (r) => ({r with _measurement: "cpu_statistics", _field: field}))
        |> to(bucket: parameters.target)

usage =
    from(bucket: parameters.source)
        |> range(start: start, stop: stop)
        |> filter(fn: (r) => r._measurement == "system_metrics" and r._field == "cpu_usage_percent")

usage
    |> aggregateWindow(every: 1h, fn: mean, createEmpty: false, timeSrc: "_start")
    |> write(field: "mean")

usage
    |> aggregateWindow(every: 1h, fn: min, createEmpty: false, timeSrc: "_start")
    |> write(field: "min")

usage
    |> aggregateWindow(every: 1h, fn: max, createEmpty: false, timeSrc: "_start")
    |> write(field: "max")

usage
    |> aggregateWindow(every: 1h, fn: stddev, createEmpty: false, timeSrc: "_start")
    // One point alone has no deviation, and NaN cannot be stored.
    |> filter(fn: (r) => not math.isNaN(f: r._value))
    |> write(field: "stddev")
