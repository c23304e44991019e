//! The time, as a value that tests can set.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Where the time comes from.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Nanoseconds since 1970.
    fn now(&self) -> i64;

    /// Nanoseconds since some moment, which nobody sets.
    fn steady(&self) -> i64 {
        self.now()
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> i64 {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    }

    fn steady(&self) -> i64 {
        static FIRST: LazyLock<Instant> = LazyLock::new(Instant::now);
        i64::try_from(FIRST.elapsed().as_nanos()).unwrap_or(i64::MAX)
    }
}

/// A clock that stands until it is set.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock at a time.
    pub fn at(now: i64) -> Self {
        Self(AtomicI64::new(now))
    }

    /// Sets the time.
    pub fn set(&self, now: i64) {
        self.0.store(now, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// A time as RFC 3339 in UTC, with as many digits of a second as it needs.
pub fn rfc3339(nanoseconds: i64) -> String {
    watchpost_core::time::format_rfc3339(nanoseconds)
}

/// A time as RFC 3339 in UTC in whole seconds.
pub fn rfc3339_seconds(nanoseconds: i64) -> String {
    rfc3339(nanoseconds.div_euclid(1_000_000_000) * 1_000_000_000)
}

/// Reads RFC 3339, with any offset.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    watchpost_core::time::parse_rfc3339(text).ok()
}
