//! What an agent tells of itself, in a measurement of its own: whoever lists the metrics of hosts does not
//! meet it, and a dashboard of the agents finds it in the same bucket.

use super::Kind::{self, Counter, Gauge};
use super::Unit::{self, Bytes, Count, Milliseconds, Seconds};
use crate::point::FieldType::{self, Float, Integer};

/// One field of [`super::MEASUREMENT_AGENT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgentMetric {
    /// The field's name.
    pub name: &'static str,
    pub field_type: FieldType,
    pub unit: Unit,
    pub kind: Kind,
    /// Tags that points with this field carry beside `host`, `region`, `environment` and `service`.
    pub tags: &'static [&'static str],
    /// One sentence.
    pub help: &'static str,
}

const OUTPUT: &[&str] = &["output"];
const COLLECTOR: &[&str] = &["collector"];
const REASON: &[&str] = &["output", "reason"];

pub(super) const fn field(
    name: &'static str,
    (field_type, unit, kind): (FieldType, Unit, Kind),
    tags: &'static [&'static str],
    help: &'static str,
) -> AgentMetric {
    AgentMetric {
        name,
        field_type,
        unit,
        kind,
        tags,
        help,
    }
}

const COUNTER: (FieldType, Unit, Kind) = (Integer, Count, Counter);
const LINES: (FieldType, Unit, Kind) = (Integer, Count, Gauge);
const SIZE: (FieldType, Unit, Kind) = (Integer, Bytes, Gauge);

/// Every field, in the order of the documentation.
pub static AGENT_METRICS: &[AgentMetric] = &[
    field("lines_gathered", COUNTER, &[], "Lines collected."),
    field("series", LINES, &[], "Series written within the last hour."),
    field(
        "points_refused",
        COUNTER,
        &[],
        "Points of new series beyond collect.max_series, which were left out.",
    ),
    field(
        "lines_taken",
        COUNTER,
        COLLECTOR,
        "Lines, samples and points that programs sent, by what took them: statsd, prometheus, otlp …",
    ),
    field(
        "lines_refused",
        COUNTER,
        COLLECTOR,
        "Those of them that were refused: malformed, or beyond a limit.",
    ),
    field(
        "collections_overdue",
        COUNTER,
        &[],
        "Collections that ran beyond their timeout and gave nothing.",
    ),
    field(
        "ticks_skipped",
        COUNTER,
        &[],
        "Collections that could not be kept and were left out.",
    ),
    field(
        "cpu_seconds",
        (Float, Seconds, Counter),
        &[],
        "Processor time of the agent.",
    ),
    field("memory_bytes", SIZE, &[], "Resident memory of the agent."),
    field("lines_written", COUNTER, OUTPUT, "Lines the server took."),
    field("writes", COUNTER, OUTPUT, "Write requests that succeeded."),
    field(
        "writes_failed",
        COUNTER,
        OUTPUT,
        "Write requests that the server refused or did not answer; their lines are kept.",
    ),
    field(
        "write_latency_ms",
        (Float, Milliseconds, Gauge),
        OUTPUT,
        "Time of a write request, mean of those since the point before.",
    ),
    field(
        "buffer_memory_lines",
        LINES,
        OUTPUT,
        "Lines not yet written that memory alone holds.",
    ),
    field(
        "buffer_memory_bytes",
        SIZE,
        OUTPUT,
        "Bytes of lines in memory.",
    ),
    field(
        "buffer_disk_lines",
        LINES,
        OUTPUT,
        "Lines not yet written in the queue on disk.",
    ),
    field(
        "buffer_disk_bytes",
        SIZE,
        OUTPUT,
        "Bytes of the queue on disk, compressed.",
    ),
    field(
        "queue_corrupt",
        COUNTER,
        OUTPUT,
        "Damaged segments and records of the queue that were skipped.",
    ),
    field(
        "lines_dropped",
        COUNTER,
        REASON,
        "Lines that did not reach the server and never will, by reason: disk_limit, disk_full, \
         memory_full, rejected, shutdown, writer_behind; overflow_log for those in that file.",
    ),
];
