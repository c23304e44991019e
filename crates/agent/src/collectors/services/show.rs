//! What systemd says of single units: how often it started one again, and when a timer is due.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use watchpost_core::time::{NANOS_PER_SECOND, parse_rfc3339};

use super::super::command;
use super::{DEADLINE, MAX_BYTES};

/// A timer that is this late did not run: systemd itself may be a minute late (`AccuracySec=`).
const OVERDUE: i64 = 600 * NANOS_PER_SECOND;

const SHOW: [&str; 5] = [
    "show",
    "--no-pager",
    "--property=Id,NRestarts,SubState,NextElapseUSecRealtime,LastTriggerUSec",
    "--",
    "*.timer",
];

/// Asks systemd for the properties of these units and of every timer.
pub type ShowUnits = Arc<dyn Fn(&[&str]) -> io::Result<String> + Send + Sync>;

/// `systemctl show` of units and every timer: `KEY=VALUE` lines, an empty line between units. Times are in UTC.
///
/// Errors: there is none, it takes too long, or its manager does not answer.
pub fn systemctl_show(units: &[&str]) -> io::Result<String> {
    let mut arguments = SHOW.to_vec();
    arguments.extend(units);
    command::run("systemctl", &arguments, DEADLINE, MAX_BYTES)?.of_success("systemctl")
}

/// One unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shown {
    /// Of a service.
    pub(super) restarts: Option<u64>,
    /// When a timer ran last, and runs next, in nanoseconds since 1970.
    last: Option<i64>,
    next: Option<i64>,
    is_waiting: bool,
}

impl Shown {
    /// Whether a timer should have run long ago.
    pub(super) fn is_overdue(&self, now: i64) -> bool {
        self.is_waiting && self.next.is_some_and(|next| now - next > OVERDUE)
    }

    /// Seconds since a timer ran.
    pub(super) fn passed_seconds(&self, now: i64) -> Option<u64> {
        let passed = now.checked_sub(self.last?)? / NANOS_PER_SECOND;
        u64::try_from(passed).ok()
    }
}

/// The units by their names.
pub(super) fn parse(text: &str) -> BTreeMap<String, Shown> {
    let mut units = BTreeMap::new();
    for block in text.split("\n\n") {
        let (mut name, mut shown) = (None, Shown::default());
        for (key, value) in block.lines().filter_map(|line| line.split_once('=')) {
            match key {
                "Id" => name = Some(value.to_owned()),
                "NRestarts" => shown.restarts = value.parse().ok(),
                "SubState" => shown.is_waiting = value == "waiting",
                "LastTriggerUSec" => shown.last = time(value),
                "NextElapseUSecRealtime" => shown.next = time(value),
                _ => {}
            }
        }
        if let Some(name) = name {
            units.insert(name, shown);
        }
    }
    units
}

/// `Mon 2026-11-30 13:00:00 UTC`; nothing, or `n/a`, for never.
fn time(text: &str) -> Option<i64> {
    let mut words = text.split(' ').skip(1);
    let (date, clock, zone) = (words.next()?, words.next()?, words.next()?);
    (zone == "UTC")
        .then(|| parse_rfc3339(&format!("{date}T{clock}Z")).ok())
        .flatten()
}
