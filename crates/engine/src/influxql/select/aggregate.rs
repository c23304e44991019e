//! Functions that make one or some points of those of a window.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::rc::Rc;

use watchpost_core::point::FieldValue;

use super::point::{Auxiliary, Key, Options, Point, compared};
use crate::influxql::QueryError;

/// A function with its argument.
#[derive(Debug, Clone, Copy)]
pub(super) enum Function {
    Count,
    Sum,
    Mean,
    Min,
    Max,
    First,
    Last,
    Median,
    Mode,
    Stddev,
    Spread,
    Distinct,
    Percentile(f64),
    Top(usize),
    Bottom(usize),
}

impl Function {
    /// By name, of those without an argument.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "count" => Self::Count,
            "sum" => Self::Sum,
            "mean" => Self::Mean,
            "min" => Self::Min,
            "max" => Self::Max,
            "first" => Self::First,
            "last" => Self::Last,
            "median" => Self::Median,
            "mode" => Self::Mode,
            "stddev" => Self::Stddev,
            "spread" => Self::Spread,
            "distinct" => Self::Distinct,
            _ => return None,
        })
    }
}

/// What a function made: at a time of its own, or at the start of the window.
struct Made {
    time: Option<i64>,
    value: FieldValue,
    auxiliary: Option<Auxiliary>,
    rows: u64,
}

impl Made {
    fn of_window(value: FieldValue) -> Self {
        Self {
            time: None,
            value,
            auxiliary: None,
            rows: 1,
        }
    }

    fn chosen(point: &Point) -> Option<Self> {
        Some(Self {
            time: Some(point.time),
            value: point.value.clone()?,
            auxiliary: Some(Rc::clone(&point.auxiliary)),
            rows: point.rows,
        })
    }
}

/// The points that a function makes of each window of each key.
///
/// # Errors
/// The function is not defined for the values.
pub(super) fn reduced(
    points: &[Point],
    function: Function,
    options: &Options,
) -> Result<Vec<Point>, QueryError> {
    let own_tags = options.own_tags();
    let mut made = Vec::new();
    let mut rest = points;
    while let Some(first) = rest.iter().find(|point| point.value.is_some()) {
        let (start, end) = options.window(first.time);
        let from = rest
            .iter()
            .position(|point| point.value.is_some())
            .unwrap_or(0);
        rest = &rest[from..];
        let is_within = |point: &Point| {
            options.compare_keys(&point.key, &first.key) == Ordering::Equal
                && start <= point.time
                && point.time < end
        };
        let length = rest
            .iter()
            .position(|point| !is_within(point))
            .unwrap_or(rest.len())
            .max(1);
        let (window, after) = rest.split_at(length);
        rest = after;
        of_window(window, function, options, (start, &own_tags), &mut made)?;
    }
    Ok(made)
}

fn of_window(
    window: &[Point],
    function: Function,
    options: &Options,
    (start, own_tags): (i64, &std::collections::BTreeSet<String>),
    made: &mut Vec<Point>,
) -> Result<(), QueryError> {
    let mut groups: Vec<(Rc<Key>, Vec<&Point>)> = Vec::new();
    for point in window.iter().filter(|point| point.value.is_some()) {
        let known = groups
            .last_mut()
            .filter(|(key, _)| Rc::ptr_eq(key, &point.key));
        if let Some((_, points)) = known {
            points.push(point);
            continue;
        }
        let key = point.key.subset(own_tags);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, points)) => points.push(point),
            None => groups.push((key, vec![point])),
        }
    }
    groups.sort_by(|(left, _), (right, _)| match options.ascending {
        true => left.cmp(right),
        false => right.cmp(left),
    });
    let mut found = Vec::new();
    let mut keeps_times = false;
    for (key, points) in groups {
        for Made {
            time,
            value,
            auxiliary,
            rows,
        } in computed(function, &points)?
        {
            keeps_times |= time.is_some();
            let auxiliary =
                auxiliary.unwrap_or_else(|| Rc::from(vec![None; options.auxiliary.len()]));
            found.push(Point {
                key: Rc::clone(&key),
                time: time.unwrap_or(start),
                value: Some(value),
                auxiliary,
                rows,
            });
        }
    }
    if keeps_times && options.ordered {
        found.sort_by(|left, right| options.compare_times(left.time, right.time));
    }
    made.extend(found);
    Ok(())
}

fn values<'p>(points: &'p [&Point]) -> impl Iterator<Item = &'p FieldValue> {
    points.iter().filter_map(|point| point.value.as_ref())
}

