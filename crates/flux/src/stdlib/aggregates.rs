//! Aggregates: a row a table, computed from one column.

use std::sync::Arc;

use super::build::map_table;
use super::native;
use crate::error::Error;
use crate::execute::{Context, shallow};
use crate::interpret::NativeKind::Stream;
use crate::interpret::{Arguments, Lambda, Native};
use crate::plan::Operation;
use crate::source::Aggregate;
use crate::table::{Column, Field, KeyValue, Table, Vector};
use crate::value::{Record, Value, equal_values};

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native("", "count", "<-tables, ?column", Stream, count),
    native("", "sum", "<-tables, ?column", Stream, sum),
    native("", "mean", "<-tables, ?column", Stream, mean),
    native("", "stddev", "<-tables, ?column, ?mode", Stream, stddev),
    native("", "spread", "<-tables, ?column", Stream, spread),
    native("", "skew", "<-tables, ?column", Stream, skew),
    native("", "mode", "<-tables, ?column", Stream, mode),
    native(
        "",
        "integral",
        "<-tables, ?unit, ?column, ?timeColumn, ?interpolate",
        Stream,
        integral,
    ),
    native(
        "",
        "covariance",
        "<-tables, columns, ?pearsonr, ?valueDst",
        Stream,
        covariance,
    ),
    native("", "reduce", "<-tables, fn, identity", Stream, reduce),
];

fn pushable(
    context: &Context<'_>,
    arguments: &Arguments,
    function: Aggregate,
) -> Result<Value, Error> {
    let input = arguments.stream("tables")?;
    let column = arguments.string_or("column", "_value")?;
    context.stream(
        Operation::Aggregate { function, column },
        vec![input],
        arguments,
    )
}

fn count(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    pushable(context, arguments, Aggregate::Count)
}

fn sum(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    pushable(context, arguments, Aggregate::Sum)
}

fn mean(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    pushable(context, arguments, Aggregate::Mean)
}

/// The values of a numeric column that are not null.
pub(super) fn numbers(column: &Column, function: &str) -> Result<Vec<f64>, Error> {
    Ok(match column {
        Column::Float(values) => values.present().map(|(_, value)| *value).collect(),
        Column::Integer(values) => values.present().map(|(_, value)| *value as f64).collect(),
        Column::Unsigned(values) => values.present().map(|(_, value)| *value as f64).collect(),
        other => {
            return Err(Error::invalid(format!(
                "unsupported aggregate column type {} for {function}",
                other.kind()
            )));
        }
    })
}

/// A row of a table's key and one more column.
pub(super) fn one_row(table: &Table, label: &Arc<str>, column: Column) -> Result<Table, Error> {
    if table.key.contains(label) {
        return Err(Error::invalid(
            "cannot aggregate columns that are part of the group key",
        ));
    }
    let mut result = Table::of_key(table.key.clone(), column.len());
    result.fields.push(Field {
        label: Arc::clone(label),
        column,
    });
    Ok(result)
}

pub(super) fn float_row(value: Option<f64>) -> Column {
    Column::Float(Vector::constant(value, 1))
}

/// An aggregate of the numbers of a column.
fn of_numbers(
    context: &Context<'_>,
    arguments: &Arguments,
    name: &'static str,
    compute: impl Fn(&[f64]) -> Option<f64> + 'static,
) -> Result<Value, Error> {
    let column = arguments.string_or("column", "_value")?;
    map_table(context, arguments, name, move |_, table| {
        let values = numbers(table.expect_column(&column)?, name)?;
        one_row(&table, &column, float_row(compute(&values)))
    })
}

/// Welford's one-pass mean and sum of squared differences.
fn moments(values: &[f64]) -> (f64, f64) {
    let (mut mean, mut squares, mut count) = (0.0, 0.0, 0.0);
    for value in values {
        count += 1.0;
        let delta = value - mean;
        mean += delta / count;
        squares += delta * (value - mean);
    }
    (mean, squares)
}

