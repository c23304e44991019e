//! What is known of the copies elsewhere, in a measurement of its own: the rules that ship with the alerter look there.

use super::AgentMetric;
use super::Kind::Gauge;
use super::Unit::{Count, Seconds};
use super::agent::field;
use crate::point::FieldType::{Float, Integer};

/// Every field of [`super::MEASUREMENT_ARCHIVE`], in the order of the documentation.
pub static ARCHIVE_METRICS: &[AgentMetric] = &[
    field(
        "copy_age_seconds",
        (Float, Seconds, Gauge),
        &[],
        "Age of what could be restored if the server were lost now.",
    ),
    field(
        "drill_age_seconds",
        (Float, Seconds, Gauge),
        &[],
        "Time since the newest drill; since the oldest copy, if there was none.",
    ),
    field(
        "drill_succeeded",
        (Integer, Count, Gauge),
        &[],
        "1 if the drill restored the newest copy and found it whole and equal, else 0.",
    ),
    field(
        "drill_recovery_time_seconds",
        (Float, Seconds, Gauge),
        &[],
        "Time from the beginning of the drill until the copy was served and compared (RTO).",
    ),
    field(
        "drill_recovery_point_seconds",
        (Float, Seconds, Gauge),
        &[],
        "Age of the newest copy when the drill began (RPO).",
    ),
];
