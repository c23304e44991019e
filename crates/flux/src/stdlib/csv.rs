//! Tables from CSV text: annotated, as queries answer, or raw, where every column is text.

use std::sync::Arc;

use watchpost_core::csv::{self, DataType};

use super::build::tables;
use super::native;
use crate::error::Error;
use crate::execute::Context;
use crate::interpret::NativeKind::Stream;
use crate::interpret::{Arguments, Native};
use crate::table::{Column, ColumnType, Field, GroupKey, KeyValue, Table};
use crate::value::Value;
use crate::value::time::parse_time;

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native("csv", "from", "?csv, ?file, ?mode", Stream, from),
    native("experimental/csv", "from", "url", Stream, from),
];

fn from(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    if arguments.get("file").is_some() || arguments.get("url").is_some() {
        return Err(Error::invalid(
            "csv.from: reading files and other servers is not supported; give the text as csv",
        ));
    }
    let Some(text) = arguments.optional_string("csv")? else {
        return Err(Error::invalid("must provide csv raw text or filename"));
    };
    let limit = context.limits().rows;
    // Held while it is read: the tables are counted once they are whole.
    let mut reading = context.hold();
    reading.add(most_bytes(&text))?;
    let read = match &*arguments.string_or("mode", "annotations")? {
        "annotations" => annotated(&text, limit)?,
        "raw" => vec![raw(&text, limit)?],
        other => {
            return Err(Error::invalid(format!(
                "mode must be one of 'annotations' or 'raw', got {other:?}"
            )));
        }
    };
    tables(context, arguments, "from", read)
}

/// What a cell takes at most beside its text, while it is read and as a column of a table of its own.
const CELL_BYTES: usize = 160;
/// And what a row takes that is a table of its own.
const ROW_BYTES: usize = 256;

/// The most that the tables of a text may take.
fn most_bytes(text: &str) -> usize {
    let count = |wanted: u8| text.bytes().filter(|byte| *byte == wanted).count();
    let rows = count(b'\n') + 1;
    let cells = count(b',').saturating_add(rows);
    let texts = text.len().saturating_mul(3);
    texts
        .saturating_add(cells.saturating_mul(CELL_BYTES))
        .saturating_add(rows.saturating_mul(ROW_BYTES))
}

fn wrong(problem: impl std::fmt::Display) -> Error {
    Error::invalid(format!("error in csv.from(): {problem}"))
}

// === annotated ===

fn annotated(text: &str, limit: usize) -> Result<Vec<Table>, Error> {
    if !text.lines().any(|line| line.starts_with("#datatype")) {
        return Err(wrong(
            "failed to read metadata: missing expected annotation datatype. consider using the mode: \"raw\" for csv that is \
             not expected to have annotations.",
        ));
    }
    let read = csv::read_tables(without_blank_lines(text).as_bytes(), limit).map_err(wrong)?;
    let mut labels = Labels::default();
    read.iter()
        .map(|read| table_of(read, labels.of(&read.columns)))
        .collect()
}

/// The labels of the last columns, which the tables of a block share: a long one is not there once a table.
#[derive(Default)]
struct Labels {
    columns: Option<Arc<[csv::Column]>>,
    labels: Vec<Arc<str>>,
}

impl Labels {
    fn of(&mut self, columns: &Arc<[csv::Column]>) -> &[Arc<str>] {
        let is_same = |known: &Arc<[csv::Column]>| Arc::ptr_eq(known, columns);
        if !self.columns.as_ref().is_some_and(is_same) {
            let labels = columns.iter().map(|column| Arc::from(&*column.label));
            self.labels = labels.collect();
            self.columns = Some(Arc::clone(columns));
        }
        &self.labels
    }
}

/// The text without its blank lines: here they part nothing, only annotations begin a table of other columns.
fn without_blank_lines(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut is_quoted = false;
    for line in text.split_inclusive('\n') {
        if is_quoted || !line.trim_end_matches(['\r', '\n']).is_empty() {
            kept.push_str(line);
        }
        is_quoted ^= line.matches('"').count() % 2 == 1;
    }
    kept
}

/// The table that a table of CSV is; its key is that of the first row.
fn table_of(read: &csv::Table, labels: &[Arc<str>]) -> Result<Table, Error> {
    let rows = read.row_count();
    let mut key = Vec::new();
    let mut fields = Vec::with_capacity(read.columns.len());
    for (place, (column, label)) in read.columns.iter().zip(labels).enumerate() {
        let values: Vec<Value> = read
            .rows()
            .map(|row| row.values.get(place).map_or(Value::Null, value_of))
            .collect();
        let made = Column::from_values(&values, column_type(column.data_type));
        let made = made.ok_or_else(|| {
            wrong(format!(
                "column {:?} holds values of several types",
                column.label
            ))
        })?;
        let label = Arc::clone(label);
        if column.group {
            let value = if rows > 0 {
                KeyValue::of(&made, 0)
            } else {
                default_of(column)?
            };
            key.push((Arc::clone(&label), value));
        }
        fields.push(Field {
            label,
            column: made,
        });
    }
    Ok(Table::new(GroupKey::new(key), fields, rows))
}

