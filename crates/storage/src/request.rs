//! What callers ask of the store and what they are told: requests and outcomes without behaviour.

use std::fmt;
use std::sync::Arc;

use watchpost_core::point::{FieldType, SeriesKey};

use crate::column::Column;
use crate::predicate::Predicate;
use crate::range::TimeRange;

/// Which rows to read.
#[derive(Clone, Debug)]
pub struct ScanRequest {
    pub range: TimeRange,
    /// On measurement, field, tags and values.
    pub predicate: Predicate,
}

/// Rows of one series and field, in time order, no time twice. A long field comes in several
/// batches, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesBatch {
    pub series: Arc<SeriesKey>,
    pub field: Arc<str>,
    /// Nanoseconds since 1970, as many as values.
    pub times: Vec<i64>,
    pub values: Column,
}

/// A function over the rows of one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Aggregate {
    /// The number of rows (integer).
    Count,
    /// The sum, of the field's own type; integers wrap.
    Sum,
    /// The mean (float).
    Mean,
    /// The row with the smallest value, the first of equals.
    Min,
    /// The row with the largest value, the first of equals.
    Max,
    /// The earliest row.
    First,
    /// The latest row.
    Last,
}

impl Aggregate {
    /// Whether the function is defined on a type: sum, mean, min and max want numbers.
    pub fn accepts(self, kind: FieldType) -> bool {
        match self {
            Aggregate::Count | Aggregate::First | Aggregate::Last => true,
            Aggregate::Sum | Aggregate::Mean | Aggregate::Min | Aggregate::Max => {
                !matches!(kind, FieldType::String | FieldType::Boolean)
            }
        }
    }
}

/// The aggregates of one series and field: one row for each window that holds rows, in time
/// order. Fields whose type the function does not accept are left out.
#[derive(Clone, Debug, PartialEq)]
pub struct AggregateBatch {
    pub series: Arc<SeriesKey>,
    pub field: Arc<str>,
    /// The type of the field, which may differ from that of `values` (count, mean).
    pub kind: FieldType,
    /// The windows, clipped to the range of the request.
    pub windows: Vec<TimeRange>,
    /// For min, max, first and last the time of the chosen row; otherwise the window's stop.
    pub times: Vec<i64>,
    pub values: Column,
    /// For a mean how many rows it is of; otherwise empty.
    pub counts: Vec<u64>,
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WriteOutcome {
    /// Rows that are durable.
    pub written: usize,
    /// Rows refused one by one, in the order of the batch.
    pub rejected: Vec<Rejection>,
    /// Rows dropped because the bucket does not keep them any more.
    pub beyond_retention: Option<BeyondRetention>,
}

impl WriteOutcome {
    /// Rows that were not stored.
    pub fn dropped(&self) -> usize {
        self.rejected.len()
            + self
                .beyond_retention
                .as_ref()
                .map_or(0, |beyond| beyond.count)
    }
}

/// A refused row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The line of the body, counted from 1.
    pub line: usize,
    pub reason: RejectionReason,
}

/// Why a row is refused. The texts of the first are InfluxDB's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RejectionReason {
    /// The field has another type in this measurement.
    FieldTypeConflict {
        measurement: String,
        field: String,
        given: FieldType,
        existing: FieldType,
    },
    /// The bucket has as many series as it may.
    TooManySeries {
        limit: usize,
        /// The tag with the most values, the likely culprit; `None` if no series has tags.
        tag: Option<String>,
        values: usize,
    },
    /// The bucket has as many fields as it may.
    TooManyFields {
        limit: usize,
        measurement: String,
        /// How many the row would have added.
        new: usize,
    },
    /// Rows in more days than a bucket, or one write, may have.
    TooManyDays { limit: usize, of: DaysOf },
    /// The time is too far after the present.
    TooFarInFuture {
        time: i64,
        /// The latest time that is taken.
        upper_bound: i64,
    },
}

/// Whose days are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DaysOf {
    /// All that a bucket has.
    Bucket,
    /// Those that one write adds.
    Write,
}

impl fmt::Display for RejectionReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RejectionReason::FieldTypeConflict {
                measurement,
                field,
                given,
                existing,
            } => write!(
                f,
                "field type conflict: input field \"{field}\" on measurement \"{measurement}\" is type {given}, already exists as type {existing}"
            ),
            RejectionReason::TooManySeries { limit, tag, values } => {
                write!(f, "the bucket holds {limit} series, the most it may")?;
                match tag {
                    Some(tag) => write!(
                        f,
                        "; tag \"{tag}\" has the most values ({values}): make it a field, or raise the limit"
                    ),
                    None => f.write_str("; write to fewer measurements, or raise the limit"),
                }
            }
            RejectionReason::TooManyFields {
                limit,
                measurement,
                new,
            } => write!(
                f,
                "the bucket may have {limit} fields, and measurement \"{measurement}\" would add {new}: put what varies in their names into a tag, or raise the limit"
            ),
            RejectionReason::TooManyDays { limit, of } => match of {
                DaysOf::Bucket => write!(
                    f,
                    "the bucket has points in {limit} days, the most it may: check the precision of the timestamps, or raise the limit"
                ),
                DaysOf::Write => write!(
                    f,
                    "one write may add points in {limit} days at most: check the precision of the timestamps, or send it in parts"
                ),
            },
            RejectionReason::TooFarInFuture { time, upper_bound } => write!(
                f,
                "the time {time} is after {upper_bound}, the latest that is taken: check the precision of the timestamp and the clock of its sender, or raise the limit"
            ),
        }
    }
}

/// Rows older than the bucket's retention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BeyondRetention {
    pub count: usize,
    pub oldest: (SeriesKey, i64),
    pub newest: (SeriesKey, i64),
    /// The earliest time the bucket takes.
    pub lower_bound: i64,
}

/// What one round of [`crate::Storage::maintain`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MaintenanceReport {
    /// Rows moved from the log into segment files.
    pub rows_sealed: usize,
    /// Segment files replaced by fewer, larger ones.
    pub segments_merged: usize,
}

/// A shard that retention dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DroppedShard {
    pub bucket: u64,
    pub range: TimeRange,
    pub bytes: u64,
}
