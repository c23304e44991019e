//! The metrics of systemd's units.

use super::Metric;
use super::MetricType::Unit;
use super::Unit::{Bytes, Count, Seconds};
use super::metrics::{counter, percent, tagged, whole};

const UNIT: &[&str] = &["unit"];

pub(super) const OF_UNITS: &[Metric] = &[
    whole(
        "units_active",
        Unit,
        Count,
        "Units of systemd that are active.",
    ),
    whole("units_failed", Unit, Count, "Units that failed."),
    whole(
        "units_restarting",
        Unit,
        Count,
        "Units that ended and wait to be started again.",
    ),
    whole(
        "timers_overdue",
        Unit,
        Count,
        "Timers that should have run more than ten minutes ago.",
    ),
    counter(
        "journal_errors",
        Unit,
        Count,
        "Messages of priority err and worse in the journal, since the agent began.",
    ),
    tagged(
        whole("unit_active", Unit, Count, "1 while it is active, else 0."),
        UNIT,
    ),
    tagged(
        whole(
            "unit_failed",
            Unit,
            Count,
            "1 while it is failed, else 0. A unit has a series when it fails or a pattern names it.",
        ),
        UNIT,
    ),
    tagged(
        whole(
            "unit_restarting",
            Unit,
            Count,
            "1 while it waits to be started again, else 0.",
        ),
        UNIT,
    ),
    tagged(
        percent(
            "unit_cpu_percent",
            Unit,
            "Time of all processors that its processes used.",
        ),
        UNIT,
    ),
    tagged(
        whole(
            "unit_memory_bytes",
            Unit,
            Bytes,
            "Memory in use, without page cache that was not used lately.",
        ),
        UNIT,
    ),
    tagged(
        whole("unit_tasks", Unit, Count, "Processes and threads."),
        UNIT,
    ),
    tagged(
        counter(
            "unit_oom_kills",
            Unit,
            Count,
            "Processes killed for want of memory.",
        ),
        UNIT,
    ),
    tagged(
        counter(
            "unit_restarts",
            Unit,
            Count,
            "How often systemd started it again by itself, since somebody did.",
        ),
        UNIT,
    ),
    tagged(
        whole(
            "unit_timer_overdue",
            Unit,
            Count,
            "1 while a timer should have run more than ten minutes ago, else 0.",
        ),
        UNIT,
    ),
    tagged(
        whole(
            "unit_timer_passed_seconds",
            Unit,
            Seconds,
            "Time since a timer ran.",
        ),
        UNIT,
    ),
    tagged(
        counter(
            "unit_journal_errors",
            Unit,
            Count,
            "Messages of priority err and worse that it wrote to the journal, since the agent began.",
        ),
        UNIT,
    ),
];
