//! The package `date`: the parts of a time, and times moved and rounded, each in a time zone.
//!
//! Where a time is asked for a duration will do: it counts from now.

use super::native;
use super::windows::location_argument;
use crate::error::Error;
use crate::execute::Context;
use crate::interpret::NativeKind::Scalar;
use crate::interpret::{Arguments, Native};
use crate::value::time::{civil_from_days, days_from_civil};
use crate::value::window::Window;
use crate::value::{Duration, Value};

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native("", "_truncateTime", "t, unit, ?location", Scalar, truncate),
    native("date", "add", "d, to, ?location", Scalar, add),
    native("date", "hour", "t, ?location", Scalar, hour),
    native("date", "microsecond", "t", Scalar, microsecond),
    native("date", "millisecond", "t", Scalar, millisecond),
    native("date", "minute", "t, ?location", Scalar, minute),
    native("date", "month", "t, ?location", Scalar, month),
    native("date", "monthDay", "t, ?location", Scalar, month_day),
    native("date", "nanosecond", "t", Scalar, nanosecond),
    native("date", "quarter", "t, ?location", Scalar, quarter),
    native("date", "scale", "d, n", Scalar, scale),
    native("date", "second", "t", Scalar, second),
    native("date", "sub", "d, from, ?location", Scalar, subtract),
    native("date", "time", "t, ?location", Scalar, time),
    native("date", "truncate", "t, unit, ?location", Scalar, truncate),
    native("date", "week", "t, ?location", Scalar, week),
    native("date", "weekDay", "t, ?location", Scalar, week_day),
    native("date", "year", "t, ?location", Scalar, year),
    native("date", "yearDay", "t, ?location", Scalar, year_day),
];

type Answer = Result<Value, Error>;

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

/// The names of days and months as numbers: Sunday is 0, January is 1.
pub(super) fn constants() -> Vec<(&'static str, Value)> {
    let days = [
        "Sunday",
        "Monday",
        "Tuesday",
        "Wednesday",
        "Thursday",
        "Friday",
        "Saturday",
    ];
    let months = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let days = days
        .into_iter()
        .zip(0..)
        .map(|(name, number)| (name, Value::Integer(number)));
    let months = months
        .into_iter()
        .zip(1..)
        .map(|(name, number)| (name, Value::Integer(number)));
    days.chain(months).collect()
}

/// The instant of a time or of a duration from now.
fn instant(context: &Context<'_>, arguments: &Arguments, name: &str) -> Result<i64, Error> {
    match arguments.expect(name)? {
        Value::Time(time) => Ok(*time),
        Value::Duration(duration) => Ok(duration.add_to(context.now()?)),
        other => Err(Error::invalid(format!(
            "{name} must be a time or a duration, found {}",
            other.type_name()
        ))),
    }
}

/// The local clock of the argument `t`, as if it were UTC.
fn local(context: &Context<'_>, arguments: &Arguments) -> Result<i64, Error> {
    Ok(location_argument(context, arguments)?.to_local(instant(context, arguments, "t")?))
}

/// Year, month, day of the argument `t`, and the days since 1970.
fn calendar(context: &Context<'_>, arguments: &Arguments) -> Result<(i64, i64, i64, i64), Error> {
    let days = local(context, arguments)?.div_euclid(DAY);
    let (year, month, day) = civil_from_days(days);
    Ok((year, month, day, days))
}

// === parts ===

fn clock_part(context: &Context<'_>, arguments: &Arguments, unit: i64, parts: i64) -> Answer {
    Ok(Value::Integer(
        local(context, arguments)?
            .div_euclid(unit)
            .rem_euclid(parts),
    ))
}

fn hour(context: &Context<'_>, arguments: &Arguments) -> Answer {
    clock_part(context, arguments, 3600 * SECOND, 24)
}

fn minute(context: &Context<'_>, arguments: &Arguments) -> Answer {
    clock_part(context, arguments, 60 * SECOND, 60)
}

