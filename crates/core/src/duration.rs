//! Durations in Flux notation: `1mo2d3h`, `90m`, `-1h`, `500ms`, `1y`.
//!
//! A month has no fixed length, so a duration keeps months and nanoseconds apart and is added to a
//! time by the calendar: Jan 31 + 1mo is Feb 28 or 29, as Flux does it.

use std::fmt;
use std::str::FromStr;

use crate::time::{
    DateTime, NANOS_PER_DAY, NANOS_PER_HOUR, NANOS_PER_MICRO, NANOS_PER_MILLI, NANOS_PER_MINUTE,
    NANOS_PER_SECOND, date_from_days, days_from_date, days_in_month,
};

/// A length of time: `months` by the calendar and `nanoseconds` by the clock, both counts without
/// sign; `negative` turns the whole.
///
/// Invariant: neither count is negative, and zero is not negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Duration {
    months: i64,
    nanoseconds: i64,
    negative: bool,
}

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseDurationError {
    #[error("a duration is empty: write a number and a unit, such as 30s, 5m or 1h30m")]
    Empty,
    #[error("duration {text:?}: a number expected at byte {at} (example: 1h30m)")]
    NumberExpected { text: String, at: usize },
    #[error(
        "duration {text:?}: unknown unit {unit:?} at byte {at}: use y, mo, w, d, h, m, s, ms, us or ns"
    )]
    UnknownUnit {
        text: String,
        unit: String,
        at: usize,
    },
    #[error("duration {text:?} is too long: at most about 292 years")]
    TooLong { text: String },
}

/// Units from the longest; months and years count as months, the others as nanoseconds.
const MONTH_UNITS: [(&str, i64); 2] = [("y", 12), ("mo", 1)];
const CLOCK_UNITS: [(&str, i64); 8] = [
    ("w", 7 * NANOS_PER_DAY),
    ("d", NANOS_PER_DAY),
    ("h", NANOS_PER_HOUR),
    ("m", NANOS_PER_MINUTE),
    ("s", NANOS_PER_SECOND),
    ("ms", NANOS_PER_MILLI),
    ("us", NANOS_PER_MICRO),
    ("ns", 1),
];

impl Duration {
    pub const ZERO: Duration = Duration {
        months: 0,
        nanoseconds: 0,
        negative: false,
    };

    /// Months and nanoseconds, both counted without sign. `None` if a count is negative.
    pub fn new(months: i64, nanoseconds: i64, negative: bool) -> Option<Duration> {
        if months < 0 || nanoseconds < 0 {
            return None;
        }
        let zero = months == 0 && nanoseconds == 0;
        Some(Duration {
            months,
            nanoseconds,
            negative: negative && !zero,
        })
    }

    /// A duration of the clock alone; a negative count gives a negative duration.
    /// `i64::MIN` is taken as `-i64::MAX`.
    pub fn from_nanos(nanoseconds: i64) -> Duration {
        Duration {
            months: 0,
            nanoseconds: nanoseconds.saturating_abs(),
            negative: nanoseconds < 0,
        }
    }

    /// A duration of the calendar alone; a negative count gives a negative duration.
    pub fn from_months(months: i64) -> Duration {
        Duration {
            months: months.saturating_abs(),
            nanoseconds: 0,
            negative: months < 0,
        }
    }

