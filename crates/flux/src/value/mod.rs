//! The values of the language: what an expression evaluates to. Columns of many live in [`crate::table`].

pub mod duration;
mod format;
pub mod operate;
pub mod time;
pub mod window;
mod zip;

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use watchpost_core::regular_expression::Regex;

pub use duration::Duration;
pub use format::{display_value, format_float, interpolate, with_exponent};
pub use operate::{compare_values, equal_values};

use crate::interpret::{Function, Package};
use crate::plan::Node;
use crate::table::{Column, KeyValue, Table};

/// A value.
#[derive(Clone)]
pub enum Value {
    /// No value.
    Null,
    /// A truth value.
    Boolean(bool),
    /// A signed integer.
    Integer(i64),
    /// An unsigned integer.
    Unsigned(u64),
    /// A 64-bit float.
    Float(f64),
    /// A text.
    String(Arc<str>),
    /// An instant, nanoseconds since 1970.
    Time(i64),
    /// A length of time.
    Duration(Duration),
    /// A pattern.
    Regex(Arc<Regex>),
    /// Bytes.
    Bytes(Arc<[u8]>),
    /// Values in order.
    Array(Rc<Vec<Value>>),
    /// Named values.
    Record(Rc<Record>),
    /// Values under keys.
    Dict(Rc<BTreeMap<KeyValue, Value>>),
    /// Something to call.
    Function(Function),
    /// An imported package.
    Package(Rc<Package>),
    /// Tables to come: a node of the plan.
    Stream(Rc<Node>),
    /// A value whose type is only known as the program runs (package `dynamic`).
    Dynamic(Rc<Value>),
    /// The values of an expression for all rows at once: inside the lambdas of table functions only.
    Column(Column),
    /// `r`, for one row or for all at once: inside the lambdas of table functions only.
    Row(Row),
}

/// The rows that a lambda's parameter stands for.
#[derive(Clone)]
pub struct Row {
    /// The table.
    pub table: Rc<Table>,
    /// The row; `None` for all at once.
    pub row: Option<usize>,
}

impl Row {
    /// What a member is; null if there is no such column.
    pub fn member(&self, name: &str) -> Value {
        let Some(column) = self.table.column(name) else {
            return Value::Null;
        };
        match self.row {
            Some(row) => column.value(row),
            None => Value::Column(column.clone()),
        }
    }

    /// As a record.
    pub fn record(&self) -> Record {
        let mut record = Record::default();
        for field in &self.table.fields {
            let value = match self.row {
                Some(row) => field.column.value(row),
                None => Value::Column(field.column.clone()),
            };
            record.push(Arc::clone(&field.label), value);
        }
        record
    }
}

/// Named values in order; later ones of the same name replace earlier ones in place.
#[derive(Clone, Default)]
pub struct Record {
    properties: Vec<(Arc<str>, Value)>,
}

impl Record {
    /// The value under a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.properties
            .iter()
            .find(|(label, _)| label.as_ref() == name)
            .map(|(_, value)| value)
    }

    /// Sets a value.
    pub fn set(&mut self, name: Arc<str>, value: Value) {
        match self.properties.iter_mut().find(|(label, _)| *label == name) {
            Some((_, slot)) => *slot = value,
            None => self.properties.push((name, value)),
        }
    }

    /// Appends a value whose name is known to be new.
    pub fn push(&mut self, name: Arc<str>, value: Value) {
        self.properties.push((name, value));
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = &(Arc<str>, Value)> {
        self.properties.iter()
    }

    /// How many values.
    pub fn len(&self) -> usize {
        self.properties.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.properties.is_empty()
    }
}

impl<const N: usize> From<[(&str, Value); N]> for Record {
    fn from(properties: [(&str, Value); N]) -> Self {
        Self {
            properties: properties
                .into_iter()
                .map(|(name, value)| (Arc::from(name), value))
                .collect(),
        }
    }
}

impl Value {
    /// A text.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::String(Arc::from(text.as_ref()))
    }

    /// An array.
    pub fn array(items: Vec<Value>) -> Self {
        Self::Array(Rc::new(items))
    }

    /// A record.
    pub fn record(record: Record) -> Self {
        Self::Record(Rc::new(record))
    }

    /// The name of the type, as error texts name it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "bool",
            Self::Integer(_) => "int",
            Self::Unsigned(_) => "uint",
            Self::Float(_) => "float",
            Self::String(_) => "string",
            Self::Time(_) => "time",
            Self::Duration(_) => "duration",
            Self::Regex(_) => "regexp",
            Self::Bytes(_) => "bytes",
            Self::Array(_) => "array",
            Self::Record(_) | Self::Row(_) => "record",
            Self::Package(_) => "package",
            Self::Dict(_) => "dictionary",
            Self::Function(_) => "function",
            Self::Stream(_) => "stream",
            Self::Dynamic(_) => "dynamic",
            Self::Column(column) => match column {
                Column::Boolean(_) => "bool",
                Column::Integer(_) => "int",
                Column::Unsigned(_) => "uint",
                Column::Float(_) => "float",
                Column::String(_) => "string",
                Column::Time(_) => "time",
            },
        }
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Dynamic(inner) => inner.is_null(),
            _ => false,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&display_value(self))
    }
}
