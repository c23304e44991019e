//! Line protocol, read as InfluxDB 2.7 reads it (with its error texts) and written canonically.
//!
//! ```text
//! measurement,tag=value field=1.5,other=2i,text="quoted",ok=true 1709251200000000000
//! ```
//!
//! The parser is our own. The crate `influxdb-line-protocol` 2, read before it was
//! written, follows InfluxDB 3: it tells no reason in InfluxDB 2's words (`invalid boolean`, `bad timestamp`,
//! `missing tag value`), takes carriage returns and reserved tag keys, knows no precision, and
//! builds a small vector for each name. A server that claims InfluxDB 2's API needs those words,
//! since Telegraf and others show them to their users. [`Lines`] follows the grammar of
//! InfluxDB's `models/points.go` and borrows from the body: no allocation for a value, and for a
//! name only where an escape has to be undone.
//!
//! Where the reference stores something broken we refuse the line instead: a string with text
//! after its closing quote, an empty field key, bytes that are not UTF-8.

mod class;
mod number;
mod parse;
mod split;
mod write;

use std::fmt;
use std::str::FromStr;

use crate::limits;
use crate::point::Point;

pub use parse::{Field, Line, Lines, Tag, ValueRef};
pub use write::{
    WriteError, append_point, append_series_key, append_value, name_problem, write_points,
};

/// The unit of timestamps in a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    #[default]
    Nanoseconds,
    Microseconds,
    Milliseconds,
    Seconds,
}

/// The text is InfluxDB's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid precision; valid precision units are ns, us, ms, and s")]
pub struct UnknownPrecision;

impl Precision {
    /// Nanoseconds in one unit.
    pub fn nanoseconds(self) -> i64 {
        match self {
            Precision::Nanoseconds => 1,
            Precision::Microseconds => 1_000,
            Precision::Milliseconds => 1_000_000,
            Precision::Seconds => 1_000_000_000,
        }
    }

    /// The value of the `precision` parameter: `ns`, `us`, `ms` or `s`.
    pub fn name(self) -> &'static str {
        match self {
            Precision::Nanoseconds => "ns",
            Precision::Microseconds => "us",
            Precision::Milliseconds => "ms",
            Precision::Seconds => "s",
        }
    }
}

impl FromStr for Precision {
    type Err = UnknownPrecision;

    fn from_str(text: &str) -> Result<Precision, UnknownPrecision> {
        match text {
            "ns" => Ok(Precision::Nanoseconds),
            "us" => Ok(Precision::Microseconds),
            "ms" => Ok(Precision::Milliseconds),
            "s" => Ok(Precision::Seconds),
            _ => Err(UnknownPrecision),
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Smallest timestamp InfluxDB stores, in nanoseconds (the two below it mean "no time").
pub const MIN_TIMESTAMP: i64 = i64::MIN + 2;
/// Largest timestamp InfluxDB stores, in nanoseconds.
pub const MAX_TIMESTAMP: i64 = i64::MAX - 1;

/// Why a line is refused, in InfluxDB's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    #[error("missing measurement")]
    MissingMeasurement,
    #[error("missing tag key")]
    MissingTagKey,
    #[error("missing tag value")]
    MissingTagValue,
    #[error("invalid tag format")]
    InvalidTagFormat,
    #[error("cannot use reserved tag key {0:?}")]
    ReservedTagKey(&'static str),
    #[error("duplicate tags")]
    DuplicateTags,
    #[error("max key length exceeded: {0} > {max}", max = limits::SERIES_KEY_BYTES)]
    KeyTooLong(usize),
    #[error("missing fields")]
    MissingFields,
    #[error("missing field key")]
    MissingFieldKey,
    #[error("missing field value")]
    MissingFieldValue,
    #[error("invalid field format")]
    InvalidFieldFormat,
    #[error("unbalanced quotes")]
    UnbalancedQuotes,
    #[error("invalid number")]
    InvalidNumber,
    #[error("invalid float")]
    InvalidFloat,
    #[error("invalid boolean")]
    InvalidBoolean,
    #[error("unable to parse integer {0}: strconv.ParseInt: parsing \"{0}\": value out of range")]
    IntegerOutOfRange(String),
    #[error("unable to parse unsigned {0}: strconv.ParseUint: parsing \"{0}\": value out of range")]
    UnsignedOutOfRange(String),
    #[error("bad timestamp")]
    BadTimestamp,
    #[error("strconv.ParseInt: parsing \"{0}\": {1}")]
    TimestampNumber(String, &'static str),
    #[error("time outside range {MIN_TIMESTAMP} - {MAX_TIMESTAMP}")]
    TimeOutsideRange,
    #[error("point is invalid")]
    TextAfterTimestamp,
    #[error("the line is not UTF-8 (first bad byte at {0})")]
    NotUtf8(usize),
}

/// One refused line: `unable to parse 'cpu v=x': invalid boolean`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineError {
    /// Counted from 1; a line whose quoted text holds a newline counts by where it begins.
    pub number: usize,
    /// The line, cut after [`limits::QUOTED_LINE_BYTES`].
    pub text: String,
    pub reason: Reason,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unable to parse '{}': {}", self.text, self.reason)
    }
}

impl std::error::Error for LineError {}

/// The refused lines of a body; the text is theirs, joined by newlines, as InfluxDB answers it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineErrors {
    /// The first [`limits::REPORTED_LINE_ERRORS`] of them.
    reported: Vec<LineError>,
    total: usize,
}

impl LineErrors {
    pub fn push(&mut self, error: LineError) {
        if self.reported.len() < limits::REPORTED_LINE_ERRORS {
            self.reported.push(error);
        }
        self.total += 1;
    }

    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The errors that are named in the text, in the order of the lines.
    pub fn reported(&self) -> &[LineError] {
        &self.reported
    }

    /// How many lines were refused.
    pub fn total(&self) -> usize {
        self.total
    }
}

impl fmt::Display for LineErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, error) in self.reported.iter().enumerate() {
            let separator = if place == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        match self.total - self.reported.len() {
            0 => Ok(()),
            more => write!(f, "\n… and {more} more lines"),
        }
    }
}

impl std::error::Error for LineErrors {}

/// What InfluxDB says when a point has no other field than `time`, which it drops.
pub fn only_time_field_message(measurement: &str) -> String {
    format!("invalid field name: input field \"time\" on measurement \"{measurement}\" is invalid")
}

/// A whole body as owned points; one bad line refuses all, as InfluxDB does. A point whose only
/// field was `time` is left out. For a server's hot path use [`Lines`].
///
/// `now` is the time of lines without one, in nanoseconds since 1970.
pub fn parse_points(body: &[u8], precision: Precision, now: i64) -> Result<Vec<Point>, LineErrors> {
    let mut lines = Lines::new(body, precision, now);
    let mut points = Vec::new();
    let mut errors = LineErrors::default();
    while let Some(line) = lines.next_line() {
        match line {
            Ok(line) if line.fields.is_empty() => {}
            Ok(line) => points.push(line.to_point()),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        Ok(points)
    } else {
        Err(errors)
    }
}
