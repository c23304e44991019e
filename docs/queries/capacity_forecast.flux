// Days until each disk is full, by a straight line through the means of the last week.
//
// Least squares: with x in days, slope = (n Σxy - Σx Σy) / (n Σx² - (Σx)²).
day = 86400000000000.0

origin = float(v: int(v: now()))

from(bucket: "system_metrics_1h")
    |> range(start: -7d)
    |> filter(fn: (r) => r._measurement == "system_metrics_hourly")
    |> filter(fn: (r) => r._field == "disk_usage_percent_mean")
    |> group(columns: ["host", "mountpoint"])
    |> map(fn: (r) => ({r with x: (float(v: int(v: r._time)) - origin) / day, y: r._value}))
    |> reduce(
        identity: {n: 0.0, x: 0.0, y: 0.0, xx: 0.0, xy: 0.0},
        fn: (r, accumulator) =>
            ({
                n: accumulator.n + 1.0,
                x: accumulator.x + r.x,
                y: accumulator.y + r.y,
                xx: accumulator.xx + r.x * r.x,
                xy: accumulator.xy + r.x * r.y,
            }),
    )
    // Two points make a line.
    |> filter(fn: (r) => r.n > 1.0)
    |> map(
        fn: (r) => {
            slope = (r.n * r.xy - r.x * r.y) / (r.n * r.xx - r.x * r.x)
            now_percent = (r.y - slope * r.x) / r.n

            return {
                host: r.host,
                mountpoint: r.mountpoint,
                percent_per_day: slope,
                percent_now: now_percent,
                days_until_full: (100.0 - now_percent) / slope,
            }
        },
    )
    // A disk that empties is never full.
    |> filter(fn: (r) => r.percent_per_day > 0.0)
    |> group()
    |> sort(columns: ["days_until_full"])
    |> yield(name: "capacity_forecast")
