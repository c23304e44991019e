//! Rows of an answer as CSV (RFC 4180) or as lines of JSON, for scripts and spreadsheets.

use axum::Json;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::Result;
use crate::parameters::Parameters;

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON document.
    Json,
    /// Rows with a header.
    Csv,
    /// One JSON object a row.
    Ndjson,
}

impl Format {
    /// By the parameter `format`, else by the `Accept` header, else JSON.
    pub fn read(parameters: &Parameters, headers: &HeaderMap) -> Result<Format> {
        let accept = headers
            .get(ACCEPT)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        if parameters.one("format")?.is_none() {
            return Ok(match accept {
                accept if accept.contains("text/csv") => Format::Csv,
                accept if accept.contains("ndjson") => Format::Ndjson,
                _ => Format::Json,
            });
        }
        Ok(
            match parameters.choice("format", &["json", "csv", "ndjson"])? {
                "csv" => Format::Csv,
                "ndjson" => Format::Ndjson,
                _ => Format::Json,
            },
        )
    }

    /// The answer: `document` as it is, or `rows` in this form.
    pub fn respond(
        self,
        document: impl FnOnce() -> Value,
        rows: impl FnOnce() -> Rows,
    ) -> Response {
        match self {
            Format::Json => Json(document()).into_response(),
            Format::Csv => text("text/csv; charset=utf-8", rows().csv()),
            Format::Ndjson => text("application/x-ndjson", rows().ndjson()),
        }
    }
}

fn text(content_type: &'static str, body: String) -> Response {
    ([(CONTENT_TYPE, content_type)], body).into_response()
}

/// A table: column names and rows of as many values.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    /// The names.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<Value>>,
}

impl Rows {
    /// An empty table.
    pub fn new<N: Into<String>>(columns: impl IntoIterator<Item = N>) -> Rows {
        Rows {
            columns: columns.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds the rows of another table; where one of the two lacks a column, its cells are empty.
    pub fn append(&mut self, other: Rows) {
        for name in &other.columns {
            if !self.columns.contains(name) {
                self.columns.push(name.clone());
                self.rows.iter_mut().for_each(|row| row.push(Value::Null));
            }
        }
        let place = |name| other.columns.iter().position(|own| own == name);
        let places: Vec<Option<usize>> = self.columns.iter().map(place).collect();
        let cells = |row: Vec<Value>| {
            let cell = |place: &Option<usize>| place.map_or(Value::Null, |at| row[at].clone());
            places.iter().map(cell).collect()
        };
        self.rows.extend(other.rows.into_iter().map(cells));
    }

    /// With a header line, lines ending in CR LF.
    pub fn csv(&self) -> String {
        let mut text = String::new();
        let header: Vec<String> = self.columns.iter().map(|name| quoted(name)).collect();
        text.push_str(&header.join(","));
        text.push_str("\r\n");
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(cell).collect();
            text.push_str(&cells.join(","));
            text.push_str("\r\n");
        }
        text
    }

    /// One object a line.
    pub fn ndjson(&self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            let pairs = self.columns.iter().cloned().zip(row.iter().cloned());
            let object: serde_json::Map<String, Value> =
                pairs.filter(|(_, value)| !value.is_null()).collect();
            text.push_str(&Value::Object(object).to_string());
            text.push('\n');
        }
        text
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => quoted(text),
        other => quoted(&other.to_string()),
    }
}

/// Quotes what would break the row, and what a spreadsheet would take for a formula.
fn quoted(text: &str) -> String {
    let formula = text.starts_with(['=', '@', '\t'])
        || text.starts_with(['+', '-']) && text.parse::<f64>().is_err();
    let text = if formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}
