//! The arithmetic of aligned intervals, without a clock: at 10 s a collector is due at :00, :10, :20 …, so
//! that the points of a fleet line up.

/// A due time and how many before it were missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The tick, a multiple of the interval (nanoseconds since 1970): the timestamp of its points.
    pub tick: i64,
    /// Ticks that passed without a collection, because one took too long or the machine slept.
    pub skipped: u64,
}

/// Ticks of one collector.
#[derive(Clone, Debug)]
pub struct Ticks {
    interval: i64,
    next: i64,
}

impl Ticks {
    /// Ticks every `interval` nanoseconds (at least 1), the first after `now`.
    pub fn new(interval: i64, now: i64) -> Self {
        let interval = interval.max(1);
        Self {
            interval,
            next: after(now, interval),
        }
    }

    /// When the next collection is due.
    pub fn next(&self) -> i64 {
        self.next
    }

    /// The tick that is due at `now`, if one is. Ticks that cannot be kept are skipped, never caught up
    /// with: a late sample under an old timestamp would be a lie.
    pub fn take(&mut self, now: i64) -> Option<Due> {
        if now < self.next {
            return None;
        }
        let tick = now.div_euclid(self.interval) * self.interval;
        let skipped = u64::try_from((tick - self.next) / self.interval).unwrap_or(0);
        self.next = after(now, self.interval);
        Some(Due { tick, skipped })
    }

    /// Starts over from `now`: the clock was set back, and waiting for the old time would be silence.
    pub fn restart(&mut self, now: i64) {
        self.next = after(now, self.interval);
    }
}

fn after(now: i64, interval: i64) -> i64 {
    (now.div_euclid(interval) + 1) * interval
}

#[cfg(test)]
mod tests {
    use super::{Due, Ticks};

    #[test]
    fn ticks_are_multiples_of_the_interval() {
        let mut ticks = Ticks::new(10, 13);
        assert_eq!(ticks.next(), 20);
        assert_eq!(ticks.take(19), None);
        assert_eq!(
            ticks.take(20),
            Some(Due {
                tick: 20,
                skipped: 0
            })
        );
        assert_eq!(ticks.take(23), None);
        assert_eq!(
            ticks.take(31),
            Some(Due {
                tick: 30,
                skipped: 0
            })
        );
    }

    #[test]
    fn what_cannot_be_kept_is_skipped_and_counted() {
        let mut ticks = Ticks::new(10, 0);
        assert_eq!(
            ticks.take(47),
            Some(Due {
                tick: 40,
                skipped: 3
            })
        );
        assert_eq!(ticks.next(), 50);
    }

    #[test]
    fn a_clock_set_back_starts_over() {
        let mut ticks = Ticks::new(10, 3_600);
        ticks.restart(4);
        assert_eq!(ticks.next(), 10);
    }
}
