//! A limit on the series of one agent. A host that makes names without end (interfaces of short-lived
//! containers, processes named by number) must not fill its server with series.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use watchpost_core::point::SeriesKey;
use watchpost_core::time::NANOS_PER_HOUR;

/// A series that was not written for this long makes room for another.
const IDLE: i64 = NANOS_PER_HOUR;

/// Remembers which series were written lately, by hash.
#[derive(Debug)]
pub struct CardinalityGuard {
    limit: usize,
    seen: HashMap<u64, i64>,
    next_sweep: i64,
}

impl CardinalityGuard {
    /// Admits `limit` series.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            seen: HashMap::new(),
            next_sweep: i64::MIN,
        }
    }

    /// Whether a point of `series` may be written at `now`. Known series always may.
    pub fn admits(&mut self, series: &SeriesKey, now: i64) -> bool {
        let mut hasher = DefaultHasher::new();
        series.hash(&mut hasher);
        let key = hasher.finish();
        if let Some(last) = self.seen.get_mut(&key) {
            *last = now;
            return true;
        }
        if self.seen.len() >= self.limit && now >= self.next_sweep {
            self.seen.retain(|_, last| now.saturating_sub(*last) < IDLE);
            self.next_sweep = now.saturating_add(IDLE / 60);
        }
        let room = self.seen.len() < self.limit;
        if room {
            self.seen.insert(key, now);
        }
        room
    }

    /// Series known now.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether no series is known.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use watchpost_core::point::SeriesKey;

    use super::{CardinalityGuard, IDLE};

    fn series(process: &str) -> SeriesKey {
        SeriesKey::new("m", [("process", process)])
    }

    #[test]
    fn known_series_stay_and_new_ones_wait_for_room() {
        let mut guard = CardinalityGuard::new(2);
        assert!(guard.admits(&series("a"), 0));
        assert!(guard.admits(&series("b"), 0));
        assert!(!guard.admits(&series("c"), 0));
        assert!(guard.admits(&series("a"), IDLE - 1));
        assert!(guard.admits(&series("c"), IDLE), "b was idle for an hour");
        assert!(!guard.admits(&series("b"), IDLE));
        assert_eq!(guard.len(), 2);
    }
}
