//! The one place that reads the clock, and times as people write them.

use std::time::{SystemTime, UNIX_EPOCH};

use watchpost_core::duration::Duration;
use watchpost_core::time::parse_rfc3339;

use crate::alert::{Nanos, SECOND};

/// Nanoseconds since 1970.
pub fn now() -> Nanos {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Nanos::try_from(elapsed.as_nanos()).unwrap_or(Nanos::MAX)
}

/// When the host was booted by its clock: it moves only when the clock is set, not while the host sleeps.
/// `None` where the system does not say (`/proc/uptime` is Linux's).
pub fn booted_at() -> Option<Nanos> {
    let text = std::fs::read_to_string("/proc/uptime").ok()?;
    let uptime: f64 = text.split_whitespace().next()?.parse().ok()?;
    Some(now().saturating_sub((uptime * SECOND as f64) as Nanos))
}

/// A time in RFC 3339, or a duration from `now` such as `-30d`.
///
/// Errors: it is neither, as a sentence.
pub fn read_moment(text: &str, now: Nanos) -> Result<Nanos, String> {
    if let Ok(time) = parse_rfc3339(text) {
        return Ok(time);
    }
    let offset = text
        .parse::<Duration>()
        .ok()
        .and_then(|duration| duration.add_to(now));
    offset.ok_or_else(|| {
        format!("{text:?} is neither a time (2026-03-02T08:00:00Z) nor a duration (-30d)")
    })
}
