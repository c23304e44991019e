//! A column without its name: values of one of the types that a table can hold.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use super::vector::Vector;
use crate::value::Value;

/// An empty text: what a null text's place holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text(pub Arc<str>);

impl Default for Text {
    fn default() -> Self {
        Self(Arc::from(""))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Arc::from(text))
    }
}

impl std::ops::Deref for Text {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ColumnType {
    /// Truth values.
    Boolean,
    /// Signed integers.
    Integer,
    /// Unsigned integers.
    Unsigned,
    /// 64-bit floats.
    Float,
    /// Texts.
    String,
    /// Nanoseconds since 1970.
    Time,
}

impl fmt::Display for ColumnType {
    /// As error texts name it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boolean => "bool",
            Self::Integer => "int",
            Self::Unsigned => "uint",
            Self::Float => "float",
            Self::String => "string",
            Self::Time => "time",
        })
    }
}

/// A column's values.
#[derive(Debug, Clone)]
pub enum Column {
    /// Truth values.
    Boolean(Vector<bool>),
    /// Signed integers.
    Integer(Vector<i64>),
    /// Unsigned integers.
    Unsigned(Vector<u64>),
    /// 64-bit floats.
    Float(Vector<f64>),
    /// Texts.
    String(Vector<Text>),
    /// Nanoseconds since 1970.
    Time(Vector<i64>),
}

/// The same expression for each type of column.
#[macro_export]
macro_rules! each_column {
    ($column:expr, $vector:ident => $body:expr) => {
        match $column {
            $crate::table::Column::Boolean($vector) => $body,
            $crate::table::Column::Integer($vector) => $body,
            $crate::table::Column::Unsigned($vector) => $body,
            $crate::table::Column::Float($vector) => $body,
            $crate::table::Column::String($vector) => $body,
            $crate::table::Column::Time($vector) => $body,
        }
    };
}

/// A column of the same type, its vector through an expression.
#[macro_export]
macro_rules! same_column {
    ($column:expr, $vector:ident => $body:expr) => {
        match $column {
            $crate::table::Column::Boolean($vector) => $crate::table::Column::Boolean($body),
            $crate::table::Column::Integer($vector) => $crate::table::Column::Integer($body),
            $crate::table::Column::Unsigned($vector) => $crate::table::Column::Unsigned($body),
            $crate::table::Column::Float($vector) => $crate::table::Column::Float($body),
            $crate::table::Column::String($vector) => $crate::table::Column::String($body),
            $crate::table::Column::Time($vector) => $crate::table::Column::Time($body),
        }
    };
}

