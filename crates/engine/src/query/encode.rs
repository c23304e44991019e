//! Tables as annotated CSV.

use watchpost_core::csv::{Column as Header, DataType, Dialect, RowWriter, Writer};
use watchpost_flux::table::{Column, ColumnType, KeyValue, Table};

/// Writes the tables of one answer.
#[derive(Debug)]
pub struct Encoder {
    writer: Writer,
    result: Option<String>,
    headers: Vec<Header>,
}

impl Encoder {
    /// For an answer in a dialect.
    pub fn new(dialect: Dialect) -> Self {
        Self {
            writer: Writer::new(dialect),
            result: None,
            headers: Vec::new(),
        }
    }

    /// Writes a table of a result.
    pub fn table(&mut self, result: &str, table: &Table) {
        if self.result.as_deref() != Some(result) {
            if self.result.is_some() {
                self.writer.end_result();
            }
            self.result = Some(result.to_owned());
        }
        self.headers.clear();
        self.headers.extend(table.fields.iter().map(|field| {
            let key = table.key.get(&field.label);
            Header {
                label: field.label.to_string(),
                data_type: data_type(field.column.kind()),
                group: key.is_some(),
                default: key
                    .filter(|_| table.rows == 0)
                    .map(text)
                    .unwrap_or_default(),
            }
        }));
        self.writer
            .begin_table(result, &self.headers, table.rows == 0);
        for row in 0..table.rows {
            let mut cells = self.writer.row();
            for field in &table.fields {
                cells = cell(cells, &field.column, row);
            }
            cells.end();
        }
    }

    /// Ends the answer.
    pub fn end(&mut self) {
        self.writer.end_result();
    }

    /// Ends an answer that had begun with an error.
    pub fn error(&mut self, message: &str) {
        self.writer.error(message);
    }

    /// Whether a table was written.
    pub fn has_begun(&self) -> bool {
        self.result.is_some()
    }

    /// Bytes waiting to be taken.
    pub fn len(&self) -> usize {
        self.writer.len()
    }

    /// Whether no bytes wait.
    pub fn is_empty(&self) -> bool {
        self.writer.is_empty()
    }

    /// What was written since the last call.
    pub fn take(&mut self) -> Vec<u8> {
        self.writer.take()
    }
}

fn cell<'w>(cells: RowWriter<'w>, column: &Column, row: usize) -> RowWriter<'w> {
    macro_rules! written {
        ($vector:ident, $value:ident => $write:expr) => {
            match $vector.get(row) {
                Some($value) => $write,
                None => cells.null(),
            }
        };
    }
    match column {
        Column::Boolean(values) => written!(values, value => cells.boolean(*value)),
        Column::Integer(values) => written!(values, value => cells.integer(*value)),
        Column::Unsigned(values) => written!(values, value => cells.unsigned(*value)),
        Column::Float(values) => written!(values, value => cells.float(*value)),
        Column::String(values) => written!(values, value => cells.text(value)),
        Column::Time(values) => written!(values, value => cells.time(*value)),
    }
}

fn data_type(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Integer => DataType::Long,
        ColumnType::Unsigned => DataType::UnsignedLong,
        ColumnType::Float => DataType::Double,
        ColumnType::String => DataType::String,
        ColumnType::Time => DataType::Time,
    }
}

/// A value of a group key as its cell shows it.
fn text(value: &KeyValue) -> String {
    let mut writer = Writer::new(Dialect {
        header: false,
        ..Dialect::default()
    });
    let column = value.column(1);
    let header = [Header::new("", data_type(column.kind()), false)];
    writer.begin_table("", &header, false);
    let prefix = writer.len();
    cell(writer.row(), &column, 0).end();
    let line = String::from_utf8_lossy(&writer.take()[prefix..]).into_owned();
    // `,,0,VALUE`: the value without the quotes that the annotation line will put again.
    let cell = line.trim_end().splitn(4, ',').nth(3).unwrap_or_default();
    match cell
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => cell.to_owned(),
    }
}