fn second(context: &Context<'_>, arguments: &Arguments) -> Answer {
    clock_part(context, arguments, SECOND, 60)
}

fn millisecond(context: &Context<'_>, arguments: &Arguments) -> Answer {
    clock_part(context, arguments, 1_000_000, 1000)
}

fn microsecond(context: &Context<'_>, arguments: &Arguments) -> Answer {
    clock_part(context, arguments, 1000, 1_000_000)
}

fn nanosecond(context: &Context<'_>, arguments: &Arguments) -> Answer {
    clock_part(context, arguments, 1, SECOND)
}

fn year(context: &Context<'_>, arguments: &Arguments) -> Answer {
    Ok(Value::Integer(calendar(context, arguments)?.0))
}

fn month(context: &Context<'_>, arguments: &Arguments) -> Answer {
    Ok(Value::Integer(calendar(context, arguments)?.1))
}

fn quarter(context: &Context<'_>, arguments: &Arguments) -> Answer {
    Ok(Value::Integer((calendar(context, arguments)?.1 + 2) / 3))
}

fn month_day(context: &Context<'_>, arguments: &Arguments) -> Answer {
    Ok(Value::Integer(calendar(context, arguments)?.2))
}

fn year_day(context: &Context<'_>, arguments: &Arguments) -> Answer {
    let (year, _, _, days) = calendar(context, arguments)?;
    Ok(Value::Integer(days - days_from_civil(year, 1, 1) + 1))
}

/// 1970 began on a Thursday; Sunday is 0.
fn weekday_of(days: i64) -> i64 {
    (days + 4).rem_euclid(7)
}

fn week_day(context: &Context<'_>, arguments: &Arguments) -> Answer {
    Ok(Value::Integer(weekday_of(calendar(context, arguments)?.3)))
}

/// The week of ISO 8601: the one that holds the Thursday of `t`'s week, counted in that Thursday's year.
fn week(context: &Context<'_>, arguments: &Arguments) -> Answer {
    let days = calendar(context, arguments)?.3;
    let monday = days - (weekday_of(days) + 6).rem_euclid(7);
    let thursday = monday + 3;
    let (year, ..) = civil_from_days(thursday);
    Ok(Value::Integer(
        (thursday - days_from_civil(year, 1, 1)) / 7 + 1,
    ))
}

// === moving and rounding ===

/// The local clock, as if it were UTC.
fn time(context: &Context<'_>, arguments: &Arguments) -> Answer {
    Ok(Value::Time(local(context, arguments)?))
}

fn scale(_: &Context<'_>, arguments: &Arguments) -> Answer {
    Ok(Value::Duration(
        arguments.duration("d")?.times(arguments.integer("n")?),
    ))
}

fn add(context: &Context<'_>, arguments: &Arguments) -> Answer {
    let time = instant(context, arguments, "to")?;
    moved(context, arguments, time, arguments.duration("d")?)
}

fn subtract(context: &Context<'_>, arguments: &Arguments) -> Answer {
    let time = instant(context, arguments, "from")?;
    moved(context, arguments, time, arguments.duration("d")?.negate())
}

/// It is the local clock that moves, so that a day may have 23 hours.
fn moved(context: &Context<'_>, arguments: &Arguments, time: i64, by: Duration) -> Answer {
    let location = location_argument(context, arguments)?;
    Ok(Value::Time(
        location.to_utc(by.add_to(location.to_local(time))),
    ))
}

/// The start of the window of that length in which the time lies; weeks begin on Thursday.
fn truncate(context: &Context<'_>, arguments: &Arguments) -> Answer {
    let time = instant(context, arguments, "t")?;
    let unit = arguments.duration("unit")?;
    let mut window = Window::new(unit, unit, Duration::from_nanoseconds(0))?;
    window.location = location_argument(context, arguments)?;
    Ok(Value::Time(window.latest(time).start))
}