    pub fn from_std(duration: std::time::Duration) -> Duration {
        Duration::from_nanos(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
    }

    /// Months, without sign.
    pub fn months(self) -> i64 {
        self.months
    }

    /// Nanoseconds beside the months, without sign.
    pub fn nanoseconds(self) -> i64 {
        self.nanoseconds
    }

    pub fn is_negative(self) -> bool {
        self.negative
    }

    pub fn is_zero(self) -> bool {
        self == Duration::ZERO
    }

    /// Whether months and nanoseconds occur together, which windows refuse.
    pub fn is_mixed(self) -> bool {
        self.months != 0 && self.nanoseconds != 0
    }

    /// Signed nanoseconds; `None` if there are months, whose length only a calendar knows.
    pub fn fixed_nanos(self) -> Option<i64> {
        let sign = if self.negative { -1 } else { 1 };
        (self.months == 0).then_some(sign * self.nanoseconds)
    }

    /// As the standard library's duration; `None` if negative or with months.
    pub fn to_std(self) -> Option<std::time::Duration> {
        let nanos = u64::try_from(self.fixed_nanos()?).ok()?;
        Some(std::time::Duration::from_nanos(nanos))
    }

    pub fn abs(self) -> Duration {
        Duration {
            negative: false,
            ..self
        }
    }

    /// `self` times a whole number; `None` on overflow.
    pub fn checked_mul(self, factor: i64) -> Option<Duration> {
        let size = i64::try_from(factor.unsigned_abs()).ok()?;
        Duration::new(
            self.months.checked_mul(size)?,
            self.nanoseconds.checked_mul(size)?,
            self.negative != (factor < 0),
        )
    }

    /// `time` + this duration in UTC: first the months, clamped to the month's last day, then the
    /// nanoseconds. `None` outside the range of times.
    pub fn add_to(self, time: i64) -> Option<i64> {
        let sign = if self.negative { -1 } else { 1 };
        let moved = add_months(time, sign * self.months)?;
        moved.checked_add(sign * self.nanoseconds)
    }

    /// `time` - this duration. See [`Duration::add_to`].
    pub fn subtract_from(self, time: i64) -> Option<i64> {
        (-self).add_to(time)
    }
}

/// `time` moved by whole months in UTC, the day clamped to the last of its month.
pub fn add_months(time: i64, months: i64) -> Option<i64> {
    if months == 0 {
        return Some(time);
    }
    let mut moment = DateTime::from_nanos(time);
    let counted = i64::from(moment.date.year) * 12 + i64::from(moment.date.month) - 1;
    let total = counted.checked_add(months)?;
    moment.date.year = i32::try_from(total.div_euclid(12)).ok()?;
    moment.date.month = (total.rem_euclid(12) + 1) as u8;
    let last = days_in_month(moment.date.year, moment.date.month);
    moment.date.day = moment.date.day.min(last);
    moment.to_nanos()
}

/// Whole months from 1970-01-01 to the month that holds `time` (negative before).
pub fn months_since_1970(time: i64) -> i64 {
    let date = date_from_days(time.div_euclid(NANOS_PER_DAY));
    (i64::from(date.year) - 1970) * 12 + i64::from(date.month) - 1
}

/// Midnight UTC of the first day of the month that lies `months` after January 1970.
pub fn month_start(months: i64) -> Option<i64> {
    let year = i32::try_from(1970_i64.checked_add(months.div_euclid(12))?).ok()?;
    let month = (months.rem_euclid(12) + 1) as u8;
    let date = crate::time::Date {
        year,
        month,
        day: 1,
    };
    days_from_date(date).checked_mul(NANOS_PER_DAY)
}

impl std::ops::Neg for Duration {
    type Output = Duration;

    fn neg(self) -> Duration {
        Duration {
            negative: !self.negative && !self.is_zero(),
            ..self
        }
    }
}

impl FromStr for Duration {
    type Err = ParseDurationError;

    fn from_str(text: &str) -> Result<Duration, ParseDurationError> {
        let (negative, mut at) = match text.as_bytes().first() {
            Some(b'-') => (true, 1),
            Some(b'+') => (false, 1),
            _ => (false, 0),
        };
        if at == text.len() {
            return Err(ParseDurationError::Empty);
        }
        let too_long = || ParseDurationError::TooLong {
            text: text.to_owned(),
        };
        let (mut months, mut nanoseconds) = (0_i64, 0_i64);
        while at < text.len() {
            let (count, number_end) = parse_number(text, at)?;
            let (unit, unit_end) = take_unit(text, number_end);
            let find = |units: &[(&str, i64)]| units.iter().find(|u| u.0 == unit).map(|u| u.1);
            let (total, size) = if let Some(size) = find(&MONTH_UNITS) {
                (&mut months, size)
            } else if let Some(size) = find(&CLOCK_UNITS).or(micro_sign(unit)) {
                (&mut nanoseconds, size)
            } else {
                return Err(ParseDurationError::UnknownUnit {
                    text: text.to_owned(),
                    unit: unit.to_owned(),
                    at: number_end,
                });
            };
            *total = count
                .checked_mul(size)
                .and_then(|part| total.checked_add(part))
                .ok_or_else(too_long)?;
            at = unit_end;
        }
        Duration::new(months, nanoseconds, negative).ok_or_else(too_long)
    }
}

/// Flux takes the micro sign and the Greek letter for `us`.
fn micro_sign(unit: &str) -> Option<i64> {
    matches!(unit, "\u{b5}s" | "\u{3bc}s").then_some(NANOS_PER_MICRO)
}

fn parse_number(text: &str, at: usize) -> Result<(i64, usize), ParseDurationError> {
    let digits = text.as_bytes()[at..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if digits == 0 {
        return Err(ParseDurationError::NumberExpected {
            text: text.to_owned(),
            at,
        });
    }
    let end = at + digits;
    match text[at..end].parse() {
        Ok(count) => Ok((count, end)),
        Err(_) => Err(ParseDurationError::TooLong {
            text: text.to_owned(),
        }),
    }
}

fn take_unit(text: &str, at: usize) -> (&str, usize) {
    let rest = &text[at..];
    let length = rest
        .find(|letter: char| letter.is_ascii_digit())
        .unwrap_or(rest.len());
    (&rest[..length], at + length)
}

/// Canonical Flux notation with the fewest terms, as Flux prints it: `1h30m`, `1y2mo`, `0ns`.
/// Weeks are printed as such when nothing is lost (`1w`), as Flux does.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return f.write_str("0ns");
        }
        if self.negative {
            f.write_str("-")?;
        }
        let parts = [
            (self.months, &MONTH_UNITS[..]),
            (self.nanoseconds, &CLOCK_UNITS[..]),
        ];
        for (mut rest, units) in parts {
            for (unit, size) in units {
                if rest >= *size {
                    write!(f, "{}{unit}", rest / size)?;
                    rest %= size;
                }
            }
        }
        Ok(())
    }
}
