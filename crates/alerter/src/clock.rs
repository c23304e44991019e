//! The one place that reads the clock.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::alert::Nanos;

/// Nanoseconds since 1970.
pub fn now() -> Nanos {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Nanos::try_from(elapsed.as_nanos()).unwrap_or(Nanos::MAX)
}
