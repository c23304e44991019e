//! The group key: what all rows of a table have in common, and the order of tables.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::column::{Column, ColumnType, Text};
use super::vector::Vector;
use crate::value::Value;

/// The value of a key column, with the column's type; the value of a null is `None`.
#[derive(Debug, Clone)]
pub enum KeyValue {
    /// A truth value.
    Boolean(Option<bool>),
    /// A signed integer.
    Integer(Option<i64>),
    /// An unsigned integer.
    Unsigned(Option<u64>),
    /// A float.
    Float(Option<f64>),
    /// A text.
    String(Option<Arc<str>>),
    /// An instant.
    Time(Option<i64>),
}

impl KeyValue {
    /// The value of a column's row.
    pub fn of(column: &Column, row: usize) -> Self {
        match column {
            Column::Boolean(vector) => Self::Boolean(vector.get(row).copied()),
            Column::Integer(vector) => Self::Integer(vector.get(row).copied()),
            Column::Unsigned(vector) => Self::Unsigned(vector.get(row).copied()),
            Column::Float(vector) => Self::Float(vector.get(row).copied()),
            Column::String(vector) => Self::String(vector.get(row).map(|text| Arc::clone(&text.0))),
            Column::Time(vector) => Self::Time(vector.get(row).copied()),
        }
    }

    /// The key value of a value; `None` when tables cannot hold it.
    pub fn from_value(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Boolean(value) => Self::Boolean(Some(*value)),
            Value::Integer(value) => Self::Integer(Some(*value)),
            Value::Unsigned(value) => Self::Unsigned(Some(*value)),
            Value::Float(value) => Self::Float(Some(*value)),
            Value::String(value) => Self::String(Some(Arc::clone(value))),
            Value::Time(value) => Self::Time(Some(*value)),
            _ => return None,
        })
    }

    /// As a value of the language.
    pub fn value(&self) -> Value {
        match self {
            Self::Boolean(value) => value.map_or(Value::Null, Value::Boolean),
            Self::Integer(value) => value.map_or(Value::Null, Value::Integer),
            Self::Unsigned(value) => value.map_or(Value::Null, Value::Unsigned),
            Self::Float(value) => value.map_or(Value::Null, Value::Float),
            Self::String(value) => value
                .as_ref()
                .map_or(Value::Null, |text| Value::String(Arc::clone(text))),
            Self::Time(value) => value.map_or(Value::Null, Value::Time),
        }
    }

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

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self.value(), Value::Null)
    }

    /// The value in each of so many rows.
    pub fn column(&self, len: usize) -> Column {
        match self {
            Self::Boolean(value) => Column::Boolean(Vector::constant(*value, len)),
            Self::Integer(value) => Column::Integer(Vector::constant(*value, len)),
            Self::Unsigned(value) => Column::Unsigned(Vector::constant(*value, len)),
            Self::Float(value) => Column::Float(Vector::constant(*value, len)),
            Self::String(value) => Column::String(Vector::constant(value.clone().map(Text), len)),
            Self::Time(value) => Column::Time(Vector::constant(*value, len)),
        }
    }
}

impl Ord for KeyValue {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Boolean(a), Self::Boolean(b)) => a.cmp(b),
            (Self::Integer(a), Self::Integer(b)) | (Self::Time(a), Self::Time(b)) => a.cmp(b),
            (Self::Unsigned(a), Self::Unsigned(b)) => a.cmp(b),
            (Self::Float(a), Self::Float(b)) => match (a, b) {
                (Some(a), Some(b)) => a.total_cmp(b),
                _ => a.is_some().cmp(&b.is_some()),
            },
            (Self::String(a), Self::String(b)) => a.cmp(b),
            _ => self.kind().cmp(&other.kind()),
        }
    }
}

impl PartialOrd for KeyValue {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for KeyValue {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for KeyValue {}

impl Hash for KeyValue {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Boolean(value) => value.hash(state),
            Self::Integer(value) | Self::Time(value) => value.hash(state),
            Self::Unsigned(value) => value.hash(state),
            Self::Float(value) => value.map(f64::to_bits).hash(state),
            Self::String(value) => value.hash(state),
        }
    }
}

/// Named values, kept in order of name. Clones share memory.
///
/// Keys compare name by name: where one lacks a name that the other has, the one lacking it is less; nulls come first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct GroupKey(Arc<Vec<(Arc<str>, KeyValue)>>);

impl GroupKey {
    /// A key of these columns.
    pub fn new(mut columns: Vec<(Arc<str>, KeyValue)>) -> Self {
        columns.sort_by(|a, b| a.0.cmp(&b.0));
        Self(Arc::new(columns))
    }

    /// Names and values, in order of name.
    pub fn columns(&self) -> &[(Arc<str>, KeyValue)] {
        &self.0
    }

    /// The value under a name.
    pub fn get(&self, name: &str) -> Option<&KeyValue> {
        let at = self
            .0
            .binary_search_by(|(label, _)| label.as_ref().cmp(name))
            .ok()?;
        Some(&self.0[at].1)
    }

    /// Whether a column is part of the key.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The key with only those columns that a test keeps.
    #[must_use]
    pub fn retain(&self, keep: impl Fn(&str) -> bool) -> Self {
        if self.0.iter().all(|(name, _)| keep(name)) {
            return self.clone();
        }
        Self(Arc::new(
            self.0
                .iter()
                .filter(|(name, _)| keep(name))
                .cloned()
                .collect(),
        ))
    }

    /// The key with a column set.
    #[must_use]
    pub fn with(&self, name: &str, value: KeyValue) -> Self {
        let mut columns: Vec<_> = self
            .0
            .iter()
            .filter(|(label, _)| label.as_ref() != name)
            .cloned()
            .collect();
        columns.push((Arc::from(name), value));
        Self::new(columns)
    }

    /// The instant under a name, if it is one.
    pub fn time(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            KeyValue::Time(time) => *time,
            _ => None,
        }
    }
}

impl Ord for GroupKey {
    fn cmp(&self, other: &Self) -> Ordering {
        let (mut left, mut right) = (self.0.iter(), other.0.iter());
        loop {
            match (left.next(), right.next()) {
                (None, None) => return Ordering::Equal,
                (None, Some(_)) => return Ordering::Less,
                (Some(_), None) => return Ordering::Greater,
                (Some((name, value)), Some((other_name, other_value))) => {
                    match other_name.cmp(name) {
                        Ordering::Equal => match value.cmp(other_value) {
                            Ordering::Equal => {}
                            unequal => return unequal,
                        },
                        unequal => return unequal,
                    }
                }
            }
        }
    }
}

impl PartialOrd for GroupKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
