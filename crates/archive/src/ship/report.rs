//! How the copies are, for `/metrics`.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;
use watchpost_service::metrics::{Counter, Gauge, Registry};

use super::chain::Part;

/// What is known of the copies.
#[derive(Debug)]
pub struct Report {
    /// When, by this process's clock that never jumps, all that was acknowledged could be restored.
    current: Mutex<Option<Instant>>,
    began: Instant,
    age: Gauge,
    log_bytes: Counter,
    sent_bytes: Counter,
    parts: Counter,
    snapshots: Counter,
    failures: Counter,
}

impl Report {
    /// Declares the metrics.
    pub fn new(registry: &Registry) -> Self {
        Self {
            current: Mutex::new(None),
            began: Instant::now(),
            age: registry.gauge(
                "watchpost_archive_copy_age_seconds",
                "Age of what could be restored if the server were lost now.",
            ),
            log_bytes: registry.counter(
                "watchpost_archive_log_bytes_total",
                "Bytes of the log that were read.",
            ),
            sent_bytes: registry.counter(
                "watchpost_archive_sent_bytes_total",
                "Bytes that were sent.",
            ),
            parts: registry.counter(
                "watchpost_archive_parts_total",
                "Parts of the log that were shipped.",
            ),
            snapshots: registry.counter(
                "watchpost_archive_snapshots_total",
                "Snapshots that were published.",
            ),
            failures: registry.counter(
                "watchpost_archive_failures_total",
                "Steps that failed, by the server or by the store, and were tried again.",
            ),
        }
    }

    /// All that was acknowledged at a time can be restored.
    pub fn is_current(&self, since: Instant) {
        *self
            .current
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(since);
    }

    /// A part is in the store.
    pub fn shipped(&self, part: &Part) {
        self.log_bytes.add(part.read);
        self.sent_bytes.add(part.sent);
        self.parts.increment();
    }

    /// A snapshot is in the store.
    pub fn published(&self, sent: u64) {
        self.sent_bytes.add(sent);
        self.snapshots.increment();
    }

    /// Something was in the way.
    pub fn failed(&self) {
        self.failures.increment();
    }

    /// How old what could be restored is; counted from the start while nothing can be.
    pub fn age(&self, now: Instant) -> Duration {
        let current = *self
            .current
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        now.duration_since(current.unwrap_or(self.began))
    }

    /// Sets the gauge.
    pub fn refresh(&self, now: Instant) -> Duration {
        let age = self.age(now);
        self.age.set(age.as_secs_f64());
        age
    }
}
