//! Annotated CSV read into typed tables while it arrives.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use super::records::{self, Records};
use super::{Column, DataType, Table, Value};
use crate::{limits, time};

/// Why an answer cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The server began to answer and then failed: its own message.
    #[error("the query failed: {message}")]
    Query { message: String, reference: String },
    #[error("line {line}: {problem}")]
    Syntax { line: usize, problem: String },
    #[error("line {line}, column {column:?}: {text:?} is not a {expected}")]
    Cell {
        line: usize,
        column: String,
        text: String,
        expected: &'static str,
    },
    #[error(
        "the answer has more than {limit} rows: narrow the range, aggregate, or raise the limit"
    )]
    TooManyRows { limit: usize },
}

/// A whole answer at once.
///
/// ```
/// let text = "#datatype,string,long,dateTime:RFC3339,double,string\r\n\
///             #group,false,false,false,false,true\r\n#default,_result,,,,\r\n\
///             ,result,table,_time,_value,host\r\n,,0,2024-03-01T00:00:00Z,1.5,a\r\n\r\n";
/// let tables = watchpost_core::csv::read_tables(text.as_bytes(), 1000).unwrap();
/// assert_eq!(tables[0].row(0).f64("_value"), Some(1.5));
/// ```
pub fn read_tables(bytes: &[u8], row_limit: usize) -> Result<Vec<Table>, ReadError> {
    let mut reader = Reader::new(row_limit);
    reader.feed(bytes)?;
    reader.finish()?;
    Ok(reader.tables.finished.into())
}

/// Reads an answer piece by piece: [`Reader::feed`] what arrives, take what is complete with
/// [`Reader::next_table`], and call [`Reader::finish`] at the end (it can bring a last table or
/// an error). After an error the reader is spent.
#[derive(Debug)]
pub struct Reader {
    records: Records,
    tables: Tables,
}

/// What the records so far have said.
#[derive(Debug)]
struct Tables {
    annotations: Annotations,
    block: Option<Block>,
    finished: VecDeque<Table>,
    rows: usize,
    row_limit: usize,
}

/// The annotation lines of the block to come.
#[derive(Debug, Default)]
struct Annotations {
    data_types: Vec<String>,
    groups: Vec<String>,
    defaults: Vec<String>,
}

/// What follows a header.
#[derive(Debug)]
enum Block {
    /// The next record is the server's error.
    Error,
    Tables(Box<TableBlock>),
}

#[derive(Debug)]
struct TableBlock {
    /// Of every place in a record, what it is.
    places: Vec<Place>,
    columns: Arc<[Column]>,
    defaults: Vec<Value>,
    recent: Vec<Recent>,
    default_result: Arc<str>,
    default_id: i64,
    table: Option<Table>,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Annotation,
    Result,
    Table,
    Column(usize),
}

impl Reader {
    /// `row_limit` counts the rows of all tables together.
    pub fn new(row_limit: usize) -> Reader {
        Reader {
            records: Records::default(),
            tables: Tables {
                annotations: Annotations::default(),
                block: None,
                finished: VecDeque::new(),
                rows: 0,
                row_limit,
            },
        }
    }

    /// Takes the next bytes of the answer, cut anywhere.
    pub fn feed(&mut self, piece: &[u8]) -> Result<(), ReadError> {
        self.records.feed(piece);
        while let Some(span) = self.records.next_record() {
            self.tables.record(self.records.bytes(span), span.line)?;
        }
        if self.records.pending_bytes() > limits::CSV_RECORD_BYTES {
            let problem = format!("a record is longer than {} bytes", limits::CSV_RECORD_BYTES);
            let line = self.records.line();
            return Err(ReadError::Syntax { line, problem });
        }
        Ok(())
    }

    /// The next table whose last row has arrived.
    pub fn next_table(&mut self) -> Option<Table> {
        self.tables.finished.pop_front()
    }

    /// Says that the answer has ended. [`Reader::next_table`] may then have another one.
    pub fn finish(&mut self) -> Result<(), ReadError> {
        if let Some(span) = self.records.last_record() {
            self.tables.record(self.records.bytes(span), span.line)?;
        }
        self.tables.end_block();
        Ok(())
    }
}

