//! The metrics of checks.

use super::Metric;
use super::MetricType::Check;
use super::Unit::{Count, Microseconds, Seconds};
use super::metrics::{tagged, whole};

const CHECK: &[&str] = &["check"];

pub(super) const OF_CHECKS: &[Metric] = &[
    tagged(
        whole(
            "check_up",
            Check,
            Count,
            "1 while the check is good, else 0.",
        ),
        CHECK,
    ),
    tagged(
        whole(
            "check_time_us",
            Check,
            Microseconds,
            "Time of a good check from its first step to its last.",
        ),
        CHECK,
    ),
    tagged(
        whole(
            "check_resolve_us",
            Check,
            Microseconds,
            "Time until the name had an address.",
        ),
        CHECK,
    ),
    tagged(
        whole(
            "check_connect_us",
            Check,
            Microseconds,
            "Time of the connection after that.",
        ),
        CHECK,
    ),
    tagged(
        whole("check_status", Check, Count, "Status of the page."),
        CHECK,
    ),
    tagged(
        whole(
            "check_certificate_seconds",
            Check,
            Seconds,
            "Time until the certificate ends; 0 once it has.",
        ),
        CHECK,
    ),
];
