// TSBS: the greatest value of all hosts in the last five minutes with data, newest first.
from(bucket: {bucket})
    |> range(start: {start}, stop: {stop})
    |> filter(fn: (r) => r._measurement == "system_metrics" and r._field == "cpu_usage_percent")
    |> group()
    |> aggregateWindow(every: 1m, fn: max, createEmpty: false)
    |> sort(columns: ["_time"], desc: true)
    |> limit(n: 5)
