//! Lengths of time with calendar months: `1mo2d`, and adding them to times.

use std::fmt;

use super::time::{civil_from_days, days_from_civil, days_in_month};

/// Nanoseconds of a day.
pub const DAY: i64 = 86_400_000_000_000;

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
        Self { months: 0, nanoseconds: nanoseconds.saturating_abs(), negative: nanoseconds < 0 }
    }

    /// So many calendar months, which may be negative.
    pub fn from_months(months: i64) -> Self {
        Self { months: months.saturating_abs(), nanoseconds: 0, negative: months < 0 }
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
        Self { negative: !self.negative && !self.is_zero(), ..self }
    }

    /// The nanoseconds, a month being 30.4375 days (a twelfth of 365.25).
    pub fn approximate_nanoseconds(self) -> i64 {
        let average_month = DAY / 10_000 * 304_375;
        let total = self.months.saturating_mul(average_month).saturating_add(self.nanoseconds);
        if self.negative { -total } else { total }
    }

    /// Signed nanoseconds without the months.
    pub fn signed_nanoseconds(self) -> i64 {
        if self.negative { -self.nanoseconds } else { self.nanoseconds }
    }

    /// Signed months.
    pub fn signed_months(self) -> i64 {
        if self.negative { -self.months } else { self.months }
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

    /// `time` (nanoseconds since 1970) moved by this duration: first the months, clamped to the month's end, then the rest.
    pub fn add_to(self, time: i64) -> i64 {
        add_months(time, self.signed_months()).saturating_add(self.signed_nanoseconds())
    }

    /// `time` moved back by this duration.
    pub fn subtract_from(self, time: i64) -> i64 {
        self.negate().add_to(time)
    }
}

/// `time` moved by calendar months, clamped to the end of the month.
pub fn add_months(time: i64, months: i64) -> i64 {
    if months == 0 {
        return time;
    }
    let (year, month, day) = civil_from_days(time.div_euclid(DAY));
    let total = year.saturating_mul(12).saturating_add(month - 1).saturating_add(months);
    let (year, month) = (total.div_euclid(12), total.rem_euclid(12) + 1);
    if !(1600..=2400).contains(&year) {
        return if months < 0 { i64::MIN } else { i64::MAX };
    }
    let day = day.min(days_in_month(year, month));
    days_from_civil(year, month, day).saturating_mul(DAY).saturating_add(time.rem_euclid(DAY))
}

/// The units of a duration's text, largest first, with their nanoseconds.
const UNITS: [(&str, i64); 8] = [
    ("w", 7 * DAY),
    ("d", DAY),
    ("h", DAY / 24),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

impl fmt::Display for Duration {
    /// `1y2mo1w1h30m`; `0ns` for none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return f.write_str("0ns");
        }
        if self.negative {
            f.write_str("-")?;
        }
        if self.months >= 12 {
            write!(f, "{}y", self.months / 12)?;
        }
        if self.months % 12 != 0 {
            write!(f, "{}mo", self.months % 12)?;
        }
        let mut rest = self.nanoseconds;
        for (symbol, size) in UNITS {
            if rest >= size {
                write!(f, "{}{symbol}", rest / size)?;
                rest %= size;
            }
        }
        Ok(())
    }
}

/// Reads `1h30m`, `-1mo`, `1w2d`; `None` if it is no duration.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if rest.is_empty() {
        return None;
    }
    let mut duration = Duration { negative, ..Duration::default() };
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let magnitude: i64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        match &rest[..end] {
            "y" => duration.months = duration.months.checked_add(magnitude.checked_mul(12)?)?,
            "mo" => duration.months = duration.months.checked_add(magnitude)?,
            symbol => {
                let symbol = if matches!(symbol, "µs" | "μs") { "us" } else { symbol };
                let size = UNITS.iter().find(|(name, _)| *name == symbol)?.1;
                duration.nanoseconds = duration.nanoseconds.checked_add(magnitude.checked_mul(size)?)?;
            }
        }
        rest = &rest[end..];
    }
    if duration.is_zero() {
        duration.negative = false;
    }
    Some(duration)
}
