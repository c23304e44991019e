//! Which copies stay: the newest of each of the last hours, days, weeks and months, as many as are wanted.
//!
//! Counted back from the newest copy, not from the clock: a wrong clock removes nothing. A copy from the future (a clock
//! that went wrong and came back) would make all others old, so nothing is removed while the newest lies far beyond the
//! one before it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::ISOWeekDate;
use jiff::tz::TimeZone;

use crate::layout::Stamp;

/// How many are kept, by age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// The newest of so many hours that have one.
    pub hourly: usize,
    /// Of so many days.
    pub daily: usize,
    /// Of so many weeks.
    pub weekly: usize,
    /// Of so many months.
    pub monthly: usize,
    /// Milliseconds before the newest, beyond which none is kept; 0: any.
    pub at_most: i64,
    /// Milliseconds before the newest, for which every moment can be had: all copies stay, and the log between them.
    pub moments: i64,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// These stay, of the log what came after `moments_from`.
    Keep {
        /// The copies.
        kept: BTreeSet<Stamp>,
        /// The copy from which on every moment can be had.
        moments_from: Stamp,
    },
    /// The newest is later than the one before it by more than any pause: nothing is removed until the next ones agree.
    ClockJumped {
        /// The newest.
        newest: Stamp,
        /// The one before it.
        before: Stamp,
    },
}

/// No platform pauses its copies for so long; a clock that jumps does so by years. Milliseconds.
const JUMP: i64 = 400 * 24 * 3_600_000;

/// Says which of the copies stay; `None` if there is none.
pub fn judge(copies: &BTreeSet<Stamp>, keep: &Keep) -> Option<Verdict> {
    let newest = *copies.last()?;
    if let Some(before) = copies.iter().rev().nth(1)
        && newest.0 - before.0 > JUMP
    {
        let before = *before;
        return Some(Verdict::ClockJumped { newest, before });
    }
    let window = Stamp(newest.0 - keep.moments);
    // The one before the window is where its first moments begin.
    let moments_from = copies.range(..=window).next_back().copied();
    let moments_from = moments_from.or(copies.first().copied())?;
    let mut kept: BTreeSet<Stamp> = copies.range(moments_from..).copied().collect();
    type Period = fn(Stamp) -> String;
    let periods: [(usize, Period); 4] = [
        (keep.hourly, hour),
        (keep.daily, day),
        (keep.weekly, week),
        (keep.monthly, month),
    ];
    for (count, period) in periods {
        let mut seen = BTreeSet::new();
        for copy in copies.iter().rev() {
            if seen.len() < count && seen.insert(period(*copy)) {
                kept.insert(*copy);
            }
        }
    }
    if keep.at_most > 0 {
        let oldest = (newest.0 - keep.at_most).min(moments_from.0);
        kept.retain(|copy| copy.0 >= oldest);
    }
    Some(Verdict::Keep { kept, moments_from })
}

fn civil(stamp: Stamp) -> jiff::Zoned {
    let time = Timestamp::from_millisecond(stamp.0).unwrap_or_default();
    time.to_zoned(TimeZone::UTC)
}

fn hour(stamp: Stamp) -> String {
    civil(stamp).strftime("%Y-%m-%dT%H").to_string()
}

fn day(stamp: Stamp) -> String {
    civil(stamp).strftime("%Y-%m-%d").to_string()
}

fn week(stamp: Stamp) -> String {
    let date: ISOWeekDate = civil(stamp).date().iso_week_date();
    format!("{}-W{}", date.year(), date.week())
}

fn month(stamp: Stamp) -> String {
    civil(stamp).strftime("%Y-%m").to_string()
}
