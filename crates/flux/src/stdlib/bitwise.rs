//! The package `bitwise`, under its present and its older path: `u…` for unsigned and `s…` for signed integers.

use super::native;
use crate::error::Error;
use crate::interpret::NativeKind::Scalar;
use crate::interpret::{Arguments, Native};
use crate::value::Value;

macro_rules! functions {
    ($package:literal) => {
        [
            native($package, "sand", "a, b", Scalar, |_, arguments| {
                signed(arguments, |a, b| a & b)
            }),
            native($package, "sor", "a, b", Scalar, |_, arguments| {
                signed(arguments, |a, b| a | b)
            }),
            native($package, "sxor", "a, b", Scalar, |_, arguments| {
                signed(arguments, |a, b| a ^ b)
            }),
            native($package, "sclear", "a, b", Scalar, |_, arguments| {
                signed(arguments, |a, b| a & !b)
            }),
            native($package, "slshift", "a, b", Scalar, |_, arguments| {
                signed(arguments, shift_left)
            }),
            native($package, "srshift", "a, b", Scalar, |_, arguments| {
                signed(arguments, |a, b| a >> b.clamp(0, 63))
            }),
            native($package, "snot", "a", Scalar, |_, arguments| {
                Ok(Value::Integer(!arguments.integer("a")?))
            }),
            native($package, "uand", "a, b", Scalar, |_, arguments| {
                unsigned(arguments, |a, b| a & b)
            }),
            native($package, "uor", "a, b", Scalar, |_, arguments| {
                unsigned(arguments, |a, b| a | b)
            }),
            native($package, "uxor", "a, b", Scalar, |_, arguments| {
                unsigned(arguments, |a, b| a ^ b)
            }),
            native($package, "uclear", "a, b", Scalar, |_, arguments| {
                unsigned(arguments, |a, b| a & !b)
            }),
            native($package, "ulshift", "a, b", Scalar, |_, arguments| {
                unsigned(arguments, unsigned_left)
            }),
            native($package, "urshift", "a, b", Scalar, |_, arguments| {
                unsigned(arguments, unsigned_right)
            }),
            native($package, "unot", "a", Scalar, |_, arguments| {
                Ok(Value::Unsigned(!whole(arguments, "a")?))
            }),
        ]
    };
}

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &functions!("bitwise");

/// The same under the older path.
pub(super) const OLD_FUNCTIONS: &[Native] = &functions!("experimental/bitwise");

fn signed(arguments: &Arguments, operate: fn(i64, i64) -> i64) -> Result<Value, Error> {
    Ok(Value::Integer(operate(
        arguments.integer("a")?,
        arguments.integer("b")?,
    )))
}

fn unsigned(arguments: &Arguments, operate: fn(u64, u64) -> u64) -> Result<Value, Error> {
    Ok(Value::Unsigned(operate(
        whole(arguments, "a")?,
        whole(arguments, "b")?,
    )))
}

fn whole(arguments: &Arguments, name: &str) -> Result<u64, Error> {
    match arguments.expect(name)? {
        Value::Unsigned(value) => Ok(*value),
        other => Err(Error::invalid(format!(
            "keyword argument {name:?} should be of kind uint, but got {}",
            other.type_name()
        ))),
    }
}

/// Bits that are shifted out are lost; a shift by 64 or more leaves none.
fn shift_left(a: i64, b: i64) -> i64 {
    u32::try_from(b)
        .ok()
        .and_then(|b| a.checked_shl(b))
        .unwrap_or(0)
}

fn unsigned_left(a: u64, b: u64) -> u64 {
    u32::try_from(b)
        .ok()
        .and_then(|b| a.checked_shl(b))
        .unwrap_or(0)
}

fn unsigned_right(a: u64, b: u64) -> u64 {
    u32::try_from(b)
        .ok()
        .and_then(|b| a.checked_shr(b))
        .unwrap_or(0)
}
