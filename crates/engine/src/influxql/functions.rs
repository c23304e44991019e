//! The functions of InfluxQL over points in order of time.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use watchpost_core::point::FieldValue;

use super::QueryError;

/// A value at a time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    pub(super) time: i64,
    pub(super) value: FieldValue,
    /// Which series of its group it is of, where somebody asks.
    pub(super) series: usize,
}

impl Point {
    pub(super) fn new(time: i64, value: FieldValue) -> Self {
        let series = 0;
        Self {
            time,
            value,
            series,
        }
    }
}

/// The order of two values of one kind.
pub(super) fn compared(left: &FieldValue, right: &FieldValue) -> Option<Ordering> {
    match (left, right) {
        (FieldValue::Integer(left), FieldValue::Integer(right)) => Some(left.cmp(right)),
        (FieldValue::Unsigned(left), FieldValue::Unsigned(right)) => Some(left.cmp(right)),
        (FieldValue::String(left), FieldValue::String(right)) => Some(left.cmp(right)),
        (FieldValue::Boolean(left), FieldValue::Boolean(right)) => Some(left.cmp(right)),
        (left, right) => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

/// The sum of two numbers, of their own type if they share one.
pub(super) fn summed(left: &FieldValue, right: &FieldValue) -> FieldValue {
    match (left, right) {
        (FieldValue::Integer(left), FieldValue::Integer(right)) => {
            FieldValue::Integer(left.wrapping_add(*right))
        }
        (FieldValue::Unsigned(left), FieldValue::Unsigned(right)) => {
            FieldValue::Unsigned(left.wrapping_add(*right))
        }
        (left, right) => {
            let of = |value: &FieldValue| value.as_f64().unwrap_or(0.0);
            FieldValue::Float(of(left) + of(right))
        }
    }
}

/// The difference of two numbers; of whole ones it is whole.
fn subtracted(left: &FieldValue, right: &FieldValue) -> Option<FieldValue> {
    let whole = |value: &FieldValue| match value {
        FieldValue::Integer(number) => Some(*number),
        FieldValue::Unsigned(number) => Some(*number as i64),
        _ => None,
    };
    Some(match (whole(left), whole(right)) {
        (Some(left), Some(right)) => FieldValue::Integer(left.wrapping_sub(right)),
        _ => FieldValue::Float(left.as_f64()? - right.as_f64()?),
    })
}

fn numbers(points: &[Point]) -> Vec<f64> {
    points
        .iter()
        .filter_map(|point| point.value.as_f64())
        .collect()
}

fn float(number: f64) -> Option<FieldValue> {
    Some(FieldValue::Float(number))
}

/// Whether a function chooses points rather than computing a value from them.
pub(super) fn is_selector(name: &str) -> bool {
    matches!(
        name,
        "first" | "last" | "min" | "max" | "percentile" | "top" | "bottom"
    )
}

/// Whether the rows that a function chooses keep their own times within a window.
pub(super) fn keeps_times(name: &str) -> bool {
    matches!(name, "top" | "bottom")
}

/// Whether a function makes each point of the ones before it.
pub(super) fn is_transformation(name: &str) -> bool {
    matches!(
        name,
        "derivative"
            | "non_negative_derivative"
            | "difference"
            | "non_negative_difference"
            | "elapsed"
            | "cumulative_sum"
            | "moving_average"
    )
}

/// Whether a function makes one or some points of many.
pub(super) fn is_aggregate(name: &str) -> bool {
    is_selector(name)
        || matches!(
            name,
            "count"
                | "sum"
                | "mean"
                | "median"
                | "mode"
                | "spread"
                | "stddev"
                | "distinct"
                | "integral"
        )
}

/// What an aggregate makes of points, which are not empty; `argument` is its second one.
pub(super) fn aggregate(
    name: &str,
    points: &[Point],
    argument: Option<f64>,
) -> Result<Vec<Point>, QueryError> {
    let Some(first) = points.first() else {
        return Ok(Vec::new());
    };
    let only = |point: Option<&Point>| Ok(point.cloned().into_iter().collect());
    let value = |value: Option<FieldValue>| {
        let point = value.map(|value| Point {
            value,
            ..first.clone()
        });
        Ok(point.into_iter().collect())
    };
    let sorted = || {
        let mut numbers = numbers(points);
        numbers.sort_by(f64::total_cmp);
        numbers
    };
    match name {
        "count" => value(Some(FieldValue::Integer(points.len() as i64))),
        "sum" => value(sum(points)),
        "mean" => value(mean(&numbers(points)).map(FieldValue::Float)),
        "median" => value(median(&sorted()).map(FieldValue::Float)),
        "spread" => {
            let (low, high) = (
                extreme(points, Ordering::Less),
                extreme(points, Ordering::Greater),
            );
            value(
                low.zip(high)
                    .and_then(|(low, high)| subtracted(&high.value, &low.value)),
            )
        }
        "stddev" => value(stddev(&numbers(points)).map(FieldValue::Float)),
        "integral" => value(float(integral(points, argument.unwrap_or(1e9)))),
        "mode" => value(mode(points)),
        "distinct" => Ok(distinct(points)),
        "first" => only(largest_of(
            points.iter().take_while(|point| point.time == first.time),
        )),
        "last" => {
            let last = points.last().map_or(first.time, |point| point.time);
            only(largest_of(
                points.iter().rev().take_while(|point| point.time == last),
            ))
        }
        "min" => only(extreme(points, Ordering::Less)),
        "max" => only(extreme(points, Ordering::Greater)),
        "percentile" => only(percentile(points, argument.unwrap_or(50.0))),
        "top" | "bottom" => Ok(several(points, argument.unwrap_or(1.0), name == "top")),
        other => Err(QueryError::new(format!("undefined function {other}()"))),
    }
}

/// Of texts and truth values there is none.
fn sum(points: &[Point]) -> Option<FieldValue> {
    let mut values = points.iter().map(|point| &point.value);
    let numbers = values.clone().all(|value| value.as_f64().is_some());
    let first = values.next().filter(|_| numbers)?.clone();
    Some(values.fold(first, |sum, value| summed(&sum, value)))
}

/// Of points of one time the one with the largest value, as in InfluxDB.
fn largest_of<'p>(points: impl Iterator<Item = &'p Point>) -> Option<&'p Point> {
    points.reduce(|best, point| match compared(&point.value, &best.value) {
        Some(Ordering::Greater) => point,
        _ => best,
    })
}

