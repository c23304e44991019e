//! Annotated CSV written as InfluxDB writes it.
//!
//! One block of annotations and header serves the following tables while columns and group key
//! stay the same and no table is empty; otherwise a blank line and a new block. A blank line ends
//! each result.

use super::cells::{append_float, append_text};
use super::{Column, Value};
use crate::time;

/// An annotation line; they are written in the order in which a client asked for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Annotation {
    DataType,
    Group,
    Default,
}

impl Annotation {
    /// `datatype`, `group` or `default`.
    pub fn from_name(name: &str) -> Option<Annotation> {
        match name {
            "datatype" => Some(Annotation::DataType),
            "group" => Some(Annotation::Group),
            "default" => Some(Annotation::Default),
            _ => None,
        }
    }
}

/// How a client wants its answer. The default is the one of a query without a dialect: a header
/// and no annotations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialect {
    pub annotations: Vec<Annotation>,
    pub header: bool,
    pub delimiter: char,
}

impl Default for Dialect {
    fn default() -> Dialect {
        Dialect {
            annotations: Vec::new(),
            header: true,
            delimiter: ',',
        }
    }
}

impl Dialect {
    /// All three annotations and a header: what our client and Grafana ask for.
    pub fn annotated() -> Dialect {
        Dialect {
            annotations: vec![Annotation::DataType, Annotation::Group, Annotation::Default],
            ..Dialect::default()
        }
    }
}

/// Writes tables into a buffer that the caller takes away as it grows.
///
/// ```
/// # use watchpost_core::csv::{Column, DataType, Dialect, Writer};
/// let mut writer = Writer::new(Dialect::default());
/// writer.begin_table("_result", &[Column::new("_value", DataType::Double, false)], false);
/// writer.row().float(1.5).end();
/// writer.end_result();
/// assert_eq!(writer.take(), b",result,table,_value\r\n,_result,0,1.5\r\n\r\n");
/// ```
#[derive(Debug)]
pub struct Writer {
    out: Vec<u8>,
    dialect: Dialect,
    /// The columns that the last header names.
    columns: Vec<Column>,
    /// Whether the last table was empty, so that its block cannot serve the next one.
    last_empty: bool,
    /// Tables written of this result.
    tables: i64,
    /// Whether anything was written at all.
    written: bool,
    /// The beginning of every row of the current table.
    row_start: Vec<u8>,
}

impl Writer {
    pub fn new(dialect: Dialect) -> Writer {
        Writer {
            out: Vec::new(),
            dialect,
            columns: Vec::new(),
            last_empty: false,
            tables: 0,
            written: false,
            row_start: Vec::new(),
        }
    }

    /// Begins the next table of a result. For a table without rows (`empty`) the key's values are
    /// sent as the columns' `default`; otherwise `default` is not used.
    pub fn begin_table(&mut self, result: &str, columns: &[Column], empty: bool) {
        let first = self.tables == 0;
        let table = self.tables.to_string();
        if first || empty || self.last_empty || !same_schema(&self.columns, columns) {
            if !first {
                self.end_line();
            }
            self.schema(result, columns, if empty { &table } else { "" }, empty);
            self.columns.clear();
            self.columns.extend_from_slice(columns);
        }
        self.row_start.clear();
        append_char(&mut self.row_start, self.dialect.delimiter);
        if !self.dialect.annotations.contains(&Annotation::Default) {
            append_text(&mut self.row_start, result, self.dialect.delimiter);
        }
        append_char(&mut self.row_start, self.dialect.delimiter);
        self.row_start.extend_from_slice(table.as_bytes());
        self.tables += 1;
        self.last_empty = empty;
        self.written = true;
    }

