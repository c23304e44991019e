// A threshold rule: the mean of each host over the last five minutes.
from(bucket: {bucket})
    |> range(start: {five_minutes_ago}, stop: {stop})
    |> filter(fn: (r) => r._measurement == "system_metrics" and r._field == "cpu_usage_percent")
    |> group(columns: ["host"])
    |> mean()
