//! Expressions: what they are made of, and their arithmetic over the values of one row.

use watchpost_core::point::FieldValue;

use crate::influxql::QueryError;
use crate::influxql::answer::Cell;
use crate::influxql::ast::{Expression, Operator};

/// Whether an expression makes rows of its own: an aggregate or a transformation of a field.
pub(super) fn has_aggregate(expression: &Expression) -> bool {
    aggregates(expression) > 0
}

/// How many aggregates and transformations an expression has.
pub(super) fn aggregates(expression: &Expression) -> usize {
    match expression {
        Expression::Call(name, _) if !is_math(name) => 1,
        Expression::Call(_, arguments) => arguments.iter().map(aggregates).sum(),
        Expression::Binary(_, left, right) => aggregates(left) + aggregates(right),
        _ => 0,
    }
}

/// The names that an expression uses.
pub(super) fn references(expression: &Expression) -> Vec<&str> {
    match expression {
        Expression::Reference(name) => vec![name],
        Expression::Call(_, arguments) => arguments.iter().flat_map(references).collect(),
        Expression::Binary(_, left, right) => {
            let mut names = references(left);
            names.extend(references(right));
            names
        }
        _ => Vec::new(),
    }
}

/// The value of an expression in a row, whose names have these values.
pub(super) fn cell(
    expression: &Expression,
    value: &dyn Fn(&str) -> Option<FieldValue>,
) -> Result<Cell, QueryError> {
    let found = evaluated(expression, value)?;
    Ok(found.map_or(Cell::Null, Cell::Value))
}

fn evaluated(
    expression: &Expression,
    value: &dyn Fn(&str) -> Option<FieldValue>,
) -> Result<Option<FieldValue>, QueryError> {
    Ok(match expression {
        Expression::Reference(name) => value(name),
        Expression::Binary(operator, left, right) => {
            let (left, right) = (evaluated(left, value)?, evaluated(right, value)?);
            left.zip(right)
                .and_then(|(left, right)| calculated(*operator, &left, &right))
        }
        Expression::Call(name, arguments) if is_math(name) => {
            let values: Option<Vec<FieldValue>> = arguments
                .iter()
                .map(|argument| evaluated(argument, value))
                .collect::<Result<_, _>>()?;
            values.and_then(|values| math(name, &values.iter().collect::<Vec<_>>()))
        }
        other => Some(constant(other).ok_or_else(|| {
            QueryError::new("a column is a field, a function or arithmetic of these")
        })?),
    })
}

/// A literal's value.
pub(super) fn constant(expression: &Expression) -> Option<FieldValue> {
    match expression {
        Expression::Integer(number) | Expression::Duration(number) => {
            Some(FieldValue::Integer(*number))
        }
        Expression::Number(number) => Some(FieldValue::Float(*number)),
        _ => None,
    }
}

/// Arithmetic of two numbers: of whole ones in whole numbers, but for a division; divided by zero they are zero, as in
/// InfluxDB.
pub(in crate::influxql) fn calculated(
    operator: Operator,
    left: &FieldValue,
    right: &FieldValue,
) -> Option<FieldValue> {
    if let (FieldValue::Integer(left), FieldValue::Integer(right)) = (left, right)
        && operator != Operator::Divide
    {
        return Some(FieldValue::Integer(match operator {
            Operator::Add => left.wrapping_add(*right),
            Operator::Subtract => left.wrapping_sub(*right),
            Operator::Multiply => left.wrapping_mul(*right),
            Operator::Modulo => left.checked_rem(*right).unwrap_or(0),
            _ => return None,
        }));
    }
    let (left, right) = (left.as_f64()?, right.as_f64()?);
    Some(FieldValue::Float(match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide | Operator::Modulo if right == 0.0 => 0.0,
        Operator::Divide => left / right,
        Operator::Modulo => left % right,
        _ => return None,
    }))
}

/// Whether a function makes a number of numbers, row by row.
pub(super) fn is_math(name: &str) -> bool {
    let one = [
        "abs", "ceil", "floor", "round", "sqrt", "ln", "log2", "log10", "exp", "sin", "cos", "tan",
        "asin", "acos", "atan",
    ];
    one.contains(&name) || matches!(name, "pow" | "log" | "atan2")
}

/// A function of numbers; none where it is not defined.
pub(super) fn math(name: &str, values: &[&FieldValue]) -> Option<FieldValue> {
    let first = *values.first()?;
    if let ("abs" | "ceil" | "floor" | "round", FieldValue::Integer(number)) = (name, first) {
        let number = if name == "abs" {
            number.wrapping_abs()
        } else {
            *number
        };
        return Some(FieldValue::Integer(number));
    }
    let number = first.as_f64()?;
    let second = || values.get(1)?.as_f64();
    let result = match name {
        "abs" => number.abs(),
        "ceil" => number.ceil(),
        "floor" => number.floor(),
        "round" => number.round(),
        "sqrt" => number.sqrt(),
        "ln" => number.ln(),
        "log2" => number.log2(),
        "log10" => number.log10(),
        "exp" => number.exp(),
        "sin" => number.sin(),
        "cos" => number.cos(),
        "tan" => number.tan(),
        "asin" => number.asin(),
        "acos" => number.acos(),
        "atan" => number.atan(),
        "atan2" => number.atan2(second()?),
        "pow" => number.powf(second()?),
        "log" => number.ln() / second()?.ln(),
        _ => return None,
    };
    result.is_finite().then_some(FieldValue::Float(result))
}
