//! Rows changed in place or filled in: `fill`, `elapsed`, `cumulativeSum`, `hourSelection`.

use std::sync::Arc;

use super::build::map_table;
use super::native;
use crate::error::Error;
use crate::execute::Context;
use crate::interpret::NativeKind::Stream;
use crate::interpret::{Arguments, Native};
use crate::table::{Column, Vector};
use crate::value::Value;
use crate::value::duration::DAY;

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native(
        "",
        "fill",
        "<-tables, ?column, ?value, ?usePrevious",
        Stream,
        fill,
    ),
    native(
        "experimental",
        "fill",
        "<-tables, ?value, ?usePrevious",
        Stream,
        fill,
    ),
    native(
        "",
        "elapsed",
        "<-tables, ?unit, ?timeColumn, ?columnName",
        Stream,
        elapsed,
    ),
    native(
        "",
        "cumulativeSum",
        "<-tables, ?columns",
        Stream,
        cumulative_sum,
    ),
    native(
        "",
        "hourSelection",
        "<-tables, start, stop, ?location, ?timeColumn",
        Stream,
        hour_selection,
    ),
    native(
        "interpolate",
        "linear",
        "<-tables, every",
        Stream,
        interpolate_linear,
    ),
    native(
        "",
        "truncateTimeColumn",
        "<-tables, unit, ?timeColumn",
        Stream,
        truncate_time_column,
    ),
];

fn fill(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let label = arguments.string_or("column", "_value")?;
    let previous = arguments.boolean_or("usePrevious", false)?;
    let value = arguments
        .get("value")
        .cloned()
        .filter(|value| !value.is_null());
    if previous == value.is_some() {
        return Err(Error::invalid(
            "fill requires exactly one of value or usePrevious",
        ));
    }
    map_table(context, arguments, "fill", move |_, mut table| {
        let Some(column) = table.column(&label).cloned() else {
            // A column that is missing is a column of nulls.
            if let Some(column) = value
                .as_ref()
                .and_then(|value| Column::repeat(value, table.rows))
            {
                table.set(&label, column);
            }
            return Ok(table);
        };
        let filled = match &value {
            Some(value) => fill_value(&column, value, &label)?,
            None => fill_previous(&column),
        };
        if table.key.contains(&label) && table.rows > 0 {
            table.key = table
                .key
                .with(&label, crate::table::KeyValue::of(&filled, 0));
        }
        table.set(&label, filled);
        Ok(table)
    })
}

fn fill_value(column: &Column, value: &Value, label: &str) -> Result<Column, Error> {
    let filler = Column::repeat(value, 1).ok_or_else(|| {
        Error::invalid(format!(
            "fill value for column {label:?} must be a column's value"
        ))
    })?;
    if filler.kind() != column.kind() {
        return Err(Error::invalid(format!(
            "fill column type mismatch: {}/{}",
            column.kind(),
            filler.kind()
        )));
    }
    let parts: Vec<Value> = (0..column.len())
        .map(|row| match column.value(row) {
            Value::Null => value.clone(),
            known => known,
        })
        .collect();
    Column::from_values(&parts, column.kind()).ok_or_else(|| Error::internal("values of one type"))
}

fn fill_previous(column: &Column) -> Column {
    let mut last = None;
    let rows: Vec<Option<usize>> = (0..column.len())
        .map(|row| {
            if !column.is_null(row) {
                last = Some(row);
            }
            last
        })
        .collect();
    column.take_optional(&rows)
}

fn elapsed(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let unit = arguments
        .optional_duration("unit")?
        .map_or(1_000_000_000, |unit| unit.approximate_nanoseconds());
    let time_column = arguments.string_or("timeColumn", "_time")?;
    let name = arguments.string_or("columnName", "elapsed")?;
    if unit == 0 {
        return Err(Error::invalid("unit must not be zero"));
    }
    map_table(context, arguments, "elapsed", move |_, table| {
        let times: Vec<i64> = table
            .expect_times(&time_column)?
            .present()
            .map(|(_, time)| *time)
            .collect();
        let gaps: Vec<i64> = times
            .windows(2)
            .map(|pair| (pair[1] - pair[0]) / unit)
            .collect();
        let mut rest = table.slice(1.min(table.rows), table.rows.saturating_sub(1));
        if gaps.len() != rest.rows {
            return Err(Error::invalid("elapsed found null time in time column"));
        }
        rest.set(&name, Column::Integer(Vector::dense(gaps)));
        Ok(rest)
    })
}

