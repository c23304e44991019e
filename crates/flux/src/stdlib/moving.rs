//! Averages that move with the rows, and the oscillators made of them.

use std::sync::Arc;

use super::build::map_table;
use super::convert::floats;
use super::native;
use crate::error::Error;
use crate::execute::Context;
use crate::interpret::NativeKind::Stream;
use crate::interpret::{Arguments, Native};
use crate::table::{Column, Table, Vector};
use crate::value::Value;

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native("", "movingAverage", "<-tables, n", Stream, moving_average),
    native(
        "",
        "exponentialMovingAverage",
        "<-tables, n",
        Stream,
        exponential,
    ),
    native(
        "",
        "tripleExponentialDerivative",
        "<-tables, n",
        Stream,
        triple_exponential_derivative,
    ),
    native(
        "",
        "relativeStrengthIndex",
        "<-tables, n, ?columns",
        Stream,
        relative_strength,
    ),
    native(
        "",
        "chandeMomentumOscillator",
        "<-tables, n, ?columns",
        Stream,
        chande_momentum,
    ),
    native("", "kaufmansER", "<-tables, n", Stream, kaufmans_er),
    native(
        "",
        "kaufmansAMA",
        "<-tables, n, ?column",
        Stream,
        kaufmans_ama,
    ),
];

fn length(arguments: &Arguments) -> Result<usize, Error> {
    let n = arguments.integer("n")?;
    usize::try_from(n).ok().filter(|n| *n > 0).ok_or_else(|| {
        Error::invalid(format!(
            "cannot take moving average with a period of {n} (must be greater than 0)"
        ))
    })
}

fn values_of(table: &Table, label: &str) -> Result<Vector<f64>, Error> {
    let column = table.expect_column(label)?;
    floats(column).ok_or_else(|| {
        Error::invalid(format!(
            "cannot take the average of column {label:?} of type {}",
            column.kind()
        ))
    })
}

/// The rows from `skip` on, with `label` set.
fn rest_with(table: &Table, skip: usize, label: &str, values: Vector<f64>) -> Table {
    let skip = skip.min(table.rows);
    let mut rest = table.slice(skip, table.rows - skip);
    rest.set(label, Column::Float(values));
    rest
}

