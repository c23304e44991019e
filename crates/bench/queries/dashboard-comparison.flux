// All hosts side by side: the mean of a field in windows of a minute.
from(bucket: {bucket})
    |> range(start: {start}, stop: {stop})
    |> filter(fn: (r) => r._measurement == "system_metrics" and r._field == "cpu_usage_percent")
    |> aggregateWindow(every: 1m, fn: mean, createEmpty: false)
