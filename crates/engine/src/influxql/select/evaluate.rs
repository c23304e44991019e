//! Columns in the making: each holds its own points until all columns know the rows of the answer.

use std::collections::{BTreeMap, BTreeSet};

use watchpost_core::point::FieldValue;

use super::expression::{calculated, math};
use crate::influxql::ast::{Fill, Operator};
use crate::influxql::functions::Point;

/// A column before its rows are known.
pub(super) enum Column {
    /// The same in each row.
    Constant(FieldValue),
    /// What a call gave.
    Points {
        points: Vec<Point>,
        /// What stands for windows without a point; `None` where rows come from points alone.
        fill: Option<Fill>,
    },
    /// Arithmetic of two, row by row.
    Binary(Operator, Box<Column>, Box<Column>),
    /// A function of numbers, row by row.
    Math(String, Vec<Column>),
}

impl Column {
    /// Adds the times at which the column has a value; whether gaps of windows are filled.
    pub(super) fn times(&self, times: &mut BTreeSet<i64>) -> bool {
        match self {
            Self::Constant(_) => false,
            Self::Points { points, fill } => {
                times.extend(points.iter().map(|point| point.time));
                fill.is_some()
            }
            Self::Binary(_, left, right) => {
                let left = left.times(times);
                right.times(times) || left
            }
            Self::Math(_, arguments) => {
                let mut filled = false;
                for argument in arguments {
                    filled |= argument.times(times);
                }
                filled
            }
        }
    }

    /// A value a row.
    pub(super) fn values(&self, times: &[i64]) -> Vec<Option<FieldValue>> {
        match self {
            Self::Constant(value) => vec![Some(value.clone()); times.len()],
            Self::Points { points, fill } => filled(points, times, fill.unwrap_or(Fill::Null)),
            Self::Binary(operator, left, right) => {
                let pairs = left.values(times).into_iter().zip(right.values(times));
                pairs
                    .map(|(left, right)| calculated(*operator, &left?, &right?))
                    .collect()
            }
            Self::Math(name, arguments) => {
                let columns: Vec<_> = arguments
                    .iter()
                    .map(|argument| argument.values(times))
                    .collect();
                (0..times.len())
                    .map(|row| {
                        let values: Option<Vec<&FieldValue>> =
                            columns.iter().map(|column| column[row].as_ref()).collect();
                        math(name, &values?)
                    })
                    .collect()
            }
        }
    }
}

/// A value for each time: that of the point there, or what fills the gap. Nothing fills a column without any point.
pub(super) fn filled(points: &[Point], times: &[i64], fill: Fill) -> Vec<Option<FieldValue>> {
    let Some(example) = points.first().map(|point| &point.value) else {
        return vec![None; times.len()];
    };
    let found: BTreeMap<i64, &FieldValue> = points
        .iter()
        .map(|point| (point.time, &point.value))
        .collect();
    let gap = |time: i64| match fill {
        Fill::Null | Fill::None => None,
        Fill::Number(number) => like(example, number),
        Fill::Previous => {
            let before = found.range(..time).next_back();
            before.map(|(_, value)| (*value).clone())
        }
        Fill::Linear => between(&found, time),
    };
    let value = |time: &i64| match found.get(time) {
        Some(value) => Some((*value).clone()),
        None => gap(*time),
    };
    times.iter().map(value).collect()
}

/// A number as a value of the same type as another.
fn like(example: &FieldValue, number: f64) -> Option<FieldValue> {
    Some(match example {
        FieldValue::Float(_) => FieldValue::Float(number),
        FieldValue::Integer(_) => FieldValue::Integer(number as i64),
        FieldValue::Unsigned(_) => FieldValue::Unsigned(number as u64),
        FieldValue::String(_) | FieldValue::Boolean(_) => return None,
    })
}

/// The value on the line between the neighbours of a time.
fn between(found: &BTreeMap<i64, &FieldValue>, time: i64) -> Option<FieldValue> {
    let (start, first) = found.range(..time).next_back()?;
    let (stop, last) = found.range(time..).next()?;
    let (low, high) = (first.as_f64()?, last.as_f64()?);
    let share = (time - start) as f64 / (stop - start) as f64;
    like(first, low + (high - low) * share)
}
