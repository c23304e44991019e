//! Where data comes from: the one trait through which the language reads a bucket.
//!
//! The evaluator asks for a bucket, a time range, a predicate and (optionally) an aggregate, and is handed whole series in
//! columns that are moved, never copied. A source that cannot do an aggregate says so ([`Scan::Raw`]) and hands back the
//! raw rows: the evaluator then computes the same answer itself.

mod matching;

use std::sync::Arc;

use watchpost_core::regular_expression::Regex;

pub use matching::{Residual, SeriesView};

use crate::error::Error;
use crate::value::window::Window;

/// A bucket as the query names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum BucketReference {
    /// By its name, as in `from(bucket: "b")`.
    Name(String),
    /// By its id (16 hexadecimal digits), as in `from(bucketID: "…")`.
    Id(String),
}

impl BucketReference {
    /// The name or the id, for messages.
    pub fn text(&self) -> &str {
        match self {
            Self::Name(text) | Self::Id(text) => text,
        }
    }
}

/// A half-open range of time, nanoseconds since 1970: `start <= t < stop`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// The first instant inside.
    pub start: i64,
    /// The first instant after.
    pub stop: i64,
}

/// What a comparison looks at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The measurement's name (`r._measurement`).
    Measurement,
    /// The field's key (`r._field`).
    Field,
    /// The value of a tag; a series may lack it.
    Tag(Arc<str>),
    /// The value of each row (`r._value`).
    Value,
}

/// How a comparison compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// Whether an ordering of left and right satisfies the comparison; `None` is a NaN, which only `!=` accepts.
    pub fn accepts(self, ordering: Option<std::cmp::Ordering>) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        match self {
            Self::Equal => ordering == Some(Equal),
            Self::NotEqual => ordering != Some(Equal),
            Self::Less => ordering == Some(Less),
            Self::LessOrEqual => matches!(ordering, Some(Less | Equal)),
            Self::Greater => ordering == Some(Greater),
            Self::GreaterOrEqual => matches!(ordering, Some(Greater | Equal)),
        }
    }
}

/// The constant of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// A text.
    String(Arc<str>),
    /// A signed number.
    Integer(i64),
    /// An unsigned number.
    Unsigned(u64),
    /// A floating-point number.
    Float(f64),
    /// A truth value.
    Boolean(bool),
}

/// A condition on series and rows.
///
/// Storage's rules, which differ from those of the language in memory: logic is two-valued; a tag that a series lacks
/// compares as an empty text; a comparison of the value with a constant of another kind is false, except that floats
/// compare with integers and that integers compare with floats. [`Predicate::against`] and
/// [`Predicate::accepts_row`] are these rules.
#[derive(Debug, Clone)]
pub enum Predicate {
    /// All of them hold (true when empty).
    And(Vec<Predicate>),
    /// One of them holds (false when empty).
    Or(Vec<Predicate>),
    /// It does not hold.
    Not(Box<Predicate>),
    /// Subject against constant.
    Compare(Subject, Comparison, Literal),
    /// The subject's text matches the pattern; `negated` for `!~`.
    Matches {
        /// What is matched.
        subject: Subject,
        /// The pattern, not anchored.
        pattern: Arc<Regex>,
        /// Whether the match must fail.
        negated: bool,
    },
    /// The series has the tag.
    Exists(Subject),
}

/// A function over the rows of one window or of the whole range. Selectors keep the time of the row that they chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// The number of rows, as an integer.
    Count,
    /// The sum, of the field's own type.
    Sum,
    /// The mean, as a float.
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
    /// The aggregate of a name, as Flux and InfluxQL have it.
    pub fn named(name: &str) -> Option<Self> {
        use Aggregate::{Count, First, Last, Max, Mean, Min, Sum};
        let all = [Count, Sum, Mean, Min, Max, First, Last];
        all.into_iter().find(|aggregate| aggregate.name() == name)
    }

    /// The function's name in the language.
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Mean => "mean",
            Self::Min => "min",
            Self::Max => "max",
            Self::First => "first",
            Self::Last => "last",
        }
    }

    /// Whether the answer is one of the rows (rather than a number computed from them).
    pub fn is_selector(self) -> bool {
        matches!(self, Self::Min | Self::Max | Self::First | Self::Last)
    }

    /// Whether the function is defined on values of this type.
    pub fn accepts(self, kind: FieldType) -> bool {
        match self {
            Self::Sum | Self::Mean | Self::Min | Self::Max => {
                !matches!(kind, FieldType::String | FieldType::Boolean)
            }
            Self::Count | Self::First | Self::Last => true,
        }
    }
}

/// What is to be read.
#[derive(Debug, Clone)]
pub struct ReadRequest {
    /// The bucket.
    pub bucket: BucketReference,
    /// The rows' times.
    pub range: TimeRange,
    /// Which series and rows; `None` for all.
    pub predicate: Option<Predicate>,
    /// A function to apply to each series, if the source can.
    pub aggregate: Option<PushedAggregate>,
    /// The tags that the query goes on to use; `None` for all. A hint: more may be handed back.
    pub tags: Option<Vec<Arc<str>>>,
    /// The most bytes that the times and values of one series may take: what is left of the query's memory.
    pub series_bytes: usize,
}

/// An aggregate that the source may compute.
#[derive(Debug, Clone)]
pub struct PushedAggregate {
    /// The function.
    pub function: Aggregate,
    /// Once a window (aligned as [`Window`] says, clipped to the range), or once a series if `None`.
    pub window: Option<Window>,
}