    /// Begins a row of the current table: give a cell for each column, then [`RowWriter::end`].
    pub fn row(&mut self) -> RowWriter<'_> {
        self.out.extend_from_slice(&self.row_start);
        RowWriter {
            out: &mut self.out,
            delimiter: self.dialect.delimiter,
        }
    }

    /// Cells of this dialect rendered into a buffer of the caller's, for [`RowWriter::rendered`]: what repeats in every
    /// row is rendered once.
    pub fn cells<'w>(&self, out: &'w mut Vec<u8>) -> RowWriter<'w> {
        RowWriter {
            out,
            delimiter: self.dialect.delimiter,
        }
    }

    /// Makes room for bytes that will be written.
    pub fn reserve(&mut self, bytes: usize) {
        self.out.reserve(bytes);
    }

    /// Ends a result; the next table begins another one.
    pub fn end_result(&mut self) {
        self.end_line();
        self.tables = 0;
        self.last_empty = false;
        self.columns.clear();
    }

    /// An error after the answer has begun: the status is sent, so the error comes as a table.
    pub fn error(&mut self, message: &str) {
        if self.written {
            self.end_line();
        }
        for annotation in self.dialect.annotations.clone() {
            self.line(match annotation {
                Annotation::DataType => ["#datatype", "string", "string"],
                Annotation::Group => ["#group", "true", "true"],
                Annotation::Default => ["#default", "", ""],
            });
        }
        self.line(["", "error", "reference"]);
        self.line(["", message, ""]);
    }

    /// Bytes waiting to be taken.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// What was written since the last call.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    fn schema(&mut self, result: &str, columns: &[Column], table: &str, with_key: bool) {
        for annotation in self.dialect.annotations.clone() {
            let start = match annotation {
                Annotation::DataType => ["#datatype", "string", "long"],
                Annotation::Group => ["#group", "false", "false"],
                Annotation::Default => ["#default", result, table],
            };
            let of_column = |column| annotation_of(annotation, column, with_key);
            self.line(start.into_iter().chain(columns.iter().map(of_column)));
        }
        if self.dialect.header {
            let labels = columns.iter().map(|column| column.label.as_str());
            self.line(["", "result", "table"].into_iter().chain(labels));
        }
    }

    fn line<'a>(&mut self, cells: impl IntoIterator<Item = &'a str>) {
        for (place, cell) in cells.into_iter().enumerate() {
            if place > 0 {
                append_char(&mut self.out, self.dialect.delimiter);
            }
            append_text(&mut self.out, cell, self.dialect.delimiter);
        }
        self.end_line();
    }

    fn end_line(&mut self) {
        self.out.extend_from_slice(b"\r\n");
    }
}

/// A column's cell in an annotation line. Keys are given only for a table without rows, which
/// could not tell them otherwise.
fn annotation_of(annotation: Annotation, column: &Column, with_key: bool) -> &str {
    match annotation {
        Annotation::DataType => column.data_type.name(),
        Annotation::Group if column.group => "true",
        Annotation::Group => "false",
        Annotation::Default if with_key && column.group => &column.default,
        Annotation::Default => "",
    }
}

fn same_schema(left: &[Column], right: &[Column]) -> bool {
    let same = |(left, right): (&Column, &Column)| {
        left.label == right.label && left.data_type == right.data_type && left.group == right.group
    };
    left.len() == right.len() && left.iter().zip(right).all(same)
}

fn append_char(out: &mut Vec<u8>, letter: char) {
    if letter.is_ascii() {
        out.push(letter as u8);
        return;
    }
    out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
}

/// A row in the making.
#[derive(Debug)]
#[must_use = "a row is complete only after end()"]
pub struct RowWriter<'w> {
    out: &'w mut Vec<u8>,
    delimiter: char,
}

impl RowWriter<'_> {
    pub fn null(self) -> Self {
        append_char(self.out, self.delimiter);
        self
    }

    pub fn float(self, value: f64) -> Self {
        append_char(self.out, self.delimiter);
        append_float(self.out, value);
        self
    }

    pub fn integer(self, value: i64) -> Self {
        append_char(self.out, self.delimiter);
        self.out
            .extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        self
    }

    pub fn unsigned(self, value: u64) -> Self {
        append_char(self.out, self.delimiter);
        self.out
            .extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        self
    }

    pub fn boolean(self, value: bool) -> Self {
        append_char(self.out, self.delimiter);
        self.out
            .extend_from_slice(if value { b"true" } else { b"false" });
        self
    }

    pub fn text(self, value: &str) -> Self {
        append_char(self.out, self.delimiter);
        append_text(self.out, value, self.delimiter);
        self
    }

    /// Nanoseconds since 1970.
    pub fn time(self, value: i64) -> Self {
        append_char(self.out, self.delimiter);
        time::append_rfc3339(self.out, value);
        self
    }

    /// As [`RowWriter::time`] for many times, mostly of one day.
    pub fn time_with(self, writer: &mut time::Rfc3339Writer, value: i64) -> Self {
        append_char(self.out, self.delimiter);
        writer.append(self.out, value);
        self
    }

    /// Cells that [`Writer::cells`] rendered before.
    pub fn rendered(self, cells: &[u8]) -> Self {
        self.out.extend_from_slice(cells);
        self
    }

    pub fn value(self, value: &Value) -> Self {
        match value {
            Value::Null => self.null(),
            Value::Boolean(value) => self.boolean(*value),
            Value::Integer(value) => self.integer(*value),
            Value::Unsigned(value) => self.unsigned(*value),
            Value::Float(value) => self.float(*value),
            Value::String(value) => self.text(value),
            Value::Time(value) => self.time(*value),
        }
    }

    /// Ends the row.
    pub fn end(self) {
        self.out.extend_from_slice(b"\r\n");
    }
}
