// A panel of one host: the mean of a field in windows of a minute.
from(bucket: {bucket})
    |> range(start: {start}, stop: {stop})
    |> filter(fn: (r) => r._measurement == "system_metrics" and r._field == {field} and r.host == {host})
    |> aggregateWindow(every: 1m, fn: mean, createEmpty: false)
