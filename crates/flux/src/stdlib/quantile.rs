//! Quantiles: exact, and estimated by a t-digest.

use std::f64::consts::PI;

use super::aggregates::{float_row, numbers, one_row};
use super::build::map_table;
use super::native;
use crate::error::Error;
use crate::execute::Context;
use crate::interpret::NativeKind::Stream;
use crate::interpret::{Arguments, Native};
use crate::table::{Column, Table};
use crate::value::Value;

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[native(
    "",
    "quantile",
    "<-tables, q, ?column, ?method, ?compression",
    Stream,
    quantile,
)];

fn quantile(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let q = arguments.float("q")?;
    let column = arguments.string_or("column", "_value")?;
    let method = arguments.string_or("method", "estimate_tdigest")?;
    let compression = arguments.float_or("compression", 0.0)?;
    if !(0.0..=1.0).contains(&q) {
        return Err(Error::invalid("quantile must be between 0 and 1"));
    }
    if compression != 0.0 && method.as_ref() != "estimate_tdigest" {
        return Err(Error::invalid(
            "compression parameter is only valid for method \"estimate_tdigest\"",
        ));
    }
    let compression = if compression > 0.0 {
        compression
    } else {
        1000.0
    };
    match method.as_ref() {
        "estimate_tdigest" => map_table(context, arguments, "quantile", move |_, table| {
            let values = numbers(table.expect_column(&column)?, "quantile")?;
            let value = if values.is_empty() {
                None
            } else {
                Some(estimate(&values, q, compression))
            };
            one_row(&table, &column, float_row(value))
        }),
        "exact_mean" => map_table(context, arguments, "quantile", move |_, table| {
            let Column::Float(values) = table.expect_column(&column)? else {
                return Err(Error::invalid(
                    "unsupported aggregate column type for quantile: exact_mean needs floats",
                ));
            };
            let values: Vec<f64> = values.present().map(|(_, value)| *value).collect();
            one_row(&table, &column, float_row(exact_mean(values, q)))
        }),
        "exact_selector" => map_table(context, arguments, "quantile", move |_, table| {
            exact_row(&table, q)
        }),
        other => Err(Error::invalid(format!("unknown quantile method {other:?}"))),
    }
}

/// The value at a rank, between two values on the line through them.
fn exact_mean(mut values: Vec<f64>, q: f64) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let place = q * (values.len() - 1) as f64;
    let (low, high) = (place.floor(), place.ceil());
    if low == high {
        return Some(values[low as usize]);
    }
    Some(values[low as usize] * (high - place) + values[high as usize] * (place - low))
}

/// The row whose value stands at the rank, the lower of two. As in InfluxDB the order is that of `_value`, whichever column
/// is named; only its nulls are left out.
fn exact_row(table: &Table, q: f64) -> Result<Table, Error> {
    let column = table.expect_column("_value")?;
    let mut rows: Vec<usize> = (0..table.rows)
        .filter(|row| !column.is_null(*row))
        .collect();
    if rows.is_empty() {
        return Ok(table.slice(0, 0));
    }
    rows.sort_by(|a, b| column.compare(*a, column, *b));
    let rank = (q * rows.len() as f64).ceil() as usize;
    let at = rank.saturating_sub(1).min(rows.len() - 1);
    Ok(table.slice(rows[at], 1))
}

/// A stretch of the distribution.
#[derive(Debug, Clone, Copy)]
struct Centroid {
    mean: f64,
    weight: f64,
}

/// The quantile that a merging t-digest estimates (Dunning, "Computing extremely accurate quantiles using t-digests").
pub(super) fn estimate(values: &[f64], q: f64, compression: f64) -> f64 {
    let buffer = (8.0 * compression.ceil()) as usize;
    let mut digest: Vec<Centroid> = Vec::new();
    let mut waiting: Vec<Centroid> = Vec::new();
    let (mut weight, mut low, mut high) = (0.0, f64::MAX, f64::MIN);
    let mut flush = |waiting: &mut Vec<Centroid>, digest: &mut Vec<Centroid>| {
        if waiting.is_empty() {
            return weight;
        }
        weight += waiting.iter().map(|centroid| centroid.weight).sum::<f64>();
        waiting.append(digest);
        waiting.sort_by(|a, b| a.mean.total_cmp(&b.mean));
        *digest = compress(waiting, weight, compression);
        waiting.clear();
        if let (Some(first), Some(last)) = (digest.first(), digest.last()) {
            low = low.min(first.mean);
            high = high.max(last.mean);
        }
        weight
    };
    for value in values.iter().filter(|value| !value.is_nan()) {
        waiting.push(Centroid {
            mean: *value,
            weight: 1.0,
        });
        if waiting.len() > buffer {
            flush(&mut waiting, &mut digest);
        }
    }
    let total = flush(&mut waiting, &mut digest);
    at_rank(&digest, q * total, total, low, high)
}

/// Neighbours merged as far as the scale function allows: fine at the ends, coarse in the middle.
fn compress(sorted: &[Centroid], weight: f64, compression: f64) -> Vec<Centroid> {
    let quantile_of =
        |k: f64| ((k.min(compression) * PI / compression - PI / 2.0).sin() + 1.0) / 2.0;
    let location_of = |q: f64| compression * ((2.0 * q - 1.0).asin() + PI / 2.0) / PI;
    let mut merged: Vec<Centroid> = Vec::new();
    let mut so_far = 0.0;
    let mut limit = weight * quantile_of(1.0);
    for centroid in sorted {
        match merged.last_mut() {
            Some(last) if so_far + centroid.weight <= limit => {
                so_far += centroid.weight;
                last.weight += centroid.weight;
                last.mean += centroid.weight * (centroid.mean - last.mean) / last.weight;
            }
            None => {
                so_far += centroid.weight;
                merged.push(*centroid);
            }
            Some(_) => {
                limit = weight * quantile_of(location_of(so_far / weight) + 1.0);
                so_far += centroid.weight;
                merged.push(*centroid);
            }
        }
    }
    merged
}

/// The value at a rank of the whole weight, between the centres of two stretches on the line through them.
fn at_rank(digest: &[Centroid], rank: f64, total: f64, low: f64, high: f64) -> f64 {
    let (first, last) = match digest {
        [] => return f64::NAN,
        [only] => return only.mean,
        [first, .., last] => (first, last),
    };
    if rank <= first.weight / 2.0 {
        return low + 2.0 * rank / first.weight * (first.mean - low);
    }
    let mut before = 0.0;
    let mut centres = Vec::with_capacity(digest.len() + 1);
    for centroid in digest {
        centres.push(before + centroid.weight / 2.0);
        before += centroid.weight;
    }
    centres.push(before);
    let upper = centres.partition_point(|centre| *centre < rank);
    if upper + 1 < centres.len() {
        let (left, right) = (rank - centres[upper - 1], centres[upper] - rank);
        return between(digest[upper - 1].mean, right, digest[upper].mean, left);
    }
    let left = rank - total - last.weight / 2.0;
    let right = last.weight / 2.0 - left;
    between(last.mean, left, high, right)
}

/// The weighted mean of two values, kept between them.
fn between(a: f64, a_weight: f64, b: f64, b_weight: f64) -> f64 {
    let mean = (a * a_weight + b * b_weight) / (a_weight + b_weight);
    mean.min(a.max(b)).max(a.min(b))
}
