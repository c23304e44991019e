// TSBS: the greatest value of every metric of eight hosts in every hour.
from(bucket: {bucket})
    |> range(start: {start}, stop: {stop})
    |> filter(fn: (r) => r._measurement == "system_metrics")
    |> filter(fn: (r) => {eight_hosts})
    |> aggregateWindow(every: 1h, fn: max, createEmpty: false)