fn mean(numbers: &[f64]) -> Option<f64> {
    (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>() / numbers.len() as f64)
}

fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    match sorted.len() % 2 {
        _ if sorted.is_empty() => None,
        1 => Some(sorted[middle]),
        _ => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
    }
}

fn stddev(numbers: &[f64]) -> Option<f64> {
    let mean = mean(numbers).filter(|_| numbers.len() > 1)?;
    let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
    Some((squares / (numbers.len() - 1) as f64).sqrt())
}

/// By trapezoids, per `unit` nanoseconds.
fn integral(points: &[Point], unit: f64) -> f64 {
    let of = |point: &Point| point.value.as_f64().unwrap_or(0.0);
    points
        .windows(2)
        .map(|pair| {
            (of(&pair[0]) + of(&pair[1])) / 2.0 * (pair[1].time - pair[0].time) as f64 / unit
        })
        .sum()
}

/// A value as the key of a map.
fn key_of(value: &FieldValue) -> (u8, String) {
    match value {
        FieldValue::Float(number) => (0, number.to_bits().to_string()),
        FieldValue::Integer(number) => (1, number.to_string()),
        FieldValue::Unsigned(number) => (2, number.to_string()),
        FieldValue::String(text) => (3, text.clone()),
        FieldValue::Boolean(truth) => (4, truth.to_string()),
    }
}

/// The first point of each value.
fn distinct(points: &[Point]) -> Vec<Point> {
    let mut known = HashSet::new();
    let is_new = |point: &&Point| known.insert(key_of(&point.value));
    points.iter().filter(is_new).cloned().collect()
}

/// The value that comes most often, of several the smallest.
fn mode(points: &[Point]) -> Option<FieldValue> {
    let mut counts: HashMap<(u8, String), (usize, &FieldValue)> = HashMap::new();
    for point in points {
        let entry = counts.entry(key_of(&point.value));
        entry.or_insert((0, &point.value)).0 += 1;
    }
    let best = counts.into_values().reduce(|best, other| {
        let is_smaller = || compared(other.1, best.1) == Some(Ordering::Less);
        match other.0.cmp(&best.0) {
            Ordering::Greater => other,
            Ordering::Equal if is_smaller() => other,
            _ => best,
        }
    });
    best.map(|(_, value)| value.clone())
}

