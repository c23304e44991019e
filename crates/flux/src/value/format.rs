//! The texts of values: what `string(v:)`, interpolation and `display` print.

use super::time::format_time_full;
use super::{Record, Value};
use crate::error::Error;

/// A float with the fewest digits that read back, never with an exponent.
pub fn format_float(value: f64) -> String {
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

/// A finite float as `5.5e+00`: the fewest digits that read back, an exponent of at least two.
pub fn with_exponent(value: f64) -> String {
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    match exponent.strip_prefix('-') {
        Some(negative) => format!("{digits}e-{negative:0>2}"),
        None => format!("{digits}e+{exponent:0>2}"),
    }
}

/// A float as `display` prints it: with an exponent below 1e-4 and from a million on.
fn display_float(value: f64) -> String {
    let size = value.abs();
    if value.is_finite() && size != 0.0 && !(1e-4..1e6).contains(&size) {
        with_exponent(value)
    } else {
        format_float(value)
    }
}

/// The text of a scalar in a string; `None` if it has none.
fn scalar(value: &Value) -> Option<String> {
    Some(match value {
        Value::Boolean(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Unsigned(value) => value.to_string(),
        Value::Float(value) => format_float(*value),
        Value::String(value) => value.to_string(),
        Value::Time(value) => format_time_full(*value),
        Value::Duration(value) => value.to_string(),
        Value::Dynamic(inner) => return scalar(inner),
        _ => return None,
    })
}

/// The text of a value in `"${value}"`.
///
/// # Errors
/// The value is null or has no text.
pub fn interpolate(value: &Value) -> Result<String, Error> {
    scalar(value).ok_or_else(|| {
        Error::invalid(format!(
            "invalid interpolation type: expected a value that has a text, found {}",
            value.type_name()
        ))
    })
}

/// From so many elements on, each stands on a line of its own.
const MULTILINE: usize = 4;

/// The text that `display(v:)` gives any value.
pub fn display_value(value: &Value) -> String {
    display_at(value, 0)
}

fn display_at(value: &Value, depth: usize) -> String {
    if let Value::Dynamic(inner) = value {
        return format!("dynamic({})", display_at(inner, depth));
    }
    if let Value::Float(value) = value {
        return display_float(*value);
    }
    if let Some(text) = scalar(value) {
        return text;
    }
    match value {
        Value::Null => "<null>".to_owned(),
        Value::Regex(pattern) => pattern.as_str().to_owned(),
        Value::Bytes(bytes) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("0x{digits}")
        }
        Value::Array(items) => {
            let items = items.iter().map(|item| display_at(item, depth + 1));
            enclosed(['[', ']'], items.collect(), ",", depth)
        }
        Value::Record(record) => display_record(record, depth),
        Value::Row(row) => display_record(&row.record(), depth),
        Value::Dict(items) => {
            if items.is_empty() {
                return "[:]".to_owned();
            }
            let items = items.iter().map(|(key, value)| {
                let (key, value) = (display_value(&key.value()), display_at(value, depth + 1));
                format!("{key}: {value}")
            });
            // InfluxDB leaves a space behind the commas of long dictionaries.
            enclosed(['[', ']'], items.collect(), ", ", depth)
        }
        Value::Function(function) => format!("<function {}>", function.name()),
        Value::Stream(_) => "<stream>".to_owned(),
        other => format!("<{}>", other.type_name()),
    }
}

fn display_record(record: &Record, depth: usize) -> String {
    let mut properties: Vec<_> = record.iter().collect();
    properties.sort_by(|a, b| a.0.cmp(&b.0));
    let properties = properties
        .into_iter()
        .map(|(name, value)| format!("{name}: {}", display_at(value, depth + 1)));
    enclosed(['{', '}'], properties.collect(), ",", depth)
}

/// A list on one line, or a line an item if there are many; `comma` ends such lines.
fn enclosed([open, close]: [char; 2], items: Vec<String>, comma: &str, depth: usize) -> String {
    if items.len() < MULTILINE {
        return format!("{open}{}{close}", items.join(", "));
    }
    let indent = "    ".repeat(depth);
    let separator = format!("{comma}\n{indent}    ");
    let items = items.join(&separator);
    format!("{open}\n{indent}    {items}\n{indent}{close}")
}
