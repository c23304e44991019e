// Any metric of any host over any range: a query with parameters, as a function.
hostMetrics = (host, field, start=-1h, every=1m) =>
    from(bucket: "system_metrics_raw")
        |> range(start: start)
        |> filter(fn: (r) => r._measurement == "system_metrics")
        |> filter(fn: (r) => r.host == host and r._field == field)
        |> aggregateWindow(every: every, fn: mean, createEmpty: false)

hostMetrics(host: "host-1", field: "memory_usage_percent", start: -3h, every: 5m)
    |> yield(name: "host_metrics")
