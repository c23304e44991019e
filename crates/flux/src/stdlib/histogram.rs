//! Histograms: counts below bounds, and quantiles out of such counts.

use std::sync::Arc;

use super::aggregates::numbers;
use super::build::{each, map_table};
use super::native;
use crate::error::Error;
use crate::execute::Context;
use crate::interpret::NativeKind::{Scalar, Stream};
use crate::interpret::{Arguments, Native};
use crate::table::{Column, ColumnType, Table, Vector};
use crate::value::Value;

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native(
        "",
        "histogram",
        "<-tables, bins, ?column, ?upperBoundColumn, ?countColumn, ?normalize",
        Stream,
        histogram,
    ),
    native(
        "",
        "histogramQuantile",
        "<-tables, ?quantile, ?countColumn, ?upperBoundColumn, ?valueColumn, ?minValue, ?onNonmonotonic",
        Stream,
        histogram_quantile,
    ),
    native(
        "",
        "linearBins",
        "start, width, count, ?infinity",
        Scalar,
        linear_bins,
    ),
    native(
        "",
        "logarithmicBins",
        "start, factor, count, ?infinity",
        Scalar,
        logarithmic_bins,
    ),
];

fn histogram(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let mut bins = arguments.floats("bins")?;
    bins.sort_by(f64::total_cmp);
    let column = arguments.string_or("column", "_value")?;
    let bound_column = arguments.string_or("upperBoundColumn", "le")?;
    let count_column = arguments.string_or("countColumn", "_value")?;
    let normalize = arguments.boolean_or("normalize", false)?;
    map_table(context, arguments, "histogram", move |_, table| {
        let Column::Float(_) = table.expect_column(&column)? else {
            return Err(Error::invalid(format!("column {column:?} must be a float")));
        };
        let values = numbers(table.expect_column(&column)?, "histogram")?;
        let mut counts = vec![0.0; bins.len()];
        for value in &values {
            let at = bins.partition_point(|bin| bin < value);
            match counts.get_mut(at) {
                Some(count) => *count += 1.0,
                None => {
                    return Err(Error::invalid(format!(
                        "found value greater than any bin, {value} > {}",
                        bins.last().copied().unwrap_or(f64::NAN)
                    )));
                }
            }
        }
        let mut total = 0.0;
        for count in &mut counts {
            total += *count;
            *count = total;
        }
        if normalize {
            for count in &mut counts {
                *count /= total;
            }
        }
        let mut result = Table::of_key(table.key.clone(), bins.len());
        result.set(&bound_column, Column::Float(Vector::dense(bins.clone())));
        result.set(&count_column, Column::Float(Vector::dense(counts)));
        Ok(result)
    })
}

/// What to do with counts that fall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnFalling {
    Error,
    Force,
    Drop,
}

fn histogram_quantile(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let quantile = arguments.float_or("quantile", 0.0)?;
    let count_column = arguments.string_or("countColumn", "_value")?;
    let bound_column = arguments.string_or("upperBoundColumn", "le")?;
    let value_column = arguments.string_or("valueColumn", "_value")?;
    let min_value = arguments.float_or("minValue", 0.0)?;
    let on_falling = match arguments.string_or("onNonmonotonic", "error")?.as_ref() {
        "error" => OnFalling::Error,
        "force" => OnFalling::Force,
        "drop" => OnFalling::Drop,
        other => {
            return Err(Error::invalid(format!(
                "onNonmonotonic value must be \"error\", \"force\", or \"drop\", got {other:?}"
            )));
        }
    };
    each(
        context,
        arguments,
        "histogramQuantile",
        move |_, table, out| {
            let buckets = buckets_of(&table, &count_column, &bound_column)?;
            let key = table.key.retain(|label| label != value_column.as_ref());
            let value = match quantile_of(buckets, quantile, min_value, on_falling)? {
                Found::Value(value) => Some(value),
                Found::Null => None,
                Found::Dropped => {
                    let mut result = Table::of_key(key, 0);
                    result.set(&value_column, Column::nulls(ColumnType::Float, 0));
                    return out(result);
                }
            };
            let mut result = Table::of_key(key, 1);
            result.set(&value_column, super::aggregates::float_row(value));
            out(result)
        },
    )
}

/// Upper bounds and cumulated counts, ascending.
fn buckets_of(
    table: &Table,
    counts: &Arc<str>,
    bounds: &Arc<str>,
) -> Result<Vec<(f64, f64)>, Error> {
    let column = |label: &Arc<str>| match table.column(label) {
        Some(Column::Float(values)) => Ok(values.clone()),
        Some(other) => Err(Error::invalid(format!(
            "column {label:?} must be of type float, got {}",
            other.kind()
        ))),
        None => Err(Error::invalid(format!("table is missing column {label:?}"))),
    };
    let (counts, bounds) = (column(counts)?, column(bounds)?);
    let mut buckets = Vec::with_capacity(table.rows);
    for (count, bound) in counts.iter().zip(bounds.iter()) {
        let bound = bound.ok_or_else(|| Error::invalid("unexpected null in the upper bounds"))?;
        let count = count.ok_or_else(|| Error::invalid("unexpected null in the counts"))?;
        buckets.push((*bound, *count));
    }
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    Ok(buckets)
}

enum Found {
    Value(f64),
    Null,
    Dropped,
}

fn quantile_of(
    mut buckets: Vec<(f64, f64)>,
    quantile: f64,
    min_value: f64,
    on_falling: OnFalling,
) -> Result<Found, Error> {
    let mut before = 0.0;
    for (_, count) in &mut buckets {
        if *count < before {
            match on_falling {
                OnFalling::Error => {
                    return Err(Error::invalid("histogram records counts are not monotonic"));
                }
                OnFalling::Drop => return Ok(Found::Dropped),
                OnFalling::Force => *count = before,
            }
        }
        before = *count;
    }
    let Some((highest, total)) = buckets.last().copied() else {
        return Err(Error::invalid("histogram is empty"));
    };
    if total == 0.0 {
        return Ok(Found::Null);
    }
    let rank = quantile * total;
    let below = buckets.iter().rposition(|(_, count)| rank >= *count);
    let (lower, lower_count) = match below {
        None => (min_value, 0.0),
        Some(at) if at + 1 == buckets.len() => return Ok(Found::Value(highest)),
        Some(at) => buckets[at],
    };
    let (upper, upper_count) = buckets[below.map_or(0, |at| at + 1)];
    if rank == lower_count || upper == f64::INFINITY {
        return Ok(Found::Value(lower));
    }
    if lower == f64::NEG_INFINITY {
        return Ok(Found::Value(upper));
    }
    Ok(Found::Value(
        lower + (upper - lower) * (rank - lower_count) / (upper_count - lower_count),
    ))
}

fn bins(arguments: &Arguments, bound: impl Fn(f64) -> f64) -> Result<Value, Error> {
    let count = arguments.integer("count")?;
    if !(0..=100_000).contains(&count) {
        return Err(Error::invalid("count must be between 0 and 100000"));
    }
    let mut bounds: Vec<Value> = (0..count)
        .map(|at| Value::Float(bound(at as f64)))
        .collect();
    if arguments.boolean_or("infinity", true)? {
        bounds.push(Value::Float(f64::INFINITY));
    }
    Ok(Value::array(bounds))
}

fn linear_bins(_: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let (start, width) = (arguments.float("start")?, arguments.float("width")?);
    bins(arguments, |at| start + at * width)
}

fn logarithmic_bins(_: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let (start, factor) = (arguments.float("start")?, arguments.float("factor")?);
    bins(arguments, |at| start * factor.powf(at))
}
