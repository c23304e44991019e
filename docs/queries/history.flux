// A month of CPU usage of one host from the hourly tier: mean, least and greatest of each hour.
from(bucket: "system_metrics_1h")
    |> range(start: -30d)
    |> filter(fn: (r) => r._measurement == "system_metrics_hourly" and r.host == "host-1")
    |> filter(fn: (r) => r._field =~ /^cpu_usage_percent_(mean|min|max)$/ and not exists r.cpu)
    |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
    |> yield(name: "history")
