//! The agent's own metrics: declared here, once, with their names and help.

use watchpost_service::metrics::{
    Counter, CounterVec, Gauge, GaugeVec, HistogramVec, LATENCY_BUCKETS, Registry,
};

/// Handles of every self-metric. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AgentMetrics {
    /// Of collecting.
    pub collecting: CollectingMetrics,
    /// Of writing.
    pub writing: WritingMetrics,
    /// CPU time of the agent.
    pub process_cpu_seconds: Gauge,
    /// Memory of the agent.
    pub process_resident_bytes: Gauge,
}

/// What collecting tells.
#[derive(Clone, Debug)]
pub struct CollectingMetrics {
    /// Lines collected.
    pub lines_gathered: Counter,
    /// Points the cardinality guard kept out.
    pub points_refused: Counter,
    /// Points with a name that line protocol cannot express.
    pub points_unwritable: Counter,
    /// Lines, samples and points that programs sent, by collector.
    pub lines_taken: CounterVec,
    /// Those of them that were refused, by collector.
    pub lines_refused: CounterVec,
    /// Series written lately.
    pub series: Gauge,
    /// Collections, by collector and how they ended.
    pub collections: CounterVec,
    /// Time of a collection, by collector.
    pub collection_seconds: HistogramVec,
    /// Whether a collector hangs, by collector.
    pub collector_stale: GaugeVec,
    /// Ticks that could not be kept, by collector.
    pub ticks_skipped: CounterVec,
}

/// What writing tells.
#[derive(Clone, Debug)]
pub struct WritingMetrics {
    /// Lines the server took, by output.
    pub lines_written: CounterVec,
    /// Lines lost, by output and reason.
    pub lines_dropped: CounterVec,
    /// Damaged queue segments and records skipped, by output.
    pub queue_corrupt: CounterVec,
    /// Write requests, by output and outcome.
    pub writes: CounterVec,
    /// Time of a write, by output.
    pub write_seconds: HistogramVec,
    /// Lines buffered, by output and place.
    pub buffer_lines: GaugeVec,
    /// Bytes buffered, by output and place.
    pub buffer_bytes: GaugeVec,
}

impl AgentMetrics {
    /// What `status` tells: its key, and the metric whose series are summed.
    pub const STATUS: &'static [(&'static str, &'static str)] = &[
        ("lines_gathered", "watchpost_agent_lines_gathered_total"),
        ("lines_written", "watchpost_agent_lines_written_total"),
        ("lines_dropped", "watchpost_agent_lines_dropped_total"),
        ("lines_buffered", "watchpost_agent_buffer_lines"),
        ("series", "watchpost_agent_series"),
        ("points_refused", "watchpost_agent_points_refused_total"),
        ("lines_refused", "watchpost_agent_lines_refused_total"),
        ("queue_corrupt", "watchpost_agent_queue_corrupt_total"),
        ("cpu_seconds", "process_cpu_seconds_total"),
        ("resident_bytes", "process_resident_memory_bytes"),
    ];

    /// Declares them.
    pub fn new(registry: &Registry) -> Self {
        Self {
            collecting: CollectingMetrics::new(registry),
            writing: WritingMetrics::new(registry),
            process_cpu_seconds: registry
                .gauge("process_cpu_seconds_total", "CPU time of this process."),
            process_resident_bytes: registry.gauge(
                "process_resident_memory_bytes",
                "Resident memory of this process.",
            ),
        }
    }
}

impl CollectingMetrics {
    fn new(registry: &Registry) -> Self {
        Self {
            lines_gathered: registry
                .counter("watchpost_agent_lines_gathered_total", "Lines collected."),
            points_refused: registry.counter(
                "watchpost_agent_points_refused_total",
                "Points of new series beyond collect.max_series.",
            ),
            points_unwritable: registry.counter(
                "watchpost_agent_points_unwritable_total",
                "Points with a name that line protocol cannot express.",
            ),
            lines_taken: registry.counter_vec(
                "watchpost_agent_lines_taken_total",
                "Lines, samples and points that programs sent.",
                &["collector"],
            ),
            lines_refused: registry.counter_vec(
                "watchpost_agent_lines_refused_total",
                "Lines, samples and points of programs that were refused.",
                &["collector"],
            ),
            series: registry.gauge(
                "watchpost_agent_series",
                "Series written within the last hour.",
            ),
            collections: registry.counter_vec(
                "watchpost_agent_collections_total",
                "Collections, by how they ended.",
                &["collector", "outcome"],
            ),
            collection_seconds: registry.histogram_vec(
                "watchpost_agent_collection_seconds",
                "Time of a collection.",
                &["collector"],
                LATENCY_BUCKETS,
            ),
            collector_stale: registry.gauge_vec(
                "watchpost_agent_collector_stale",
                "1 while a collector hangs beyond its timeout.",
                &["collector"],
            ),
            ticks_skipped: registry.counter_vec(
                "watchpost_agent_ticks_skipped_total",
                "Collections that could not be kept and were left out.",
                &["collector"],
            ),
        }
    }
}

impl WritingMetrics {
    fn new(registry: &Registry) -> Self {
        Self {
            lines_written: registry.counter_vec(
                "watchpost_agent_lines_written_total",
                "Lines the server took.",
                &["output"],
            ),
            lines_dropped: registry.counter_vec(
                "watchpost_agent_lines_dropped_total",
                "Lines that did not reach the server and never will.",
                &["output", "reason"],
            ),
            queue_corrupt: registry.counter_vec(
                "watchpost_agent_queue_corrupt_total",
                "Damaged segments and records of the disk queue that were skipped.",
                &["output"],
            ),
            writes: registry.counter_vec(
                "watchpost_agent_writes_total",
                "Write requests, by outcome.",
                &["output", "outcome"],
            ),
            write_seconds: registry.histogram_vec(
                "watchpost_agent_write_seconds",
                "Time of a write request.",
                &["output"],
                LATENCY_BUCKETS,
            ),
            buffer_lines: registry.gauge_vec(
                "watchpost_agent_buffer_lines",
                "Lines not yet written, in memory alone or on disk.",
                &["output", "place"],
            ),
            buffer_bytes: registry.gauge_vec(
                "watchpost_agent_buffer_bytes",
                "Bytes of the buffer, in memory and on disk (compressed).",
                &["output", "place"],
            ),
        }
    }
}
