//! Series of rows, and how version 1 writes them: JSON or CSV.

use serde_json::{Value, json};
use watchpost_core::csv::format_float;
use watchpost_core::point::FieldValue;
use watchpost_flux::value::window::Location;

use crate::clock::rfc3339;

/// Rows with what they have in common.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    /// The measurement; none where there is no such thing.
    pub name: Option<String>,
    /// The values of the tags that were grouped by.
    pub tags: Vec<(String, String)>,
    /// The columns' names.
    pub columns: Vec<String>,
    /// As many cells a row as columns.
    pub rows: Vec<Vec<Cell>>,
    /// Where times are told.
    pub zone: Location,
}

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// Nanoseconds since 1970.
    Time(i64),
    /// A field's value.
    Value(FieldValue),
}

impl Cell {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Value(FieldValue::String(text.into()))
    }
}

/// How times are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Epoch {
    /// RFC 3339.
    Text,
    /// As a number of units of so many nanoseconds.
    Unit(i64),
}

impl Epoch {
    /// The `epoch` parameter.
    pub fn of(name: Option<&str>) -> Self {
        Self::Unit(match name {
            Some("ns" | "n") => 1,
            Some("u" | "µ" | "us") => 1_000,
            Some("ms") => 1_000_000,
            Some("s") => 1_000_000_000,
            Some("m") => 60_000_000_000,
            Some("h") => 3_600_000_000_000,
            _ => return Self::Text,
        })
    }
}

impl Series {
    /// The rows in parts of at most so many, none of them empty.
    pub fn into_chunks(self, rows: usize) -> Vec<Series> {
        let mut chunks = Vec::new();
        let mut rest = self;
        let mut all = std::mem::take(&mut rest.rows).into_iter().peekable();
        while all.peek().is_some() {
            chunks.push(Series {
                rows: all.by_ref().take(rows.max(1)).collect(),
                ..rest.clone()
            });
        }
        chunks
    }

    /// As JSON.
    pub fn to_json(&self, epoch: Epoch) -> Value {
        let mut shown = json!({ "columns": self.columns });
        if let Some(name) = &self.name {
            shown["name"] = json!(name);
        }
        if !self.tags.is_empty() {
            shown["tags"] = self
                .tags
                .iter()
                .map(|(key, value)| (key.clone(), json!(value)))
                .collect();
        }
        let rows = self.rows.iter().map(|row| {
            row.iter()
                .map(|cell| cell_json(cell, epoch, &self.zone))
                .collect::<Value>()
        });
        shown["values"] = rows.collect();
        shown
    }

    /// As CSV: a header, then a line a row.
    pub fn to_csv(&self, epoch: Epoch, out: &mut String) {
        let unit = match epoch {
            Epoch::Text => 1,
            Epoch::Unit(unit) => unit,
        };
        let tags: Vec<String> = self
            .tags
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let quoted = |text: &str| match text.contains([',', '"', '\n', '\r']) {
            true => format!("\"{}\"", text.replace('"', "\"\"")),
            false => text.to_owned(),
        };
        let start = format!(
            "{},{}",
            quoted(self.name.as_deref().unwrap_or_default()),
            quoted(&tags.join(","))
        );
        out.push_str("name,tags");
        for column in &self.columns {
            out.push(',');
            out.push_str(&quoted(column));
        }
        out.push('\n');
        for row in &self.rows {
            out.push_str(&start);
            for cell in row {
                out.push(',');
                out.push_str(&quoted(&cell_text(cell, unit)));
            }
            out.push('\n');
        }
    }
}

fn cell_json(cell: &Cell, epoch: Epoch, zone: &Location) -> Value {
    match (cell, epoch) {
        (Cell::Null, _) => Value::Null,
        (Cell::Time(time), Epoch::Text) => json!(local_time(*time, zone)),
        (Cell::Time(time), Epoch::Unit(unit)) => json!(time.div_euclid(unit)),
        (Cell::Value(value), _) => match value {
            FieldValue::Float(number) => float_json(*number),
            FieldValue::Integer(number) => json!(number),
            FieldValue::Unsigned(number) => json!(number),
            FieldValue::String(text) => json!(text),
            FieldValue::Boolean(truth) => json!(truth),
        },
    }
}

/// RFC 3339 with the offset of a zone.
fn local_time(time: i64, zone: &Location) -> String {
    let local = zone.to_local(time);
    let minutes = (local - time) / 60_000_000_000;
    if minutes == 0 {
        return rfc3339(time);
    }
    let (sign, minutes) = (if minutes < 0 { '-' } else { '+' }, minutes.abs());
    let clock = rfc3339(local);
    let clock = clock.trim_end_matches('Z');
    format!("{clock}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// A float without `.0`, as Go writes it; what JSON cannot hold is null.
fn float_json(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        return json!(number as i64);
    }
    json!(number)
}

fn cell_text(cell: &Cell, unit: i64) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Time(time) => time.div_euclid(unit).to_string(),
        Cell::Value(FieldValue::Float(number)) => format_float(*number),
        Cell::Value(FieldValue::Integer(number)) => number.to_string(),
        Cell::Value(FieldValue::Unsigned(number)) => number.to_string(),
        Cell::Value(FieldValue::String(text)) => text.clone(),
        Cell::Value(FieldValue::Boolean(truth)) => truth.to_string(),
    }
}