impl Tables {
    fn record(&mut self, bytes: &[u8], line: usize) -> Result<(), ReadError> {
        if bytes.is_empty() {
            self.end_block();
            return Ok(());
        }
        let syntax = |problem: &str| ReadError::Syntax {
            line,
            problem: problem.to_owned(),
        };
        let text = std::str::from_utf8(bytes).map_err(|_| syntax("the text is not UTF-8"))?;
        let mut cells = Vec::with_capacity(16);
        records::split(text, b',', &mut cells).map_err(syntax)?;
        if cells.len() > limits::CSV_COLUMNS {
            let problem = format!("more than {} columns", limits::CSV_COLUMNS);
            return Err(syntax(&problem));
        }
        if cells[0].starts_with('#') {
            let annotation = owned(&cells);
            self.end_block();
            self.annotations.set(annotation);
            return Ok(());
        }
        match &mut self.block {
            None => {
                self.block = Some(self.annotations.block(&cells).map_err(|e| syntax(&e))?);
                Ok(())
            }
            Some(Block::Error) => Err(server_error(&cells)),
            Some(Block::Tables(block)) => {
                self.rows += 1;
                if self.rows > self.row_limit {
                    let limit = self.row_limit;
                    return Err(ReadError::TooManyRows { limit });
                }
                let ended = block.row(&cells, line)?;
                self.finished.extend(ended);
                Ok(())
            }
        }
    }

    fn end_block(&mut self) {
        if let Some(Block::Tables(mut block)) = self.block.take() {
            self.finished.push_back(block.last_table());
            self.annotations = Annotations::default();
        }
    }
}

