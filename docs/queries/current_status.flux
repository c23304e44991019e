// The newest CPU, memory and disk usage of every host, one row a host.
newest = (field) =>
    from(bucket: "system_metrics_raw")
        |> range(start: -10m)
        |> filter(fn: (r) => r._measurement == "system_metrics" and r._field == field)
        // Overall CPU, not the cores, which carry the tag `cpu`.
        |> filter(fn: (r) => not exists r.cpu)
        |> last()
        |> group(columns: ["host", "_field"])
        // A host with several file systems is as full as its fullest.
        |> max()

union(
    tables: [
        newest(field: "cpu_usage_percent"),
        newest(field: "memory_usage_percent"),
        newest(field: "disk_usage_percent"),
    ],
)
    |> group(columns: ["host"])
    |> pivot(rowKey: ["host"], columnKey: ["_field"], valueColumn: "_value")
    |> group()
    |> sort(columns: ["host"])
    |> yield(name: "current_status")
