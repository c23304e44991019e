//! Where an axis has its marks, and what they say.

use jiff::tz::TimeZone;

use crate::alert::{Nanos, SECOND};

/// Steps that an axis of values is divided into, about.
const VALUE_STEPS: f64 = 4.0;
/// Marks on the axis of time, at most.
const TIME_MARKS: i64 = 7;
const DAY: Nanos = 86_400 * SECOND;
/// Steps of the axis of time that people count in.
const TIME_STEPS: [Nanos; 12] = [
    60 * SECOND,
    5 * 60 * SECOND,
    10 * 60 * SECOND,
    15 * 60 * SECOND,
    30 * 60 * SECOND,
    3_600 * SECOND,
    2 * 3_600 * SECOND,
    6 * 3_600 * SECOND,
    12 * 3_600 * SECOND,
    DAY,
    2 * DAY,
    7 * DAY,
];

/// Round values from one at or below `low` to one at or above `high`: at least two.
pub(super) fn values(low: f64, high: f64) -> Vec<f64> {
    let (low, high) = if high > low {
        (low, high)
    } else {
        (
            low - low.abs().max(1.0) / 2.0,
            high + high.abs().max(1.0) / 2.0,
        )
    };
    let step = round_step((high - low) / VALUE_STEPS);
    let first = (low / step).floor();
    let last = (high / step).ceil();
    let count = (last - first) as u32;
    (0..=count).map(|n| (first + f64::from(n)) * step).collect()
}

/// 1, 2 or 5 times a power of ten, at or above `rough`.
fn round_step(rough: f64) -> f64 {
    let power = 10_f64.powf(rough.log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0];
    let fits = |factor: &&f64| **factor * power >= rough * 0.999;
    factors.iter().find(fits).unwrap_or(&10.0) * power
}

/// Marks of time with their texts, in the zone in which the message says its times.
pub(super) fn times(start: Nanos, end: Nanos, zone: &TimeZone) -> Vec<(Nanos, String)> {
    let fits = |step: &&Nanos| (end - start) / **step < TIME_MARKS;
    let longest = ((end - start) / TIME_MARKS / DAY + 1) * DAY;
    let step = TIME_STEPS.iter().find(fits).copied().unwrap_or(longest);
    let local = |time: Nanos| {
        let instant = jiff::Timestamp::from_nanosecond(i128::from(time)).ok()?;
        Some(instant.to_zoned(zone.clone()))
    };
    // Round hours of the zone, which may be half an hour from those of UTC.
    let offset = local(start).map_or(0, |it| Nanos::from(it.offset().seconds()) * SECOND);
    let first = (start + offset + step - 1).div_euclid(step);
    let marks = (first..)
        .map(|n| n * step - offset)
        .take_while(|mark| *mark <= end);
    let format = if step >= DAY { "%m-%d" } else { "%H:%M" };
    let text =
        |mark: Nanos| local(mark).map_or_else(String::new, |it| it.strftime(format).to_string());
    marks.map(|mark| (mark, text(mark))).collect()
}

/// A value as short as an axis needs it: `90%`, `1.5GiB`, `2.5M`.
pub(super) fn label(value: f64, unit: &str) -> String {
    let bytes = unit.starts_with('B');
    let (base, prefixes) = if bytes {
        (1_024.0, ["", "Ki", "Mi", "Gi", "Ti", "Pi"])
    } else {
        (1_000.0, ["", "k", "M", "G", "T", "P"])
    };
    let mut scaled = value;
    let mut prefix = 0;
    while scaled.abs() >= base && prefix < prefixes.len() - 1 {
        scaled /= base;
        prefix += 1;
    }
    let number = crate::quantity::short(scaled);
    format!("{number}{}{unit}", prefixes[prefix])
}
