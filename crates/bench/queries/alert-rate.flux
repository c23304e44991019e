// A rate rule: how fast memory grows, bytes a second.
from(bucket: {bucket})
    |> range(start: {five_minutes_ago}, stop: {stop})
    |> filter(fn: (r) => r._measurement == "system_metrics" and r._field == "memory_used_bytes")
    |> derivative(unit: 1s, nonNegative: true)
    |> mean()
