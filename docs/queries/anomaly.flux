// CPU usage that is more than three standard deviations from the mean of the host's last day.
import "math"

usage =
    from(bucket: "system_metrics_raw")
        |> range(start: -24h)
        |> filter(fn: (r) => r._measurement == "system_metrics" and r._field == "cpu_usage_percent")
        |> filter(fn: (r) => not exists r.cpu)
        |> aggregateWindow(every: 1m, fn: mean, createEmpty: false)
        |> group(columns: ["host"])

normal =
    usage
        |> reduce(
            identity: {count: 0.0, sum: 0.0, squares: 0.0},
            fn: (r, accumulator) =>
                ({
                    count: accumulator.count + 1.0,
                    sum: accumulator.sum + r._value,
                    squares: accumulator.squares + r._value * r._value,
                }),
        )
        |> map(
            fn: (r) => {
                mean = r.sum / r.count
                variance = r.squares / r.count - mean * mean

                return {host: r.host, mean: mean, deviation: math.sqrt(x: math.mMax(x: variance, y: 0.0))}
            },
        )

join(tables: {usage: usage, normal: normal}, on: ["host"])
    // A flat series has no deviation and so no anomalies.
    |> filter(fn: (r) => r.deviation > 0.0)
    |> map(fn: (r) => ({r with score: (r._value - r.mean) / r.deviation}))
    |> filter(fn: (r) => math.abs(x: r.score) > 3.0)
    |> keep(columns: ["_time", "host", "_value", "mean", "deviation", "score"])
    |> yield(name: "anomaly")