fn stddev(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let sample = match arguments.string_or("mode", "sample")?.as_ref() {
        "sample" => true,
        "population" => false,
        other => {
            return Err(Error::invalid(format!(
                "\"{other}\" is not a valid mode: must be \"sample\" or \"population\""
            )));
        }
    };
    of_numbers(context, arguments, "stddev", move |values| {
        if values.is_empty() {
            return None;
        }
        let (_, squares) = moments(values);
        let count = values.len() as f64;
        Some((squares / if sample { count - 1.0 } else { count }).sqrt())
    })
}

fn skew(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    of_numbers(context, arguments, "skew", |values| {
        if values.is_empty() {
            return None;
        }
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let second: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let third: f64 = values.iter().map(|value| (value - mean).powi(3)).sum();
        Some(count.sqrt() * third / second.powf(1.5))
    })
}

fn spread(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let label = arguments.string_or("column", "_value")?;
    map_table(context, arguments, "spread", move |_, table| {
        macro_rules! extent {
            ($variant:ident, $values:expr, $subtract:expr) => {{
                let mut low = None;
                let mut high = None;
                for (_, value) in $values.present() {
                    low = Some(
                        low.map_or(*value, |known| if *value < known { *value } else { known }),
                    );
                    high = Some(
                        high.map_or(*value, |known| if *value > known { *value } else { known }),
                    );
                }
                Column::$variant(Vector::constant(high.zip(low).map($subtract), 1))
            }};
        }
        let column = match table.expect_column(&label)? {
            Column::Float(values) => extent!(Float, values, |(high, low): (f64, f64)| high - low),
            Column::Integer(values) => extent!(Integer, values, |(high, low): (i64, i64)| high
                .wrapping_sub(low)),
            Column::Unsigned(values) => extent!(Unsigned, values, |(high, low): (u64, u64)| high
                .wrapping_sub(low)),
            other => {
                return Err(Error::invalid(format!(
                    "unsupported aggregate column type {} for spread",
                    other.kind()
                )));
            }
        };
        one_row(&table, &label, column)
    })
}

fn mode(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let label = arguments.string_or("column", "_value")?;
    map_table(context, arguments, "mode", move |_, table| {
        let Some(column) = table.column(&label) else {
            return Ok(super::schema::null_value(&table));
        };
        if table.rows > 0 && table.key.contains(&label) {
            return one_row(&table, &Arc::from("_value"), column.slice(0, 1));
        }
        let mut counts: std::collections::BTreeMap<KeyValue, usize> =
            std::collections::BTreeMap::new();
        for row in (0..table.rows).filter(|row| !column.is_null(*row)) {
            *counts.entry(KeyValue::of(column, row)).or_default() += 1;
        }
        let most = counts.values().copied().max().unwrap_or(0);
        // Where no value comes more often than another there is none, nor where there is one value only.
        let all_alike = counts.values().all(|count| *count == most);
        let winners: Vec<&KeyValue> = if all_alike {
            Vec::new()
        } else {
            counts
                .iter()
                .filter(|(_, count)| **count == most)
                .map(|(value, _)| value)
                .collect()
        };
        let values: Vec<Value> = winners.into_iter().map(KeyValue::value).collect();
        let values = match values.is_empty() {
            true => Column::nulls(column.kind(), 1),
            false => Column::from_values(&values, column.kind())
                .ok_or_else(|| Error::internal("values of one column are of one type"))?,
        };
        one_row(&table, &Arc::from("_value"), values)
    })
}

