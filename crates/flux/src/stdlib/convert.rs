//! Conversions between types: `int(v:)` and its siblings, and what prints values.

use std::sync::Arc;

use super::build::each;
use super::native;
use crate::error::Error;
use crate::execute::{Context, deep};
use crate::interpret::NativeKind::{Scalar, Stream};
use crate::interpret::{Arguments, Native};
use crate::table::{Column, ColumnType, Text, Vector};
use crate::value::time::{format_time_full, parse_time};
use crate::value::{Duration, Value, display_value, duration, format_float};

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native("", "string", "v", Scalar, string),
    native("", "int", "v", Scalar, int),
    native("", "uint", "v", Scalar, uint),
    native("", "float", "v", Scalar, float),
    native("", "bool", "v", Scalar, bool),
    native("", "time", "v", Scalar, time),
    native("", "duration", "v", Scalar, duration_of),
    native("", "bytes", "v", Scalar, bytes),
    native("", "display", "v", Scalar, display),
    native("", "die", "msg", Scalar, die),
    native("", "toString", "<-tables", Stream, to_string),
    native("", "toInt", "<-tables", Stream, to_int),
    native("", "toUInt", "<-tables", Stream, to_uint),
    native("", "toFloat", "<-tables", Stream, to_float),
    native("", "toBool", "<-tables", Stream, to_bool),
    native("", "toTime", "<-tables", Stream, to_time),
    native("contrib/bonitoo-io/hex", "int", "v", Scalar, hex_int),
    native("contrib/bonitoo-io/hex", "uint", "v", Scalar, hex_uint),
    native("contrib/bonitoo-io/hex", "bytes", "v", Scalar, hex_bytes),
    native("contrib/bonitoo-io/hex", "string", "v", Scalar, hex_string),
];

fn argument(arguments: &Arguments) -> Result<Value, Error> {
    Ok(match arguments.expect("v")? {
        Value::Dynamic(inner) => inner.as_ref().clone(),
        other => other.clone(),
    })
}

fn cannot(value: &Value, kind: &str) -> Error {
    Error::invalid(format!("cannot convert {} to {kind}", value.type_name()))
}

fn cannot_parse(text: &str, kind: &str) -> Error {
    Error::invalid(format!(
        "cannot convert string {text:?} to {kind} due to invalid syntax"
    ))
}

fn string(_: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    string_of(&argument(arguments)?)
}

fn string_of(value: &Value) -> Result<Value, Error> {
    Ok(match value {
        Value::Null => Value::Null,
        Value::String(text) => Value::String(Arc::clone(text)),
        Value::Boolean(value) => Value::text(value.to_string()),
        Value::Integer(value) => Value::text(value.to_string()),
        Value::Unsigned(value) => Value::text(value.to_string()),
        Value::Float(value) => Value::text(format_float(*value)),
        Value::Time(value) => Value::text(format_time_full(*value)),
        Value::Duration(value) => Value::text(value.to_string()),
        Value::Bytes(bytes) => {
            Value::text(std::str::from_utf8(bytes).map_err(|_| {
                Error::invalid("cannot convert bytes to string due to invalid utf-8")
            })?)
        }
        other => return Err(cannot(other, "string")),
    })
}

fn int(_: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    int_of(&argument(arguments)?)
}

fn int_of(value: &Value) -> Result<Value, Error> {
    Ok(match value {
        Value::Null => Value::Null,
        Value::String(text) => Value::Integer(text.parse().map_err(|_| cannot_parse(text, "int"))?),
        Value::Boolean(value) => Value::Integer(i64::from(*value)),
        Value::Integer(value) => Value::Integer(*value),
        Value::Unsigned(value) => Value::Integer(value.cast_signed()),
        Value::Float(value) => Value::Integer(integer_of(*value)),
        Value::Time(value) => Value::Integer(*value),
        Value::Duration(value) => Value::Integer(value.approximate_nanoseconds()),
        other => return Err(cannot(other, "int")),
    })
}

