//! Lengths of time in configuration: `10s`, `1h30m`, in Flux notation without months and years.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use watchpost_core::duration;

const SECONDS_OF_A_DAY: u64 = 86_400;

/// A length of time, at least zero, written `10s`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval(pub Duration);

impl Interval {
    /// Whole seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// Whole milliseconds.
    pub const fn milliseconds(milliseconds: u64) -> Self {
        Self(Duration::from_millis(milliseconds))
    }

    /// The standard library's type.
    pub const fn get(self) -> Duration {
        self.0
    }
}

/// Text that is no interval.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum IntervalError {
    /// Not Flux notation.
    #[error(transparent)]
    Notation(#[from] duration::ParseDurationError),
    /// Negative, or counted in months, whose length the calendar decides.
    #[error(
        "{0:?} has no fixed length; use w, d, h, m, s or ms, and no sign, such as 10s or 1h30m"
    )]
    NotFixed(String),
}

impl FromStr for Interval {
    type Err = IntervalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let length: duration::Duration = text.trim().parse()?;
        length
            .to_std()
            .map(Self)
            .ok_or_else(|| IntervalError::NotFixed(text.to_owned()))
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_zero() {
            return f.write_str("0s");
        }
        // Days are the largest unit: nobody reads 12w6d as 90d.
        let days = self.0.as_secs() / SECONDS_OF_A_DAY;
        let rest = self.0 - Duration::from_secs(days * SECONDS_OF_A_DAY);
        if days > 0 {
            write!(f, "{days}d")?;
        }
        if rest.is_zero() {
            return Ok(());
        }
        duration::Duration::from_std(rest).fmt(f)
    }
}

impl From<Interval> for Duration {
    fn from(interval: Interval) -> Self {
        interval.0
    }
}

impl Serialize for Interval {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Interval {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

impl JsonSchema for Interval {
    fn schema_name() -> Cow<'static, str> {
        "Interval".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "duration" })
    }
}