fn owned(cells: &[Cow<'_, str>]) -> Vec<String> {
    cells.iter().map(|cell| cell.to_string()).collect()
}

fn server_error(cells: &[Cow<'_, str>]) -> ReadError {
    let skip = usize::from(cells.len() > 2);
    let cell = |place: usize| cells.get(skip + place).map(ToString::to_string);
    ReadError::Query {
        message: cell(0).unwrap_or_default(),
        reference: cell(1).unwrap_or_default(),
    }
}

impl Annotations {
    fn set(&mut self, mut cells: Vec<String>) {
        let name = std::mem::take(&mut cells[0]);
        match name.as_str() {
            "#datatype" => self.data_types = cells,
            "#group" => self.groups = cells,
            "#default" => self.defaults = cells,
            // A comment; annotations of later versions are comments to us as well.
            _ => {}
        }
    }

    /// The block that a header begins.
    fn block(&self, header: &[Cow<'_, str>]) -> Result<Block, String> {
        let names: Vec<&str> = header.iter().map(AsRef::as_ref).collect();
        if matches!(
            names[..],
            ["", "error", "reference"] | ["error", "reference"] | ["error"]
        ) {
            return Ok(Block::Error);
        }
        if !names.contains(&"result") || !names.contains(&"table") {
            return Err(
                "this is no annotated CSV: its header has no columns \"result\" and \"table\""
                    .to_owned(),
            );
        }
        let mut block = TableBlock {
            places: Vec::with_capacity(names.len()),
            columns: Arc::default(),
            defaults: Vec::new(),
            recent: Vec::new(),
            default_result: self.default_of(&names, "result").unwrap_or("").into(),
            default_id: self
                .default_of(&names, "table")
                .and_then(|text| text.parse().ok())
                .unwrap_or(0),
            table: None,
        };
        let mut columns = Vec::with_capacity(names.len());
        for (place, label) in names.iter().enumerate() {
            let kind = match *label {
                "" if place == 0 => Place::Annotation,
                "result" => Place::Result,
                "table" => Place::Table,
                _ => Place::Column(columns.len()),
            };
            if let Place::Column(_) = kind {
                let column = self.column(place, label)?;
                block.defaults.push(default_value(&column)?);
                block.recent.push(Recent::default());
                columns.push(column);
            }
            block.places.push(kind);
        }
        block.columns = columns.into();
        Ok(Block::Tables(Box::new(block)))
    }

    fn default_of(&self, names: &[&str], label: &str) -> Option<&str> {
        let place = names.iter().position(|name| *name == label)?;
        self.defaults.get(place).map(String::as_str)
    }

    fn column(&self, place: usize, label: &str) -> Result<Column, String> {
        let type_name = self.data_types.get(place).map_or("", String::as_str);
        let data_type = DataType::from_name(type_name)
            .ok_or_else(|| format!("column {label:?} has an unknown data type {type_name:?}"))?;
        Ok(Column {
            label: label.to_owned(),
            data_type,
            group: self.groups.get(place).is_some_and(|group| group == "true"),
            default: self.defaults.get(place).cloned().unwrap_or_default(),
        })
    }
}

fn default_value(column: &Column) -> Result<Value, String> {
    parse_cell(column.data_type, &column.default).map_err(|expected| {
        let Column { label, default, .. } = column;
        format!("the default {default:?} of column {label:?} is not a {expected}")
    })
}

impl TableBlock {
    /// Takes a row; returns the table before it, if the row begins another one.
    fn row(&mut self, cells: &[Cow<'_, str>], line: usize) -> Result<Option<Table>, ReadError> {
        if cells.len() != self.places.len() {
            let (found, wanted) = (cells.len(), self.places.len());
            let problem = format!("{found} cells where the header has {wanted}");
            return Err(ReadError::Syntax { line, problem });
        }
        let (result, id) = self.table_of(cells, line)?;
        let ended = match &self.table {
            Some(table) if table.id == id && *table.result == *result => None,
            _ => {
                let next = Table::new(result, id, self.columns.clone());
                self.table.replace(next)
            }
        };
        let Some(table) = &mut self.table else {
            unreachable!("set above");
        };
        table.values.reserve(self.columns.len());
        for (place, text) in self.places.iter().zip(cells) {
            let Place::Column(index) = *place else {
                continue;
            };
            let column = &self.columns[index];
            let value = match text.is_empty() {
                true => self.defaults[index].clone(),
                false => self.recent[index]
                    .parse(column.data_type, text)
                    .map_err(|expected| bad_cell(line, &column.label, text, expected))?,
            };
            table.values.push(value);
        }
        Ok(ended)
    }

    /// The result and the number of the table that a row belongs to.
    fn table_of(&self, cells: &[Cow<'_, str>], line: usize) -> Result<(Arc<str>, i64), ReadError> {
        let mut result = None;
        let mut id = self.default_id;
        for (place, text) in self.places.iter().zip(cells) {
            match place {
                Place::Result if !text.is_empty() => result = Some(text.as_ref()),
                Place::Table if !text.is_empty() => {
                    id = text
                        .parse()
                        .map_err(|_| bad_cell(line, "table", text, "long"))?;
                }
                _ => {}
            }
        }
        let result = match (result, &self.table) {
            (None, _) => self.default_result.clone(),
            (Some(name), Some(table)) if *table.result == *name => table.result.clone(),
            (Some(name), _) => name.into(),
        };
        Ok((result, id))
    }

    /// The table at the end of the block; a block without rows is an empty table.
    fn last_table(&mut self) -> Table {
        self.table.take().unwrap_or_else(|| {
            let result = self.default_result.clone();
            Table::new(result, self.default_id, self.columns.clone())
        })
    }
}

fn bad_cell(line: usize, column: &str, text: &str, expected: &'static str) -> ReadError {
    ReadError::Cell {
        line,
        column: column.to_owned(),
        text: text.to_owned(),
        expected,
    }
}

/// The last cell of a column that was not empty. Most columns repeat it down the table (tags,
/// `_start`, `_stop`), so it is parsed once and a text is shared.
#[derive(Clone, Debug, Default)]
struct Recent {
    text: String,
    value: Value,
}

impl Recent {
    fn parse(&mut self, data_type: DataType, text: &str) -> Result<Value, &'static str> {
        if self.text != text || self.text.is_empty() {
            self.value = parse_cell(data_type, text)?;
            text.clone_into(&mut self.text);
        }
        Ok(self.value.clone())
    }
}

/// A cell's value; the error is the name of the type it should have had.
fn parse_cell(data_type: DataType, text: &str) -> Result<Value, &'static str> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    let read = match data_type {
        DataType::Boolean => text.parse().map(Value::Boolean).ok(),
        DataType::Long => text.parse().map(Value::Integer).ok(),
        DataType::UnsignedLong => text.parse().map(Value::Unsigned).ok(),
        DataType::Double => text.parse().map(Value::Float).ok(),
        // dateTime:number is nanoseconds since 1970.
        DataType::Time => match time::parse_rfc3339(text) {
            Ok(time) => Some(Value::Time(time)),
            Err(_) => text.parse().map(Value::Time).ok(),
        },
        DataType::String => Some(Value::String(text.into())),
    };
    read.ok_or(match data_type {
        DataType::Time => "RFC 3339 time",
        other => other.name(),
    })
}