fn mean_of(window: &[Option<f64>]) -> Option<f64> {
    let known: Vec<f64> = window.iter().flatten().copied().collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

fn moving_average(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let n = length(arguments)?;
    super::build::each(context, arguments, "movingAverage", move |_, table, out| {
        let values: Vec<Option<f64>> = values_of(&table, "_value")?
            .iter()
            .map(Option::<&f64>::copied)
            .collect();
        if values.is_empty() {
            return out(rest_with(&table, 0, "_value", Vector::dense(Vec::new())));
        }
        if values.len() < n {
            // InfluxDB gives an empty table and then one with the mean of what there is.
            out(rest_with(
                &table,
                table.rows,
                "_value",
                Vector::dense(Vec::new()),
            ))?;
            return out(rest_with(
                &table,
                table.rows - 1,
                "_value",
                Vector::nullable(vec![mean_of(&values)]),
            ));
        }
        let means = values.windows(n).map(mean_of).collect();
        out(rest_with(&table, n - 1, "_value", Vector::nullable(means)))
    })
}

/// The exponential moving average: the first is the mean of n values.
fn ema(values: &[Option<f64>], n: usize) -> Vec<Option<f64>> {
    let multiplier = 2.0 / (n as f64 + 1.0);
    let (mut sum, mut count, mut last) = (0.0, 0usize, None);
    let mut averages = Vec::new();
    for (at, value) in values.iter().enumerate() {
        if at < n {
            if let Some(value) = value {
                sum += value;
                count += 1;
            }
            if at == n - 1 {
                last = (count > 0).then(|| sum / count as f64);
                averages.push(last);
            }
            continue;
        }
        last = match (value, last) {
            (Some(value), Some(last)) => Some(value * multiplier + last * (1.0 - multiplier)),
            (value, None) => *value,
            (None, last) => last,
        };
        averages.push(last);
    }
    if values.len() < n && !values.is_empty() {
        averages.push((count > 0).then(|| sum / count as f64));
    }
    averages
}

fn exponential(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let n = length(arguments)?;
    map_table(
        context,
        arguments,
        "exponentialMovingAverage",
        move |_, table| {
            let values: Vec<Option<f64>> = values_of(&table, "_value")?
                .iter()
                .map(Option::<&f64>::copied)
                .collect();
            let averages = ema(&values, n);
            let skip = table.rows - averages.len();
            Ok(rest_with(
                &table,
                skip,
                "_value",
                Vector::nullable(averages),
            ))
        },
    )
}

fn triple_exponential_derivative(
    context: &Context<'_>,
    arguments: &Arguments,
) -> Result<Value, Error> {
    let n = length(arguments)?;
    map_table(
        context,
        arguments,
        "tripleExponentialDerivative",
        move |_, table| {
            let mut values: Vec<Option<f64>> = values_of(&table, "_value")?
                .iter()
                .map(Option::<&f64>::copied)
                .collect();
            for _ in 0..3 {
                values = if values.len() < n {
                    Vec::new()
                } else {
                    ema(&values, n)
                };
            }
            let changes: Vec<Option<f64>> = values
                .windows(2)
                .map(|pair| {
                    pair[0]
                        .zip(pair[1])
                        .map(|(before, after)| (after / before - 1.0) * 100.0)
                })
                .collect();
            let skip = table.rows - changes.len();
            Ok(rest_with(&table, skip, "_value", Vector::nullable(changes)))
        },
    )
}

/// Changes from row to row: rises and falls, both not negative.
fn moves(values: impl Iterator<Item = f64>) -> Vec<(f64, f64)> {
    let values: Vec<f64> = values.collect();
    let change = |pair: &[f64]| {
        let rise = pair[1] - pair[0];
        (rise.max(0.0), (-rise).max(0.0))
    };
    values.windows(2).map(change).collect()
}

fn relative_strength(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let n = length(arguments)?;
    let columns = arguments.strings_or("columns", &["_value"])?;
    over_columns(
        context,
        arguments,
        "relativeStrengthIndex",
        columns,
        move |rows| n.min(rows.saturating_sub(1)),
        move |values| {
            // The first value counts as a move from nothing; a null is no move.
            let mut last = 0.0;
            let known = values.iter().map(|value| {
                last = value.unwrap_or(last);
                last
            });
            let moves = moves(std::iter::once(0.0).chain(known));
            let complete = moves.len() > n;
            let (mut up, mut down) = (0.0, 0.0);
            let mut indices = Vec::new();
            for (at, (rise, fall)) in moves.iter().enumerate() {
                if at < n {
                    up += rise / n as f64;
                    down += fall / n as f64;
                } else {
                    up = (up * (n - 1) as f64 + rise) / n as f64;
                    down = (down * (n - 1) as f64 + fall) / n as f64;
                }
                if at >= n || (!complete && at + 1 == values.len()) {
                    indices.push(Some(100.0 - 100.0 / (1.0 + up / down)));
                }
            }
            indices
        },
    )
}

fn chande_momentum(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let n = length(arguments)?;
    let columns = arguments.strings_or("columns", &["_value"])?;
    over_columns(
        context,
        arguments,
        "chandeMomentumOscillator",
        columns,
        move |rows| n.min(rows),
        move |values| {
            // A null counts as nought.
            moves(values.iter().map(|value| value.unwrap_or(0.0)))
                .windows(n)
                .map(|window| {
                    let up: f64 = window.iter().map(|(rise, _)| rise).sum();
                    let down: f64 = window.iter().map(|(_, fall)| fall).sum();
                    Some(100.0 * (up - down) / (up + down))
                })
                .collect()
        },
    )
}

/// Some columns through a function that gives the values of the last rows, after those that are skipped.
fn over_columns(
    context: &Context<'_>,
    arguments: &Arguments,
    name: &'static str,
    columns: Vec<Arc<str>>,
    skipped: impl Fn(usize) -> usize + 'static,
    compute: impl Fn(&[Option<f64>]) -> Vec<Option<f64>> + 'static,
) -> Result<Value, Error> {
    map_table(context, arguments, name, move |_, table| {
        let skip = skipped(table.rows);
        let mut rest = table.slice(skip, table.rows - skip);
        for label in &columns {
            let values: Vec<Option<f64>> = values_of(&table, label)?
                .iter()
                .map(Option::<&f64>::copied)
                .collect();
            let mut computed = compute(&values);
            computed.resize(rest.rows, None);
            rest.set(label, Column::Float(Vector::nullable(computed)));
        }
        Ok(rest)
    })
}

/// Kaufman's efficiency ratio of each row from `n` on: the net change over the sum of changes.
fn efficiency(values: &[Option<f64>], n: usize) -> Vec<f64> {
    let known: Vec<f64> = values.iter().map(|value| value.unwrap_or(0.0)).collect();
    known
        .windows(n + 1)
        .map(|window| {
            let path: f64 = window
                .windows(2)
                .map(|pair| (pair[1] - pair[0]).abs())
                .sum();
            (window[n] - window[0]).abs() / path
        })
        .collect()
}

fn kaufmans_er(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let n = length(arguments)?;
    super::build::each(context, arguments, "kaufmansER", move |_, table, out| {
        let values: Vec<Option<f64>> = values_of(&table, "_value")?
            .iter()
            .map(Option::<&f64>::copied)
            .collect();
        let ratios = efficiency(&values, n);
        if ratios.is_empty() {
            return Ok(());
        }
        let skip = table.rows - ratios.len();
        out(rest_with(&table, skip, "_value", Vector::dense(ratios)))
    })
}

fn kaufmans_ama(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let n = length(arguments)?;
    let label = arguments.string_or("column", "_value")?;
    map_table(context, arguments, "kaufmansAMA", move |_, table| {
        let values: Vec<Option<f64>> = values_of(&table, &label)?
            .iter()
            .map(Option::<&f64>::copied)
            .collect();
        let (fast, slow) = (2.0 / 3.0, 2.0 / 31.0);
        let ratios = efficiency(&values, n);
        let mut average = values
            .get(n.saturating_sub(1))
            .copied()
            .flatten()
            .unwrap_or(0.0);
        let averages: Vec<f64> = ratios
            .iter()
            .enumerate()
            .map(|(at, ratio)| {
                let smoothing = (ratio * (fast - slow) + slow).powi(2);
                let value = values[at + n].unwrap_or(0.0);
                average += smoothing * (value - average);
                average
            })
            .collect();
        let skip = table.rows - averages.len();
        Ok(rest_with(&table, skip, &label, Vector::dense(averages)))
    })
}