fn computed(function: Function, points: &[&Point]) -> Result<Vec<Made>, QueryError> {
    let one = |made: Option<Made>| made.into_iter().collect();
    let numbers = || -> Result<Vec<f64>, QueryError> {
        let all = values(points)
            .map(FieldValue::as_f64)
            .collect::<Option<_>>();
        all.ok_or_else(|| unsupported(function, points))
    };
    Ok(match function {
        Function::Count => {
            vec![Made::of_window(FieldValue::Integer(points.len() as i64))]
        }
        Function::Sum => {
            numbers()?;
            let sum = values(points)
                .cloned()
                .reduce(|sum, value| summed(&sum, &value));
            one(sum.map(Made::of_window))
        }
        Function::Mean => {
            let numbers = numbers()?;
            let weighted = numbers
                .iter()
                .zip(points)
                .map(|(number, point)| match point.rows {
                    1 => *number,
                    rows => number * rows as f64,
                });
            let (sum, rows) = (
                weighted.sum::<f64>(),
                points.iter().map(|point| point.rows).sum::<u64>(),
            );
            let value = FieldValue::Float(sum / rows as f64);
            vec![Made {
                rows,
                ..Made::of_window(value)
            }]
        }
        Function::Min | Function::Max => {
            if matches!(values(points).next(), Some(FieldValue::String(_))) {
                return Err(unsupported(function, points));
            }
            one(best(function, points).and_then(Made::chosen))
        }
        Function::First | Function::Last => one(best(function, points).and_then(Made::chosen)),
        Function::Median => vec![Made::of_window(FieldValue::Float(median(numbers()?)))],
        Function::Mode => one(mode(points).map(Made::of_window)),
        Function::Stddev => vec![Made::of_window(FieldValue::Float(stddev(&numbers()?)))],
        Function::Spread => {
            numbers()?;
            one(spread(points).map(Made::of_window))
        }
        Function::Distinct => distinct(points),
        Function::Percentile(percent) => {
            numbers()?;
            one(percentile(points, percent).and_then(Made::chosen))
        }
        Function::Top(count) => {
            numbers()?;
            several(points, count, Ordering::Greater)
        }
        Function::Bottom(count) => {
            numbers()?;
            several(points, count, Ordering::Less)
        }
    })
}

fn unsupported(function: Function, points: &[&Point]) -> QueryError {
    let name = format!("{function:?}").to_lowercase();
    let name = name.split('(').next().unwrap_or_default();
    let kind = match values(points).next() {
        Some(FieldValue::Boolean(_)) => "*query.booleanInterruptIterator",
        _ => "*query.stringInterruptIterator",
    };
    QueryError::new(format!("unsupported {name} iterator type: {kind}"))
}

/// The sum of two numbers, of their own type if they share one.
fn summed(left: &FieldValue, right: &FieldValue) -> FieldValue {
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

/// The point that a selector chooses: of equal values the earliest, of equal times the largest value.
fn best<'p>(function: Function, points: &[&'p Point]) -> Option<&'p Point> {
    use Ordering::{Equal, Greater, Less};
    points.iter().copied().reduce(|best, point| {
        let (Some(value), Some(known)) = (&point.value, &best.value) else {
            return best;
        };
        let values = compared(value, known);
        let times = point.time.cmp(&best.time);
        let is_better = match function {
            Function::Min => values == Some(Less) || (values == Some(Equal) && times == Less),
            Function::Max => values == Some(Greater) || (values == Some(Equal) && times == Less),
            Function::First => times == Less || (times == Equal && values == Some(Greater)),
            _ => times == Greater || (times == Equal && values == Some(Greater)),
        };
        match is_better {
            true => point,
            false => best,
        }
    })
}

