//! InfluxQL, as version 1's `/query` takes it: what Grafana's InfluxQL mode and old clients ask.
//!
//! ```text
//! text ─parser─▶ statements ─select / show─▶ series of rows ─answer─▶ JSON or CSV
//! ```
//! Rows are read from storage by measurement, field, tags and time, and grouped and aggregated here.

pub mod answer;
pub mod ast;
mod condition;
mod functions;
mod lexer;
mod merge;
mod parser;
mod select;
mod show;

use std::fmt;

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
    /// The points.
    pub storage: &'a Storage,
    /// The bucket's number in storage.
    pub bucket: u64,
    /// What `now()` answers, nanoseconds since 1970.
    pub now: i64,
    /// The most rows that a statement may read.
    pub max_rows: usize,
    /// The most bytes that the rows of a statement may take.
    pub max_bytes: usize,
    /// Whether the statement may go on; asked once a batch of rows and once a group.
    pub may_go_on: &'a dyn Fn() -> Result<(), QueryError>,
}

/// Carries out a statement on a bucket.
///
/// # Errors
/// What is wrong with it, or a limit.
pub fn run(target: &Target<'_>, statement: &Statement) -> Result<Vec<Series>, QueryError> {
    match statement {
        Statement::Select(select) => select::run(target, select),
        Statement::ShowMeasurements(show) => show::measurements(target, show),
        Statement::ShowTagKeys(show) => show::tag_keys(target, show),
        Statement::ShowTagValues(show, keys) => show::tag_values(target, show, keys),
        Statement::ShowFieldKeys(show) => show::field_keys(target, show),
        Statement::ShowSeries(show) => show::series(target, show),
        Statement::Delete(show) => show::delete(target, show).map(|()| Vec::new()),
        Statement::ShowDatabases | Statement::ShowRetentionPolicies(_) => Ok(Vec::new()),
        Statement::NotImplemented(what) => Err(QueryError::new(format!("not implemented: {what}"))),
    }
}
