//! Shards: the stretches of time that a bucket's segments are kept in, so that retention drops
//! whole folders.

use std::collections::BTreeSet;

use crate::range::TimeRange;

const HOUR: i64 = 3_600 * 1_000_000_000;
const DAY: i64 = 24 * HOUR;
const WEEK: i128 = 7 * DAY as i128;

/// From the Monday of the week that 1970 began in until 1970.
const MONDAY: i128 = 3 * DAY as i128;

/// Retentions up to this get shards of an hour: rows outlive their retention by up to a shard,
/// and a bucket of some hours should not keep a day.
const SHORT_RETENTION: i64 = 2 * DAY;

/// The length of new shards.
fn length(retention: Option<i64>) -> i64 {
    match retention {
        Some(retention) if retention <= SHORT_RETENTION => HOUR,
        _ => DAY,
    }
}

/// The shards of a bucket. Those that exist are kept, whatever length they have; shards never overlap.
#[derive(Debug)]
pub(crate) struct Shards {
    /// Start and stop.
    known: BTreeSet<(i64, i64)>,
    /// The length of new ones.
    length: i64,
    /// The one of the last time that was asked for: the next is mostly in the same.
    latest: Option<TimeRange>,
}

impl Shards {
    pub(crate) fn new(existing: impl Iterator<Item = TimeRange>, retention: Option<i64>) -> Shards {
        Shards {
            known: existing.map(|shard| (shard.start, shard.stop)).collect(),
            length: length(retention),
            latest: None,
        }
    }

    /// The shard that holds a time, new if need be.
    pub(crate) fn shard_of(&mut self, time: i64) -> TimeRange {
        if let Some(shard) = self.latest.filter(|shard| shard.contains(time)) {
            return shard;
        }
        let shard = shard_of(time, &self.known, self.length);
        self.known.insert((shard.start, shard.stop));
        self.latest = Some(shard);
        shard
    }
}

/// The day of a time, in UTC, counted from 1970: what the number of shards is bounded by, whatever their lengths.
pub(crate) fn day_of(time: i64) -> i32 {
    time.div_euclid(DAY) as i32
}

/// The week of a time, from Monday 00:00 UTC on: within one a field of a measurement has one type. That is the shard of a
/// bucket that keeps its rows for ever in InfluxDB, which finds conflicts of types shard by shard. No
/// shard here reaches over the end of a week.
pub(crate) fn week_of(time: i64) -> i32 {
    (i128::from(time) + MONDAY).div_euclid(WEEK) as i32
}

fn shard_of(time: i64, known: &BTreeSet<(i64, i64)>, length: i64) -> TimeRange {
    let before = known.range(..=(time, i64::MAX)).next_back();
    if let Some(shard) = before.map(|(start, stop)| TimeRange::new(*start, *stop))
        && shard.contains(time)
    {
        return shard;
    }
    let wanted = aligned(time, length);
    // Known ones do not overlap, so that the last to begin before the end is the last to end as well.
    let before_end = known.range(..(wanted.stop, i64::MIN)).next_back();
    let overlaps = before_end.is_some_and(|(_, stop)| *stop > wanted.start);
    // An hour that does not hold an existing shard's time cannot overlap one of hours or days.
    if overlaps {
        aligned(time, HOUR)
    } else {
        wanted
    }
}

/// The stretch of a length that holds a time; at the ends of time it is cut.
fn aligned(time: i64, length: i64) -> TimeRange {
    let start = i128::from(time) - i128::from(time.rem_euclid(length));
    let stop = start + i128::from(length);
    TimeRange::new(
        i64::try_from(start).unwrap_or(i64::MIN),
        i64::try_from(stop).unwrap_or(i64::MAX),
    )
}
