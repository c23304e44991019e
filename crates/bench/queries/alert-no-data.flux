// A dead man's rule: the newest point of each host.
from(bucket: {bucket})
    |> range(start: {start}, stop: {stop})
    |> filter(fn: (r) => r._measurement == "system_metrics" and r._field == "cpu_usage_percent")
    |> group(columns: ["host"])
    |> last()
    |> keep(columns: ["host", "_time"])
