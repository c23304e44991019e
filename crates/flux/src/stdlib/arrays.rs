//! Package `array`, and the functions of arrays that need no import.

use std::rc::Rc;

use super::native;
use crate::error::Error;
use crate::execute::{Context, ITEM_BYTES, deep, shallow};
use crate::interpret::NativeKind::{Scalar, Stream};
use crate::interpret::{Arguments, Lambda, Native};
use crate::value::{Value, equal_values};

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native("", "length", "<-arr", Scalar, |_, a| {
        Ok(Value::Integer(
            i64::try_from(a.array("arr")?.len()).unwrap_or(i64::MAX),
        ))
    }),
    native("", "contains", "value, set", Scalar, |context, a| {
        let value = a.expect("value")?;
        // As `==` is bounded: the value is compared with each item.
        context.reserve(deep(value, context.free_bytes()))?;
        Ok(Value::Boolean(
            !value.is_null() && a.array("set")?.iter().any(|item| equal_values(item, value)),
        ))
    }),
    native("array", "concat", "<-arr, v", Scalar, concat),
    native("array", "map", "<-arr, fn", Stream, map),
    native("array", "filter", "<-arr, fn", Stream, filter),
    native(
        "experimental/array",
        "toBool",
        "<-arr",
        Scalar,
        |context, a| convert(context, a, "bool"),
    ),
    native(
        "experimental/array",
        "toDuration",
        "<-arr",
        Scalar,
        |context, a| convert(context, a, "duration"),
    ),
    native(
        "experimental/array",
        "toFloat",
        "<-arr",
        Scalar,
        |context, a| convert(context, a, "float"),
    ),
    native(
        "experimental/array",
        "toInt",
        "<-arr",
        Scalar,
        |context, a| convert(context, a, "int"),
    ),
    native(
        "experimental/array",
        "toString",
        "<-arr",
        Scalar,
        |context, a| convert(context, a, "string"),
    ),
    native(
        "experimental/array",
        "toTime",
        "<-arr",
        Scalar,
        |context, a| convert(context, a, "time"),
    ),
    native(
        "experimental/array",
        "toUInt",
        "<-arr",
        Scalar,
        |context, a| convert(context, a, "uint"),
    ),
];

fn concat(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let (arr, v) = (arguments.array("arr")?, arguments.array("v")?);
    context.reserve((arr.len() + v.len()) * ITEM_BYTES)?;
    let mut items = Vec::with_capacity(arr.len() + v.len());
    items.extend(arr.iter().chain(v.iter()).cloned());
    Ok(Value::Array(Rc::new(items)))
}

fn map(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let lambda = Lambda::new(arguments.function("fn")?)?;
    let items: Result<Vec<Value>, Error> = arguments
        .array("arr")?
        .iter()
        .map(|item| {
            let made = lambda.value(context, item.clone())?;
            context.charge(shallow(&made))?;
            Ok(made)
        })
        .collect();
    items.map(Value::array)
}

fn filter(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let lambda = Lambda::new(arguments.function("fn")?)?;
    let mut kept = Vec::new();
    for item in arguments.array("arr")?.iter() {
        if let Value::Boolean(true) = lambda.value(context, item.clone())? {
            kept.push(item.clone());
        }
    }
    Ok(Value::array(kept))
}

/// Each item through the conversion of a name.
fn convert(context: &Context<'_>, arguments: &Arguments, name: &str) -> Result<Value, Error> {
    let Some(Value::Function(function)) = context.universe().own(name) else {
        return Err(Error::internal(format!("no conversion {name}")));
    };
    let items: Result<Vec<Value>, Error> = arguments
        .array("arr")?
        .iter()
        .map(|item| context.call_with(&function, [("v", item.clone())]))
        .collect();
    items.map(Value::array)
}
