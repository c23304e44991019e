//! `WHERE`: a time range, conditions on tags that storage decides, and what is decided row by row.

use std::sync::Arc;

use watchpost_core::point::FieldValue;
use watchpost_flux::source::{Comparison, Literal, Predicate, Subject};

use super::QueryError;
use super::ast::{Expression, Kind, Operator};
use super::reduce::{Clock, time_literal};

/// The earliest time, as in InfluxDB.
pub(super) const MIN_TIME: i64 = i64::MIN + 2;

/// The latest time, as in InfluxDB.
pub(super) const MAX_TIME: i64 = i64::MAX - 1;

/// Times from the first to the last, both within; none: no bound was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Times {
    /// The first.
    pub(super) first: Option<i64>,
    /// The last.
    pub(super) last: Option<i64>,
}

impl Times {
    /// The times that are in both.
    pub(super) fn and(self, other: Self) -> Self {
        let both = |left: Option<i64>, right: Option<i64>, choose: fn(i64, i64) -> i64| match (
            left, right,
        ) {
            (Some(left), Some(right)) => Some(choose(left, right)),
            (left, right) => left.or(right),
        };
        Self {
            first: both(self.first, other.first, i64::max),
            last: both(self.last, other.last, i64::min),
        }
    }

    /// The same as storage has them.
    pub(super) fn range(self) -> watchpost_storage::TimeRange {
        let last = self.last.unwrap_or(MAX_TIME);
        watchpost_storage::TimeRange::new(
            self.first.unwrap_or(i64::MIN),
            if last >= MAX_TIME { i64::MAX } else { last + 1 },
        )
    }
}

/// The times that a condition leaves, and what remains of it.
pub(super) fn split(
    condition: Option<&Expression>,
    clock: &Clock,
) -> Result<(Option<Expression>, Times), QueryError> {
    let Some(condition) = condition else {
        return Ok((None, Times::default()));
    };
    let (rest, times) = without_times(condition, clock)?;
    let rest = rest.map(|rest| match rest {
        Expression::Parentheses(inner) => *inner,
        other => other,
    });
    Ok((
        rest.filter(|rest| !matches!(rest, Expression::Boolean(true))),
        times,
    ))
}

fn without_times(
    condition: &Expression,
    clock: &Clock,
) -> Result<(Option<Expression>, Times), QueryError> {
    match condition {
        Expression::Binary(operator @ (Operator::And | Operator::Or), left, right) => {
            let (left, first) = without_times(left, clock)?;
            let (right, second) = without_times(right, clock)?;
            let times = first.and(second);
            Ok(match (left, right) {
                (Some(left), Some(right)) => (Some(clock.joined(*operator, left, right)), times),
                (left, right) => (left.or(right), times),
            })
        }
        Expression::Binary(operator, left, right) if is_time(left) => {
            Ok((None, bounds(*operator, right, clock)?))
        }
        Expression::Binary(operator, left, right) if is_time(right) => {
            Ok((None, bounds(flipped(*operator), left, clock)?))
        }
        Expression::Binary(..) => Ok((Some(clock.reduced(condition)), Times::default())),
        Expression::Parentheses(inner) => {
            let (inner, times) = without_times(inner, clock)?;
            let inner = inner.map(|inner| match inner {
                inner @ Expression::Binary(..) => Expression::Parentheses(Box::new(inner)),
                other => other,
            });
            Ok((inner, times))
        }
        Expression::Boolean(_) => Ok((Some(condition.clone()), Times::default())),
        other => Err(QueryError::new(format!(
            "invalid condition expression: {other}"
        ))),
    }
}

fn is_time(expression: &Expression) -> bool {
    matches!(expression, Expression::Reference(name, _) if name.eq_ignore_ascii_case("time"))
}

