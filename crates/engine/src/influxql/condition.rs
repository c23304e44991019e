//! `WHERE`: a time range, conditions on tags that storage decides, and what is decided row by row.

use std::cmp::Ordering;
use std::sync::Arc;

use watchpost_core::point::FieldValue;
use watchpost_flux::source::{Comparison, Literal, Predicate, Subject, TimeRange};
use watchpost_flux::value::window::Location;

use super::QueryError;
use super::ast::{Expression, Operator};
use super::select::calculated;
use crate::clock::parse_rfc3339;

/// The range of times that a condition leaves, and what remains of it.
pub(super) fn split(
    condition: Option<&Expression>,
    now: i64,
    zone: &Location,
) -> Result<(TimeRange, Option<Expression>), QueryError> {
    let mut range = TimeRange {
        start: i64::MIN,
        stop: i64::MAX,
    };
    let clock = Clock { now, zone };
    let rest = match condition {
        None => None,
        Some(condition) => take_times(condition, &clock, &mut range)?,
    };
    Ok((range, rest))
}

/// A condition without its times.
pub(super) struct Condition {
    /// On tags alone: storage finds the series by them.
    pub(super) tags: Vec<Predicate>,
    /// What needs the fields of a row.
    pub(super) rest: Option<Expression>,
}

impl Condition {
    /// Parts a condition by which names are tags.
    pub(super) fn of(condition: Option<&Expression>, is_tag: &dyn Fn(&str) -> bool) -> Self {
        let mut tags = Vec::new();
        let rest = condition.and_then(|condition| without_tags(condition, is_tag, &mut tags));
        Self { tags, rest }
    }
}

/// A condition without the parts that look at tags alone, which are put into `tags`. It is no higher than the whole.
fn without_tags(
    condition: &Expression,
    is_tag: &dyn Fn(&str) -> bool,
    tags: &mut Vec<Predicate>,
) -> Option<Expression> {
    if let Expression::Binary(Operator::And, left, right) = condition {
        let left = without_tags(left, is_tag, tags);
        let right = without_tags(right, is_tag, tags);
        return match (left, right) {
            (Some(left), Some(right)) => {
                let (left, right) = (Box::new(left), Box::new(right));
                Some(Expression::Binary(Operator::And, left, right))
            }
            (left, right) => left.or(right),
        };
    }
    match predicate(condition, is_tag) {
        None => Some(condition.clone()),
        Some(predicate) => {
            tags.push(predicate);
            None
        }
    }
}

/// A condition on nothing but tags in the words of a read.
fn predicate(condition: &Expression, is_tag: &dyn Fn(&str) -> bool) -> Option<Predicate> {
    let Expression::Binary(operator, left, right) = condition else {
        return None;
    };
    let both = || Some(vec![predicate(left, is_tag)?, predicate(right, is_tag)?]);
    match operator {
        Operator::And => return Some(Predicate::And(both()?)),
        Operator::Or => return Some(Predicate::Or(both()?)),
        _ => {}
    }
    let (name, constant) = match (&**left, &**right) {
        (Expression::Reference(name), constant) => (name, constant),
        (constant, Expression::Reference(name)) => (name, constant),
        _ => return None,
    };
    let subject = is_tag(name).then(|| Subject::Tag(name.as_str().into()))?;
    let negated = matches!(operator, Operator::NotEqual | Operator::MatchesNot);
    let (test, takes_empty) = match (operator, constant) {
        (Operator::Equal | Operator::NotEqual, Expression::Text(text)) => {
            let comparison = match negated {
                true => Comparison::NotEqual,
                false => Comparison::Equal,
            };
            let literal = Literal::String(text.as_str().into());
            let test = Predicate::Compare(subject.clone(), comparison, literal);
            (test, text.is_empty() != negated)
        }
        (Operator::Matches | Operator::MatchesNot, Expression::Pattern(pattern)) => {
            let test = Predicate::Matches {
                subject: subject.clone(),
                pattern: Arc::new(pattern.clone()),
                negated,
            };
            (test, pattern.is_match("") != negated)
        }
        _ => return None,
    };
    // A tag that a series lacks is an empty text.
    let exists = Predicate::Exists(subject);
    Some(match takes_empty {
        true => Predicate::Or(vec![Predicate::Not(Box::new(exists)), test]),
        false if negated => Predicate::And(vec![exists, test]),
        false => test,
    })
}

/// What times are relative to.
struct Clock<'a> {
    now: i64,
    zone: &'a Location,
}

