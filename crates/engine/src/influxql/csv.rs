//! Results as the CSV that version 1 writes: a header for each statement, and again where the columns change, after an
//! empty line.

use std::io::{self, Write};

use watchpost_core::csv::format_float;
use watchpost_core::point::FieldValue;

use super::answer::{Cell, Epoch, Series};

/// Writes the series of statements, those of each together. A statement without any leaves no trace, as in InfluxDB.
///
/// # Errors
/// What `out` says.
pub fn write<'a>(
    statements: impl Iterator<Item = &'a [Series]>,
    epoch: Epoch,
    out: &mut impl Write,
) -> io::Result<()> {
    let unit = match epoch {
        Epoch::Text => 1,
        Epoch::Unit(unit) => unit,
    };
    let mut is_first = true;
    for statement in statements {
        let mut columns: Option<&Vec<String>> = None;
        for series in statement {
            if columns != Some(&series.columns) {
                if !is_first {
                    out.write_all(b"\n")?;
                }
                header(series, out)?;
                columns = Some(&series.columns);
                is_first = false;
            }
            rows(series, unit, out)?;
        }
    }
    Ok(())
}

fn header(series: &Series, out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"name,tags")?;
    for column in &series.columns {
        out.write_all(b",")?;
        text(column, out)?;
    }
    out.write_all(b"\n")
}

fn rows(series: &Series, unit: i64, out: &mut impl Write) -> io::Result<()> {
    let tags: Vec<String> = series
        .tags
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| format!("{}={}", escaped(key), escaped(value)))
        .collect();
    let tags = tags.join(",");
    for row in &series.rows {
        text(series.name.as_deref().unwrap_or_default(), out)?;
        out.write_all(b",")?;
        text(&tags, out)?;
        for cell in row {
            out.write_all(b",")?;
            write_cell(cell, unit, out)?;
        }
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn write_cell(cell: &Cell, unit: i64, out: &mut impl Write) -> io::Result<()> {
    match cell {
        Cell::Null => Ok(()),
        Cell::Time(time) => write!(out, "{}", time.div_euclid(unit)),
        Cell::Value(FieldValue::Float(number)) => out.write_all(format_float(*number).as_bytes()),
        Cell::Value(FieldValue::Integer(number)) => write!(out, "{number}"),
        Cell::Value(FieldValue::Unsigned(number)) => write!(out, "{number}"),
        Cell::Value(FieldValue::String(value)) => text(value, out),
        Cell::Value(FieldValue::Boolean(truth)) => write!(out, "{truth}"),
    }
}

/// A part of a tag as in the key of a series.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, ',' | ' ' | '=') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// A text, quoted when Go's `encoding/csv` would.
fn text(text: &str, out: &mut impl Write) -> io::Result<()> {
    let is_quoted = text == "\\."
        || text.starts_with(char::is_whitespace)
        || text.contains([',', '"', '\n', '\r']);
    if !is_quoted {
        return out.write_all(text.as_bytes());
    }
    out.write_all(b"\"")?;
    for (place, part) in text.split('"').enumerate() {
        if place > 0 {
            out.write_all(b"\"\"")?;
        }
        out.write_all(part.as_bytes())?;
    }
    out.write_all(b"\"")
}
