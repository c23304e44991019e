// TSBS: the means of five metrics by hour and host.
from(bucket: {bucket})
    |> range(start: {start}, stop: {stop})
    |> filter(fn: (r) => r._measurement == "system_metrics")
    |> filter(fn: (r) => {five_fields})
    |> aggregateWindow(every: 1h, fn: mean, createEmpty: false)
