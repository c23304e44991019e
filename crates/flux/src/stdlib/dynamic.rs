//! The package `experimental/dynamic`: values whose types are only known as the program runs, as JSON has them.

use super::dynamic_of;
use super::json::{from_json, reserve_text, reserve_tree, to_json};
use super::native;
use crate::error::Error;
use crate::execute::{Context, deep, is_deeper};
use crate::interpret::NativeKind::Scalar;
use crate::interpret::{Arguments, Native};
use crate::value::{Record, Value};

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native("experimental/dynamic", "dynamic", "v", Scalar, dynamic),
    native("experimental/dynamic", "asArray", "<-v", Scalar, as_array),
    native("experimental/dynamic", "isType", "v, type", Scalar, is_type),
    native(
        "experimental/dynamic",
        "jsonEncode",
        "v",
        Scalar,
        json_encode,
    ),
    native(
        "experimental/dynamic",
        "jsonParse",
        "data",
        Scalar,
        json_parse,
    ),
];

type Answer = Result<Value, Error>;

/// The value with everything in it dynamic.
fn wrapped(value: &Value) -> Value {
    let inner = match value {
        Value::Array(items) => Value::array(items.iter().map(wrapped).collect()),
        Value::Record(record) => {
            let mut members = Record::default();
            for (name, member) in record.iter() {
                members.push(name.clone(), wrapped(member));
            }
            Value::record(members)
        }
        other => other.clone(),
    };
    dynamic_of(inner)
}

/// What is in a dynamic value.
fn inner(value: &Value) -> Value {
    match value {
        Value::Dynamic(inner) => inner.as_ref().clone(),
        other => other.clone(),
    }
}

/// Deepest nesting of a dynamic value: its type says nothing of what is in it, so nothing else would bound it.
const HEIGHT_LIMIT: usize = 400;

/// A value of its own with everything in it dynamic, within the run's memory.
fn made(context: &Context<'_>, value: &Value) -> Answer {
    let bytes = deep(value, context.free_bytes()).saturating_mul(2);
    context.charge(bytes)?;
    if is_deeper(value, HEIGHT_LIMIT) {
        return Err(Error::exhausted(format!(
            "a dynamic value of more than {HEIGHT_LIMIT} values in one another"
        )));
    }
    Ok(wrapped(value))
}

fn dynamic(context: &Context<'_>, arguments: &Arguments) -> Answer {
    made(context, arguments.expect("v")?)
}

fn as_array(_: &Context<'_>, arguments: &Arguments) -> Answer {
    match inner(arguments.expect("v")?) {
        Value::Array(items) => Ok(Value::array(items.iter().map(wrapped).collect())),
        other => Err(Error::invalid(format!(
            "unable to convert {} to array",
            other.type_name()
        ))),
    }
}

fn is_type(_: &Context<'_>, arguments: &Arguments) -> Answer {
    let wanted = arguments.string("type")?;
    let found = match inner(arguments.expect("v")?) {
        Value::Record(_) | Value::Row(_) => "object",
        other => other.type_name(),
    };
    Ok(Value::Boolean(found == &*wanted))
}

fn json_encode(context: &Context<'_>, arguments: &Arguments) -> Answer {
    reserve_tree(context, arguments.expect("v")?)?;
    let json = to_json(arguments.expect("v")?)?;
    Ok(Value::Bytes(json.to_string().into_bytes().into()))
}

fn json_parse(context: &Context<'_>, arguments: &Arguments) -> Answer {
    let Value::Bytes(data) = arguments.expect("data")? else {
        return Err(Error::invalid(
            "keyword argument \"data\" should be of kind bytes",
        ));
    };
    reserve_text(context, data)?;
    let json = serde_json::from_slice(data)
        .map_err(|error| Error::invalid(format!("invalid JSON: {error}")))?;
    made(context, &from_json(&json))
}
