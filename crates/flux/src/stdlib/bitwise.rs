//! Package `bitwise`: operators on the bits of integers.

use super::native;
use crate::error::Error;
use crate::interpret::NativeKind::Scalar;
use crate::interpret::{Arguments, Native};
use crate::value::Value;

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native("bitwise", "sand", "a, b", Scalar, |_, a| signed(a, |a, b| a & b)),
    native("bitwise", "sor", "a, b", Scalar, |_, a| signed(a, |a, b| a | b)),
    native("bitwise", "sxor", "a, b", Scalar, |_, a| signed(a, |a, b| a ^ b)),
    native("bitwise", "sclear", "a, b", Scalar, |_, a| signed(a, |a, b| a & !b)),
    native("bitwise", "snot", "a", Scalar, |_, a| Ok(Value::Integer(!a.integer("a")?))),
    native("bitwise", "slshift", "a, b", Scalar, |_, a| shift(a, |a, b| a.checked_shl(b).unwrap_or(0))),
    native("bitwise", "srshift", "a, b", Scalar, |_, a| shift(a, |a, b| a.checked_shr(b).unwrap_or(a >> 63))),
    native("bitwise", "uand", "a, b", Scalar, |_, a| unsigned(a, |a, b| a & b)),
    native("bitwise", "uor", "a, b", Scalar, |_, a| unsigned(a, |a, b| a | b)),
    native("bitwise", "uxor", "a, b", Scalar, |_, a| unsigned(a, |a, b| a ^ b)),
    native("bitwise", "uclear", "a, b", Scalar, |_, a| unsigned(a, |a, b| a & !b)),
    native("bitwise", "unot", "a", Scalar, |_, a| Ok(Value::Unsigned(!number(a, "a")?))),
    native("bitwise", "ulshift", "a, b", Scalar, |_, a| {
        unsigned(a, |a, b| u32::try_from(b).ok().and_then(|b| a.checked_shl(b)).unwrap_or(0))
    }),
    native("bitwise", "urshift", "a, b", Scalar, |_, a| {
        unsigned(a, |a, b| u32::try_from(b).ok().and_then(|b| a.checked_shr(b)).unwrap_or(0))
    }),
];

fn signed(arguments: &Arguments, operate: fn(i64, i64) -> i64) -> Result<Value, Error> {
    Ok(Value::Integer(operate(arguments.integer("a")?, arguments.integer("b")?)))
}

fn shift(arguments: &Arguments, operate: fn(i64, u32) -> i64) -> Result<Value, Error> {
    let by = u32::try_from(arguments.integer("b")?).map_err(|_| Error::invalid("cannot shift by a negative number"))?;
    Ok(Value::Integer(operate(arguments.integer("a")?, by)))
}

fn number(arguments: &Arguments, name: &str) -> Result<u64, Error> {
    match arguments.expect(name)? {
        Value::Unsigned(value) => Ok(*value),
        other => Err(Error::invalid(format!("{name} must be a uint, found {}", other.type_name()))),
    }
}

fn unsigned(arguments: &Arguments, operate: fn(u64, u64) -> u64) -> Result<Value, Error> {
    Ok(Value::Unsigned(operate(number(arguments, "a")?, number(arguments, "b")?)))
}