fn take_times(
    condition: &Expression,
    clock: &Clock<'_>,
    range: &mut TimeRange,
) -> Result<Option<Expression>, QueryError> {
    match condition {
        Expression::Binary(Operator::And, left, right) => {
            let (left, right) = (
                take_times(left, clock, range)?,
                take_times(right, clock, range)?,
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
            narrow(range, *operator, instant(right, clock)?)?;
            Ok(None)
        }
        Expression::Binary(operator, left, right) if is_time(right) => {
            narrow(range, flipped(*operator), instant(left, clock)?)?;
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
    let after = time.saturating_add(1);
    let (start, stop) = match operator {
        Operator::Greater => (after, i64::MAX),
        Operator::GreaterOrEqual => (time, i64::MAX),
        Operator::Less => (i64::MIN, time),
        Operator::LessOrEqual => (i64::MIN, after),
        Operator::Equal => (time, after),
        _ => {
            return Err(QueryError::new(
                "time is compared with =, <, <=, > and >= alone",
            ));
        }
    };
    range.start = range.start.max(start);
    range.stop = range.stop.min(stop);
    Ok(())
}

/// Nanoseconds since 1970 of `'2024-03-01T00:00:00Z'`, `now() - 1h`, `1709251200s`.
fn instant(expression: &Expression, clock: &Clock<'_>) -> Result<i64, QueryError> {
    match expression {
        Expression::Integer(time) | Expression::Duration(time) => Ok(*time),
        Expression::Number(time) => Ok(*time as i64),
        Expression::Call(name, arguments) if name == "now" && arguments.is_empty() => Ok(clock.now),
        Expression::Text(text) => {
            let spelled = text.replacen(' ', "T", 1);
            let midnight = if spelled.contains('T') {
                "Z"
            } else {
                "T00:00:00Z"
            };
            let local = || {
                let time = parse_rfc3339(&format!("{spelled}{midnight}"));
                time.map(|time| clock.zone.to_utc(time))
            };
            // A bare date reads as a time, too, but then always in UTC.
            let zoned = Some(&spelled).filter(|spelled| spelled.contains('T'));
            let found = zoned
                .and_then(|spelled| parse_rfc3339(spelled))
                .or_else(local);
            found.ok_or_else(|| QueryError::new(format!("invalid time: {text:?}")))
        }
        Expression::Binary(Operator::Add, left, right) => {
            Ok(instant(left, clock)?.saturating_add(instant(right, clock)?))
        }
        Expression::Binary(Operator::Subtract, left, right) => {
            Ok(instant(left, clock)?.saturating_sub(instant(right, clock)?))
        }
        _ => Err(QueryError::new(
            "time is compared with a time, a duration or now() alone",
        )),
    }
}

/// Gives the value of a field in the row that is decided.
type Values<'a> = dyn Fn(&str) -> Option<&'a FieldValue> + 'a;

/// Whether a row satisfies a condition. A name that is no field is a tag, and an empty text where the series lacks it.
pub(super) fn accepts<'a>(
    condition: &'a Expression,
    tags: &'a [(String, String)],
    is_field: &dyn Fn(&str) -> bool,
    values: &Values<'a>,
) -> bool {
    match condition {
        Expression::Binary(Operator::And, left, right) => {
            accepts(left, tags, is_field, values) && accepts(right, tags, is_field, values)
        }
        Expression::Binary(Operator::Or, left, right) => {
            accepts(left, tags, is_field, values) || accepts(right, tags, is_field, values)
        }
        Expression::Binary(operator, left, right) => {
            let left = operand(left, tags, is_field, values);
            if let Expression::Pattern(pattern) = &**right {
                let Operand::Text(text) = left else {
                    return false;
                };
                return pattern.is_match(text) == (*operator == Operator::Matches);
            }
            compare(*operator, &left, &operand(right, tags, is_field, values))
        }
        Expression::Boolean(truth) => *truth,
        _ => false,
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
    tags: &'a [(String, String)],
    is_field: &dyn Fn(&str) -> bool,
    values: &Values<'a>,
) -> Operand<'a> {
    match expression {
        Expression::Reference(name) => match values(name) {
            Some(FieldValue::String(text)) => Operand::Text(text),
            Some(FieldValue::Boolean(truth)) => Operand::Boolean(*truth),
            Some(number) => number.as_f64().map_or(Operand::Missing, Operand::Number),
            None if is_field(name) => Operand::Missing,
            None => {
                let tag = tags.iter().find(|(key, _)| key == name);
                Operand::Text(tag.map(|(_, value)| value.as_str()).unwrap_or_default())
            }
        },
        Expression::Text(text) => Operand::Text(text),
        Expression::Integer(number) => Operand::Number(*number as f64),
        Expression::Number(number) => Operand::Number(*number),
        Expression::Boolean(truth) => Operand::Boolean(*truth),
        Expression::Binary(operator, left, right) => {
            let number = |side: &'a Expression| match operand(side, tags, is_field, values) {
                Operand::Number(number) => Some(FieldValue::Float(number)),
                _ => None,
            };
            let result = number(left).zip(number(right));
            let result = result.and_then(|(left, right)| calculated(*operator, &left, &right));
            let result = result.and_then(|value| value.as_f64());
            result.map_or(Operand::Missing, Operand::Number)
        }
        _ => Operand::Missing,
    }
}

fn compare(operator: Operator, left: &Operand<'_>, right: &Operand<'_>) -> bool {
    let ordering = match (left, right) {
        (Operand::Text(left), Operand::Text(right)) => Some(left.cmp(right)),
        (Operand::Number(left), Operand::Number(right)) => left.partial_cmp(right),
        (Operand::Boolean(left), Operand::Boolean(right)) => Some(left.cmp(right)),
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