fn integral(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let unit = arguments
        .optional_duration("unit")?
        .map_or(1_000_000_000, |unit| unit.approximate_nanoseconds());
    let label = arguments.string_or("column", "_value")?;
    let time_label = arguments.string_or("timeColumn", "_time")?;
    // Any other method is none.
    let interpolate = arguments.string_or("interpolate", "")?.as_ref() == "linear";
    map_table(context, arguments, "integral", move |_, table| {
        let times = table.expect_times(&time_label)?.clone();
        let column = table.expect_column(&label)?;
        let mut points = Vec::new();
        for row in 0..table.rows {
            let value = match column {
                Column::Float(values) => values.get(row).copied(),
                Column::Integer(values) => values.get(row).map(|value| *value as f64),
                Column::Unsigned(values) => values.get(row).map(|value| *value as f64),
                other => {
                    return Err(Error::invalid(format!(
                        "unsupported aggregate column type {} for integral",
                        other.kind()
                    )));
                }
            };
            let time = times
                .get(row)
                .copied()
                .ok_or_else(|| Error::invalid("integral found null time in time column"))?;
            if let Some(value) = value {
                points.push((time, value));
            }
        }
        if points.windows(2).any(|pair| pair[1].0 < pair[0].0) {
            return Err(Error::invalid(
                "integral found out-of-order times in time column",
            ));
        }
        points.dedup_by_key(|point| point.0);
        let (Some(start), Some(stop)) = (table.key.time("_start"), table.key.time("_stop")) else {
            return Err(Error::invalid(
                "integral function needs _start and _stop columns to be part of group key",
            ));
        };
        let area = if interpolate {
            area_between(&points, start, stop)
        } else {
            trapezoids(&points)
        };
        let value = Some(area / unit as f64);
        one_row(&table, &label, float_row(value))
    })
}

fn trapezoids(points: &[(i64, f64)]) -> f64 {
    points
        .windows(2)
        .map(|pair| (pair[1].0 - pair[0].0) as f64 * (pair[0].1 + pair[1].1) / 2.0)
        .sum()
}

/// The area before the first and after the last point, the ends carried on along the nearest two points.
fn outside(points: &[(i64, f64)], start: Option<i64>, stop: Option<i64>) -> f64 {
    let [first, second, ..] = points else {
        return 0.0;
    };
    let (before, last) = (points[points.len() - 2], points[points.len() - 1]);
    let along = |a: (i64, f64), b: (i64, f64), at: i64| {
        a.1 + (b.1 - a.1) * (at - a.0) as f64 / (b.0 - a.0) as f64
    };
    let mut area = 0.0;
    if let Some(start) = start.filter(|start| *start < first.0) {
        area += (first.0 - start) as f64 * (along(*first, *second, start) + first.1) / 2.0;
    }
    if let Some(stop) = stop.filter(|stop| *stop > last.0) {
        area += (stop - last.0) as f64 * (along(before, last, stop) + last.1) / 2.0;
    }
    area
}

fn covariance(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let columns = arguments.strings("columns")?;
    let [x, y] = <[Arc<str>; 2]>::try_from(columns)
        .map_err(|_| Error::invalid("must provide exactly two columns"))?;
    let pearson = arguments.boolean_or("pearsonr", false)?;
    let destination = arguments.string_or("valueDst", "_value")?;
    map_table(context, arguments, "covariance", move |_, table| {
        let (left, right) = (table.expect_column(&x)?, table.expect_column(&y)?);
        if left.kind() != right.kind() {
            return Err(Error::invalid(
                "cannot compute the covariance between different types",
            ));
        }
        let (Column::Float(left), Column::Float(right)) = (left, right) else {
            return Err(Error::invalid(format!(
                "covariance does not support {}",
                left.kind()
            )));
        };
        let (mut count, mut mean_x, mut mean_y) = (0.0, 0.0, 0.0);
        let (mut squares_x, mut squares_y, mut products) = (0.0, 0.0, 0.0);
        for (x, y) in left.iter().zip(right.iter()).filter_map(|(x, y)| x.zip(y)) {
            count += 1.0;
            let (delta_x, delta_y) = (x - mean_x, y - mean_y);
            mean_x += delta_x / count;
            mean_y += delta_y / count;
            squares_x += delta_x * (x - mean_x);
            squares_y += delta_y * (y - mean_y);
            products += delta_x * (y - mean_y);
        }
        let value = if count == 0.0 {
            f64::NAN
        } else if pearson {
            products / (squares_x * squares_y).sqrt()
        } else {
            products / (count - 1.0)
        };
        let mut result = Table::of_key(table.key.clone(), 1);
        result.set(&destination, float_row(Some(value)));
        Ok(result)
    })
}

