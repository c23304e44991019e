//! The grid of windows over time: aligned to 1970, in nanoseconds or calendar months, moved by an offset and a time zone.

use std::fmt;

use jiff::tz::TimeZone;

use super::duration::Duration;
use super::time::civil_from_days;
use crate::error::Error;
use crate::source::TimeRange;

/// Where days begin: a zone of the tz database and a fixed offset on top.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Location {
    /// The zone; `None` for UTC.
    pub zone: Option<TimeZone>,
    /// Added to the zone's local time.
    pub offset: i64,
}

impl Location {
    /// The location of a zone's name.
    ///
    /// # Errors
    /// No such zone.
    pub fn load(name: &str, offset: i64) -> Result<Self, Error> {
        if name.is_empty() || name == "UTC" {
            return Ok(Self { zone: None, offset });
        }
        let zone = jiff::tz::db()
            .get(name)
            .map_err(|_| Error::invalid(format!("unknown time zone {name}")))?;
        Ok(Self {
            zone: Some(zone),
            offset,
        })
    }

    /// Whether local time is UTC.
    pub fn is_utc(&self) -> bool {
        self.zone.is_none() && self.offset == 0
    }

    /// The local clock at an instant, as if it were UTC.
    pub fn to_local(&self, time: i64) -> i64 {
        self.zone_clock(time).saturating_add(self.offset)
    }

    /// The instant of a local clock: the first of two; the change itself for one that a change of the clock skips.
    pub fn to_utc(&self, local: i64) -> i64 {
        self.zone_instant(local.saturating_sub(self.offset))
    }

    /// The zone's clock at an instant.
    fn zone_clock(&self, time: i64) -> i64 {
        let offset = self.zone.as_ref().map_or(0, |zone| zone_offset(zone, time));
        time.saturating_add(offset)
    }

    /// The instant of the zone's clock.
    fn zone_instant(&self, clock: i64) -> i64 {
        use super::duration::DAY;
        let Some(zone) = &self.zone else { return clock };
        let before = zone_offset(zone, clock.saturating_sub(DAY));
        let after = zone_offset(zone, clock.saturating_add(DAY));
        let instants =
            [before.max(after), before.min(after)].map(|offset| clock.saturating_sub(offset));
        let shown = instants
            .into_iter()
            .find(|instant| self.zone_clock(*instant) == clock);
        shown.unwrap_or_else(|| {
            let change = zone.following(timestamp(clock.saturating_sub(DAY))).next();
            change.map_or(clock, |change| nanoseconds(change.timestamp()))
        })
    }
}

fn timestamp(time: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_nanosecond(i128::from(time)).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

fn nanoseconds(timestamp: jiff::Timestamp) -> i64 {
    i64::try_from(timestamp.as_nanosecond()).unwrap_or(i64::MAX)
}

/// Nanoseconds east of Greenwich at an instant.
fn zone_offset(zone: &TimeZone, time: i64) -> i64 {
    i64::from(zone.to_offset(timestamp(time)).seconds()) * 1_000_000_000
}

/// A grid of windows.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// From the start of one window to the start of the next; months or nanoseconds, not both.
    pub every: Duration,
    /// How long a window is; longer than `every` they overlap, negative it lies before its start.
    pub period: Duration,
    /// Moves the whole grid.
    pub offset: Duration,
    /// Whose midnight counts.
    pub location: Location,
}

/// One window, `start <= t < stop`, and its number on the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// First instant inside.
    pub start: i64,
    /// First instant after.
    pub stop: i64,
    index: i64,
}

impl Bounds {
    /// Whether an instant lies inside.
    pub fn contains(&self, time: i64) -> bool {
        self.start <= time && time < self.stop
    }
}

impl Window {
    /// A grid; UTC.
    ///
    /// # Errors
    /// `every` is zero, negative, or mixes months with nanoseconds.
    pub fn new(every: Duration, period: Duration, offset: Duration) -> Result<Self, Error> {
        if every.is_zero() {
            return Err(Error::invalid(
                "duration used as an interval cannot be zero",
            ));
        }
        if every.is_mixed() {
            return Err(Error::invalid(
                "duration used as an interval cannot mix month and nanosecond units",
            ));
        }
        if every.negative {
            return Err(Error::invalid(
                "duration used as an interval cannot be negative",
            ));
        }
        Ok(Self {
            every,
            period,
            offset,
            location: Location::default(),
        })
    }

