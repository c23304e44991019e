//! `WHERE`: a time range, and a condition on tags and fields that is decided row by row.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use watchpost_core::point::{FieldValue, SeriesKey};
use watchpost_storage::TimeRange;

use super::QueryError;
use super::ast::{Expression, Operator};
use crate::clock::parse_rfc3339;

/// The range of times that a condition leaves, and what remains of it.
pub(super) fn split(
    condition: Option<&Expression>,
    now: i64,
) -> Result<(TimeRange, Option<Expression>), QueryError> {
    let mut range = TimeRange::ALL;
    let rest = match condition {
        None => None,
        Some(condition) => take_times(condition, now, &mut range)?,
    };
    Ok((range, rest))
}

fn take_times(
    condition: &Expression,
    now: i64,
    range: &mut TimeRange,
) -> Result<Option<Expression>, QueryError> {
    match condition {
        Expression::Binary(Operator::And, left, right) => {
            let (left, right) = (
                take_times(left, now, range)?,
                take_times(right, now, range)?,
            );
            Ok(match (left, right) {
                (Some(left), Some(right)) => Some(Expression::Binary(
                    Operator::And,
                    Box::new(left),
                    Box::new(right),
                )),
                (left, right) => left.or(right),
            })
        }
        Expression::Binary(operator, left, right) if is_time(left) => {
            narrow(range, *operator, instant(right, now)?)?;
            Ok(None)
        }
        Expression::Binary(operator, left, right) if is_time(right) => {
            narrow(range, flipped(*operator), instant(left, now)?)?;
            Ok(None)
        }
        other => Ok(Some(other.clone())),
    }
}

fn is_time(expression: &Expression) -> bool {
    matches!(expression, Expression::Reference(name) if name.eq_ignore_ascii_case("time"))
}

fn flipped(operator: Operator) -> Operator {
    match operator {
        Operator::Less => Operator::Greater,
        Operator::LessOrEqual => Operator::GreaterOrEqual,
        Operator::Greater => Operator::Less,
        Operator::GreaterOrEqual => Operator::LessOrEqual,
        other => other,
    }
}

fn narrow(range: &mut TimeRange, operator: Operator, time: i64) -> Result<(), QueryError> {
    let from = |start: i64| TimeRange::new(start, i64::MAX);
    let until = |stop: i64| TimeRange::new(i64::MIN, stop);
    *range = range.intersection(match operator {
        Operator::Greater => from(time.saturating_add(1)),
        Operator::GreaterOrEqual => from(time),
        Operator::Less => until(time),
        Operator::LessOrEqual => until(time.saturating_add(1)),
        Operator::Equal => TimeRange::new(time, time.saturating_add(1)),
        _ => {
            return Err(QueryError::new(
                "time is compared with =, <, <=, > and >= alone",
            ));
        }
    });
    Ok(())
}

/// Nanoseconds since 1970 of `'2024-03-01T00:00:00Z'`, `now() - 1h`, `1709251200s`.
fn instant(expression: &Expression, now: i64) -> Result<i64, QueryError> {
    match expression {
        Expression::Integer(time) | Expression::Duration(time) => Ok(*time),
        Expression::Number(time) => Ok(*time as i64),
        Expression::Call(name, arguments) if name == "now" && arguments.is_empty() => Ok(now),
        Expression::Text(text) => {
            let spelled = text.replacen(' ', "T", 1);
            let with_zone = format!("{spelled}Z");
            let found = parse_rfc3339(&spelled).or_else(|| parse_rfc3339(&with_zone));
            found.ok_or_else(|| QueryError::new(format!("invalid time: {text:?}")))
        }
        Expression::Binary(Operator::Add, left, right) => {
            Ok(instant(left, now)?.saturating_add(instant(right, now)?))
        }
        Expression::Binary(Operator::Subtract, left, right) => {
            Ok(instant(left, now)?.saturating_sub(instant(right, now)?))
        }
        _ => Err(QueryError::new(
            "time is compared with a time, a duration or now() alone",
        )),
    }
}

/// A row's fields.
pub(super) type Fields<'a> = BTreeMap<&'a str, FieldValue>;

/// Whether a row satisfies a condition. A name that is neither a tag nor a field of the row is an empty text.
pub(super) fn accepts(condition: &Expression, series: &SeriesKey, fields: &Fields<'_>) -> bool {
    match condition {
        Expression::Binary(Operator::And, left, right) => {
            accepts(left, series, fields) && accepts(right, series, fields)
        }
        Expression::Binary(Operator::Or, left, right) => {
            accepts(left, series, fields) || accepts(right, series, fields)
        }
        Expression::Binary(operator, left, right) => {
            compare(*operator, left, right, series, fields)
        }
        Expression::Boolean(truth) => *truth,
        _ => false,
    }
}

/// The names of fields that a condition looks at, tags among them.
pub(super) fn names<'a>(condition: &'a Expression, found: &mut Vec<&'a str>) {
    match condition {
        Expression::Reference(name) => found.push(name),
        Expression::Binary(_, left, right) => {
            names(left, found);
            names(right, found);
        }
        _ => {}
    }
}

/// What a condition compares.
enum Operand<'a> {
    Text(&'a str),
    Number(f64),
    Boolean(bool),
    Missing,
}

fn operand<'a>(
    expression: &'a Expression,
    series: &'a SeriesKey,
    fields: &'a Fields<'_>,
) -> Operand<'a> {
    match expression {
        Expression::Reference(name) => match fields.get(name.as_str()) {
            Some(FieldValue::String(text)) => Operand::Text(text),
            Some(FieldValue::Boolean(truth)) => Operand::Boolean(*truth),
            Some(number) => number.as_f64().map_or(Operand::Missing, Operand::Number),
            None => Operand::Text(series.tag(name).unwrap_or_default()),
        },
        Expression::Text(text) => Operand::Text(text),
        Expression::Integer(number) => Operand::Number(*number as f64),
        Expression::Number(number) => Operand::Number(*number),
        Expression::Boolean(truth) => Operand::Boolean(*truth),
        _ => Operand::Missing,
    }
}

fn compare(
    operator: Operator,
    left: &Expression,
    right: &Expression,
    series: &SeriesKey,
    fields: &Fields<'_>,
) -> bool {
    if let Expression::Pattern(pattern) = right {
        let Operand::Text(text) = operand(left, series, fields) else {
            return false;
        };
        return pattern.is_match(text) == (operator == Operator::Matches);
    }
    let ordering = match (
        operand(left, series, fields),
        operand(right, series, fields),
    ) {
        (Operand::Text(left), Operand::Text(right)) => Some(left.cmp(right)),
        (Operand::Number(left), Operand::Number(right)) => left.partial_cmp(&right),
        (Operand::Boolean(left), Operand::Boolean(right)) => Some(left.cmp(&right)),
        _ => return false,
    };
    match operator {
        Operator::Equal => ordering == Some(Ordering::Equal),
        Operator::NotEqual => ordering != Some(Ordering::Equal),
        Operator::Less => ordering == Some(Ordering::Less),
        Operator::LessOrEqual => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
        Operator::Greater => ordering == Some(Ordering::Greater),
        Operator::GreaterOrEqual => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
        _ => false,
    }
}