/// The first point whose value comes before, or after, all others.
fn extreme(points: &[Point], wanted: Ordering) -> Option<&Point> {
    let numbers = points.iter().filter(|point| point.value.as_f64().is_some());
    numbers.reduce(|best, point| match compared(&point.value, &best.value) {
        Some(order) if order == wanted => point,
        _ => best,
    })
}

/// The nearest rank.
fn percentile(points: &[Point], percent: f64) -> Option<&Point> {
    let mut sorted: Vec<(&Point, f64)> = points
        .iter()
        .filter_map(|point| Some((point, point.value.as_f64()?)))
        .collect();
    sorted.sort_by(|a, b| a.1.total_cmp(&b.1));
    let rank = (sorted.len() as f64 * percent / 100.0 + 0.5).floor() as i64 - 1;
    usize::try_from(rank)
        .ok()
        .and_then(|rank| sorted.get(rank))
        .map(|(point, _)| *point)
}

/// The largest or smallest, in order of time.
fn several(points: &[Point], count: f64, largest: bool) -> Vec<Point> {
    let mut sorted: Vec<(&Point, f64)> = points
        .iter()
        .filter_map(|point| Some((point, point.value.as_f64()?)))
        .collect();
    sorted.sort_by(|a, b| {
        if largest {
            b.1.total_cmp(&a.1)
        } else {
            a.1.total_cmp(&b.1)
        }
    });
    sorted.truncate(count.max(0.0) as usize);
    sorted.sort_by_key(|(point, _)| point.time);
    sorted.into_iter().map(|(point, _)| point.clone()).collect()
}

/// What a transformation makes of points, each from the ones before it; `argument` is its second one, `unit` the
/// nanoseconds that a rate is per.
pub(super) fn transform(
    name: &str,
    points: &[Point],
    argument: Option<f64>,
    unit: f64,
) -> Result<Vec<Point>, QueryError> {
    let steps = |of: &dyn Fn(&Point, &Point) -> Option<FieldValue>| -> Vec<Point> {
        let pairs = points.windows(2).filter_map(|pair| {
            let value = of(&pair[0], &pair[1])?;
            Some(Point {
                value,
                ..pair[1].clone()
            })
        });
        pairs.collect()
    };
    let elapsed = |before: &Point, after: &Point| (after.time - before.time) as f64;
    let rate = |before: &Point, after: &Point| {
        let (from, to) = (before.value.as_f64()?, after.value.as_f64()?);
        let time = elapsed(before, after);
        (time > 0.0).then(|| FieldValue::Float((to - from) / (time / unit)))
    };
    let difference = |before: &Point, after: &Point| subtracted(&after.value, &before.value);
    let positive = |value: &FieldValue| value.as_f64().is_some_and(|number| number >= 0.0);
    Ok(match name {
        "derivative" => steps(&rate),
        "non_negative_derivative" => steps(&|from, to| rate(from, to).filter(positive)),
        "difference" => steps(&difference),
        "non_negative_difference" => steps(&|from, to| difference(from, to).filter(positive)),
        "elapsed" => steps(&|from, to| {
            let units = elapsed(from, to) / argument.unwrap_or(1.0);
            Some(FieldValue::Integer(units.trunc() as i64))
        }),
        "cumulative_sum" => {
            let numbers = points.iter().filter(|point| point.value.as_f64().is_some());
            let add = |sum: &mut Option<FieldValue>, point: &Point| {
                let value = match sum.as_ref() {
                    Some(sum) => summed(sum, &point.value),
                    None => point.value.clone(),
                };
                *sum = Some(value.clone());
                Some(Point {
                    value,
                    ..point.clone()
                })
            };
            numbers.scan(None, add).collect()
        }
        "moving_average" => {
            let width = argument.unwrap_or(2.0).max(1.0) as usize;
            let average = |part: &[Point]| {
                let value = FieldValue::Float(mean(&numbers(part))?);
                let last = part.last()?.clone();
                Some(Point { value, ..last })
            };
            points.windows(width).filter_map(average).collect()
        }
        other => return Err(QueryError::new(format!("undefined function {other}()"))),
    })
}
