// The newest CPU and memory usage of every host.
from(bucket: {bucket})
    |> range(start: {start}, stop: {stop})
    |> filter(fn: (r) => r._measurement == "system_metrics")
    |> filter(fn: (r) => r._field == "cpu_usage_percent" or r._field == "memory_usage_percent")
    |> last()
