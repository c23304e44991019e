// TSBS: the greatest values of five metrics of eight hosts in every minute.
from(bucket: {bucket})
    |> range(start: {start}, stop: {stop})
    |> filter(fn: (r) => r._measurement == "system_metrics")
    |> filter(fn: (r) => {five_fields})
    |> filter(fn: (r) => {eight_hosts})
    |> aggregateWindow(every: 1m, fn: max, createEmpty: false)
