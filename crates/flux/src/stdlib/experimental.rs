//! Package `experimental`, the part that is no variant of another function.

use std::rc::Rc;
use std::sync::Arc;

use super::build::each;
use super::native;
use super::sources::instant_of;
use crate::error::{Error, ErrorKind};
use crate::execute::Context;
use crate::interpret::NativeKind::{Scalar, Stream};
use crate::interpret::{Arguments, Native};
use crate::value::{Record, Value};

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native(
        "experimental",
        "addDuration",
        "d, to, ?location",
        Scalar,
        add_duration,
    ),
    native(
        "experimental",
        "subDuration",
        "d, from, ?location",
        Scalar,
        subtract_duration,
    ),
    native("experimental", "objectKeys", "o", Scalar, object_keys),
    native("experimental", "catch", "fn", Stream, catch),
    native("experimental", "chain", "first, second", Stream, chain),
    native(
        "experimental",
        "preview",
        "<-tables, ?nrows, ?ntables",
        Stream,
        preview,
    ),
    native(
        "experimental",
        "alignTime",
        "<-tables, ?alignTo",
        Stream,
        align_time,
    ),
    native(
        "experimental/record",
        "get",
        "r, key, default",
        Scalar,
        record_get,
    ),
];

/// A time moved by a duration on the clock of a location.
pub(super) fn moved(
    context: &Context<'_>,
    arguments: &Arguments,
    name: &str,
    back: bool,
) -> Result<Value, Error> {
    let duration = arguments.duration("d")?;
    let duration = if back { duration.negate() } else { duration };
    let time = instant_of(context, arguments.expect(name)?)?;
    let location = super::windows::location_argument(context, arguments)?;
    let months = crate::value::Duration::from_months(duration.signed_months());
    let local = location.to_utc(months.add_to(location.to_local(time)));
    let time = if months.is_zero() { time } else { local };
    Ok(Value::Time(
        time.saturating_add(duration.signed_nanoseconds()),
    ))
}

fn add_duration(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    moved(context, arguments, "to", false)
}

fn subtract_duration(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    moved(context, arguments, "from", true)
}

fn object_keys(_: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let record = arguments.record("o")?;
    Ok(Value::array(
        record
            .iter()
            .map(|(name, _)| Value::String(Arc::clone(name)))
            .collect(),
    ))
}

fn catch(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let function = arguments.function("fn")?;
    let (value, code, message) = match context.call_with(&function, []) {
        Ok(value) => (value, Value::Null, Value::Null),
        Err(error) => {
            let code = match error.kind {
                ErrorKind::Internal => 1,
                ErrorKind::Invalid => 3,
                ErrorKind::NotFound => 5,
                ErrorKind::Forbidden => 7,
                ErrorKind::Exhausted | ErrorKind::Canceled | ErrorKind::Unavailable => {
                    return Err(error);
                }
            };
            (
                Value::Null,
                Value::Unsigned(code),
                Value::text(error.message),
            )
        }
    };
    let record = [("value", value), ("code", code), ("msg", message)];
    Ok(Value::record(Record::from(record)))
}

/// Runs one stream to its end, then gives the other.
fn chain(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let (first, second) = (arguments.stream("first")?, arguments.stream("second")?);
    super::build::all(
        context,
        arguments,
        "chain",
        vec![first, second],
        |_, mut inputs, out| {
            inputs
                .pop()
                .unwrap_or_default()
                .into_iter()
                .try_for_each(out)
        },
    )
}

fn preview(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let rows = usize::try_from(arguments.integer_or("nrows", 5)?).unwrap_or(0);
    let count = usize::try_from(arguments.integer_or("ntables", 5)?).unwrap_or(0);
    let input = arguments.stream("tables")?;
    super::build::all(
        context,
        arguments,
        "preview",
        vec![input],
        move |_, inputs, out| {
            let tables = inputs.into_iter().flatten().take(count);
            tables
                .into_iter()
                .try_for_each(|table| out(table.slice(0, rows.min(table.rows))))
        },
    )
}

fn align_time(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let target = arguments
        .get("alignTo")
        .map_or(Ok(0), |value| instant_of(context, value))?;
    each(context, arguments, "alignTime", move |_, mut table, out| {
        // The first row of each table, not the range, is what becomes the common start.
        if let Ok(times) = table.expect_times("_time") {
            if times.has_nulls() {
                return Err(Error::invalid("got a null timestamp"));
            }
            if !times.iter().is_sorted() {
                return Err(Error::invalid("got an out-of-order timestamp"));
            }
            let start = times.iter().flatten().next().copied().unwrap_or(target);
            let moved = times.map(|time| time.wrapping_sub(start).wrapping_add(target));
            table.set("_time", crate::table::Column::Time(moved));
        }
        out(table)
    })
}

fn record_get(_: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let record: Rc<Record> = arguments.record("r")?;
    let found = record.get(&arguments.string("key")?).cloned();
    found.map_or_else(|| arguments.expect("default").cloned(), Ok)
}