/// Whether a condition looks at the time.
pub(super) fn has_time(condition: &Expression) -> bool {
    let mut found = false;
    condition.walk(&mut |part| found |= is_time(part));
    found
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

fn bounds(operator: Operator, value: &Expression, clock: &Clock) -> Result<Times, QueryError> {
    let literal = match value {
        Expression::Text(text) => {
            let time = time_literal(text, &clock.zone);
            let is_date = text.len() >= 10 && text.as_bytes()[4] == b'-';
            match time {
                Some(time) => Expression::Time(time),
                None if is_date => return Err(QueryError::new("invalid timestamp string")),
                None => value.clone(),
            }
        }
        other => clock.reduced(other),
    };
    let time = match literal {
        Expression::Time(time) | Expression::Duration(time) | Expression::Integer(time) => time,
        Expression::Number(time) => time as i64,
        other => {
            return Err(QueryError::new(format!(
                "invalid operation: time and {} are not compatible",
                go_type(&other)
            )));
        }
    };
    let (first, last) = match operator {
        Operator::Greater => (Some(time.saturating_add(1)), None),
        Operator::GreaterOrEqual => (Some(time), None),
        Operator::Less => (None, Some(time.saturating_sub(1))),
        Operator::LessOrEqual => (None, Some(time)),
        Operator::Equal => (Some(time), Some(time)),
        other => {
            return Err(QueryError::new(format!(
                "invalid time comparison operator: {}",
                other.sign()
            )));
        }
    };
    Ok(Times { first, last })
}

/// An expression's kind as InfluxDB's messages name it.
pub(super) fn go_type(expression: &Expression) -> &'static str {
    match expression {
        Expression::Reference(..) | Expression::Slot(_) => "*influxql.VarRef",
        Expression::Wildcard(_) => "*influxql.Wildcard",
        Expression::Integer(_) => "*influxql.IntegerLiteral",
        Expression::Unsigned(_) => "*influxql.UnsignedLiteral",
        Expression::Number(_) => "*influxql.NumberLiteral",
        Expression::Text(_) => "*influxql.StringLiteral",
        Expression::Boolean(_) => "*influxql.BooleanLiteral",
        Expression::Duration(_) => "*influxql.DurationLiteral",
        Expression::Time(_) => "*influxql.TimeLiteral",
        Expression::Pattern(_) => "*influxql.RegexLiteral",
        Expression::Call(..) => "*influxql.Call",
        Expression::Distinct(_) => "*influxql.Distinct",
        Expression::Binary(..) => "*influxql.BinaryExpr",
        Expression::Parentheses(_) => "*influxql.ParenExpr",
    }
}

/// What is left of a condition for a series whose tags are known: true, false, or what needs the fields of a row.
pub(super) fn for_series(
    condition: &Expression,
    tag: &dyn Fn(&str) -> String,
    is_field: &dyn Fn(&str) -> bool,
    clock: &Clock,
) -> Expression {
    match condition {
        Expression::Binary(operator @ (Operator::And | Operator::Or), left, right) => clock.joined(
            *operator,
            for_series(left, tag, is_field, clock),
            for_series(right, tag, is_field, clock),
        ),
        Expression::Parentheses(inner) => for_series(inner, tag, is_field, clock),
        Expression::Binary(operator, left, right) => {
            let decided = of_tag(*operator, left, right, tag, is_field);
            decided.map_or_else(|| condition.clone(), Expression::Boolean)
        }
        other => other.clone(),
    }
}

/// Whether a name is looked up among the tags.
fn is_tag(name: &str, kind: Kind, is_field: &dyn Fn(&str) -> bool) -> bool {
    match kind {
        Kind::Tag => true,
        Kind::Unknown => !is_field(name),
        Kind::AnyField | Kind::Field(_) => false,
    }
}

