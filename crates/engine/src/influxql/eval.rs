//! The value of an expression in one row, by InfluxDB's rules of types: whole numbers stay whole but for a division, what is
//! divided by zero is zero, and types that do not go together are nothing.

use watchpost_core::point::FieldValue;

use super::ast::{Expression, Operator};

/// Gives the value of a reference or slot.
pub(super) type Lookup<'a> = dyn Fn(&Expression) -> Option<FieldValue> + 'a;

/// How a whole number is divided by another: columns to a float, conditions to a whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Division {
    /// As columns do.
    Exact,
    /// As conditions do.
    Whole,
}

/// The value of an expression.
pub(super) fn evaluate(
    expression: &Expression,
    lookup: &Lookup<'_>,
    division: Division,
) -> Option<FieldValue> {
    match expression {
        Expression::Reference(..) | Expression::Slot(_) => lookup(expression),
        Expression::Parentheses(inner) => evaluate(inner, lookup, division),
        Expression::Binary(operator, left, right) => {
            if let Expression::Pattern(pattern) = &**right {
                let Some(FieldValue::String(text)) = evaluate(left, lookup, division) else {
                    return Some(FieldValue::Boolean(false));
                };
                let matches = pattern.is_match(&text) == (*operator == Operator::Matches);
                return Some(FieldValue::Boolean(matches));
            }
            let left = evaluate(left, lookup, division);
            let right = evaluate(right, lookup, division);
            binary(*operator, left, right, division)
        }
        Expression::Call(name, arguments) => {
            let values: Vec<_> = arguments
                .iter()
                .map(|argument| evaluate(argument, lookup, division))
                .collect();
            math(name, &values)
        }
        literal => literal_value(literal),
    }
}

/// A literal's value.
pub(super) fn literal_value(expression: &Expression) -> Option<FieldValue> {
    Some(match expression {
        Expression::Integer(number) => FieldValue::Integer(*number),
        Expression::Unsigned(number) => FieldValue::Unsigned(*number),
        Expression::Number(number) => FieldValue::Float(*number),
        Expression::Text(text) => FieldValue::String(text.clone()),
        Expression::Boolean(truth) => FieldValue::Boolean(*truth),
        _ => return None,
    })
}

/// The value of two joined by an operator.
pub(super) fn binary(
    operator: Operator,
    left: Option<FieldValue>,
    right: Option<FieldValue>,
    division: Division,
) -> Option<FieldValue> {
    use FieldValue::{Boolean, Float, Integer, String, Unsigned};
    // Nothing beside a truth value counts as false.
    let (left, right) = match (left, right) {
        (None, Some(Boolean(right))) => (Some(Boolean(false)), Some(Boolean(right))),
        (Some(Boolean(left)), None) => (Some(Boolean(left)), Some(Boolean(false))),
        both => both,
    };
    let value = match (left?, right?) {
        (Boolean(left), Boolean(right)) => booleans(operator, left, right),
        (Boolean(_), _) => Some(Boolean(false)),
        (String(left), String(right)) => texts(operator, &left, &right),
        (Integer(left), Integer(right)) => integers(operator, left, right, division),
        (Unsigned(left), Unsigned(right)) => unsigned(operator, left, right),
        (Integer(left), Unsigned(right)) if left < 0 && operator.is_comparison() => {
            Some(Boolean(match operator {
                Operator::Less | Operator::LessOrEqual => true,
                Operator::Equal => left as u64 == right,
                Operator::NotEqual => left as u64 != right,
                _ => false,
            }))
        }
        (Unsigned(left), Integer(right)) if right < 0 && operator.is_comparison() => {
            Some(Boolean(match operator {
                Operator::Greater | Operator::GreaterOrEqual => true,
                Operator::Equal => left == right as u64,
                Operator::NotEqual => left != right as u64,
                _ => false,
            }))
        }
        (Integer(left), Unsigned(right)) => unsigned(operator, left as u64, right),
        (Unsigned(left), Integer(right)) => unsigned(operator, left, right as u64),
        (Float(left), right) => floats(operator, left, right.as_f64()),
        (left, Float(right)) => left
            .as_f64()
            .and_then(|left| floats(operator, left, Some(right))),
        _ => None,
    };
    value.or_else(|| operator.is_comparison().then_some(Boolean(false)))
}