/// The whole part of a float as InfluxDB converts it: what does not fit is the smallest integer.
pub(crate) fn integer_of(value: f64) -> i64 {
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    if (-BOUND..BOUND).contains(&value) {
        value as i64
    } else {
        i64::MIN
    }
}

/// The whole part of a float as InfluxDB converts it: a negative one wraps around, what does not fit is 2^63.
pub(crate) fn unsigned_of(value: f64) -> u64 {
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    if (BOUND..2.0 * BOUND).contains(&value) {
        value as u64
    } else {
        integer_of(value).cast_unsigned()
    }
}

fn uint(_: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    uint_of(&argument(arguments)?)
}

fn uint_of(value: &Value) -> Result<Value, Error> {
    Ok(match value {
        Value::Null => Value::Null,
        Value::String(text) => {
            Value::Unsigned(text.parse().map_err(|_| cannot_parse(text, "uint"))?)
        }
        Value::Boolean(value) => Value::Unsigned(u64::from(*value)),
        Value::Integer(value) | Value::Time(value) => Value::Unsigned(value.cast_unsigned()),
        Value::Unsigned(value) => Value::Unsigned(*value),
        Value::Float(value) => Value::Unsigned(unsigned_of(*value)),
        Value::Duration(value) => Value::Unsigned(value.approximate_nanoseconds().cast_unsigned()),
        other => return Err(cannot(other, "uint")),
    })
}

fn float(_: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    float_of(&argument(arguments)?)
}

/// A float's text as Go reads it.
pub(super) fn parse_float(text: &str) -> Option<f64> {
    match text.to_ascii_lowercase().trim_start_matches('+') {
        "inf" | "infinity" => Some(f64::INFINITY),
        "-inf" | "-infinity" => Some(f64::NEG_INFINITY),
        "nan" => Some(f64::NAN),
        lower if lower.contains("0x") => parse_hex_float(lower),
        // What is too large for a float is no float.
        _ => text.parse().ok().filter(|value: &f64| value.is_finite()),
    }
}

/// A hexadecimal float, `-0x1.8p-2`, in lower case.
fn parse_hex_float(text: &str) -> Option<f64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    let (mantissa, exponent) = digits.strip_prefix("0x")?.split_once('p')?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0.0;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let exponent: i32 = exponent.parse().ok()?;
    let places = i32::try_from(fraction.len()).ok()?.checked_mul(4)?;
    Some(sign * libm::ldexp(value, exponent.checked_sub(places)?))
}

fn float_of(value: &Value) -> Result<Value, Error> {
    Ok(match value {
        Value::Null => Value::Null,
        Value::String(text) => {
            Value::Float(parse_float(text).ok_or_else(|| cannot_parse(text, "float"))?)
        }
        Value::Boolean(value) => Value::Float(f64::from(u8::from(*value))),
        Value::Integer(value) => Value::Float(*value as f64),
        Value::Unsigned(value) => Value::Float(*value as f64),
        Value::Float(value) => Value::Float(*value),
        other => return Err(cannot(other, "float")),
    })
}

fn bool(_: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    bool_of(&argument(arguments)?)
}

fn bool_of(value: &Value) -> Result<Value, Error> {
    let whole = |zero: bool, one: bool| match (zero, one) {
        (true, _) => Ok(Value::Boolean(false)),
        (_, true) => Ok(Value::Boolean(true)),
        _ => Err(Error::invalid(format!(
            "cannot convert {} {} to bool: only 0 and 1 are",
            value.type_name(),
            display_value(value)
        ))),
    };
    match value {
        Value::Null => Ok(Value::Null),
        Value::String(text) => match text.as_ref() {
            "true" => Ok(Value::Boolean(true)),
            "false" => Ok(Value::Boolean(false)),
            other => Err(Error::invalid(format!(
                "cannot convert string {other:?} to bool"
            ))),
        },
        Value::Boolean(value) => Ok(Value::Boolean(*value)),
        Value::Integer(value) => whole(*value == 0, *value == 1),
        Value::Unsigned(value) => whole(*value == 0, *value == 1),
        Value::Float(value) => whole(*value == 0.0, *value == 1.0),
        other => Err(cannot(other, "bool")),
    }
}

