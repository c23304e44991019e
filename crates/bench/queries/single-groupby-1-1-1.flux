// TSBS: the greatest value of one metric of one host in every minute.
from(bucket: {bucket})
    |> range(start: {start}, stop: {stop})
    |> filter(fn: (r) => r._measurement == "system_metrics")
    |> filter(fn: (r) => {one_field})
    |> filter(fn: (r) => {one_host})
    |> aggregateWindow(every: 1m, fn: max, createEmpty: false)
