//! The functions of InfluxQL over points in order of time.

use watchpost_core::point::FieldValue;

use super::QueryError;

/// A value at a time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    pub(super) time: i64,
    pub(super) value: FieldValue,
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
        "first" | "last" | "min" | "max" | "percentile" | "top" | "bottom" | "sample"
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
        Ok(value
            .map(|value| Point {
                time: first.time,
                value,
            })
            .into_iter()
            .collect())
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
        "spread" => value(
            sorted()
                .first()
                .zip(sorted().last())
                .map(|(low, high)| FieldValue::Float(high - low)),
        ),
        "stddev" => value(stddev(&numbers(points)).map(FieldValue::Float)),
        "integral" => value(float(integral(points, argument.unwrap_or(1e9)))),
        "mode" => value(mode(points)),
        "distinct" => Ok(distinct(points)),
        "first" => only(points.first()),
        "last" => only(points.last()),
        "min" => only(extreme(points, false)),
        "max" => only(extreme(points, true)),
        "percentile" => only(percentile(points, argument.unwrap_or(50.0))),
        "top" | "bottom" => Ok(several(points, argument.unwrap_or(1.0), name == "top")),
        other => Err(QueryError::new(format!("undefined function {other}()"))),
    }
}

fn sum(points: &[Point]) -> Option<FieldValue> {
    if points
        .iter()
        .all(|point| matches!(point.value, FieldValue::Integer(_)))
    {
        let whole = points.iter().filter_map(|point| match point.value {
            FieldValue::Integer(number) => Some(number),
            _ => None,
        });
        return Some(FieldValue::Integer(whole.fold(0, i64::wrapping_add)));
    }
    let numbers = numbers(points);
    (!numbers.is_empty()).then(|| FieldValue::Float(numbers.iter().sum()))
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

fn distinct(points: &[Point]) -> Vec<Point> {
    let mut found: Vec<Point> = Vec::new();
    for point in points {
        if !found.iter().any(|known| known.value == point.value) {
            found.push(point.clone());
        }
    }
    found
}

fn mode(points: &[Point]) -> Option<FieldValue> {
    let mut best: Option<(usize, &Point)> = None;
    for candidate in points {
        let count = points
            .iter()
            .filter(|point| point.value == candidate.value)
            .count();
        if best.is_none_or(|(most, _)| count > most) {
            best = Some((count, candidate));
        }
    }
    best.map(|(_, point)| point.value.clone())
}

fn extreme(points: &[Point], largest: bool) -> Option<&Point> {
    let mut best: Option<(&Point, f64)> = None;
    for point in points {
        let Some(number) = point.value.as_f64() else {
            continue;
        };
        let is_better = best.is_none_or(|(_, known)| {
            if largest {
                number > known
            } else {
                number < known
            }
        });
        if is_better {
            best = Some((point, number));
        }
    }
    best.map(|(point, _)| point)
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

/// What a transformation makes of points, each from the ones before it; `argument` is its second one.
pub(super) fn transform(
    name: &str,
    points: &[Point],
    argument: Option<f64>,
) -> Result<Vec<Point>, QueryError> {
    let steps = |of: &dyn Fn(f64, f64, f64) -> Option<f64>| -> Vec<Point> {
        let pairs = points.windows(2).filter_map(|pair| {
            let (before, after) = (pair[0].value.as_f64()?, pair[1].value.as_f64()?);
            let value = of(before, after, (pair[1].time - pair[0].time) as f64)?;
            Some(Point {
                time: pair[1].time,
                value: FieldValue::Float(value),
            })
        });
        pairs.collect()
    };
    let rate = |unit: f64| {
        move |before: f64, after: f64, time: f64| {
            (time > 0.0).then(|| (after - before) / time * unit)
        }
    };
    let positive = |value: Option<f64>| value.filter(|value| *value >= 0.0);
    Ok(match name {
        "derivative" => steps(&rate(argument.unwrap_or(1e9))),
        "non_negative_derivative" => {
            let rate = rate(argument.unwrap_or(1e9));
            steps(&|before, after, time| positive(rate(before, after, time)))
        }
        "difference" => steps(&|before, after, _| Some(after - before)),
        "non_negative_difference" => steps(&|before, after, _| positive(Some(after - before))),
        "elapsed" => steps(&|_, _, time| Some((time / argument.unwrap_or(1.0)).trunc())),
        "cumulative_sum" => {
            let mut total = 0.0;
            let add = |point: &Point| {
                total += point.value.as_f64()?;
                Some(Point {
                    time: point.time,
                    value: FieldValue::Float(total),
                })
            };
            points.iter().filter_map(add).collect()
        }
        "moving_average" => {
            let width = argument.unwrap_or(2.0).max(1.0) as usize;
            points
                .windows(width)
                .filter_map(|part| {
                    let value = mean(&numbers(part))?;
                    Some(Point {
                        time: part.last()?.time,
                        value: FieldValue::Float(value),
                    })
                })
                .collect()
        }
        "abs" | "ceil" | "floor" | "round" | "sqrt" | "ln" | "log2" | "log10" | "exp" => {
            each(name, points)
        }
        other => return Err(QueryError::new(format!("undefined function {other}()"))),
    })
}

fn each(name: &str, points: &[Point]) -> Vec<Point> {
    let of = |number: f64| match name {
        "abs" => number.abs(),
        "ceil" => number.ceil(),
        "floor" => number.floor(),
        "round" => number.round(),
        "sqrt" => number.sqrt(),
        "ln" => number.ln(),
        "log2" => number.log2(),
        "log10" => number.log10(),
        _ => number.exp(),
    };
    let value = |point: &Point| {
        Some(Point {
            time: point.time,
            value: FieldValue::Float(of(point.value.as_f64()?)),
        })
    };
    points.iter().filter_map(value).collect()
}
