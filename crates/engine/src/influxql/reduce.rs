//! Expressions whose literals are computed before any data is read: `now() - 1h`, `v > 2 * 3`.

use super::ast::{Expression, Operator};
use super::eval::{Division, binary, literal_value};
use crate::clock::parse_rfc3339;
use watchpost_core::point::FieldValue;
use watchpost_flux::value::window::Location;

/// What literals are relative to.
pub(super) struct Clock {
    /// What `now()` is; none: it is not replaced.
    pub(super) now: Option<i64>,
    /// Whose midnight a date without an offset is.
    pub(super) zone: Location,
}

impl Clock {
    /// For expressions that look at no time.
    pub(super) fn still() -> Self {
        Self {
            now: None,
            zone: Location::default(),
        }
    }

    /// An expression with what is literal in it computed. It is no higher than before.
    pub(super) fn reduced(&self, expression: &Expression) -> Expression {
        match expression {
            Expression::Call(name, arguments) => {
                if let (Some(now), "now", true) = (self.now, name.as_str(), arguments.is_empty()) {
                    return Expression::Time(now);
                }
                let arguments = arguments.iter().map(|argument| self.reduced(argument));
                Expression::Call(name.clone(), arguments.collect())
            }
            Expression::Parentheses(inner) => match self.reduced(inner) {
                inner @ Expression::Binary(..) => Expression::Parentheses(Box::new(inner)),
                other => other,
            },
            Expression::Binary(operator, left, right) => {
                self.joined(*operator, self.reduced(left), self.reduced(right))
            }
            other => other.clone(),
        }
    }

    /// Two reduced expressions joined by an operator.
    pub(super) fn joined(
        &self,
        operator: Operator,
        left: Expression,
        right: Expression,
    ) -> Expression {
        use Expression::Boolean;
        match (operator, &left, &right) {
            (Operator::And, Boolean(false), _) | (Operator::And, _, Boolean(false)) => {
                return Boolean(false);
            }
            (Operator::Or, Boolean(true), _) | (Operator::Or, _, Boolean(true)) => {
                return Boolean(true);
            }
            (Operator::And, Boolean(true), _) | (Operator::Or, Boolean(false), _) => return right,
            (Operator::And, _, Boolean(true)) | (Operator::Or, _, Boolean(false)) => return left,
            _ => {}
        }
        self.computed(operator, &left, &right)
            .unwrap_or_else(|| Expression::Binary(operator, Box::new(left), Box::new(right)))
    }

    fn computed(
        &self,
        operator: Operator,
        left: &Expression,
        right: &Expression,
    ) -> Option<Expression> {
        if !left.is_literal() || !right.is_literal() {
            return None;
        }
        if let Some(time) = self.of_times(operator, left, right) {
            return Some(time);
        }
        let (left, right) = (literal_value(left)?, literal_value(right)?);
        let numbers = left.as_f64().is_some() == right.as_f64().is_some();
        let value = binary(operator, Some(left), Some(right), Division::Exact);
        Some(match value.filter(|_| numbers)? {
            FieldValue::Integer(number) => Expression::Integer(number),
            FieldValue::Unsigned(number) => Expression::Unsigned(number),
            FieldValue::Float(number) => Expression::Number(number),
            FieldValue::String(text) => Expression::Text(text),
            FieldValue::Boolean(truth) => Expression::Boolean(truth),
        })
    }

    /// Arithmetic of times and durations.
    fn of_times(
        &self,
        operator: Operator,
        left: &Expression,
        right: &Expression,
    ) -> Option<Expression> {
        use Expression::{Duration, Integer, Number, Text, Time};
        let read = |side: &Expression| match side {
            Text(text) => time_literal(text, &self.zone).map_or_else(|| side.clone(), Time),
            other => other.clone(),
        };
        Some(match (operator, left, right) {
            (Operator::Add, Duration(left), Duration(right)) => {
                Duration(left.saturating_add(*right))
            }
            (Operator::Subtract, Duration(left), Duration(right)) => {
                Duration(left.saturating_sub(*right))
            }
            (Operator::Multiply, Duration(length), Integer(times)) => {
                Duration(length.wrapping_mul(*times))
            }
            (Operator::Divide, Duration(length), Integer(parts)) => {
                Duration(length.checked_div(*parts).unwrap_or(0))
            }
            (Operator::Multiply, Duration(length), Number(times)) => {
                Duration(length.wrapping_mul(*times as i64))
            }
            (Operator::Divide, Duration(length), Number(parts)) => {
                Duration(length.checked_div(*parts as i64).unwrap_or(0))
            }
            _ => match (operator, read(left), read(right)) {
                (Operator::Add, Time(time), Duration(length) | Integer(length))
                | (Operator::Add, Duration(length), Time(time))
                | (Operator::Add, Integer(time), Duration(length)) => {
                    Time(time.saturating_add(length))
                }
                (Operator::Subtract, Time(time), Duration(length) | Integer(length))
                | (Operator::Subtract, Integer(time), Duration(length)) => {
                    Time(time.saturating_sub(length))
                }
                (Operator::Subtract, Time(left), Time(right)) => {
                    Duration(left.saturating_sub(right))
                }
                _ => return None,
            },
        })
    }
}

/// Nanoseconds since 1970 of `'2024-03-01T00:00:00Z'`, `'2024-03-01 00:00:00'` or `'2024-03-01'`.
pub(super) fn time_literal(text: &str, zone: &Location) -> Option<i64> {
    let bytes = text.as_bytes();
    let is_date = bytes.len() >= 10
        && bytes[..10]
            .iter()
            .enumerate()
            .all(|(place, byte)| match place {
                4 | 7 => *byte == b'-',
                _ => byte.is_ascii_digit(),
            });
    if !is_date {
        return None;
    }
    if text.contains('T') {
        return parse_rfc3339(text);
    }
    let spelled = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        _ => format!("{}Z", text.replacen(' ', "T", 1)),
    };
    parse_rfc3339(&spelled).map(|local| instant(local, zone))
}

/// The instant of a local clock as Go's `time.Date` has it: of a clock that is shown twice or never, it is the one by the
/// offset that holds where the clock is read as UTC's.
fn instant(local: i64, zone: &Location) -> i64 {
    let ahead = |time: i64| zone.to_local(time).saturating_sub(time);
    let guess = local.saturating_sub(ahead(local));
    local.saturating_sub(ahead(guess))
}
