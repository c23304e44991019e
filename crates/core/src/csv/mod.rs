//! Annotated CSV: the form in which InfluxDB answers a query. Read into typed tables, and written
//! byte for byte as InfluxDB writes it.
//!
//! Source: the annotated CSV chapter of InfluxDB's documentation and the encoder of Flux 0.196
//! (`csv/result.go`). One block is annotations (`#datatype`, `#group`, `#default`), a header and
//! the rows of one or more tables; a table ends where the number in the column `table` changes.
//! A null and an empty string look the same in it and are read as [`Value::Null`].

mod cells;
mod reader;
mod records;
mod writer;

use std::sync::Arc;

pub use cells::{append_float, append_text, format_float};
pub use reader::{ReadError, Reader, read_tables};
pub use writer::{Annotation, Dialect, RowWriter, Writer};

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataType {
    Boolean,
    Long,
    UnsignedLong,
    Double,
    String,
    Time,
}

impl DataType {
    /// As `#datatype` names it.
    pub fn name(self) -> &'static str {
        match self {
            DataType::Boolean => "boolean",
            DataType::Long => "long",
            DataType::UnsignedLong => "unsignedLong",
            DataType::Double => "double",
            DataType::String => "string",
            DataType::Time => "dateTime:RFC3339",
        }
    }

    /// Reads a name of `#datatype`. Durations and binary data stay text, as no query of ours
    /// asks for them.
    pub fn from_name(name: &str) -> Option<DataType> {
        Some(match name {
            "boolean" => DataType::Boolean,
            "long" => DataType::Long,
            "unsignedLong" => DataType::UnsignedLong,
            "double" => DataType::Double,
            "string" | "duration" | "base64Binary" | "" => DataType::String,
            "dateTime" | "dateTime:RFC3339" | "dateTime:RFC3339Nano" | "dateTime:number" => {
                DataType::Time
            }
            _ => return None,
        })
    }
}

/// A column of a table; `result` and `table`, which every table has, are not among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub label: String,
    pub data_type: DataType,
    /// Whether the column belongs to the group key: its value is the same in the whole table.
    pub group: bool,
    /// The value of empty cells, as text. A writer uses it for the key of an empty table.
    pub default: String,
}

impl Column {
    pub fn new(label: impl Into<String>, data_type: DataType, group: bool) -> Column {
        Column {
            label: label.into(),
            data_type,
            group,
            default: String::new(),
        }
    }
}

/// A cell. Texts are shared, since most columns repeat one tag value down the table.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    #[default]
    Null,
    Boolean(bool),
    Integer(i64),
    Unsigned(u64),
    Float(f64),
    String(Arc<str>),
    /// Nanoseconds since 1970.
    Time(i64),
}

impl Value {
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The number, whatever its type; `None` for everything else.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Float(value) => Some(*value),
            Value::Integer(value) => Some(*value as f64),
            Value::Unsigned(value) => Some(*value as f64),
            _ => None,
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Nanoseconds since 1970.
    pub fn as_time(&self) -> Option<i64> {
        match self {
            Value::Time(time) => Some(*time),
            _ => None,
        }
    }

    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Integer(value) => Some(*value),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Boolean(value) => Some(*value),
            _ => None,
        }
    }
}

/// The cell as CSV shows it, without quotes: null is empty.
impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Null => Ok(()),
            Value::Boolean(value) => write!(f, "{value}"),
            Value::Integer(value) => write!(f, "{value}"),
            Value::Unsigned(value) => write!(f, "{value}"),
            Value::Float(value) => f.write_str(&format_float(*value)),
            Value::String(text) => f.write_str(text),
            Value::Time(time) => write!(f, "{}", crate::time::Rfc3339(*time)),
        }
    }
}

/// One table of an answer: the rows of one group key.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The name of the result (`_result` unless the query yields another).
    pub result: Arc<str>,
    /// The number in the column `table`, unique within the result.
    pub id: i64,
    pub columns: Arc<[Column]>,
    /// Row after row. Invariant: a multiple of the number of columns.
    values: Vec<Value>,
}

impl Table {
    /// A table without rows yet.
    pub fn new(result: impl Into<Arc<str>>, id: i64, columns: impl Into<Arc<[Column]>>) -> Table {
        Table {
            result: result.into(),
            id,
            columns: columns.into(),
            values: Vec::new(),
        }
    }

    /// Adds a row, a value for each column.
    ///
    /// # Panics
    /// If the number of values is not the number of columns.
    pub fn push_row(&mut self, row: impl IntoIterator<Item = Value>) {
        let before = self.values.len();
        self.values.extend(row);
        let added = self.values.len() - before;
        assert_eq!(added, self.columns.len(), "a value for each column");
    }

    /// The place of a column.
    pub fn column(&self, label: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.label == label)
    }

    pub fn row_count(&self) -> usize {
        match self.columns.len() {
            0 => 0,
            columns => self.values.len() / columns,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub fn rows(&self) -> impl DoubleEndedIterator<Item = Row<'_>> + ExactSizeIterator {
        let table = self;
        (0..self.row_count()).map(move |place| table.row(place))
    }

    /// # Panics
    /// If there is no such row.
    pub fn row(&self, place: usize) -> Row<'_> {
        let width = self.columns.len();
        let values = &self.values[place * width..(place + 1) * width];
        Row {
            columns: &self.columns,
            values,
        }
    }
}

/// A row of a table.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    columns: &'a [Column],
    pub values: &'a [Value],
}

impl<'a> Row<'a> {
    /// The cell under a label; `None` if there is no such column.
    pub fn get(self, label: &str) -> Option<&'a Value> {
        let place = self
            .columns
            .iter()
            .position(|column| column.label == label)?;
        self.values.get(place)
    }

    /// The number under a label, whatever its type.
    pub fn f64(self, label: &str) -> Option<f64> {
        self.get(label)?.as_f64()
    }

    pub fn i64(self, label: &str) -> Option<i64> {
        self.get(label)?.as_i64()
    }

    pub fn str(self, label: &str) -> Option<&'a str> {
        self.get(label)?.as_str()
    }

    /// Nanoseconds since 1970.
    pub fn time(self, label: &str) -> Option<i64> {
        self.get(label)?.as_time()
    }

    pub fn bool(self, label: &str) -> Option<bool> {
        self.get(label)?.as_bool()
    }
}
