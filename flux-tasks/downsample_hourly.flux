// Hours of the raw metrics: from system_metrics_raw to system_metrics_1h.
//
// A gauge becomes FIELD_mean, FIELD_min, FIELD_max (float) and FIELD_count (integer), so that days
// can be made from hours exactly; a counter becomes FIELD_last, for the mean of a counter means
// nothing. A point stands at the start of its hour. Every tag is kept. Fields of text or booleans
// are left out instead of ending the task.
//
// A run makes the last whole hour before now(): no gap, nothing counted twice, and the same points
// when it is run again.
import "date"
import "types"

parameters = {
    source: "system_metrics_raw",
    target: "system_metrics_1h",
    // Whole hours made in one run: more than one makes the hours before again, with what came late.
    span: "1h",
}

stop = date.truncate(t: now(), unit: 1h)
start = date.sub(d: duration(v: parameters.span), from: stop)

// The counters of the metric catalogue (docs/metrics.md).
counters = /^(disk_read_bytes|disk_write_bytes|disk_read_count|disk_write_count|disk_io_time_ms|network_bytes_sent|network_bytes_recv|network_packets_sent|network_packets_recv|network_errors_in|network_errors_out|network_drops_in|network_drops_out|process_io_read_bytes|process_io_write_bytes|pressure_cpu_some_us|pressure_memory_some_us|pressure_memory_full_us|pressure_io_some_us|pressure_io_full_us|network_tcp_retransmits|network_tcp_segments_sent|network_listen_overflows|network_listen_drops|network_softnet_drops|oom_kills|disk_errors|container_oom_kills|container_io_read_bytes|container_io_write_bytes|container_network_recv_bytes|container_network_sent_bytes|container_restarts|journal_errors|unit_oom_kills|unit_restarts|unit_journal_errors)$/

write = (tables=<-, suffix) =>
    tables
        |> map(
            fn: (r) =>
                ({r with _measurement: "system_metrics_hourly", _field: r._field + suffix}),
        )
        |> to(bucket: parameters.target)

metrics =
    from(bucket: parameters.source)
        |> range(start: start, stop: stop)
        |> filter(fn: (r) => r._measurement == "system_metrics")
        |> filter(fn: (r) => types.isNumeric(v: r._value))

gauges =
    metrics
        |> filter(fn: (r) => r._field !~ counters)
        |> toFloat()

gauges
    |> aggregateWindow(every: 1h, fn: mean, createEmpty: false, timeSrc: "_start")
    |> write(suffix: "_mean")

gauges
    |> aggregateWindow(every: 1h, fn: min, createEmpty: false, timeSrc: "_start")
    |> write(suffix: "_min")

gauges
    |> aggregateWindow(every: 1h, fn: max, createEmpty: false, timeSrc: "_start")
    |> write(suffix: "_max")

gauges
    |> aggregateWindow(every: 1h, fn: count, createEmpty: false, timeSrc: "_start")
    |> write(suffix: "_count")

metrics
    |> filter(fn: (r) => r._field =~ counters)
    |> aggregateWindow(every: 1h, fn: last, createEmpty: false, timeSrc: "_start")
    |> write(suffix: "_last")
