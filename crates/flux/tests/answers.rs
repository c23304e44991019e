//! The notation in which case files hold answers: a paragraph a table.
//!
//! ```text
//! result name,key column:type=value,…
//! :column:type,…
//! cell,…
//! ```

use std::collections::BTreeMap;

use watchpost_core::time::format_rfc3339;
use watchpost_flux::table::{Column, KeyValue, Table};

/// A table of an answer, its cells as texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The result and the key's columns, in the order in which they are written.
    pub(crate) head: Vec<String>,
    /// `name:type` of the other columns.
    pub(crate) columns: Vec<String>,
    /// The cells of each row.
    pub(crate) rows: Vec<Vec<String>>,
}

/// The text of a float in an answer.
fn float(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 {
            "+Inf".to_owned()
        } else {
            "-Inf".to_owned()
        }
    } else {
        value.to_string()
    }
}

fn key_text(value: &KeyValue) -> String {
    cell(&value.column(1), 0)
}

/// The text of a cell; empty for null.
fn cell(column: &Column, row: usize) -> String {
    match column {
        Column::Boolean(values) => values.get(row).map(bool::to_string),
        Column::Integer(values) => values.get(row).map(i64::to_string),
        Column::Unsigned(values) => values.get(row).map(u64::to_string),
        Column::Float(values) => values.get(row).map(|value| float(*value)),
        Column::String(values) => values.get(row).map(|text| text.0.to_string()),
        Column::Time(values) => values.get(row).map(|time| format_rfc3339(*time)),
    }
    .unwrap_or_default()
}

impl Answer {
    /// A table that came.
    pub(crate) fn of(result: &str, table: &Table) -> Self {
        let mut head = vec![result.to_owned()];
        let mut columns = Vec::new();
        for field in &table.fields {
            let label = format!("{}:{}", field.label, field.column.kind());
            match table.key.get(&field.label) {
                Some(value) => head.push(format!("{label}={}", key_text(value))),
                None => columns.push(label),
            }
        }
        let shown: Vec<&Column> = table
            .fields
            .iter()
            .filter(|field| !table.key.contains(&field.label))
            .map(|field| &field.column)
            .collect();
        let rows = (0..table.rows)
            .map(|row| shown.iter().map(|column| cell(column, row)).collect())
            .collect();
        Self {
            head,
            columns,
            rows,
        }
    }

    /// What a table is known by: its result and key.
    fn identity(&self) -> Vec<String> {
        let mut head = self.head.clone();
        head[1..].sort();
        head
    }

    /// Whether two tables are the same but for the order of columns and the last digits of floats.
    fn agrees(&self, other: &Self) -> bool {
        let mut places = Vec::new();
        for column in &self.columns {
            match other.columns.iter().position(|known| known == column) {
                Some(place) => places.push(place),
                None => return false,
            }
        }
        self.columns.len() == other.columns.len()
            && self.rows.len() == other.rows.len()
            && self.rows.iter().zip(&other.rows).all(|(left, right)| {
                let cells = left.iter().zip(&places).zip(&self.columns);
                cells.into_iter().all(|((cell, place), column)| {
                    right
                        .get(*place)
                        .is_some_and(|other| same_cell(cell, other, column.ends_with(":float")))
                })
            })
    }

    fn write(&self, text: &mut String) {
        text.push_str(&line(&self.head));
        text.push_str("\n:");
        text.push_str(&line(&self.columns));
        for row in &self.rows {
            text.push('\n');
            let written = line(row);
            if written.trim().is_empty() {
                text.push_str("\"\"");
            }
            text.push_str(&written);
        }
    }
}

fn same_cell(left: &str, right: &str, float: bool) -> bool {
    if left == right {
        return true;
    }
    match (float, left.parse::<f64>(), right.parse::<f64>()) {
        (true, Ok(left), Ok(right)) => {
            (left - right).abs() <= 1e-9 * left.abs().max(right.abs()).max(1.0)
        }
        _ => false,
    }
}

/// Cells of a line, quoted where they must be.
fn line(cells: &[String]) -> String {
    let quoted = cells.iter().map(|cell| {
        let escaped = cell
            .replace('\\', "\\\\")
            .replace('\n', "\\n")
            .replace('\r', "\\r")
            .replace('\t', "\\t");
        let plain = !escaped.contains([',', '"', '`']) && escaped.trim() == escaped;
        if plain {
            escaped
        } else {
            format!("\"{}\"", escaped.replace('"', "\"\""))
        }
    });
    quoted.collect::<Vec<_>>().join(",")
}

/// The cells of a line.
fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        let cell = cells.last_mut().expect("there is always a cell");
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            '\\' => match characters.next() {
                Some('n') => cell.push('\n'),
                Some('r') => cell.push('\r'),
                Some('t') => cell.push('\t'),
                Some(other) => cell.push(other),
                None => cell.push('\\'),
            },
            other => cell.push(other),
        }
    }
    cells
}

/// Reads an expectation.
pub(crate) fn read(text: &str) -> Vec<Answer> {
    let paragraphs = text
        .split("\n\n")
        .filter(|paragraph| !paragraph.trim().is_empty());
    paragraphs
        .map(|paragraph| {
            let mut lines = paragraph.trim_matches('\n').split('\n');
            let head = cells(lines.next().unwrap_or(""));
            let columns = lines.next().unwrap_or(":").trim_start_matches(':');
            let columns = if columns.is_empty() {
                Vec::new()
            } else {
                cells(columns)
            };
            let width = columns.len();
            let rows = lines
                .map(|line| if width == 0 { Vec::new() } else { cells(line) })
                .collect();
            Answer {
                head,
                columns,
                rows,
            }
        })
        .collect()
}

/// Writes tables that came.
pub(crate) fn write(answers: &[Answer]) -> String {
    let mut text = String::new();
    for (at, answer) in answers.iter().enumerate() {
        if at > 0 {
            text.push_str("\n\n");
        }
        answer.write(&mut text);
    }
    text
}

/// Whether tables are those expected: by result and key, whatever their order.
pub(crate) fn agree(expected: &[Answer], came: &[Answer]) -> bool {
    let gather = |answers: &[Answer]| {
        let mut tables: BTreeMap<Vec<String>, Vec<Answer>> = BTreeMap::new();
        for answer in answers {
            tables
                .entry(answer.identity())
                .or_default()
                .push(answer.clone());
        }
        tables
    };
    let (expected, came) = (gather(expected), gather(came));
    expected.len() == came.len()
        && expected.iter().all(|(identity, tables)| {
            came.get(identity).is_some_and(|others| {
                tables.len() == others.len()
                    && tables
                        .iter()
                        .zip(others)
                        .all(|(left, right)| left.agrees(right))
            })
        })
}
