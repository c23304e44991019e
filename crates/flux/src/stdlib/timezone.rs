//! The package `timezone`: places by name or by their distance from UTC.

use super::native;
use crate::error::Error;
use crate::execute::Context;
use crate::interpret::NativeKind::Scalar;
use crate::interpret::{Arguments, Native};
use crate::value::window::Location;
use crate::value::{Duration, Record, Value};

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native("timezone", "fixed", "offset", Scalar, fixed),
    native("timezone", "location", "name", Scalar, location),
];

/// The place without an offset.
pub(super) fn constants() -> Vec<(&'static str, Value)> {
    vec![("utc", place("UTC", Duration::from_nanoseconds(0)))]
}

fn place(zone: &str, offset: Duration) -> Value {
    Value::record(Record::from([
        ("zone", Value::text(zone)),
        ("offset", Value::Duration(offset)),
    ]))
}

fn fixed(_: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    Ok(place("UTC", arguments.duration("offset")?))
}

fn location(_: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let name = arguments.string("name")?;
    Location::load(&name, 0)?;
    Ok(place(&name, Duration::from_nanoseconds(0)))
}
