// TSBS: all points of all hosts where a metric is above a threshold.
from(bucket: {bucket})
    |> range(start: {start}, stop: {stop})
    |> filter(fn: (r) => r._measurement == "system_metrics" and r._field == "cpu_usage_percent")
    |> filter(fn: (r) => r._value > 80.0)
