//! Lengths of time with calendar months: `1mo2d`, and adding them to times.

use std::fmt;

use watchpost_core::duration::{self as core, add_months};

/// Nanoseconds of a day.
pub const DAY: i64 = watchpost_core::time::NANOS_PER_DAY;

/// A length of time. Months are calendar months; all else is nanoseconds. Both parts share one sign.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Duration {
    /// Calendar months, not negative.
    pub months: i64,
    /// Nanoseconds, not negative.
    pub nanoseconds: i64,
    /// Whether the whole is negative.
    pub negative: bool,
}

impl Duration {
    /// So many nanoseconds, which may be negative.
    pub fn from_nanoseconds(nanoseconds: i64) -> Self {
        Self {
            months: 0,
            nanoseconds: nanoseconds.saturating_abs(),
            negative: nanoseconds < 0,
        }
    }

    /// So many calendar months, which may be negative.
    pub fn from_months(months: i64) -> Self {
        Self {
            months: months.saturating_abs(),
            nanoseconds: 0,
            negative: months < 0,
        }
    }

    /// Whether it is no time at all.
    pub fn is_zero(self) -> bool {
        self.months == 0 && self.nanoseconds == 0
    }

    /// Whether it has both months and nanoseconds, which windows refuse.
    pub fn is_mixed(self) -> bool {
        self.months != 0 && self.nanoseconds != 0
    }

    /// The same length backwards.
    #[must_use]
    pub fn negate(self) -> Self {
        Self {
            negative: !self.negative && !self.is_zero(),
            ..self
        }
    }

    /// The nanoseconds, a month being 30.4375 days (a twelfth of 365.25).
    pub fn approximate_nanoseconds(self) -> i64 {
        let average_month = DAY / 10_000 * 304_375;
        let total = self
            .months
            .saturating_mul(average_month)
            .saturating_add(self.nanoseconds);
        if self.negative { -total } else { total }
    }

    /// Signed nanoseconds without the months.
    pub fn signed_nanoseconds(self) -> i64 {
        if self.negative {
            -self.nanoseconds
        } else {
            self.nanoseconds
        }
    }

    /// Signed months.
    pub fn signed_months(self) -> i64 {
        if self.negative {
            -self.months
        } else {
            self.months
        }
    }

    /// The duration so many times.
    #[must_use]
    pub fn times(self, factor: i64) -> Self {
        Self {
            months: self.months.saturating_mul(factor.saturating_abs()),
            nanoseconds: self.nanoseconds.saturating_mul(factor.saturating_abs()),
            negative: self.negative != (factor < 0),
        }
    }

    /// `time` (nanoseconds since 1970) moved by this duration: first the months, clamped to the month's end, then the rest;
    /// the first or last instant if there is none so far away.
    pub fn add_to(self, time: i64) -> i64 {
        let far = if self.negative { i64::MIN } else { i64::MAX };
        let sign = if self.negative { -1 } else { 1 };
        match add_months(time, sign * self.months) {
            Some(moved) => moved.saturating_add(sign * self.nanoseconds),
            None => far,
        }
    }

    /// `time` moved back by this duration.
    pub fn subtract_from(self, time: i64) -> i64 {
        self.negate().add_to(time)
    }
}

impl fmt::Display for Duration {
    /// `1y2mo1w1h30m`; `0ns` for none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match core::Duration::new(self.months, self.nanoseconds, self.negative) {
            Some(duration) => duration.fmt(f),
            None => f.write_str("0ns"),
        }
    }
}

/// Reads `1h30m`, `-1mo`, `1w2d`; `None` if it is no duration.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let duration: core::Duration = text.parse().ok()?;
    Some(Duration {
        months: duration.months(),
        nanoseconds: duration.nanoseconds(),
        negative: duration.is_negative(),
    })
}
