// The comparison with a map before the aggregate, so that every point leaves the storage.
from(bucket: {bucket})
    |> range(start: {start}, stop: {stop})
    |> filter(fn: (r) => r._measurement == "system_metrics" and r._field == "cpu_usage_percent")
    |> map(fn: (r) => ({r with _value: r._value * 1.0}))
    |> aggregateWindow(every: 1m, fn: mean, createEmpty: false)
