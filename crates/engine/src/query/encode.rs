//! Tables as annotated CSV.

use std::ops::Range;
use std::sync::Arc;

use watchpost_core::csv::{Column as Header, DataType, Dialect, RowWriter, Writer};
use watchpost_core::time::Rfc3339Writer;
use watchpost_flux::error::Error;
use watchpost_flux::table::{Column, ColumnType, Field, KeyValue, Table};

/// The most bytes that are made room for at once.
const RESERVE_BYTES: usize = 1 << 20;

/// Room for more than this is asked for: many rows of a table may share one long text, and the answer has it in each.
const ASK_BYTES: usize = 64 << 10;

/// The quotes in a text are doubled.
const QUOTING: usize = 2;

/// Where an answer goes while it is written.
pub trait Outlet {
    /// Whether so many bytes may be taken for a moment.
    ///
    /// # Errors
    /// They may not.
    fn make_room(&mut self, bytes: usize) -> Result<(), Error>;

    /// Takes what was written, once it is worth it.
    ///
    /// # Errors
    /// Nothing more is wanted.
    fn offer(&mut self, writer: &mut Writer) -> Result<(), Error>;
}

/// Writes the tables of one answer.
#[derive(Debug)]
pub struct Encoder {
    writer: Writer,
    result: Option<String>,
    /// The columns of the last table, and what they were made of.
    headers: Vec<Header>,
    shape: Vec<Shape>,
    key_labels: Vec<Arc<str>>,
    /// The cells that repeat in each row of a table.
    repeated: Vec<u8>,
    times: Rfc3339Writer,
}

/// A column without its values.
#[derive(Debug)]
struct Shape {
    label: Arc<str>,
    kind: ColumnType,
}

/// A part of each row of a table.
enum Piece<'t> {
    /// Neighbouring cells that are the same in each row: a place in [`Encoder::repeated`].
    Repeated(Range<usize>),
    /// A cell of a column.
    Cell(&'t Column),
}

impl Piece<'_> {
    /// What the text of a row takes.
    fn text_bytes(&self, row: usize) -> usize {
        match self {
            Self::Cell(Column::String(texts)) => texts.get(row).map_or(0, |text| text.len()),
            _ => 0,
        }
    }
}

/// Asks for room for some text, if it is much.
fn ask(outlet: &mut impl Outlet, bytes: usize) -> Result<(), Error> {
    match bytes > ASK_BYTES {
        true => outlet.make_room(bytes.saturating_mul(QUOTING)),
        false => Ok(()),
    }
}

/// What the labels of a table take, and the texts that are the same in each row.
fn fixed_bytes(table: &Table) -> usize {
    let of_field = |field: &Field| {
        let text = match &field.column {
            Column::String(texts) if field.column.is_constant() => {
                texts.get(0).map_or(0, |text| text.len())
            }
            _ => 0,
        };
        text + field.label.len()
    };
    let of_key = |(_, value): &(Arc<str>, KeyValue)| match value {
        KeyValue::String(Some(text)) if table.rows == 0 => text.len(),
        _ => 0,
    };
    table.fields.iter().map(of_field).sum::<usize>()
        + table.key.columns().iter().map(of_key).sum::<usize>()
}

impl Encoder {
    /// For an answer in a dialect.
    pub fn new(dialect: Dialect) -> Self {
        Self {
            writer: Writer::new(dialect),
            result: None,
            headers: Vec::new(),
            shape: Vec::new(),
            key_labels: Vec::new(),
            repeated: Vec::new(),
            times: Rfc3339Writer::default(),
        }
    }

    /// Writes a table of a result; what is written goes on after every few rows.
    ///
    /// # Errors
    /// What `outlet` says.
    pub fn table(
        &mut self,
        result: &str,
        table: &Table,
        outlet: &mut impl Outlet,
    ) -> Result<(), Error> {
        ask(outlet, fixed_bytes(table))?;
        if self.result.as_deref() != Some(result) {
            if self.result.is_some() {
                self.writer.end_result();
            }
            self.result = Some(result.to_owned());
        }
        self.name_columns(table);
        self.writer
            .begin_table(result, &self.headers, table.rows == 0);
        let pieces = self.pieces(table);
        for row in 0..table.rows {
            let texts = pieces.iter().map(|piece| piece.text_bytes(row));
            ask(outlet, texts.sum::<usize>() + self.repeated.len())?;
            let before = self.writer.len();
            let mut cells = self.writer.row();
            for piece in &pieces {
                cells = match piece {
                    Piece::Repeated(place) => cells.rendered(&self.repeated[place.clone()]),
                    Piece::Cell(column) => cell(cells, column, row, &mut self.times),
                };
            }
            cells.end();
            if row == 0 {
                let more = (self.writer.len() - before).saturating_mul(table.rows - 1);
                self.writer.reserve(more.min(RESERVE_BYTES));
            }
            outlet.offer(&mut self.writer)?;
        }
        outlet.offer(&mut self.writer)
    }

