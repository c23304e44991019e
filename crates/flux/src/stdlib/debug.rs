//! Package `internal/debug`: what programs use to test the language itself.

use super::build::{each, map_table};
use super::native;
use crate::error::Error;
use crate::execute::Context;
use crate::interpret::NativeKind::{Scalar, Stream};
use crate::interpret::{Arguments, Native};
use crate::value::Value;

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native("internal/debug", "pass", "<-tables", Stream, pass),
    native("internal/debug", "opaque", "<-tables", Stream, pass),
    native("internal/debug", "slurp", "<-tables", Stream, pass),
    native("internal/debug", "sink", "<-tables", Stream, sink),
    native("internal/debug", "null", "?type", Scalar, null),
    native("internal/debug", "feature", "key", Scalar, feature),
    native("internal/debug", "getOption", "pkg, name", Scalar, option),
];

/// The options of the package.
pub(super) fn constants() -> Vec<(&'static str, Value)> {
    vec![("vectorize", Value::Boolean(false))]
}

fn pass(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    map_table(context, arguments, "pass", |_, table| Ok(table))
}

fn sink(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    each(context, arguments, "sink", |_, _, _| Ok(()))
}

/// The types that a null can be asked for.
const BASIC_TYPES: &[&str] = &[
    "string", "bytes", "int", "uint", "float", "bool", "time", "duration", "regexp", "",
];

fn null(_: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let kind = arguments.string_or("type", "")?;
    if BASIC_TYPES.contains(&kind.as_ref()) {
        Ok(Value::Null)
    } else {
        Err(Error::invalid(format!("invalid null type {kind:?}")))
    }
}

/// No feature can be switched here: all are off.
fn feature(_: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    arguments.string("key")?;
    Ok(Value::Boolean(false))
}

fn option(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let (path, name) = (arguments.string("pkg")?, arguments.string("name")?);
    let package = context.import(&path)?;
    let value = package.scope.own(&name);
    value.ok_or_else(|| Error::invalid(format!("package {path:?} has no option {name:?}")))
}
