//! Whether the clock can be believed when it says that points are too old. A clock that is set a year ahead for a minute,
//! by a bad battery or a wrong time server, must not cost the history: what retention hides comes back with the clock, what
//! it dropped does not.

use std::sync::{Mutex, PoisonError};

use crate::clock::Clock;

const HOUR: i64 = 3_600_000_000_000;

/// A clock that gains or loses so much between two looks was set: time servers correct by less, summer time by nothing.
const JUMP: i64 = HOUR;

/// How long a clock that was set has to go on before points are dropped by it: long enough that somebody sees that the
/// charts are empty and sets it right.
const PROBATION: i64 = 24 * HOUR;

/// What was seen of a clock.
#[derive(Debug, Default)]
pub struct ClockWatch(Mutex<Option<Seen>>);

#[derive(Debug, Clone, Copy)]
struct Seen {
    /// The clock's time less the steady one, at the last look.
    offset: i64,
    /// The steady time until which it is on probation.
    until: i64,
}

impl ClockWatch {
    /// Looks at the clock; false for a day after it was set. (Where the server started with a wrong clock there is nothing
    /// to compare it with.)
    pub fn may_drop(&self, clock: &dyn Clock) -> bool {
        let steady = clock.steady();
        let offset = clock.now().saturating_sub(steady);
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = seen.unwrap_or(Seen {
            offset,
            until: i64::MIN,
        });
        let was_set = offset.abs_diff(before.offset) > JUMP.unsigned_abs();
        let until = match was_set {
            true => steady.saturating_add(PROBATION),
            false => before.until,
        };
        if was_set {
            tracing::warn!(
                hours = offset.saturating_sub(before.offset) / HOUR,
                "the clock was set; no points are dropped for their age until it has stood for a day"
            );
        }
        *seen = Some(Seen { offset, until });
        steady >= until
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    /// A clock, and beside it the time that passes.
    #[derive(Debug, Default)]
    struct Both {
        now: AtomicI64,
        steady: AtomicI64,
    }

    impl Both {
        fn pass(&self, hours: i64) {
            self.now.fetch_add(hours * HOUR, Ordering::Relaxed);
            self.steady.fetch_add(hours * HOUR, Ordering::Relaxed);
        }

        fn set(&self, hours: i64) {
            self.now.fetch_add(hours * HOUR, Ordering::Relaxed);
        }
    }

    impl Clock for Both {
        fn now(&self) -> i64 {
            self.now.load(Ordering::Relaxed)
        }

        fn steady(&self) -> i64 {
            self.steady.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn a_clock_that_was_set_drops_nothing_for_a_day() {
        let (clock, watch) = (Both::default(), ClockWatch::default());
        assert!(watch.may_drop(&clock));
        for year in [24 * 365, -24 * 365] {
            clock.set(year);
            assert!(!watch.may_drop(&clock), "{year}");
            clock.pass(23);
            assert!(!watch.may_drop(&clock));
            clock.pass(1);
            assert!(watch.may_drop(&clock));
        }
        // One that is set back in time was never believed.
        clock.set(24 * 365);
        clock.pass(20);
        assert!(!watch.may_drop(&clock));
        clock.set(-24 * 365);
        clock.pass(5);
        assert!(!watch.may_drop(&clock));
    }

    #[test]
    fn time_that_passes_and_small_corrections_are_no_jump() {
        let (clock, watch) = (Both::default(), ClockWatch::default());
        for _ in 0..100 {
            clock.pass(1_000);
            clock.now.fetch_add(HOUR / 2, Ordering::Relaxed);
            assert!(watch.may_drop(&clock));
        }
    }
}