/// The value that comes most often. InfluxDB's way to choose among equally frequent ones is kept: values that all come once
/// give the smallest, others the one whose rows begin the earliest.
fn mode(points: &[&Point]) -> Option<FieldValue> {
    let mut sorted: Vec<(&FieldValue, i64)> = points
        .iter()
        .filter_map(|point| Some((point.value.as_ref()?, point.time)))
        .collect();
    if let Some((FieldValue::Boolean(_), _)) = sorted.first() {
        let is_true = |(value, _): &&(&FieldValue, i64)| **value == FieldValue::Boolean(true);
        let truths = sorted.iter().filter(is_true).count();
        return Some(FieldValue::Boolean(2 * truths >= sorted.len()));
    }
    sorted.sort_by(|left, right| compared(left.0, right.0).unwrap_or(Ordering::Equal));
    let (first, start) = *sorted.first()?;
    let (mut run, mut run_start, mut run_length) = (first, start, 0);
    let (mut best, mut best_time, mut best_length) = (first, start, 0);
    for (value, time) in sorted {
        if value != run {
            (run, run_start, run_length) = (value, time, 1);
            continue;
        }
        run_length += 1;
        let is_later = best_length == run_length && run_start > best_time;
        if best_length <= run_length && !is_later {
            (best, best_time, best_length) = (value, time, run_length);
        }
    }
    Some(best.clone())
}

/// Of numbers, which are not none: the middle one, or the mean of the two in the middle.
fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match numbers.len() % 2 {
        1 => numbers[middle],
        _ => numbers[middle - 1] + (numbers[middle] - numbers[middle - 1]) / 2.0,
    }
}

fn stddev(numbers: &[f64]) -> f64 {
    if numbers.len() < 2 {
        return f64::NAN;
    }
    let (mut mean, mut count) = (0.0, 0.0);
    for number in numbers {
        count += 1.0;
        mean += (number - mean) / count;
    }
    let variance: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
    (variance / (count - 1.0)).sqrt()
}

fn spread(points: &[&Point]) -> Option<FieldValue> {
    let low = best(Function::Min, points)?.value.as_ref()?;
    let high = best(Function::Max, points)?.value.as_ref()?;
    Some(match (high, low) {
        (FieldValue::Integer(high), FieldValue::Integer(low)) => {
            FieldValue::Integer(high.wrapping_sub(*low))
        }
        (FieldValue::Unsigned(high), FieldValue::Unsigned(low)) => {
            FieldValue::Unsigned(high.wrapping_sub(*low))
        }
        (high, low) => FieldValue::Float(high.as_f64()? - low.as_f64()?),
    })
}

/// A value as the key of a set.
fn key_of(value: &FieldValue) -> (u8, String) {
    match value {
        FieldValue::Float(number) => (0, number.to_bits().to_string()),
        FieldValue::Integer(number) => (1, number.to_string()),
        FieldValue::Unsigned(number) => (2, number.to_string()),
        FieldValue::String(text) => (3, text.clone()),
        FieldValue::Boolean(truth) => (4, truth.to_string()),
    }
}

/// The first point of each value, in order of time and value.
fn distinct(points: &[&Point]) -> Vec<Made> {
    let mut known = HashSet::new();
    let is_new = |point: &&&Point| {
        point
            .value
            .as_ref()
            .is_some_and(|value| known.insert(key_of(value)))
    };
    let mut first: Vec<&Point> = points.iter().filter(is_new).copied().collect();
    first.sort_by(|left, right| {
        let values = left.value.as_ref().zip(right.value.as_ref());
        let by_value = values.and_then(|(left, right)| compared(left, right));
        left.time
            .cmp(&right.time)
            .then(by_value.unwrap_or(Ordering::Equal))
    });
    let made = |point: &Point| {
        Some(Made {
            time: Some(point.time),
            ..Made::of_window(point.value.clone()?)
        })
    };
    first.into_iter().filter_map(made).collect()
}

/// The nearest rank.
fn percentile<'p>(points: &[&'p Point], percent: f64) -> Option<&'p Point> {
    let rank = (points.len() as f64 * percent / 100.0 + 0.5).floor() as i64 - 1;
    let rank = usize::try_from(rank)
        .ok()
        .filter(|rank| *rank < points.len())?;
    let mut sorted = points.to_vec();
    sorted.sort_by(|left, right| by_value(left, right).then(left.time.cmp(&right.time)));
    sorted.get(rank).copied()
}

fn by_value(left: &Point, right: &Point) -> Ordering {
    let values = left.value.as_ref().zip(right.value.as_ref());
    values
        .and_then(|(left, right)| compared(left, right))
        .unwrap_or(Ordering::Equal)
}

/// The largest or smallest; of equal ones the earliest.
fn several(points: &[&Point], count: usize, wanted: Ordering) -> Vec<Made> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|left, right| {
        let order = by_value(left, right);
        let order = if wanted == Ordering::Greater {
            order.reverse()
        } else {
            order
        };
        order.then(left.time.cmp(&right.time))
    });
    sorted.truncate(count);
    sorted.into_iter().filter_map(Made::chosen).collect()
}
