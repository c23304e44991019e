//! Operators over values, one at a time or a whole column at once, with the language's rules for nulls.

use std::cmp::Ordering;

use watchpost_core::regular_expression::Regex;

use super::Value;
use super::zip::{try_zip, zip};
use crate::error::Error;
use crate::syntax::ast::BinaryOperator;
use crate::table::{Column, ColumnType, Text, Vector};

/// The order of two values of one kind (numbers of different kinds compare too); `None` if they have none.
pub fn compare_values(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Boolean(a), Value::Boolean(b)) => Some(a.cmp(b)),
        (Value::Integer(a), Value::Integer(b)) | (Value::Time(a), Value::Time(b)) => Some(a.cmp(b)),
        (Value::Unsigned(a), Value::Unsigned(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Integer(a), Value::Float(b)) => (*a as f64).partial_cmp(b),
        (Value::Float(a), Value::Integer(b)) => a.partial_cmp(&(*b as f64)),
        (Value::Unsigned(a), Value::Float(b)) => (*a as f64).partial_cmp(b),
        (Value::Float(a), Value::Unsigned(b)) => a.partial_cmp(&(*b as f64)),
        (Value::Integer(a), Value::Unsigned(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
        (Value::Unsigned(a), Value::Integer(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
        (Value::Duration(a), Value::Duration(b)) => Some(
            a.approximate_nanoseconds()
                .cmp(&b.approximate_nanoseconds()),
        ),
        (Value::Bytes(a), Value::Bytes(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

/// Whether two values are equal; nulls are equal to nulls here (inside arrays and records).
pub fn equal_values(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| equal_values(a, b))
        }
        (Value::Record(a), Value::Record(b)) => {
            a.len() == b.len()
                && a.iter().all(|(name, value)| {
                    b.get(name).is_some_and(|other| equal_values(value, other))
                })
        }
        (Value::Dict(a), Value::Dict(b)) => {
            a.len() == b.len()
                && a.iter()
                    .zip(b.iter())
                    .all(|((key, value), (other_key, other))| {
                        key == other_key && equal_values(value, other)
                    })
        }
        (Value::Dynamic(a), Value::Dynamic(b)) => equal_values(a, b),
        (Value::Regex(a), Value::Regex(b)) => a.as_str() == b.as_str(),
        _ => compare_values(left, right) == Some(Ordering::Equal),
    }
}

fn conflict(left: &str, right: &str) -> Error {
    Error::invalid(format!("type conflict: {left} != {right}"))
}

fn unsupported(operator: BinaryOperator, left: &Value, right: &Value) -> Error {
    Error::invalid(format!(
        "unsupported binary expression {} {} {}",
        left.type_name(),
        operator.symbol(),
        right.type_name()
    ))
}

/// Applies a binary operator. `rows` is how many rows a lambda works on at once, if it does.
///
/// # Errors
/// The operator has no meaning for these types; a division of integers by zero.
pub fn binary(
    operator: BinaryOperator,
    left: &Value,
    right: &Value,
    rows: Option<usize>,
) -> Result<Value, Error> {
    if matches!(
        operator,
        BinaryOperator::RegexMatch | BinaryOperator::RegexNotMatch
    ) {
        return match_pattern(left, right, operator == BinaryOperator::RegexNotMatch);
    }
    if let (Value::Column(_), _) | (_, Value::Column(_)) = (left, right) {
        return binary_columns(operator, left, right);
    }
    if left.is_null() || right.is_null() {
        return Ok(null_result(operator, left, right, rows));
    }
    if let Some(comparison) = comparison(operator) {
        return compare_scalars(operator, comparison, left, right);
    }
    arithmetic(operator, left, right)
}

/// Null, but inside a vectorised lambda a column of nulls whose type the other operand gives.
fn null_result(
    operator: BinaryOperator,
    left: &Value,
    right: &Value,
    rows: Option<usize>,
) -> Value {
    let Some(rows) = rows else { return Value::Null };
    if comparison(operator).is_some() {
        return Value::Column(Column::nulls(ColumnType::Boolean, rows));
    }
    let known = if left.is_null() { right } else { left };
    match Column::repeat(known, 0) {
        Some(column) => Value::Column(Column::nulls(column.kind(), rows)),
        None => Value::Null,
    }
}

/// The test that a comparison operator makes on an ordering (`None`: a NaN).
fn comparison(operator: BinaryOperator) -> Option<fn(Option<Ordering>) -> bool> {
    Some(match operator {
        BinaryOperator::Equal => |order| order == Some(Ordering::Equal),
        BinaryOperator::NotEqual => |order| order != Some(Ordering::Equal),
        BinaryOperator::Less => |order| order == Some(Ordering::Less),
        BinaryOperator::LessEqual => {
            |order| matches!(order, Some(Ordering::Less | Ordering::Equal))
        }
        BinaryOperator::Greater => |order| order == Some(Ordering::Greater),
        BinaryOperator::GreaterEqual => {
            |order| matches!(order, Some(Ordering::Greater | Ordering::Equal))
        }
        _ => return None,
    })
}

fn compare_scalars(
    operator: BinaryOperator,
    test: fn(Option<Ordering>) -> bool,
    left: &Value,
    right: &Value,
) -> Result<Value, Error> {
    let equality = matches!(operator, BinaryOperator::Equal | BinaryOperator::NotEqual);
    if let (Value::Duration(_), Value::Duration(_)) = (left, right) {
        // A month has no length: which of two durations is longer is undecided.
        return Err(unsupported(operator, left, right));
    }
    let order = match compare_values(left, right) {
        Some(order) => Some(order),
        None if matches!((left, right), (Value::Float(_), _) | (_, Value::Float(_)))
            && comparable(left, right) =>
        {
            None
        }
        None if equality && std::mem::discriminant(left) == std::mem::discriminant(right) => {
            equal_values(left, right).then_some(Ordering::Equal)
        }
        None => return Err(unsupported(operator, left, right)),
    };
    Ok(Value::Boolean(test(order)))
}

fn comparable(left: &Value, right: &Value) -> bool {
    let number = |value: &Value| {
        matches!(
            value,
            Value::Float(_) | Value::Integer(_) | Value::Unsigned(_)
        )
    };
    number(left) && number(right)
}

fn arithmetic(operator: BinaryOperator, left: &Value, right: &Value) -> Result<Value, Error> {
    Ok(match (left, right) {
        (Value::Float(a), Value::Float(b)) => match float_function(operator) {
            Some(function) => Value::Float(function(*a, *b)),
            None => return Err(unsupported(operator, left, right)),
        },
        (Value::Integer(a), Value::Integer(b)) => match operator {
            BinaryOperator::Power => Value::Float((*a as f64).powf(*b as f64)),
            _ => Value::Integer(integer_operation(operator, *a, *b)?),
        },
        (Value::Unsigned(a), Value::Unsigned(b)) => match operator {
            BinaryOperator::Power => Value::Float((*a as f64).powf(*b as f64)),
            _ => Value::Unsigned(unsigned_operation(operator, *a, *b)?),
        },
        (Value::String(a), Value::String(b)) if operator == BinaryOperator::Add => {
            Value::text(format!("{a}{b}"))
        }
        (Value::Duration(a), Value::Duration(b))
            if matches!(operator, BinaryOperator::Add | BinaryOperator::Subtract) =>
        {
            let b = if operator == BinaryOperator::Subtract {
                b.negate()
            } else {
                *b
            };
            let months = a.signed_months() + b.signed_months();
            let nanoseconds = a.signed_nanoseconds() + b.signed_nanoseconds();
            let negative = months < 0 || (months == 0 && nanoseconds < 0);
            Value::Duration(super::Duration {
                months: months.abs(),
                nanoseconds: nanoseconds.abs(),
                negative,
            })
        }
        _ if std::mem::discriminant(left) == std::mem::discriminant(right) => {
            return Err(unsupported(operator, left, right));
        }
        _ => return Err(conflict(left.type_name(), right.type_name())),
    })
}

fn float_function(operator: BinaryOperator) -> Option<fn(f64, f64) -> f64> {
    Some(match operator {
        BinaryOperator::Add => |a, b| a + b,
        BinaryOperator::Subtract => |a, b| a - b,
        BinaryOperator::Multiply => |a, b| a * b,
        BinaryOperator::Divide => |a, b| a / b,
        BinaryOperator::Modulo => |a, b| a % b,
        BinaryOperator::Power => f64::powf,
        _ => return None,
    })
}

macro_rules! whole_number_operation {
    ($name:ident, $number:ty) => {
        fn $name(operator: BinaryOperator, a: $number, b: $number) -> Result<$number, Error> {
            Ok(match operator {
                BinaryOperator::Add => a.wrapping_add(b),
                BinaryOperator::Subtract => a.wrapping_sub(b),
                BinaryOperator::Multiply => a.wrapping_mul(b),
                BinaryOperator::Divide if b == 0 => {
                    return Err(Error::invalid("cannot divide by zero"))
                }
                BinaryOperator::Divide => a.wrapping_div(b),
                BinaryOperator::Modulo if b == 0 => return Err(Error::invalid("cannot mod zero")),
                BinaryOperator::Modulo => a.wrapping_rem(b),
                _ => {
                    return Err(Error::invalid(format!(
                        "unsupported operator {}",
                        operator.symbol()
                    )))
                }
            })
        }
    };
}

whole_number_operation!(integer_operation, i64);
whole_number_operation!(unsigned_operation, u64);

/// Both operands as columns of equal length; `None` if one is null.
fn operands(left: &Value, right: &Value) -> Result<Option<(Column, Column)>, Error> {
    let rows = match (left, right) {
        (Value::Column(column), _) | (_, Value::Column(column)) => column.len(),
        _ => 0,
    };
    let promote = |value: &Value| match value {
        Value::Column(column) => Some(column.clone()),
        other => Column::repeat(other, rows),
    };
    match (promote(left), promote(right)) {
        (Some(left), Some(right)) => Ok(Some((left, right))),
        _ if left.is_null() || right.is_null() => Ok(None),
        _ => Err(conflict(left.type_name(), right.type_name())),
    }
}

fn binary_columns(operator: BinaryOperator, left: &Value, right: &Value) -> Result<Value, Error> {
    let Some((a, b)) = operands(left, right)? else {
        let known = if left.is_null() { right } else { left };
        let Value::Column(known) = known else {
            return Ok(Value::Null);
        };
        let kind = if comparison(operator).is_some() {
            ColumnType::Boolean
        } else {
            known.kind()
        };
        return Ok(Value::Column(Column::nulls(kind, known.len())));
    };
    if let Some(test) = comparison(operator) {
        return compare_columns(operator, test, &a, &b).map(Value::Column);
    }
    let result = match (&a, &b) {
        (Column::Float(a), Column::Float(b)) => match float_function(operator) {
            Some(function) => Column::Float(zip(a, b, |a, b| function(*a, *b))),
            None => return Err(unsupported(operator, left, right)),
        },
        (Column::Integer(x), Column::Integer(y)) if operator != BinaryOperator::Power => {
            Column::Integer(try_zip(x, y, |a, b| integer_operation(operator, *a, *b))?)
        }
        (Column::Unsigned(x), Column::Unsigned(y)) if operator != BinaryOperator::Power => {
            Column::Unsigned(try_zip(x, y, |a, b| unsigned_operation(operator, *a, *b))?)
        }
        (Column::Integer(x), Column::Integer(y)) => {
            Column::Float(zip(x, y, |a, b| (*a as f64).powf(*b as f64)))
        }
        (Column::Unsigned(x), Column::Unsigned(y)) => {
            Column::Float(zip(x, y, |a, b| (*a as f64).powf(*b as f64)))
        }
        (Column::String(a), Column::String(b)) if operator == BinaryOperator::Add => {
            Column::String(zip(a, b, |a, b| {
                Text(std::sync::Arc::from(format!("{}{}", a.0, b.0)))
            }))
        }
        _ if a.kind() == b.kind() => return Err(unsupported(operator, left, right)),
        _ => return Err(conflict(left.type_name(), right.type_name())),
    };
    Ok(Value::Column(result))
}

fn compare_columns(
    operator: BinaryOperator,
    test: fn(Option<Ordering>) -> bool,
    a: &Column,
    b: &Column,
) -> Result<Column, Error> {
    macro_rules! by {
        ($a:expr, $b:expr, $left:ident, $right:ident => $order:expr) => {
            Column::Boolean(zip($a, $b, |$left, $right| test($order)))
        };
    }
    Ok(match (a, b) {
        (Column::Float(a), Column::Float(b)) => match operator {
            // The hot ones, without an ordering in between.
            BinaryOperator::Greater => Column::Boolean(zip(a, b, |a, b| a > b)),
            BinaryOperator::GreaterEqual => Column::Boolean(zip(a, b, |a, b| a >= b)),
            BinaryOperator::Less => Column::Boolean(zip(a, b, |a, b| a < b)),
            BinaryOperator::LessEqual => Column::Boolean(zip(a, b, |a, b| a <= b)),
            _ => by!(a, b, x, y => x.partial_cmp(y)),
        },
        (Column::Integer(a), Column::Integer(b)) | (Column::Time(a), Column::Time(b)) => {
            by!(a, b, x, y => Some(x.cmp(y)))
        }
        (Column::Unsigned(a), Column::Unsigned(b)) => by!(a, b, x, y => Some(x.cmp(y))),
        (Column::String(a), Column::String(b)) => by!(a, b, x, y => Some(x.0.cmp(&y.0))),
        (Column::Boolean(a), Column::Boolean(b)) => by!(a, b, x, y => Some(x.cmp(y))),
        (Column::Integer(a), Column::Float(b)) => by!(a, b, x, y => (*x as f64).partial_cmp(y)),
        (Column::Float(a), Column::Integer(b)) => by!(a, b, x, y => x.partial_cmp(&(*y as f64))),
        (Column::Unsigned(a), Column::Float(b)) => by!(a, b, x, y => (*x as f64).partial_cmp(y)),
        (Column::Float(a), Column::Unsigned(b)) => by!(a, b, x, y => x.partial_cmp(&(*y as f64))),
        (Column::Integer(a), Column::Unsigned(b)) => {
            by!(a, b, x, y => Some(i128::from(*x).cmp(&i128::from(*y))))
        }
        (Column::Unsigned(a), Column::Integer(b)) => {
            by!(a, b, x, y => Some(i128::from(*x).cmp(&i128::from(*y))))
        }
        _ => {
            return Err(Error::invalid(format!(
                "unsupported binary expression {} {} {}",
                a.kind(),
                operator.symbol(),
                b.kind()
            )));
        }
    })
}

fn match_pattern(left: &Value, right: &Value, negated: bool) -> Result<Value, Error> {
    let Value::Regex(pattern) = right else {
        return Err(Error::invalid(format!(
            "expected regexp but found {}",
            right.type_name()
        )));
    };
    let test = |pattern: &Regex, text: &str| pattern.is_match(text) != negated;
    Ok(match left {
        Value::Null => Value::Null,
        Value::String(text) => Value::Boolean(test(pattern, text)),
        Value::Column(Column::String(texts)) => {
            Value::Column(Column::Boolean(texts.map(|text| test(pattern, text))))
        }
        other => {
            return Err(Error::invalid(format!(
                "expected string but found {}",
                other.type_name()
            )));
        }
    })
}

/// `-value`
///
/// # Errors
/// The value has no negative.
pub fn negate(value: &Value) -> Result<Value, Error> {
    Ok(match value {
        Value::Null => Value::Null,
        Value::Integer(value) => Value::Integer(value.wrapping_neg()),
        Value::Float(value) => Value::Float(-value),
        Value::Duration(value) => Value::Duration(value.negate()),
        Value::Column(Column::Integer(vector)) => {
            Value::Column(Column::Integer(vector.map(|value| value.wrapping_neg())))
        }
        Value::Column(Column::Float(vector)) => {
            Value::Column(Column::Float(vector.map(|value| -value)))
        }
        other => {
            return Err(Error::invalid(format!(
                "unsupported unary operand: -{}",
                other.type_name()
            )));
        }
    })
}

/// `not value`
///
/// # Errors
/// The value is no truth value.
pub fn not(value: &Value) -> Result<Value, Error> {
    Ok(match value {
        Value::Null => Value::Null,
        Value::Boolean(value) => Value::Boolean(!value),
        Value::Column(Column::Boolean(vector)) => {
            Value::Column(Column::Boolean(vector.map(|value| !value)))
        }
        other => {
            return Err(Error::invalid(format!(
                "expected bool but found {}",
                other.type_name()
            )));
        }
    })
}

/// `exists value`
pub fn exists(value: &Value) -> Value {
    match value {
        Value::Column(column) => {
            let known = (0..column.len()).map(|row| !column.is_null(row));
            Value::Column(Column::Boolean(Vector::dense(known.collect())))
        }
        other => Value::Boolean(!other.is_null()),
    }
}

/// `left and right` (or `or`) of two evaluated operands: a null gives way only to what decides alone.
///
/// # Errors
/// An operand is no truth value.
pub fn logical(and: bool, left: &Value, right: &Value) -> Result<Value, Error> {
    let combine = |a: Option<bool>, b: Option<bool>| match (a, b) {
        (Some(a), _) if a != and => Some(a),
        (_, Some(b)) if b != and => Some(b),
        (Some(_), Some(_)) => Some(and),
        _ => None,
    };
    let scalar = |value: &Value| match value {
        Value::Null => Ok(None),
        Value::Boolean(value) => Ok(Some(*value)),
        other => Err(Error::invalid(format!(
            "expected bool but found {}",
            other.type_name()
        ))),
    };
    match (left, right) {
        (Value::Column(Column::Boolean(a)), Value::Column(Column::Boolean(b))) => {
            if let (Some(a), Some(b)) = (a.as_slice(), b.as_slice()) {
                let values = a
                    .iter()
                    .zip(b)
                    .map(|(a, b)| if and { *a && *b } else { *a || *b });
                return Ok(Value::Column(Column::Boolean(Vector::dense(
                    values.collect(),
                ))));
            }
            let values = a
                .iter()
                .zip(b.iter())
                .map(|(a, b)| combine(a.copied(), b.copied()));
            Ok(Value::Column(Column::Boolean(values.collect())))
        }
        (Value::Column(Column::Boolean(a)), other) | (other, Value::Column(Column::Boolean(a))) => {
            let other = scalar(other)?;
            Ok(Value::Column(Column::Boolean(
                a.iter().map(|a| combine(a.copied(), other)).collect(),
            )))
        }
        _ => Ok(combine(scalar(left)?, scalar(right)?).map_or(Value::Null, Value::Boolean)),
    }
}
