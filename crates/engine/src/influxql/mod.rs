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
pub mod csv;
mod eval;
pub mod json;
mod parser;
mod patterns;
mod reduce;
pub(crate) mod scanner;
mod select;
mod show;

use std::cell::{Cell, RefCell};
use std::fmt;

use watchpost_core::point::FieldValue;
use watchpost_flux::source::{BucketReference, FieldValues, ReadRequest, SeriesColumns, Source};
use watchpost_storage::Storage;

use answer::Series;
use ast::Statement;

pub use patterns::{CompileError, compile, outline};

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
    /// Bytes of them, of the values made of them so far, and of the answers of the request's statements before.
    pub held: &'a Cell<usize>,
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
                .and_then(|()| self.count(&series))
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
    fn count(&self, series: &SeriesColumns) -> Result<(), QueryError> {
        let read = self.read.get().saturating_add(series.times.len());
        self.read.set(read);
        if read > self.max_rows {
            return Err(QueryError::new(format!(
                "the query reads more than {} values (--max-query-rows); narrow its time range",
                self.max_rows
            )));
        }
        let texts = match &series.values {
            FieldValues::String(texts) => texts.iter().map(|text| text.len()).sum(),
            _ => 0,
        };
        self.take(series.times.len(), texts)
    }

    /// Counts a value that is about to be copied.
    fn reserve_copy(&self, value: Option<&FieldValue>) -> Result<(), QueryError> {
        match value {
            Some(FieldValue::String(text)) => self.take(1, text.len()),
            _ => self.take(1, 0),
        }
    }

    /// A cell with a copy of a text.
    fn cell(&self, text: &str) -> Result<answer::Cell, QueryError> {
        self.take(1, text.len())?;
        Ok(answer::Cell::text(text))
    }

    /// Takes the memory of values and of the texts in them.
    fn take(&self, values: usize, texts: usize) -> Result<(), QueryError> {
        let bytes = values.saturating_mul(VALUE_BYTES).saturating_add(texts);
        let held = self.held.get().saturating_add(bytes);
        match held > self.max_bytes {
            true => Err(QueryError::new(format!(
                "memory allocation limit reached: limit {} bytes (--max-query-bytes); aggregate, or narrow the time range",
                self.max_bytes
            ))),
            false => {
                self.held.set(held);
                Ok(())
            }
        }
    }
}

/// Memory of a value with its time and its series.
pub(crate) const VALUE_BYTES: usize = 48;

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