fn booleans(operator: Operator, left: bool, right: bool) -> Option<FieldValue> {
    Some(FieldValue::Boolean(match operator {
        Operator::And | Operator::BitAnd => left && right,
        Operator::Or | Operator::BitOr => left || right,
        Operator::BitXor | Operator::NotEqual => left != right,
        Operator::Equal => left == right,
        _ => return None,
    }))
}

fn texts(operator: Operator, left: &str, right: &str) -> Option<FieldValue> {
    match operator {
        Operator::Equal => Some(FieldValue::Boolean(left == right)),
        Operator::NotEqual => Some(FieldValue::Boolean(left != right)),
        _ => None,
    }
}

fn compared<T: PartialOrd>(operator: Operator, left: T, right: T) -> Option<FieldValue> {
    Some(FieldValue::Boolean(match operator {
        Operator::Equal => left == right,
        Operator::NotEqual => left != right,
        Operator::Less => left < right,
        Operator::LessOrEqual => left <= right,
        Operator::Greater => left > right,
        Operator::GreaterOrEqual => left >= right,
        _ => return None,
    }))
}

fn floats(operator: Operator, left: f64, right: Option<f64>) -> Option<FieldValue> {
    let right = right?;
    if operator.is_comparison() {
        return compared(operator, left, right);
    }
    Some(FieldValue::Float(match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide if right == 0.0 => 0.0,
        Operator::Divide => left / right,
        Operator::Modulo => left % right,
        _ => return None,
    }))
}

fn integers(operator: Operator, left: i64, right: i64, division: Division) -> Option<FieldValue> {
    if operator.is_comparison() {
        return compared(operator, left, right);
    }
    if operator == Operator::Divide && division == Division::Exact {
        let quotient = if right == 0 {
            0.0
        } else {
            left as f64 / right as f64
        };
        return Some(FieldValue::Float(quotient));
    }
    Some(FieldValue::Integer(match operator {
        Operator::Add => left.wrapping_add(right),
        Operator::Subtract => left.wrapping_sub(right),
        Operator::Multiply => left.wrapping_mul(right),
        Operator::Divide if right == 0 => 0,
        Operator::Divide => left.wrapping_div(right),
        Operator::Modulo if right == 0 => 0,
        Operator::Modulo => left.wrapping_rem(right),
        Operator::BitAnd => left & right,
        Operator::BitOr => left | right,
        Operator::BitXor => left ^ right,
        _ => return None,
    }))
}

fn unsigned(operator: Operator, left: u64, right: u64) -> Option<FieldValue> {
    if operator.is_comparison() {
        return compared(operator, left, right);
    }
    Some(FieldValue::Unsigned(match operator {
        Operator::Add => left.wrapping_add(right),
        Operator::Subtract => left.wrapping_sub(right),
        Operator::Multiply => left.wrapping_mul(right),
        Operator::Divide => left.checked_div(right).unwrap_or(0),
        Operator::Modulo => left.checked_rem(right).unwrap_or(0),
        Operator::BitAnd => left & right,
        Operator::BitOr => left | right,
        Operator::BitXor => left ^ right,
        _ => return None,
    }))
}

/// Whether a function makes a number of numbers, row by row.
pub(super) fn is_math(name: &str) -> bool {
    matches!(
        name,
        "abs"
            | "sin"
            | "cos"
            | "tan"
            | "asin"
            | "acos"
            | "atan"
            | "atan2"
            | "exp"
            | "log"
            | "ln"
            | "log2"
            | "log10"
            | "sqrt"
            | "pow"
            | "floor"
            | "ceil"
            | "round"
    )
}

/// How many arguments a function of numbers takes.
pub(super) fn math_arguments(name: &str) -> usize {
    match name {
        "atan2" | "pow" | "log" => 2,
        _ => 1,
    }
}

/// A function of numbers.
fn math(name: &str, values: &[Option<FieldValue>]) -> Option<FieldValue> {
    let first = values.first()?.as_ref()?;
    match (name, first) {
        ("abs", FieldValue::Integer(number)) => {
            return Some(FieldValue::Integer(number.wrapping_abs()));
        }
        ("abs" | "floor" | "ceil" | "round", FieldValue::Integer(_) | FieldValue::Unsigned(_)) => {
            return Some(first.clone());
        }
        _ => {}
    }
    let number = first.as_f64()?;
    let second = || values.get(1)?.as_ref()?.as_f64();
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
    Some(FieldValue::Float(result))
}
