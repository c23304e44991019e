//! The kind of an expression's values, by InfluxDB's rules, and what has none.

use watchpost_core::point::{FieldType, FieldValue};

use crate::influxql::QueryError;
use crate::influxql::ast::{Expression, Kind, Operator};
use crate::influxql::eval::{Division, binary, is_math};

/// The kind of an expression; `look_up` knows that of a name.
pub(super) fn kind(
    expression: &Expression,
    look_up: &dyn Fn(&str) -> Result<Kind, QueryError>,
) -> Result<Kind, QueryError> {
    use FieldType::{Boolean, Float, Integer, String, Unsigned};
    Ok(match expression {
        Expression::Reference(name, Kind::Unknown | Kind::AnyField) => look_up(name)?,
        Expression::Reference(_, kind) => *kind,
        Expression::Parentheses(inner) => kind(inner, look_up)?,
        Expression::Number(_) => Kind::Field(Float),
        Expression::Integer(_) => Kind::Field(Integer),
        Expression::Unsigned(_) => Kind::Field(Unsigned),
        Expression::Text(_) => Kind::Field(String),
        Expression::Boolean(_) => Kind::Field(Boolean),
        Expression::Call(name, arguments) => {
            let mut kinds = Vec::new();
            for argument in arguments {
                kinds.push(kind(argument, look_up)?);
            }
            of_call(name, &kinds)
        }
        Expression::Binary(operator, left, right) => {
            let kinds = (kind(left, look_up)?, kind(right, look_up)?);
            of_binary(*operator, (left, right), kinds, expression)?
        }
        _ => Kind::Unknown,
    })
}

/// The kind of a function's values. A function of numbers has that of its argument, as InfluxDB has it.
fn of_call(name: &str, arguments: &[Kind]) -> Kind {
    let first = arguments.first().copied().unwrap_or_default();
    match name {
        "mean"
        | "median"
        | "integral"
        | "stddev"
        | "derivative"
        | "non_negative_derivative"
        | "moving_average" => Kind::Field(FieldType::Float),
        "count" | "elapsed" => Kind::Field(FieldType::Integer),
        name if is_math(name) && first == Kind::Unknown => Kind::Field(FieldType::Float),
        _ => first,
    }
}

fn of_binary(
    operator: Operator,
    (left_side, right_side): (&Expression, &Expression),
    (left, right): (Kind, Kind),
    whole: &Expression,
) -> Result<Kind, QueryError> {
    use FieldType::{Integer, Unsigned};
    let mixed = matches!(
        (left, right),
        (Kind::Field(Unsigned), Kind::Field(Integer))
            | (Kind::Field(Integer), Kind::Field(Unsigned))
    );
    if mixed {
        let (of_unsigned, of_integer) = match left {
            Kind::Field(Unsigned) => (left_side, right_side),
            _ => (right_side, left_side),
        };
        if of_unsigned.is_literal() {
            return Err(QueryError::new(format!(
                "type error: {whole}: cannot use {} with an integer and unsigned literal",
                operator.sign()
            )));
        }
        if !of_integer.is_literal() {
            return Err(QueryError::new(format!(
                "type error: {whole}: cannot use {} between an integer and unsigned, an explicit cast is required",
                operator.sign()
            )));
        }
    }
    let zero = |kind: Kind| match kind {
        Kind::Field(FieldType::Float) => Some(FieldValue::Float(0.0)),
        Kind::Field(Integer) => Some(FieldValue::Integer(0)),
        Kind::Field(Unsigned) => Some(FieldValue::Unsigned(0)),
        Kind::Field(FieldType::String) | Kind::Tag => Some(FieldValue::String(String::new())),
        Kind::Field(FieldType::Boolean) => Some(FieldValue::Boolean(false)),
        Kind::Unknown | Kind::AnyField => None,
    };
    match (left, right) {
        (Kind::Unknown, other) | (other, Kind::Unknown) => return Ok(other),
        _ => {}
    }
    match binary(operator, zero(left), zero(right), Division::Whole) {
        Some(value) => Ok(Kind::Field(value.field_type())),
        None => Err(QueryError::new(format!(
            "type error: {whole}: incompatible types: {} and {}",
            left.name(),
            right.name()
        ))),
    }
}
