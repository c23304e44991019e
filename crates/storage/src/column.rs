//! Typed columns of values: what scans give and what chunks hold.

use std::sync::Arc;

use watchpost_core::point::{FieldType, FieldValue};

/// The values of one field in time order, of the field's one type.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    Float(Vec<f64>),
    Integer(Vec<i64>),
    Unsigned(Vec<u64>),
    String(Vec<Arc<str>>),
    Boolean(Vec<bool>),
}

/// Runs an expression on the vector inside, whatever its type.
macro_rules! each {
    ($column:expr, $values:ident => $body:expr) => {
        match $column {
            Column::Float($values) => $body,
            Column::Integer($values) => $body,
            Column::Unsigned($values) => $body,
            Column::String($values) => $body,
            Column::Boolean($values) => $body,
        }
    };
}

/// Runs an expression that keeps the type: `map!(column, values => f(values))`.
macro_rules! map {
    ($column:expr, $values:ident => $body:expr) => {
        match $column {
            Column::Float($values) => Column::Float($body),
            Column::Integer($values) => Column::Integer($body),
            Column::Unsigned($values) => Column::Unsigned($body),
            Column::String($values) => Column::String($body),
            Column::Boolean($values) => Column::Boolean($body),
        }
    };
}

impl Column {
    /// An empty column of a type.
    pub fn new(kind: FieldType) -> Column {
        Column::with_capacity(kind, 0)
    }

    pub(crate) fn with_capacity(kind: FieldType, rows: usize) -> Column {
        match kind {
            FieldType::Float => Column::Float(Vec::with_capacity(rows)),
            FieldType::Integer => Column::Integer(Vec::with_capacity(rows)),
            FieldType::Unsigned => Column::Unsigned(Vec::with_capacity(rows)),
            FieldType::String => Column::String(Vec::with_capacity(rows)),
            FieldType::Boolean => Column::Boolean(Vec::with_capacity(rows)),
        }
    }

    pub fn kind(&self) -> FieldType {
        match self {
            Column::Float(_) => FieldType::Float,
            Column::Integer(_) => FieldType::Integer,
            Column::Unsigned(_) => FieldType::Unsigned,
            Column::String(_) => FieldType::String,
            Column::Boolean(_) => FieldType::Boolean,
        }
    }

    pub fn len(&self) -> usize {
        each!(self, values => values.len())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a row, owned; panics beyond the end as a slice does.
    pub fn value(&self, row: usize) -> FieldValue {
        match self {
            Column::Float(values) => FieldValue::Float(values[row]),
            Column::Integer(values) => FieldValue::Integer(values[row]),
            Column::Unsigned(values) => FieldValue::Unsigned(values[row]),
            Column::String(values) => FieldValue::String(values[row].to_string()),
            Column::Boolean(values) => FieldValue::Boolean(values[row]),
        }
    }

    /// Adds a value of the column's type; another one is a bug of the caller.
    pub(crate) fn push(&mut self, value: FieldValue) {
        match (self, value) {
            (Column::Float(values), FieldValue::Float(value)) => values.push(value),
            (Column::Integer(values), FieldValue::Integer(value)) => values.push(value),
            (Column::Unsigned(values), FieldValue::Unsigned(value)) => values.push(value),
            (Column::String(values), FieldValue::String(value)) => values.push(value.into()),
            (Column::Boolean(values), FieldValue::Boolean(value)) => values.push(value),
            (this, value) => {
                debug_assert!(false, "{} pushed to {}", value.field_type(), this.kind())
            }
        }
    }

    /// The rows of a range of positions.
    pub(crate) fn slice(&self, rows: std::ops::Range<usize>) -> Column {
        map!(self, values => values[rows].to_vec())
    }

    /// The rows at the positions, in their order.
    pub(crate) fn gather(&self, rows: &[usize]) -> Column {
        map!(self, values => pick(values, rows))
    }

    /// Moves the rows of `other` to the end. Columns of another type are a bug of the caller.
    pub(crate) fn append(&mut self, other: Column) {
        match (self, other) {
            (Column::Float(values), Column::Float(mut more)) => values.append(&mut more),
            (Column::Integer(values), Column::Integer(mut more)) => values.append(&mut more),
            (Column::Unsigned(values), Column::Unsigned(mut more)) => values.append(&mut more),
            (Column::String(values), Column::String(mut more)) => values.append(&mut more),
            (Column::Boolean(values), Column::Boolean(mut more)) => values.append(&mut more),
            (this, other) => debug_assert!(false, "{} appended to {}", other.kind(), this.kind()),
        }
    }

    /// Bytes the values take in memory, texts included.
    pub fn bytes(&self) -> usize {
        match self {
            Column::String(values) => values.iter().map(|text| 16 + text.len()).sum(),
            Column::Boolean(values) => values.len(),
            other => other.len() * 8,
        }
    }
}

fn pick<T: Clone>(values: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter().map(|&row| values[row].clone()).collect()
}