/// The values of one field, without nulls.
#[derive(Debug, Clone)]
pub enum FieldValues {
    /// 64-bit floats.
    Float(Vec<f64>),
    /// Signed integers.
    Integer(Vec<i64>),
    /// Unsigned integers.
    Unsigned(Vec<u64>),
    /// Truth values.
    Boolean(Vec<bool>),
    /// Texts.
    String(Vec<Arc<str>>),
}

/// The type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FieldType {
    /// 64-bit float.
    Float,
    /// Signed integer.
    Integer,
    /// Unsigned integer.
    Unsigned,
    /// Truth value.
    Boolean,
    /// Text.
    String,
}

impl FieldValues {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::Float(values) => values.len(),
            Self::Integer(values) => values.len(),
            Self::Unsigned(values) => values.len(),
            Self::Boolean(values) => values.len(),
            Self::String(values) => values.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of the values themselves.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Boolean(values) => values.len(),
            Self::String(values) => values.iter().map(|text| text.len()).sum(),
            numbers => size_of::<f64>() * numbers.len(),
        }
    }

    /// Their type.
    pub fn kind(&self) -> FieldType {
        match self {
            Self::Float(_) => FieldType::Float,
            Self::Integer(_) => FieldType::Integer,
            Self::Unsigned(_) => FieldType::Unsigned,
            Self::Boolean(_) => FieldType::Boolean,
            Self::String(_) => FieldType::String,
        }
    }
}

/// One field of one series: rows in ascending order of time, one a time.
#[derive(Debug, Clone)]
pub struct SeriesColumns {
    /// The measurement.
    pub measurement: Arc<str>,
    /// Tags by key, ascending, none empty.
    pub tags: Arc<[(Arc<str>, Arc<str>)]>,
    /// The field's key.
    pub field: Arc<str>,
    /// Raw rows: their times. A windowed aggregate: the unclipped start of each window that holds a row, ascending. A bare
    /// selector: the chosen row's time; a bare aggregate: the range's stop.
    pub times: Vec<i64>,
    /// As many values as times.
    pub values: FieldValues,
    /// The type of the stored rows; that of a mean or a count may be another.
    pub stored: FieldType,
    /// For a mean how many rows each value is of, so that means of several series can be joined; otherwise empty.
    pub counts: Vec<u64>,
    /// For a selector over windows the times of the chosen rows, so that those of several series can be joined; otherwise
    /// empty.
    pub chosen: Vec<i64>,
}

/// What a read handed back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scan {
    /// The rows as stored: the caller does the aggregate.
    Raw,
    /// One row a window, or a series, as asked.
    Aggregated,
}

/// A request for the keys or values of tags.
#[derive(Debug, Clone)]
pub struct SchemaRequest {
    /// The bucket.
    pub bucket: BucketReference,
    /// Only series with a row in it (a source may widen it to whole shards or ignore it).
    pub range: TimeRange,
    /// Which series; never looks at values.
    pub predicate: Option<Predicate>,
}

/// Receives series one by one; an error of it ends the read and is handed back.
pub type SeriesSink<'a> = dyn FnMut(SeriesColumns) -> Result<(), Error> + 'a;

/// Stored data.
pub trait Source {
    /// Whether this aggregate over these windows can be computed by [`Source::read`]. Asked before the read, so that a
    /// plan is known in advance.
    fn can_aggregate(&self, aggregate: &PushedAggregate) -> bool;

    /// Hands the matching series to `sink` in order of series key (the measurement, then the sorted tag pairs as line
    /// protocol spells them, compared as text), then field. A series without a row in the range is left out.
    ///
    /// # Errors
    /// An unknown bucket (kind not found), an aggregate that a field's type does not have, a series of more bytes than
    /// allowed, what the sink said.
    fn read(&self, request: &ReadRequest, sink: &mut SeriesSink<'_>) -> Result<Scan, Error>;

    /// The tag keys of the matching series, ascending, without `_measurement` and `_field`.
    ///
    /// # Errors
    /// An unknown bucket.
    fn tag_keys(&self, request: &SchemaRequest) -> Result<Vec<Arc<str>>, Error>;

    /// The distinct values of a tag, of `_measurement` or of `_field` among the matching series, ascending.
    ///
    /// # Errors
    /// An unknown bucket.
    fn tag_values(&self, request: &SchemaRequest, key: &str) -> Result<Vec<Arc<str>>, Error>;

    /// How many series match, fields not counted apart; `None` from a source that has no index to count in.
    ///
    /// # Errors
    /// An unknown bucket.
    fn cardinality(&self, _request: &SchemaRequest) -> Result<Option<usize>, Error> {
        Ok(None)
    }

    /// The buckets that the query's owner may read, in the order that `buckets()` shows them.
    ///
    /// # Errors
    /// The catalogue could not be read.
    fn buckets(&self) -> Result<Vec<BucketInformation>, Error>;
}

/// A row of `buckets()`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketInformation {
    /// The name.
    pub name: String,
    /// The id, 16 hexadecimal digits.
    pub id: String,
    /// The organization's id.
    pub organization_id: String,
    /// The retention policy's name, empty in version 2.
    pub retention_policy: String,
    /// How long rows are kept, nanoseconds; 0 for ever.
    pub retention_period: i64,
}