fn cumulative_sum(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let columns = arguments.strings_or("columns", &["_value"])?;
    map_table(context, arguments, "cumulativeSum", move |_, mut table| {
        for label in &columns {
            let Some(column) = table.column(label) else {
                continue;
            };
            let summed = match column {
                Column::Float(values) => Column::Float(running(values, |sum, value| *sum += value)),
                Column::Integer(values) => Column::Integer(running(values, |sum, value| {
                    *sum = sum.wrapping_add(*value)
                })),
                Column::Unsigned(values) => Column::Unsigned(running(values, |sum, value| {
                    *sum = sum.wrapping_add(*value)
                })),
                // Other columns stay as they are, without an error.
                _ => continue,
            };
            table.set(label, summed);
        }
        Ok(table)
    })
}

fn running<T: Clone + Default>(values: &Vector<T>, add: impl Fn(&mut T, &T)) -> Vector<T> {
    let mut sum = T::default();
    let sums = values.iter().map(|value| {
        if let Some(value) = value {
            add(&mut sum, value);
        }
        sum.clone()
    });
    Vector::dense(sums.collect())
}

fn hour_selection(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let (start, stop) = (arguments.integer("start")?, arguments.integer("stop")?);
    let time_column = arguments.string_or("timeColumn", "_time")?;
    let location = super::windows::location_argument(context, arguments)?;
    if !(0..24).contains(&start) || !(0..24).contains(&stop) {
        return Err(Error::invalid(
            "start and stop must be hours between 0 and 23",
        ));
    }
    map_table(context, arguments, "hourSelection", move |_, table| {
        let times = table.expect_times(&time_column)?;
        let rows: Vec<usize> = times
            .present()
            .filter_map(|(row, time)| {
                let hour = location.to_local(*time).rem_euclid(DAY) / (DAY / 24);
                let inside = if start <= stop {
                    start <= hour && hour <= stop
                } else {
                    hour >= start || hour <= stop
                };
                inside.then_some(row)
            })
            .collect();
        Ok(table.take(&rows))
    })
}

fn truncate_time_column(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let unit = arguments.duration("unit")?;
    let label = arguments.string_or("timeColumn", "_time")?;
    let mut window = crate::value::window::Window::new(unit, unit, Default::default())?;
    window.location = context.location();
    super::build::each(
        context,
        arguments,
        "truncateTimeColumn",
        move |_, mut table, out| {
            if table.rows == 0 {
                return Ok(());
            }
            let truncated = table
                .expect_times(&label)?
                .map(|time| window.latest(*time).start);
            let label: Arc<str> = Arc::clone(&label);
            table.set(&label, Column::Time(truncated));
            out(table)
        },
    )
}

/// Rows on each boundary of a grid between two rows, on the line through them.
fn interpolate_linear(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let every = arguments.duration("every")?;
    let window = crate::value::window::Window::new(every, every, Default::default())?;
    map_table(
        context,
        arguments,
        "interpolate.linear",
        move |context, table| {
            for label in table.labels() {
                if !table.key.contains(label) && !matches!(label.as_ref(), "_time" | "_value") {
                    return Err(Error::invalid(format!(
                        "interpolate.linear requires column {label:?} to be in group key"
                    )));
                }
            }
            let times = table.expect_times("_time")?;
            let Column::Float(values) = table.expect_column("_value")? else {
                return Err(Error::invalid(
                    "cannot interpolate values that are no floats",
                ));
            };
            let mut points: Vec<(i64, f64)> = Vec::with_capacity(table.rows);
            let mut held = context.hold();
            for (time, value) in times.iter().zip(values.iter()) {
                let time = *time.ok_or_else(|| {
                    Error::invalid("null _time found during linear interpolation")
                })?;
                let value = *value.ok_or_else(|| {
                    Error::invalid("null _value found during linear interpolation")
                })?;
                if let Some((before, earlier)) = points.last().copied() {
                    let slope = (value - earlier) / (time - before) as f64;
                    let mut bounds = window.latest(before);
                    while bounds.stop < time {
                        points.push((bounds.stop, earlier + slope * (bounds.stop - before) as f64));
                        held.set(points.len() * size_of::<(i64, f64)>())?;
                        bounds = window.next(&bounds);
                    }
                }
                points.push((time, value));
            }
            let (times, values): (Vec<i64>, Vec<f64>) = points.into_iter().unzip();
            let mut result = crate::table::Table::of_key(table.key.clone(), times.len());
            result.set("_time", Column::Time(Vector::dense(times)));
            result.set("_value", Column::Float(Vector::dense(values)));
            Ok(result)
        },
    )
}