fn time(_: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    time_of(&argument(arguments)?)
}

fn time_of(value: &Value) -> Result<Value, Error> {
    Ok(match value {
        Value::Null => Value::Null,
        Value::String(text) => Value::Time(parse_time(text).ok_or_else(|| {
            Error::invalid(format!(
                "cannot convert string {text:?} to time due to invalid syntax"
            ))
        })?),
        Value::Integer(value) | Value::Time(value) => Value::Time(*value),
        Value::Unsigned(value) => Value::Time(value.cast_signed()),
        other => return Err(cannot(other, "time")),
    })
}

fn duration_of(_: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    Ok(match argument(arguments)? {
        Value::Null => Value::Null,
        Value::String(text) if text.is_empty() => Value::Duration(Duration::default()),
        Value::String(text) => {
            Value::Duration(duration::parse_duration(&text).ok_or_else(|| {
                Error::invalid(format!(
                    "cannot convert string {text:?} to duration due to invalid syntax"
                ))
            })?)
        }
        Value::Integer(value) => Value::Duration(Duration::from_nanoseconds(value)),
        Value::Unsigned(value) => Value::Duration(Duration::from_nanoseconds(value.cast_signed())),
        Value::Duration(value) => Value::Duration(value),
        other => return Err(cannot(&other, "duration")),
    })
}

fn bytes(_: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    Ok(match argument(arguments)? {
        Value::String(text) => Value::Bytes(Arc::from(text.as_bytes())),
        Value::Bytes(bytes) => Value::Bytes(bytes),
        other => return Err(cannot(&other, "bytes")),
    })
}

fn display(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let value = arguments.expect("v")?;
    // Each item is a text of its own before it is one with the others.
    context.reserve(deep(value, context.free_bytes()).saturating_mul(2))?;
    Ok(Value::text(display_value(value)))
}

fn die(_: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    Err(Error::invalid(arguments.string("msg")?))
}

/// A whole column converted without a look at single values; `None` where each value must be looked at.
fn cast(column: &Column, kind: ColumnType) -> Option<Column> {
    Some(match (column, kind) {
        (Column::Integer(values), ColumnType::Float) => {
            Column::Float(values.map(|value| *value as f64))
        }
        (Column::Unsigned(values), ColumnType::Float) => {
            Column::Float(values.map(|value| *value as f64))
        }
        (Column::Float(values), ColumnType::Integer) => {
            Column::Integer(values.map(|value| *value as i64))
        }
        (Column::Time(values), ColumnType::Integer) => Column::Integer(values.clone()),
        (Column::Unsigned(values), ColumnType::Integer) => {
            Column::Integer(values.map(|value| value.cast_signed()))
        }
        (Column::Integer(values), ColumnType::Unsigned) => {
            Column::Unsigned(values.map(|value| value.cast_unsigned()))
        }
        (Column::Float(values), ColumnType::String) => {
            Column::String(values.map(|value| Text(Arc::from(format_float(*value)))))
        }
        (Column::Integer(values), ColumnType::String) => {
            Column::String(values.map(|value| Text(Arc::from(value.to_string()))))
        }
        (Column::Time(values), ColumnType::String) => {
            Column::String(values.map(|value| Text(Arc::from(format_time_full(*value)))))
        }
        (Column::Integer(values), ColumnType::Time) => Column::Time(values.clone()),
        (other, _) if other.kind() == kind => other.clone(),
        _ => return None,
    })
}

/// What a conversion of the language does to a whole column, by the function's name; `None` as [`cast`].
pub fn convert_column(name: &str, column: &Column) -> Option<Column> {
    let kind = match name {
        "int" => ColumnType::Integer,
        "uint" => ColumnType::Unsigned,
        "float" => ColumnType::Float,
        "string" => ColumnType::String,
        "time" => ColumnType::Time,
        _ => return None,
    };
    cast(column, kind)
}

