//! Values to JSON (`json.encode`) and JSON to values (`experimental/json`).

use std::sync::Arc;

use serde_json::Value as Json;

use super::native;
use crate::error::Error;
use crate::execute::{Context, deep};
use crate::interpret::NativeKind::Scalar;
use crate::interpret::{Arguments, Native};
use crate::table::KeyValue;
use crate::value::time::format_time;
use crate::value::{Record, Value, display_value};

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native("json", "encode", "v", Scalar, encode),
    native("experimental/json", "parse", "data", Scalar, parse),
];

/// What a value takes as a tree of JSON, for each byte of its own and for each of its text.
const TREE_GROWTH: usize = 3;
const TEXT_GROWTH: usize = 64;

fn encode(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    reserve_tree(context, arguments.expect("v")?)?;
    let json = to_json(arguments.expect("v")?)?.to_string();
    Ok(Value::Bytes(Arc::from(safe_in_html(&json).into_bytes())))
}

/// Makes sure that a value may be written as JSON: an array that holds another twice, and that another, is a text
/// of a size that no memory has.
///
/// # Errors
/// The run would hold more than its limit.
pub(super) fn reserve_tree(context: &Context<'_>, value: &Value) -> Result<(), Error> {
    context.reserve(deep(value, context.free_bytes()).saturating_mul(TREE_GROWTH))
}

/// Makes sure that a text may be read as JSON: two bytes of it are a value.
///
/// # Errors
/// The run would hold more than its limit.
pub(super) fn reserve_text(context: &Context<'_>, text: &[u8]) -> Result<(), Error> {
    context.reserve(text.len().saturating_mul(TEXT_GROWTH))
}

/// JSON with the characters escaped that mean something in HTML, as Go's encoder does it. They stand only in texts.
fn safe_in_html(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                safe.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            other => safe.push(other),
        }
    }
    safe
}

/// A value as JSON: times as RFC 3339, durations in Flux's notation, floats that are whole without a fraction, the
/// labels of records in order of name.
///
/// # Errors
/// The value is a function, a stream or the like, or a float that JSON has no number for.
pub(super) fn to_json(value: &Value) -> Result<Json, Error> {
    Ok(match value {
        Value::Null => Json::Null,
        Value::Boolean(value) => Json::from(*value),
        Value::Integer(value) => Json::from(*value),
        Value::Unsigned(value) => Json::from(*value),
        Value::Float(value) => float(*value)?,
        Value::String(text) => Json::from(&**text),
        Value::Time(time) => Json::from(format_time(*time)),
        Value::Duration(duration) => Json::from(duration.to_string()),
        Value::Regex(pattern) => Json::from(pattern.as_str()),
        Value::Bytes(bytes) => Json::from(super::http::base64(bytes)),
        Value::Array(items) => Json::Array(items.iter().map(to_json).collect::<Result<_, _>>()?),
        Value::Record(record) => object(record)?,
        Value::Row(row) => object(&row.record())?,
        Value::Dynamic(inner) => to_json(inner)?,
        Value::Dict(items) => {
            let member = |(key, value): (&KeyValue, &Value)| {
                Ok((display_value(&key.value()), to_json(value)?))
            };
            Json::Object(items.iter().map(member).collect::<Result<_, Error>>()?)
        }
        other => {
            return Err(Error::invalid(format!(
                "cannot encode {} as JSON",
                other.type_name()
            )));
        }
    })
}

fn object(record: &Record) -> Result<Json, Error> {
    let members = record
        .iter()
        .map(|(name, value)| Ok((name.to_string(), to_json(value)?)));
    Ok(Json::Object(members.collect::<Result<_, Error>>()?))
}

/// Whole floats below this have the same digits as integers.
const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;

fn float(value: f64) -> Result<Json, Error> {
    if value.fract() == 0.0 && value.abs() < MAX_WHOLE {
        return Ok(Json::from(value as i64));
    }
    let number = serde_json::Number::from_f64(value);
    number
        .map(Json::Number)
        .ok_or_else(|| Error::invalid(format!("json: unsupported value: {value}")))
}

/// Numbers become floats.
fn parse(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let Value::Bytes(data) = arguments.expect("data")? else {
        return Err(Error::invalid(
            "keyword argument \"data\" should be of kind bytes",
        ));
    };
    reserve_text(context, data)?;
    let json: Json = serde_json::from_slice(data)
        .map_err(|error| Error::invalid(format!("invalid JSON: {error}")))?;
    of_one_type(&json)?;
    let value = from_json(&json);
    context.charge(deep(&value, context.free_bytes()))?;
    Ok(value)
}

/// # Errors
/// An array holds values of several types, which no array of Flux can.
fn of_one_type(json: &Json) -> Result<(), Error> {
    let kind = std::mem::discriminant::<Json>;
    match json {
        Json::Array(items) => {
            let mut kinds = items.iter().filter(|item| !item.is_null()).map(kind);
            let first = kinds.next();
            if kinds.any(|other| Some(other) != first) {
                return Err(Error::invalid("array values must all be the same type"));
            }
            items.iter().try_for_each(of_one_type)
        }
        Json::Object(members) => members.values().try_for_each(of_one_type),
        _ => Ok(()),
    }
}

/// JSON as a value; serde_json refuses what is nested deeper than 128 levels.
pub(super) fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Boolean(*value),
        Json::Number(number) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        Json::String(text) => Value::text(text),
        Json::Array(items) => Value::array(items.iter().map(from_json).collect()),
        Json::Object(members) => {
            let mut record = Record::default();
            for (name, value) in members {
                record.push(Arc::from(name.as_str()), from_json(value));
            }
            Value::record(record)
        }
    }
}
