// TSBS: the greatest value of every metric of one host in every hour.
from(bucket: {bucket})
    |> range(start: {start}, stop: {stop})
    |> filter(fn: (r) => r._measurement == "system_metrics")
    |> filter(fn: (r) => {one_host})
    |> aggregateWindow(every: 1h, fn: max, createEmpty: false)