fn of_tag(
    operator: Operator,
    left: &Expression,
    right: &Expression,
    tag: &dyn Fn(&str) -> String,
    is_field: &dyn Fn(&str) -> bool,
) -> Option<bool> {
    let (name, kind, value) = match (left, right) {
        (Expression::Reference(name, kind), value) => (name, *kind, value),
        (value, Expression::Reference(name, kind)) => (name, *kind, value),
        _ => return None,
    };
    if !is_tag(name, kind, is_field) {
        return None;
    }
    match value {
        // Any other comparison of a tag than `=` is taken for `!=`, as InfluxDB's index does.
        Expression::Text(text) => Some((tag(name) == *text) == (operator == Operator::Equal)),
        Expression::Pattern(pattern) => {
            Some(pattern.is_match(&tag(name)) == (operator == Operator::Matches))
        }
        Expression::Reference(other, kind) if is_tag(other, *kind, is_field) => {
            let (left, right) = (tag(name), tag(other));
            let both = !left.is_empty() && !right.is_empty();
            Some(both && ((left == right) == (operator == Operator::Equal)))
        }
        _ => None,
    }
}

/// The parts of a condition that look at tags alone, in the words of a read: storage finds the series by them.
pub(super) fn tag_predicates(
    condition: Option<&Expression>,
    is_field: &dyn Fn(&str) -> bool,
) -> Vec<Predicate> {
    let mut found = Vec::new();
    if let Some(condition) = condition {
        collect(condition, is_field, &mut found);
    }
    found
}

/// Whether a condition is decided by the tags of a series, in the words of a read.
pub(super) fn is_of_tags(condition: &Expression, is_field: &dyn Fn(&str) -> bool) -> bool {
    predicate(condition, is_field).is_some()
}

fn collect(condition: &Expression, is_field: &dyn Fn(&str) -> bool, found: &mut Vec<Predicate>) {
    match condition {
        Expression::Binary(Operator::And, left, right) => {
            collect(left, is_field, found);
            collect(right, is_field, found);
        }
        Expression::Parentheses(inner) => collect(inner, is_field, found),
        other => found.extend(predicate(other, is_field)),
    }
}

/// A condition on nothing but tags in the words of a read.
fn predicate(condition: &Expression, is_field: &dyn Fn(&str) -> bool) -> Option<Predicate> {
    let (operator, left, right) = match condition {
        Expression::Binary(operator, left, right) => (operator, left, right),
        Expression::Parentheses(inner) => return predicate(inner, is_field),
        _ => return None,
    };
    let both = || {
        Some(vec![
            predicate(left, is_field)?,
            predicate(right, is_field)?,
        ])
    };
    match operator {
        Operator::And => return Some(Predicate::And(both()?)),
        Operator::Or => return Some(Predicate::Or(both()?)),
        _ => {}
    }
    let (name, kind, constant) = match (&**left, &**right) {
        (Expression::Reference(name, kind), constant) => (name, *kind, constant),
        (constant, Expression::Reference(name, kind)) => (name, *kind, constant),
        _ => return None,
    };
    let subject = is_tag(name, kind, is_field).then(|| Subject::Tag(name.as_str().into()))?;
    let (test, takes_empty, negated) = match (operator, constant) {
        (Operator::Equal | Operator::NotEqual, Expression::Text(text)) => {
            let negated = *operator == Operator::NotEqual;
            let comparison = match negated {
                true => Comparison::NotEqual,
                false => Comparison::Equal,
            };
            let literal = Literal::String(text.as_str().into());
            let test = Predicate::Compare(subject.clone(), comparison, literal);
            (test, text.is_empty() != negated, negated)
        }
        (Operator::Matches | Operator::MatchesNot, Expression::Pattern(pattern)) => {
            let negated = *operator == Operator::MatchesNot;
            let test = Predicate::Matches {
                subject: subject.clone(),
                pattern: Arc::new(pattern.clone()),
                negated,
            };
            (test, pattern.is_match("") != negated, negated)
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

/// Whether a value is true.
pub(super) fn holds(value: Option<FieldValue>) -> bool {
    value == Some(FieldValue::Boolean(true))
}
