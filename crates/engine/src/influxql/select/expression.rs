//! An expression over one row: its cell, its arithmetic, and what it is made of.

use std::collections::BTreeMap;

use watchpost_core::point::{FieldValue, SeriesKey};

use crate::influxql::QueryError;
use crate::influxql::answer::Cell;
use crate::influxql::ast::{Expression, Operator};
use crate::influxql::functions::is_aggregate;

pub(super) fn has_call(expression: &Expression) -> bool {
    match expression {
        Expression::Call(..) => true,
        Expression::Binary(_, left, right) => has_call(left) || has_call(right),
        _ => false,
    }
}

/// Whether an expression has a value for each window: an aggregate, or arithmetic of aggregates.
pub(super) fn is_plain(expression: &Expression) -> bool {
    match expression {
        Expression::Call(name, _) => is_aggregate(name),
        Expression::Binary(_, left, right) => {
            (is_plain(left) || number(left).is_some())
                && (is_plain(right) || number(right).is_some())
        }
        _ => false,
    }
}

pub(super) fn uses_field(expression: &Expression, fields: &BTreeMap<String, FieldValue>) -> bool {
    match expression {
        Expression::Reference(name) => fields.contains_key(name),
        Expression::Binary(_, left, right) => uses_field(left, fields) || uses_field(right, fields),
        _ => false,
    }
}

pub(super) fn cell(
    expression: &Expression,
    series: &SeriesKey,
    fields: &BTreeMap<String, FieldValue>,
) -> Result<Cell, QueryError> {
    Ok(match expression {
        Expression::Reference(name) => match (fields.get(name), series.tag(name)) {
            (Some(value), _) => Cell::Value(value.clone()),
            (None, Some(tag)) => Cell::text(tag),
            (None, None) => Cell::Null,
        },
        Expression::Binary(operator, left, right) => {
            let of = |expression: &Expression| match cell(expression, series, fields) {
                Ok(Cell::Value(value)) => value.as_f64(),
                _ => None,
            };
            let value = of(left)
                .zip(of(right))
                .and_then(|(left, right)| calculated(*operator, left, right));
            value.map_or(Cell::Null, |value| Cell::Value(FieldValue::Float(value)))
        }
        other => match number(other) {
            Some(number) => Cell::Value(FieldValue::Float(number)),
            None => {
                return Err(QueryError::new(
                    "a column is a field, a function or arithmetic of these",
                ));
            }
        },
    })
}

pub(super) fn calculated(operator: Operator, left: f64, right: f64) -> Option<f64> {
    Some(match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        // As InfluxDB does.
        Operator::Divide | Operator::Modulo if right == 0.0 => 0.0,
        Operator::Divide => left / right,
        Operator::Modulo => left % right,
        _ => return None,
    })
}

pub(super) fn number(expression: &Expression) -> Option<f64> {
    match expression {
        Expression::Integer(number) => Some(*number as f64),
        Expression::Number(number) => Some(*number),
        Expression::Duration(length) => Some(*length as f64),
        _ => None,
    }
}
