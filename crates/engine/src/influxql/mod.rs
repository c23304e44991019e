//! InfluxQL, as version 1's `/query` takes it: what Grafana's InfluxQL mode and old clients ask.
//!
//! ```text
//! text ─scanner, parser─▶ statements ─select / show─▶ series of rows ─answer─▶ JSON or CSV
//! ```
//! A `SELECT` reads through the same requests as Flux: ranges, conditions on tags and aggregates of windows are pushed down
//! to storage. What is made of them follows InfluxDB's own engine step by step, so that its answers are the same.

pub mod answer;
pub mod ast;
mod condition;
mod eval;
mod parser;
mod reduce;
pub(crate) mod scanner;
mod select;
mod show;

use std::cell::{Cell, RefCell};
use std::fmt;

use watchpost_flux::source::{BucketReference, ReadRequest, SeriesColumns, Source};
use watchpost_storage::Storage;

use answer::Series;
use ast::Statement;

pub use parser::parse;

/// A text that is no InfluxQL, or a statement that cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct QueryError(pub String);

impl QueryError {
    /// With a message.
    pub fn new(message: impl fmt::Display) -> Self {
        Self(message.to_string())
    }
}

impl From<watchpost_storage::Error> for QueryError {
    fn from(error: watchpost_storage::Error) -> Self {
        Self(error.to_string())
    }
}

/// What a statement is carried out on.
pub struct Target<'a> {
    /// Points, as Flux reads them.
    pub source: &'a dyn Source,
    /// The bucket that is meant.
    pub reference: BucketReference,
    /// What there is: names, and their ends.
    pub storage: &'a Storage,
    /// The bucket's number in storage.
    pub bucket: u64,
    /// What `now()` answers, nanoseconds since 1970.
    pub now: i64,
    /// The most rows that a statement may read.
    pub max_rows: usize,
    /// The most bytes that the rows of a statement may take.
    pub max_bytes: usize,
    /// Whether the statement may go on; asked once a series and once a group.
    pub may_go_on: &'a dyn Fn() -> Result<(), QueryError>,
    /// Nanoseconds of a shard of the bucket: names are known by shard.
    pub shard: i64,
    /// Values read so far.
    pub read: Cell<usize>,
    /// Values made of them so far.
    pub made: Cell<usize>,
    /// A line a read: what was pushed down.
    pub explain: &'a RefCell<Vec<String>>,
}

impl Target<'_> {
    /// Carries out a read, within the limits.
    ///
    /// # Errors
    /// A limit, or what the source says.
    fn read(
        &self,
        request: &ReadRequest,
        sink: &mut dyn FnMut(SeriesColumns) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        self.note(request);
        let mut refused = None;
        let outcome = self.source.read(request, &mut |series| {
            let taken = (self.may_go_on)()
                .and_then(|()| self.count(series.times.len()))
                .and_then(|()| sink(series));
            taken.map_err(|error| {
                let told = watchpost_flux::error::Error::invalid(&error);
                refused = Some(error);
                told
            })
        });
        match (refused, outcome) {
            (Some(error), _) => Err(error),
            (None, Err(error)) => Err(QueryError::new(error.message)),
            (None, Ok(_)) => Ok(()),
        }
    }

    fn note(&self, request: &ReadRequest) {
        let predicate = request.predicate.as_ref();
        let predicate = predicate.map(ToString::to_string).unwrap_or_default();
        let what = match &request.aggregate {
            None => "rows as stored".to_owned(),
            Some(aggregate) => match &aggregate.window {
                None => format!("{} a series", aggregate.function.name()),
                Some(window) => format!("{} {window} (in the scan)", aggregate.function.name()),
            },
        };
        self.explain
            .borrow_mut()
            .push(format!("read where {predicate}; {what}"));
    }

    /// Counts values that were read, against the limits of the whole statement.
    fn count(&self, values: usize) -> Result<(), QueryError> {
        let read = self.read.get().saturating_add(values);
        self.read.set(read);
        if read > self.max_rows {
            return Err(QueryError::new(format!(
                "the query reads more than {} values (--max-query-rows); narrow its time range",
                self.max_rows
            )));
        }
        self.reserve(0)
    }

    /// Counts values that are made, against the memory of the statement.
    fn reserve(&self, values: usize) -> Result<(), QueryError> {
        let made = self.made.get().saturating_add(values);
        self.made.set(made);
        let bytes = made
            .saturating_add(self.read.get())
            .saturating_mul(VALUE_BYTES);
        match bytes > self.max_bytes {
            true => Err(QueryError::new(format!(
                "memory allocation limit reached: limit {} bytes (--max-query-bytes); aggregate, or narrow the time range",
                self.max_bytes
            ))),
            false => Ok(()),
        }
    }
}

/// Memory of a value with its time and its series.
const VALUE_BYTES: usize = 48;

/// Carries out a statement on a bucket.
///
/// # Errors
/// What is wrong with it, or a limit.
pub fn run(target: &Target<'_>, statement: &Statement) -> Result<Vec<Series>, QueryError> {
    match statement {
        Statement::Select(select) => select::run(target, select),
        Statement::ShowMeasurements(show) => show::measurements(target, show),
        Statement::ShowTagKeys(show) => show::tag_keys(target, show),
        Statement::ShowTagValues(show) => show::tag_values(target, show),
        Statement::ShowFieldKeys(show) => show::field_keys(target, show),
        Statement::ShowSeries(show) => show::series(target, show),
        Statement::ShowCardinality(counted, show) => show::cardinality(target, *counted, show),
        Statement::Delete(show) => show::delete(target, show).map(|()| Vec::new()),
        Statement::DropMeasurement(name) => {
            show::drop_measurement(target, name).map(|()| Vec::new())
        }
        Statement::ShowDatabases | Statement::ShowRetentionPolicies(_) => Ok(Vec::new()),
        Statement::NotImplemented(what) => Err(QueryError::new(format!("not implemented: {what}"))),
    }
}