/// A stream whose `_value` went through a conversion; null stays null, and tables without rows go, as with `map`.
fn convert_values(
    context: &Context<'_>,
    arguments: &Arguments,
    name: &'static str,
    kind: ColumnType,
    convert: fn(&Value) -> Result<Value, Error>,
) -> Result<Value, Error> {
    each(context, arguments, name, move |_, mut table, out| {
        if table.rows == 0 {
            return Ok(());
        }
        let column = table.expect_column("_value")?;
        let fast = cast(column, kind);
        let converted = match fast {
            Some(column) => column,
            None => {
                let values: Result<Vec<Value>, Error> = (0..table.rows)
                    .map(|row| convert(&column.value(row)))
                    .collect();
                Column::from_values(&values?, kind)
                    .ok_or_else(|| Error::internal("a conversion gave another type"))?
            }
        };
        table.set("_value", converted);
        out(table)
    })
}

fn to_string(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    convert_values(
        context,
        arguments,
        "toString",
        ColumnType::String,
        string_of,
    )
}

fn to_int(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    convert_values(context, arguments, "toInt", ColumnType::Integer, int_of)
}

fn to_uint(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    convert_values(context, arguments, "toUInt", ColumnType::Unsigned, uint_of)
}

fn to_float(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    // Unlike `float`, it takes times.
    convert_values(
        context,
        arguments,
        "toFloat",
        ColumnType::Float,
        |value| match value {
            Value::Time(time) => Ok(Value::Float(*time as f64)),
            other => float_of(other),
        },
    )
}

fn to_bool(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    convert_values(context, arguments, "toBool", ColumnType::Boolean, bool_of)
}

fn to_time(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    convert_values(context, arguments, "toTime", ColumnType::Time, time_of)
}

fn hex_int(_: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let text = arguments.string("v")?;
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.as_ref()),
    };
    let digits = digits.trim_start_matches("0x").trim_start_matches("0X");
    let value = i64::from_str_radix(digits, 16).map_err(|_| {
        Error::invalid(format!(
            "cannot convert string {text:?} to int due to invalid syntax"
        ))
    })?;
    Ok(Value::Integer(if negative { -value } else { value }))
}

fn hex_uint(_: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let text = arguments.string("v")?;
    let digits = text.trim_start_matches("0x").trim_start_matches("0X");
    u64::from_str_radix(digits, 16)
        .map(Value::Unsigned)
        .map_err(|_| cannot_parse(&text, "uint"))
}

fn hex_bytes(_: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let text = arguments.string("v")?;
    let pair = |at: usize| {
        text.get(at..at + 2)
            .and_then(|pair| u8::from_str_radix(pair, 16).ok())
    };
    let bytes: Option<Vec<u8>> = (0..text.len()).step_by(2).map(pair).collect();
    bytes
        .map(|bytes| Value::Bytes(Arc::from(bytes)))
        .ok_or_else(|| cannot_parse(&text, "bytes"))
}

fn hex_string(_: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    Ok(match argument(arguments)? {
        Value::Integer(value) if value < 0 => Value::text(format!("-{:x}", value.unsigned_abs())),
        Value::Integer(value) => Value::text(format!("{value:x}")),
        Value::Unsigned(value) => Value::text(format!("{value:x}")),
        Value::Bytes(bytes) => Value::text(
            bytes
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>(),
        ),
        other => return string_of(&other),
    })
}

/// Values of a column as floats, null where null.
pub(super) fn floats(column: &Column) -> Option<Vector<f64>> {
    Some(match column {
        Column::Float(values) => values.clone(),
        Column::Integer(values) => values.map(|value| *value as f64),
        Column::Unsigned(values) => values.map(|value| *value as f64),
        _ => return None,
    })
}
