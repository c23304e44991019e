//! Which tier of data answers for which part of a range. Pure: time and settings are arguments.
//!
//! A tier serves a resolution as long as its own is not coarser. Where a tier's retention ends, the
//! next coarser one takes over; where the tasks have not yet written the newest hour or day, the
//! next finer one fills in. Parts meet at whole hours or days, so nothing counts twice.

use watchpost_core::catalogue::{MEASUREMENT, MEASUREMENT_DAILY, MEASUREMENT_HOURLY};
use watchpost_core::time::{NANOS_PER_DAY, NANOS_PER_HOUR, NANOS_PER_MINUTE, NANOS_PER_SECOND};

use crate::time_range::TimeRange;

/// A tier of data, the finest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Points as the agents wrote them.
    Raw,
    /// Hours.
    Hourly,
    /// Days.
    Daily,
}

impl Tier {
    /// All, the finest first.
    pub const ALL: [Tier; 3] = [Tier::Raw, Tier::Hourly, Tier::Daily];

    /// Its name in answers: `raw`, `1h`, `1d`.
    pub fn name(self) -> &'static str {
        match self {
            Tier::Raw => "raw",
            Tier::Hourly => "1h",
            Tier::Daily => "1d",
        }
    }

    /// The tier of a name.
    pub fn from_name(name: &str) -> Option<Tier> {
        Self::ALL.into_iter().find(|tier| tier.name() == name)
    }

    /// Its measurement.
    pub fn measurement(self) -> &'static str {
        match self {
            Tier::Raw => MEASUREMENT,
            Tier::Hourly => MEASUREMENT_HOURLY,
            Tier::Daily => MEASUREMENT_DAILY,
        }
    }

    /// The length of what one of its points stands for, in nanoseconds.
    pub fn period(self) -> i64 {
        match self {
            Tier::Raw => NANOS_PER_SECOND,
            Tier::Hourly => NANOS_PER_HOUR,
            Tier::Daily => NANOS_PER_DAY,
        }
    }

    /// How long after a period its point is written at the latest: the task's offset and its run.
    fn written_after(self) -> i64 {
        match self {
            Tier::Raw => 0,
            Tier::Hourly => 10 * NANOS_PER_MINUTE,
            Tier::Daily => NANOS_PER_HOUR + 10 * NANOS_PER_MINUTE,
        }
    }

    /// What was written before this moment is complete.
    fn complete_until(self, now: i64) -> i64 {
        match self {
            Tier::Raw => i64::MAX,
            _ => floor(now - self.written_after(), self.period()),
        }
    }

    fn coarser(self) -> Option<Tier> {
        Self::ALL.into_iter().find(|tier| *tier > self)
    }

    fn finer(self) -> Option<Tier> {
        Self::ALL.into_iter().rev().find(|tier| *tier < self)
    }
}

/// How long each tier keeps its points, in nanoseconds, in the order of [`Tier::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention(pub [i64; 3]);

impl Retention {
    fn of(self, tier: Tier) -> i64 {
        self.0[tier as usize]
    }
}

/// A part of a range and the tier that answers for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The tier.
    pub tier: Tier,
    /// The part.
    pub range: TimeRange,
}

/// The steps an answer may have, in seconds: each divides the next whole day.
const STEPS: [i64; 22] = [
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    10_800,
    21_600,
    43_200,
    86_400,
    2 * 86_400,
    4 * 86_400,
    8 * 86_400,
    16 * 86_400,
];

/// The finest step that gives at most `max_points` over a range, in nanoseconds.
pub fn step_for(range: TimeRange, max_points: usize) -> i64 {
    let points = i64::try_from(max_points.max(1)).unwrap_or(i64::MAX);
    let least = range.length() / points;
    let coarsest = STEPS[STEPS.len() - 1] * NANOS_PER_SECOND;
    STEPS
        .iter()
        .map(|seconds| seconds * NANOS_PER_SECOND)
        .find(|step| *step >= least)
        .unwrap_or(coarsest)
}

/// The step nearest to the one asked for, not finer.
pub fn step_at_least(nanoseconds: i64) -> i64 {
    step_for(
        TimeRange {
            start: 0,
            stop: nanoseconds,
        },
        1,
    )
}

/// Divides a range among the tiers for answers with a point every `step`, the oldest part first.
/// `only` forces one tier for the whole range.
pub fn divide(
    range: TimeRange,
    step: i64,
    now: i64,
    retention: Retention,
    only: Option<Tier>,
) -> Vec<Part> {
    if let Some(tier) = only {
        return vec![Part { tier, range }];
    }
    let coarsest_fit = Tier::ALL
        .into_iter()
        .rev()
        .find(|tier| tier.period() <= step);
    let mut parts = Vec::new();
    let mut stop = range.stop;
    // From the newest part back: finer tiers first where the coarser ones are not written yet.
    for tier in Tier::ALL {
        if stop <= range.start {
            break;
        }
        let fits = coarsest_fit.unwrap_or(Tier::Raw);
        let start = match tier.coarser() {
            // Leave to the coarser tier what it holds complete, and what this one keeps no more.
            Some(coarser) => {
                let kept = ceiling(now - retention.of(tier), coarser.period());
                let written = if tier < fits {
                    coarser.complete_until(now)
                } else {
                    i64::MIN
                };
                kept.max(written)
            }
            None => range.start,
        };
        let start = start.max(range.start);
        if start < stop {
            parts.push(Part {
                tier,
                range: TimeRange { start, stop },
            });
            stop = start;
        }
    }
    parts.reverse();
    parts
}

/// Where a lower tier holds no points at the ends of its part, the next finer tier's part for each
/// end as far as that tier keeps points, and in the middle what the tier does answer for. `held` are
/// the first and last time of its points.
pub fn ends_without_points(
    part: &Part,
    held: Option<(i64, i64)>,
    now: i64,
    retention: Retention,
) -> (Option<Part>, Option<TimeRange>, Option<Part>) {
    let Some(finer) = part.tier.finer() else {
        return (None, Some(part.range), None);
    };
    let (range, period) = (part.range, part.tier.period());
    let kept = ceiling(now - retention.of(finer), period);
    let asked = |start: i64, stop: i64| {
        let start = start.max(kept);
        let range = TimeRange { start, stop };
        (start < stop).then_some(Part { tier: finer, range })
    };
    let Some((first, last)) = held else {
        let all = asked(range.start, range.stop);
        let own = all.is_none().then_some(range);
        return (all, own, None);
    };
    let (first, end) = (first.max(range.start), (last + period).min(range.stop));
    let before = asked(range.start, floor(first, period));
    let after = asked(end, range.stop);
    let own = TimeRange {
        start: if before.is_some() { first } else { range.start },
        stop: if after.is_some() { end } else { range.stop },
    };
    (before, Some(own), after)
}

/// The multiple of `step` at or before `time`.
pub fn floor(time: i64, step: i64) -> i64 {
    time - time.rem_euclid(step)
}

fn ceiling(time: i64, step: i64) -> i64 {
    floor(time + step - 1, step)
}
