// Anomalies by the median absolute deviation: how far a value lies from the median of all series at its time.
package anomalydetection

import "math"

// Makes the median absolute deviation comparable with the standard deviation of normally distributed values.
_scale = 1.4826

mad = (table=<-, threshold=3.0) => {
    data = table |> group(columns: ["_time"])
    distances =
        join(tables: {data: data, med: data |> median(column: "_value")}, on: ["_time"])
            |> map(fn: (r) => ({r with _value: math.abs(x: r._value_data - r._value_med)}))
            |> drop(columns: ["_start", "_stop", "_value_med", "_value_data"])
    deviations =
        distances
            |> median(column: "_value")
            |> map(fn: (r) => ({r with MAD: _scale * r._value}))
            |> filter(fn: (r) => r.MAD > 0.0)

    return
        join(tables: {diff: distances, diff_med: deviations}, on: ["_time"])
            |> map(fn: (r) => ({r with _value: r._value_diff / r._value_diff_med}))
            |> map(fn: (r) => ({r with level: if r._value >= threshold then "anomaly" else "normal"}))
}
