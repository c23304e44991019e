//! Package `types`.

use super::native;
use crate::error::Error;
use crate::interpret::NativeKind::Scalar;
use crate::interpret::{Arguments, Native};
use crate::value::Value;

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native("types", "isType", "v, type", Scalar, |_, a| {
        Ok(Value::Boolean(kind(a)? == a.string("type")?.as_ref()))
    }),
    native("types", "isNumeric", "v", Scalar, |_, a| {
        Ok(Value::Boolean(matches!(kind(a)?, "int" | "uint" | "float")))
    }),
];

fn kind(arguments: &Arguments) -> Result<&'static str, Error> {
    Ok(arguments.expect("v")?.type_name())
}