    /// `Some(nanoseconds)` when windows are plain stretches of that length, side by side, in UTC.
    pub fn fixed_every(&self) -> Option<i64> {
        let plain = self.every.months == 0 && self.period == self.every && self.location.is_utc();
        plain.then_some(self.every.nanoseconds)
    }

    /// The start of the window number zero on the zone's clock: a location's offset moves the grid, not the clock, which
    /// is another thing for months.
    pub fn origin(&self) -> i64 {
        self.offset.add_to(self.location.offset.saturating_neg())
    }

    /// The latest window that contains an instant; where windows leave gaps, the one before it.
    pub fn latest(&self, time: i64) -> Bounds {
        let utc = self.location.is_utc();
        let local = if utc {
            time
        } else {
            self.location.zone_clock(time)
        };
        let mut index = self.last_index(local);
        let mut bounds = self.local_bounds(index);
        if self.period.negative {
            if !self.period.is_mixed() {
                let (every, period) = if self.every.months != 0 {
                    (self.every.months, self.period.months)
                } else {
                    (self.every.nanoseconds, self.period.nanoseconds)
                };
                if period > every {
                    index += period / every;
                }
            }
            let mut next = self.local_bounds(index + 1);
            while next.contains(local) {
                bounds = next;
                next = self.local_bounds(next.index + 1);
            }
        }
        self.in_utc(bounds)
    }

    /// The window after.
    pub fn next(&self, bounds: &Bounds) -> Bounds {
        self.in_utc(self.local_bounds(bounds.index + 1))
    }

    /// The window before.
    pub fn previous(&self, bounds: &Bounds) -> Bounds {
        self.in_utc(self.local_bounds(bounds.index - 1))
    }

    /// All windows that overlap a range, ascending.
    pub fn overlapping(&self, range: TimeRange, limit: usize) -> Result<Vec<Bounds>, Error> {
        let mut found = Vec::new();
        if range.start >= range.stop {
            return Ok(found);
        }
        let mut current = self.latest(range.stop);
        while current.stop > range.start {
            // A change of the clock leaves some without length: they hold nothing and share their start with the next.
            if current.start < range.stop && current.start < current.stop {
                found.push(current);
                if found.len() > limit {
                    return Err(Error::exhausted(format!(
                        "the range holds more than {limit} windows; make the windows longer or the range shorter"
                    )));
                }
            }
            current = self.previous(&current);
        }
        found.reverse();
        Ok(found)
    }

    fn in_utc(&self, mut bounds: Bounds) -> Bounds {
        if !self.location.is_utc() {
            bounds.start = self.location.zone_instant(bounds.start);
            bounds.stop = self.location.zone_instant(bounds.stop);
        }
        bounds
    }

    fn local_bounds(&self, index: i64) -> Bounds {
        let start = self.every.times(index).add_to(self.origin());
        let stop = self.period.add_to(start);
        if self.period.negative {
            Bounds {
                start: stop,
                stop: start,
                index,
            }
        } else {
            Bounds { start, stop, index }
        }
    }

    fn last_index(&self, time: i64) -> i64 {
        let origin = self.origin();
        if self.every.months == 0 {
            return time
                .saturating_sub(origin)
                .div_euclid(self.every.nanoseconds);
        }
        let (month, within) = month_and_rest(time);
        let (origin_month, origin_within) = month_and_rest(origin);
        let whole = month - i64::from(within < origin_within);
        (whole - origin_month).div_euclid(self.every.months)
    }
}

/// Months since 1970-01 and the nanoseconds since the start of that month.
fn month_and_rest(time: i64) -> (i64, i64) {
    use super::duration::DAY;
    let (year, month, day) = civil_from_days(time.div_euclid(DAY));
    (
        (year - 1970) * 12 + month - 1,
        (day - 1) * DAY + time.rem_euclid(DAY),
    )
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "every {}", self.every)?;
        if self.period != self.every {
            write!(f, ", period {}", self.period)?;
        }
        if !self.offset.is_zero() {
            write!(f, ", offset {}", self.offset)?;
        }
        Ok(())
    }
}
