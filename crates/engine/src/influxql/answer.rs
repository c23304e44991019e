//! Series of rows, which are what a statement answers.

use watchpost_core::point::FieldValue;
use watchpost_flux::value::window::Location;

use super::VALUE_BYTES;

/// Rows with what they have in common.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    /// The measurement; none where there is no such thing.
    pub name: Option<String>,
    /// The values of the tags that were grouped by.
    pub tags: Vec<(String, String)>,
    /// The columns' names.
    pub columns: Vec<String>,
    /// As many cells a row as columns.
    pub rows: Vec<Vec<Cell>>,
    /// Where times are told.
    pub zone: Location,
}

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// Nanoseconds since 1970.
    Time(i64),
    /// A field's value.
    Value(FieldValue),
}

impl Cell {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Value(FieldValue::String(text.into()))
    }
}

/// How times are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Epoch {
    /// RFC 3339.
    Text,
    /// As a number of units of so many nanoseconds.
    Unit(i64),
}

impl Epoch {
    /// The `epoch` parameter.
    pub fn of(name: Option<&str>) -> Self {
        Self::Unit(match name {
            Some("ns" | "n") => 1,
            Some("u" | "µ" | "us") => 1_000,
            Some("ms") => 1_000_000,
            Some("s") => 1_000_000_000,
            Some("m") => 60_000_000_000,
            Some("h") => 3_600_000_000_000,
            _ => return Self::Text,
        })
    }
}

impl Series {
    /// What its rows take, bytes.
    pub fn bytes(&self) -> usize {
        let of = |cell: &Cell| match cell {
            Cell::Value(FieldValue::String(text)) => VALUE_BYTES + text.len(),
            _ => VALUE_BYTES,
        };
        self.rows.iter().flatten().map(of).sum()
    }
}
