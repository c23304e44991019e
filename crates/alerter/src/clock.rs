//! The one place that reads the clock, and times as people write them.

use std::time::{SystemTime, UNIX_EPOCH};

use watchpost_core::duration::Duration;
use watchpost_core::time::parse_rfc3339;

use crate::alert::Nanos;

/// Nanoseconds since 1970.
pub fn now() -> Nanos {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Nanos::try_from(elapsed.as_nanos()).unwrap_or(Nanos::MAX)
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
