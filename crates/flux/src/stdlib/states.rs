//! Rows in a state: how many in a row, for how long.

use super::aggregates::row_test;
use super::build::map_table;
use super::native;
use crate::error::Error;
use crate::execute::Context;
use crate::interpret::NativeKind::Stream;
use crate::interpret::{Arguments, Mask, Native};
use crate::table::{Column, Vector};
use crate::value::Value;

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native(
        "",
        "stateTracking",
        "<-tables, fn, ?countColumn, ?durationColumn, ?durationUnit, ?timeColumn",
        Stream,
        state_tracking,
    ),
    native(
        "contrib/tomhollingworth/events",
        "duration",
        "<-tables, ?unit, ?columnName, ?timeColumn, ?stopColumn, ?stop",
        Stream,
        event_duration,
    ),
];

fn state_tracking(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let test = row_test(arguments)?;
    let count_column = arguments.string_or("countColumn", "")?;
    let duration_column = arguments.string_or("durationColumn", "")?;
    let time_column = arguments.string_or("timeColumn", "_time")?;
    let unit = arguments
        .optional_duration("durationUnit")?
        .map_or(1_000_000_000, |unit| unit.approximate_nanoseconds());
    if unit <= 0 {
        return Err(Error::invalid(
            "state duration unit must be greater than zero",
        ));
    }
    map_table(
        context,
        arguments,
        "stateTracking",
        move |context, table| {
            let table = std::rc::Rc::new(table);
            let mut inside = vec![false; table.rows];
            match test.mask(context, &table)? {
                Mask::All => inside.fill(true),
                Mask::None => {}
                Mask::Rows(rows) => rows.into_iter().for_each(|row| inside[row] = true),
            }
            let mut result = std::rc::Rc::unwrap_or_clone(std::rc::Rc::clone(&table));
            if !count_column.is_empty() {
                result.set(
                    &count_column,
                    Column::Integer(Vector::dense(counts(&inside))),
                );
            }
            if !duration_column.is_empty() {
                let times: Vec<i64> = table
                    .expect_times(&time_column)?
                    .present()
                    .map(|(_, time)| *time)
                    .collect();
                if times.len() != table.rows {
                    return Err(Error::invalid("got a null timestamp"));
                }
                if times.windows(2).any(|pair| pair[1] < pair[0]) {
                    return Err(Error::invalid("got an out-of-order timestamp"));
                }
                result.set(
                    &duration_column,
                    Column::Integer(Vector::dense(durations(&inside, &times, unit))),
                );
            }
            Ok(result)
        },
    )
}

fn counts(inside: &[bool]) -> Vec<i64> {
    let mut count = 0;
    inside
        .iter()
        .map(|inside| {
            count = if *inside { count + 1 } else { 0 };
            if *inside { count } else { -1 }
        })
        .collect()
}

fn durations(inside: &[bool], times: &[i64], unit: i64) -> Vec<i64> {
    let mut since = None;
    let rows = inside.iter().zip(times);
    rows.map(|(inside, time)| {
        if !inside {
            since = None;
            return -1;
        }
        (time - *since.get_or_insert(*time)) / unit
    })
    .collect()
}

fn event_duration(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let unit = arguments
        .optional_duration("unit")?
        .map_or(1_000_000_000, |unit| unit.approximate_nanoseconds());
    let column = arguments.string_or("columnName", "duration")?;
    let time_column = arguments.string_or("timeColumn", "_time")?;
    let stop_column = arguments.string_or("stopColumn", "_stop")?;
    let stop = match arguments.get("stop") {
        Some(Value::Time(stop)) => Some(*stop),
        _ => None,
    };
    map_table(context, arguments, "duration", move |_, mut table| {
        let times: Vec<i64> = table
            .expect_times(&time_column)?
            .present()
            .map(|(_, time)| *time)
            .collect();
        if times.len() != table.rows {
            return Err(Error::invalid("found null time in time column"));
        }
        let stops = match stop {
            None => Some(table.expect_times(&stop_column)?.clone()),
            Some(_) => None,
        };
        let mut durations: Vec<Option<i64>> = times
            .windows(2)
            .map(|pair| Some((pair[1] - pair[0]) / unit))
            .collect();
        if let Some(last) = times.last() {
            let end = stop.or_else(|| {
                stops
                    .as_ref()
                    .and_then(|stops| stops.get(times.len() - 1).copied())
            });
            durations.push(end.map(|end| (end - last) / unit));
        }
        table.set(&column, Column::Integer(Vector::nullable(durations)));
        Ok(table)
    })
}
