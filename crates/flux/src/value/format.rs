//! The texts of values: what `string(v:)`, interpolation and `display` print.

use super::time::{format_time_full, format_time_nine};
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
    if let Value::Time(time) = value {
        return Ok(format_time_nine(*time));
    }
    scalar(value).ok_or_else(|| {
        Error::invalid(format!(
            "invalid interpolation type: expected a value that has a text, found {}",
            value.type_name()
        ))
    })
}

/// The text that `display(v:)` gives any value.
pub fn display_value(value: &Value) -> String {
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
            let items: Vec<String> = items.iter().map(display_value).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Dynamic(inner) => format!("dynamic({})", display_value(inner)),
        Value::Record(record) => display_record(record),
        Value::Row(row) => display_record(&row.record()),
        Value::Dict(items) => {
            if items.is_empty() {
                return "[:]".to_owned();
            }
            let items: Vec<String> = items
                .iter()
                .map(|(key, value)| {
                    format!("{}: {}", display_value(&key.value()), display_value(value))
                })
                .collect();
            format!("[{}]", items.join(", "))
        }
        Value::Function(function) => format!("<function {}>", function.name()),
        Value::Stream(_) => "<stream>".to_owned(),
        other => format!("<{}>", other.type_name()),
    }
}

fn display_record(record: &Record) -> String {
    let mut properties: Vec<_> = record.iter().collect();
    properties.sort_by(|a, b| a.0.cmp(&b.0));
    let properties: Vec<String> = properties
        .into_iter()
        .map(|(name, value)| {
            let plain = name.chars().all(|c| c.is_alphanumeric() || c == '_');
            let name = if plain {
                name.to_string()
            } else {
                format!("{name:?}")
            };
            format!("{name}: {}", display_value(value))
        })
        .collect();
    format!("{{{}}}", properties.join(", "))
}
