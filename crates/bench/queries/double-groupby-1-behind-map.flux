// The same mean behind a map, so that every point leaves the storage.
from(bucket: {bucket})
    |> range(start: {start}, stop: {stop})
    |> filter(fn: (r) => r._measurement == "system_metrics")
    |> filter(fn: (r) => r._field == "cpu_usage_percent")
    |> map(fn: (r) => ({r with _value: r._value * 1.0}))
    |> aggregateWindow(every: 1h, fn: mean, createEmpty: false)