/// The value that an empty table's key has for a column: its default.
fn default_of(column: &csv::Column) -> Result<KeyValue, Error> {
    let text = column.default.as_str();
    let value = match column.data_type {
        DataType::Boolean => text.parse().ok().map(Value::Boolean),
        DataType::Long => text.parse().ok().map(Value::Integer),
        DataType::UnsignedLong => text.parse().ok().map(Value::Unsigned),
        DataType::Double => text.parse().ok().map(Value::Float),
        DataType::Time => parse_time(text).map(Value::Time),
        DataType::String => Some(Value::text(text)),
    };
    let values = [value.unwrap_or(Value::Null)];
    let column = Column::from_values(&values, column_type(column.data_type))
        .ok_or_else(|| Error::internal("a default is of its column's type"))?;
    Ok(KeyValue::of(&column, 0))
}

fn column_type(kind: DataType) -> ColumnType {
    match kind {
        DataType::Boolean => ColumnType::Boolean,
        DataType::Long => ColumnType::Integer,
        DataType::UnsignedLong => ColumnType::Unsigned,
        DataType::Double => ColumnType::Float,
        DataType::String => ColumnType::String,
        DataType::Time => ColumnType::Time,
    }
}

fn value_of(value: &csv::Value) -> Value {
    match value {
        csv::Value::Null => Value::Null,
        csv::Value::Boolean(value) => Value::Boolean(*value),
        csv::Value::Integer(value) => Value::Integer(*value),
        csv::Value::Unsigned(value) => Value::Unsigned(*value),
        csv::Value::Float(value) => Value::Float(*value),
        csv::Value::String(text) => Value::String(Arc::clone(text)),
        csv::Value::Time(time) => Value::Time(*time),
    }
}

// === raw ===

/// The first record names the columns; all of them are text.
fn raw(text: &str, limit: usize) -> Result<Table, Error> {
    let mut records = Records {
        rest: text,
        line: 1,
    };
    let header = records
        .next()
        .transpose()?
        .ok_or_else(|| wrong("the text has no header"))?;
    let mut columns: Vec<Vec<Value>> = vec![Vec::new(); header.len()];
    let mut rows = 0;
    while let Some(record) = records.next().transpose()? {
        if record.len() != header.len() {
            return Err(wrong(format!(
                "record before line {}: wrong number of fields",
                records.line
            )));
        }
        rows += 1;
        if rows > limit {
            return Err(Error::exhausted(format!(
                "csv.from: the text has more than {limit} rows"
            )));
        }
        for (column, cell) in columns.iter_mut().zip(record) {
            column.push(Value::text(cell));
        }
    }
    let named = header
        .into_iter()
        .zip(columns)
        .filter(|(label, _)| !label.is_empty());
    let fields = named.map(|(label, values)| {
        let column = Column::from_values(&values, ColumnType::String);
        let column = column.ok_or_else(|| Error::internal("texts make a column of texts"))?;
        Ok(Field {
            label: Arc::from(label),
            column,
        })
    });
    Ok(Table::new(
        GroupKey::default(),
        fields.collect::<Result<_, Error>>()?,
        rows,
    ))
}

/// The records of a text by the rules of RFC 4180; blank lines are skipped.
struct Records<'a> {
    rest: &'a str,
    line: usize,
}

impl Iterator for Records<'_> {
    type Item = Result<Vec<String>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(rest) = self
            .rest
            .strip_prefix("\r\n")
            .or_else(|| self.rest.strip_prefix('\n'))
        {
            self.rest = rest;
            self.line += 1;
        }
        if self.rest.is_empty() {
            return None;
        }
        let mut record = Vec::new();
        loop {
            match self.cell() {
                Ok(cell) => record.push(cell),
                Err(error) => return Some(Err(error)),
            }
            match self.rest.strip_prefix(',') {
                Some(rest) => self.rest = rest,
                None => break,
            }
        }
        Some(Ok(record))
    }
}

impl Records<'_> {
    /// One cell, up to the comma or the end of the line, which are left.
    fn cell(&mut self) -> Result<String, Error> {
        let Some(mut quoted) = self.rest.strip_prefix('"') else {
            let end = self.rest.find([',', '\n']).unwrap_or(self.rest.len());
            let (cell, rest) = self.rest.split_at(end);
            self.rest = rest;
            return Ok(cell.strip_suffix('\r').unwrap_or(cell).to_owned());
        };
        let mut cell = String::new();
        loop {
            let Some((text, rest)) = quoted.split_once('"') else {
                return Err(wrong(format!("line {}: a quote is not closed", self.line)));
            };
            cell.push_str(text);
            self.line += text.matches('\n').count();
            match rest.strip_prefix('"') {
                Some(rest) => {
                    cell.push('"');
                    quoted = rest;
                }
                None => {
                    self.rest = rest.strip_prefix('\r').unwrap_or(rest);
                    break;
                }
            }
        }
        if self.rest.is_empty() || self.rest.starts_with([',', '\n']) {
            return Ok(cell);
        }
        Err(wrong(format!(
            "line {}: text after a closing quote",
            self.line
        )))
    }
}
