// TSBS: the mean of one metric by hour and host.
from(bucket: {bucket})
    |> range(start: {start}, stop: {stop})
    |> filter(fn: (r) => r._measurement == "system_metrics")
    |> filter(fn: (r) => r._field == "cpu_usage_percent")
    |> aggregateWindow(every: 1h, fn: mean, createEmpty: false)