fn reduce(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let function = arguments.function("fn")?;
    let identity = arguments.record("identity")?;
    let input = arguments.stream("tables")?;
    super::build::all(
        context,
        arguments,
        "reduce",
        vec![input],
        move |context, inputs, out| {
            let mut seen = std::collections::BTreeSet::new();
            for table in inputs.into_iter().flatten() {
                let table = std::rc::Rc::new(table);
                let mut accumulator = std::rc::Rc::clone(&identity);
                let mut held = context.hold();
                let called =
                    |arguments| context.discharged(|| context.call(&function, arguments, None));
                for row in 0..table.rows {
                    context.check()?;
                    let arguments = Arguments::of([
                        (
                            "r",
                            Value::Row(crate::value::Row {
                                table: std::rc::Rc::clone(&table),
                                row: Some(row),
                            }),
                        ),
                        ("accumulator", Value::Record(accumulator)),
                    ]);
                    accumulator = match called(arguments)? {
                        Value::Record(record) => record,
                        other => {
                            return Err(Error::invalid(format!(
                                "reduce function must return an object, got {}",
                                other.type_name()
                            )));
                        }
                    };
                    columns_only(&accumulator)?;
                    held.set(accumulator.iter().map(|(_, value)| shallow(value)).sum())?;
                }
                let reduced = reduced_row(&table, &accumulator)?;
                if !seen.insert(reduced.key.clone()) {
                    return Err(Error::invalid(
                        "two reducers writing result to the same table",
                    ));
                }
                out(reduced)?;
            }
            Ok(())
        },
    )
}

/// # Errors
/// The accumulator holds what no column can: such values could be put into one another for as many rows as there are.
fn columns_only(accumulator: &Record) -> Result<(), Error> {
    let odd = accumulator
        .iter()
        .find(|(_, value)| !value.is_null() && Column::repeat(value, 0).is_none());
    match odd {
        None => Ok(()),
        Some((label, value)) => Err(no_column(label, value)),
    }
}

fn no_column(label: &str, value: &Value) -> Error {
    Error::invalid(format!(
        "cannot make a column {label:?} of {}",
        value.type_name()
    ))
}

fn reduced_row(table: &Table, accumulator: &Record) -> Result<Table, Error> {
    let mut result = Table::of_key(table.key.clone(), 1);
    for (label, value) in accumulator.iter() {
        if value.is_null() {
            return Err(Error::invalid(format!(
                "null values are not supported for {label:?} in the reduce() function"
            )));
        }
        let column = Column::repeat(value, 1).ok_or_else(|| no_column(label, value))?;
        if table
            .key
            .get(label)
            .is_some_and(|known| !equal_values(&known.value(), value))
        {
            result.key = result.key.with(label, KeyValue::of(&column, 0));
        }
        result.set(label, column);
    }
    Ok(result)
}

/// A predicate over rows, for the families that test states.
pub(super) fn row_test(arguments: &Arguments) -> Result<Lambda, Error> {
    Lambda::new(arguments.function("fn")?)
}

/// The area under points between two instants, the ends carried on along the nearest two points.
fn area_between(points: &[(i64, f64)], start: i64, stop: i64) -> f64 {
    match points {
        [] => 0.0,
        [only] => only.1 * (stop - start) as f64,
        _ => trapezoids(points) + outside(points, Some(start), Some(stop)),
    }
}
