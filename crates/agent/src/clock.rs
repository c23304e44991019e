//! The wall clock, asked in one place: everything else takes the time as a value.

use std::time::SystemTime;

/// Nanoseconds since 1970; 0 for a clock before that.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    })
}