    /// Makes the header of a table; most have that of the table before.
    fn name_columns(&mut self, table: &Table) {
        let key = table.key.columns();
        let is_same = table.rows > 0
            && self.shape.len() == table.fields.len()
            && self.key_labels.len() == key.len()
            && self.shape.iter().zip(&table.fields).all(|(shape, field)| {
                shape.kind == field.column.kind() && Arc::ptr_eq(&shape.label, &field.label)
            })
            && (self.key_labels.iter().zip(key)).all(|(label, (other, _))| label == other);
        if is_same {
            return;
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
        self.key_labels.clear();
        self.key_labels
            .extend(key.iter().map(|(label, _)| Arc::clone(label)));
        self.shape.clear();
        self.shape.extend(table.fields.iter().map(|field| Shape {
            label: Arc::clone(&field.label),
            kind: field.column.kind(),
        }));
    }

    /// The parts of a table's rows; those that repeat are rendered.
    fn pieces<'t>(&mut self, table: &'t Table) -> Vec<Piece<'t>> {
        self.repeated.clear();
        let mut pieces: Vec<Piece<'t>> = Vec::with_capacity(table.fields.len());
        for field in &table.fields {
            if !field.column.is_constant() || table.rows == 0 {
                pieces.push(Piece::Cell(&field.column));
                continue;
            }
            let start = self.repeated.len();
            let cells = self.writer.cells(&mut self.repeated);
            let _ = cell(cells, &field.column, 0, &mut self.times);
            let stop = self.repeated.len();
            match pieces.last_mut() {
                Some(Piece::Repeated(place)) => place.end = stop,
                _ => pieces.push(Piece::Repeated(start..stop)),
            }
        }
        pieces
    }

    /// Ends the answer.
    pub fn end(&mut self) {
        self.writer.end_result();
    }

    /// Ends an answer that had begun with an error.
    pub fn error(&mut self, message: &str) {
        self.writer.error(message);
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

fn cell<'w>(
    cells: RowWriter<'w>,
    column: &Column,
    row: usize,
    times: &mut Rfc3339Writer,
) -> RowWriter<'w> {
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
        Column::Time(values) => written!(values, value => cells.time_with(times, *value)),
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
    cell(writer.row(), &column, 0, &mut Rfc3339Writer::default()).end();
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

#[cfg(test)]
mod tests {
    use watchpost_flux::table::{GroupKey, Vector};

    use super::*;

    /// Takes parts of some size, and refuses room for more than a limit.
    struct Parts {
        limit: usize,
        most: usize,
        taken: usize,
    }

    impl Outlet for Parts {
        fn make_room(&mut self, bytes: usize) -> Result<(), Error> {
            match bytes > self.limit {
                true => Err(Error::out_of_memory(self.limit, bytes)),
                false => Ok(()),
            }
        }

        fn offer(&mut self, writer: &mut Writer) -> Result<(), Error> {
            self.most = self.most.max(writer.len());
            if writer.len() > ASK_BYTES {
                self.taken += writer.take().len();
            }
            Ok(())
        }
    }

    /// A table whose rows share a text.
    fn table(text: &str, rows: usize) -> Table {
        let column = Column::String(Vector::constant(Some(text.into()), rows));
        let field = Field {
            label: "text".into(),
            column,
        };
        Table::new(GroupKey::default(), vec![field], rows)
    }

    #[test]
    fn a_long_text_in_every_row_is_never_there_more_than_once_or_twice() {
        let text = "x".repeat(100_000);
        let mut parts = Parts {
            limit: 1 << 20,
            most: 0,
            taken: 0,
        };
        let mut encoder = Encoder::new(Dialect::default());
        let written = encoder.table("r", &table(&text, 500), &mut parts);
        assert_eq!(written, Ok(()));
        assert!(parts.taken > 500 * text.len(), "{}", parts.taken);
        assert!(parts.most < 2 * text.len(), "{}", parts.most);
    }

    #[test]
    fn a_row_that_would_not_fit_is_refused_before_it_is_written() {
        let text = "x".repeat(1 << 20);
        let mut parts = Parts {
            limit: 1 << 20,
            most: 0,
            taken: 0,
        };
        let mut encoder = Encoder::new(Dialect::default());
        let written = encoder.table("r", &table(&text, 1), &mut parts);
        assert!(written.is_err());
        assert!(encoder.is_empty());
    }
}