impl Column {
    /// The type.
    pub fn kind(&self) -> ColumnType {
        match self {
            Self::Boolean(_) => ColumnType::Boolean,
            Self::Integer(_) => ColumnType::Integer,
            Self::Unsigned(_) => ColumnType::Unsigned,
            Self::Float(_) => ColumnType::Float,
            Self::String(_) => ColumnType::String,
            Self::Time(_) => ColumnType::Time,
        }
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        each_column!(self, vector => vector.len())
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it repeats one value.
    pub fn is_constant(&self) -> bool {
        each_column!(self, vector => matches!(vector, Vector::Constant { .. }))
    }

    /// Whether a row is null.
    pub fn is_null(&self, row: usize) -> bool {
        each_column!(self, vector => vector.get(row).is_none())
    }

    /// Rows `start..start + len`.
    #[must_use]
    pub fn slice(&self, start: usize, len: usize) -> Self {
        same_column!(self, vector => vector.slice(start, len))
    }

    /// The rows of these numbers.
    #[must_use]
    pub fn take(&self, rows: &[usize]) -> Self {
        same_column!(self, vector => vector.take(rows))
    }

    /// The rows of these numbers, null where there is none.
    #[must_use]
    pub fn take_optional(&self, rows: &[Option<usize>]) -> Self {
        same_column!(self, vector => rows.iter().map(|row| row.and_then(|row| vector.get(row).cloned())).collect())
    }

    /// Nulls of a type.
    pub fn nulls(kind: ColumnType, len: usize) -> Self {
        match kind {
            ColumnType::Boolean => Self::Boolean(Vector::constant(None, len)),
            ColumnType::Integer => Self::Integer(Vector::constant(None, len)),
            ColumnType::Unsigned => Self::Unsigned(Vector::constant(None, len)),
            ColumnType::Float => Self::Float(Vector::constant(None, len)),
            ColumnType::String => Self::String(Vector::constant(None, len)),
            ColumnType::Time => Self::Time(Vector::constant(None, len)),
        }
    }

    /// The same text in each row.
    pub fn text(text: &Arc<str>, len: usize) -> Self {
        Self::String(Vector::constant(Some(Text(Arc::clone(text))), len))
    }

    /// The same instant in each row.
    pub fn instant(time: i64, len: usize) -> Self {
        Self::Time(Vector::constant(Some(time), len))
    }

    /// The same value in each row; `None` if tables cannot hold values of its type.
    pub fn repeat(value: &Value, len: usize) -> Option<Self> {
        Some(match value {
            Value::Boolean(value) => Self::Boolean(Vector::constant(Some(*value), len)),
            Value::Integer(value) => Self::Integer(Vector::constant(Some(*value), len)),
            Value::Unsigned(value) => Self::Unsigned(Vector::constant(Some(*value), len)),
            Value::Float(value) => Self::Float(Vector::constant(Some(*value), len)),
            Value::String(value) => Self::text(value, len),
            Value::Time(value) => Self::instant(*value, len),
            _ => return None,
        })
    }

    /// The value of a row.
    pub fn value(&self, row: usize) -> Value {
        match self {
            Self::Boolean(vector) => vector
                .get(row)
                .map_or(Value::Null, |value| Value::Boolean(*value)),
            Self::Integer(vector) => vector
                .get(row)
                .map_or(Value::Null, |value| Value::Integer(*value)),
            Self::Unsigned(vector) => vector
                .get(row)
                .map_or(Value::Null, |value| Value::Unsigned(*value)),
            Self::Float(vector) => vector
                .get(row)
                .map_or(Value::Null, |value| Value::Float(*value)),
            Self::String(vector) => vector
                .get(row)
                .map_or(Value::Null, |value| Value::String(Arc::clone(&value.0))),
            Self::Time(vector) => vector
                .get(row)
                .map_or(Value::Null, |value| Value::Time(*value)),
        }
    }

    /// One after another; `None` if their types differ.
    pub fn concat(parts: &[&Self]) -> Option<Self> {
        macro_rules! join {
            ($variant:ident) => {{
                let mut vectors = Vec::with_capacity(parts.len());
                for part in parts {
                    let Self::$variant(vector) = part else {
                        return None;
                    };
                    vectors.push(vector);
                }
                Self::$variant(Vector::concat(&vectors))
            }};
        }
        Some(match parts.first()? {
            Self::Boolean(_) => join!(Boolean),
            Self::Integer(_) => join!(Integer),
            Self::Unsigned(_) => join!(Unsigned),
            Self::Float(_) => join!(Float),
            Self::String(_) => join!(String),
            Self::Time(_) => join!(Time),
        })
    }

    /// The order of two rows, of this and of another column of the same type: nulls first, NaN lowest of numbers.
    pub fn compare(&self, row: usize, other: &Self, other_row: usize) -> Ordering {
        fn order<T: PartialOrd>(left: Option<&T>, right: Option<&T>) -> Ordering {
            match (left, right) {
                (None, None) => Ordering::Equal,
                (None, Some(_)) => Ordering::Less,
                (Some(_), None) => Ordering::Greater,
                (Some(left), Some(right)) => left.partial_cmp(right).unwrap_or(Ordering::Equal),
            }
        }
        match (self, other) {
            (Self::Boolean(a), Self::Boolean(b)) => order(a.get(row), b.get(other_row)),
            (Self::Integer(a), Self::Integer(b)) | (Self::Time(a), Self::Time(b)) => {
                order(a.get(row), b.get(other_row))
            }
            (Self::Unsigned(a), Self::Unsigned(b)) => order(a.get(row), b.get(other_row)),
            (Self::Float(a), Self::Float(b)) => order(a.get(row), b.get(other_row)),
            (Self::String(a), Self::String(b)) => order(a.get(row), b.get(other_row)),
            _ => self.kind().cmp(&other.kind()),
        }
    }

    /// A column of values, all null or of one type; `None` if their types differ or no column can hold them.
    pub fn from_values(values: &[Value], kind: ColumnType) -> Option<Self> {
        macro_rules! build {
            ($variant:ident, $value:ident => $made:expr) => {{
                let mut built = Vec::with_capacity(values.len());
                for value in values {
                    match value {
                        Value::Null => built.push(None),
                        Value::$variant($value) => built.push(Some($made)),
                        _ => return None,
                    }
                }
                Self::$variant(Vector::nullable(built))
            }};
        }
        Some(match kind {
            ColumnType::Boolean => build!(Boolean, value => *value),
            ColumnType::Integer => build!(Integer, value => *value),
            ColumnType::Unsigned => build!(Unsigned, value => *value),
            ColumnType::Float => build!(Float, value => *value),
            ColumnType::String => build!(String, value => Text(Arc::clone(value))),
            ColumnType::Time => build!(Time, value => *value),
        })
    }

    /// Bytes that the column holds itself.
    pub fn bytes(&self) -> usize {
        each_column!(self, vector => vector.bytes())
    }
}
