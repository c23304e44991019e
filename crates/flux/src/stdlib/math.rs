//! The package `math`: what Go's package of that name computes, on floats.

use super::native;
use crate::error::Error;
use crate::interpret::NativeKind::Scalar;
use crate::interpret::{Arguments, Native};
use crate::value::{Record, Value};

/// A function of one float `x`.
macro_rules! of_x {
    ($name:literal, $function:expr) => {
        native("math", $name, "x", Scalar, |_, arguments| {
            let function: fn(f64) -> f64 = $function;
            Ok(Value::Float(function(arguments.float("x")?)))
        })
    };
}

/// A function of two floats of these names.
macro_rules! of_two {
    ($name:literal, $first:literal, $second:literal, $function:expr) => {
        native(
            "math",
            $name,
            concat!($first, ", ", $second),
            Scalar,
            |_, arguments| {
                let function: fn(f64, f64) -> f64 = $function;
                Ok(Value::Float(function(
                    arguments.float($first)?,
                    arguments.float($second)?,
                )))
            },
        )
    };
}

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    of_x!("abs", f64::abs),
    of_x!("acos", f64::acos),
    of_x!("acosh", f64::acosh),
    of_x!("asin", f64::asin),
    of_x!("asinh", f64::asinh),
    of_x!("atan", f64::atan),
    of_x!("atanh", f64::atanh),
    of_x!("cbrt", f64::cbrt),
    of_x!("ceil", f64::ceil),
    of_x!("cos", f64::cos),
    of_x!("cosh", f64::cosh),
    of_x!("erf", libm::erf),
    of_x!("erfc", libm::erfc),
    of_x!("erfinv", inverse_error),
    of_x!("erfcinv", |x| inverse_error(1.0 - x)),
    of_x!("exp", f64::exp),
    of_x!("exp2", f64::exp2),
    of_x!("expm1", f64::exp_m1),
    of_x!("floor", f64::floor),
    of_x!("gamma", libm::tgamma),
    of_x!("j0", libm::j0),
    of_x!("j1", libm::j1),
    of_x!("log", f64::ln),
    of_x!("log10", f64::log10),
    of_x!("log1p", f64::ln_1p),
    of_x!("log2", f64::log2),
    of_x!("logb", |x| if x == 0.0 {
        f64::NEG_INFINITY
    } else if x.is_finite() {
        exponent(x)
    } else {
        x.abs()
    }),
    of_x!("round", f64::round),
    of_x!("roundtoeven", f64::round_ties_even),
    of_x!("sin", f64::sin),
    of_x!("sinh", f64::sinh),
    of_x!("sqrt", f64::sqrt),
    of_x!("tan", f64::tan),
    of_x!("tanh", f64::tanh),
    of_x!("trunc", f64::trunc),
    of_x!("y0", libm::y0),
    of_x!("y1", libm::y1),
    of_two!("atan2", "x", "y", |x, y| y.atan2(x)),
    of_two!("copysign", "x", "y", f64::copysign),
    of_two!("dim", "x", "y", |x, y| if x <= y { 0.0 } else { x - y }),
    of_two!("hypot", "p", "q", f64::hypot),
    of_two!("mMax", "x", "y", |x, y| if x.is_nan() || y.is_nan() {
        f64::NAN
    } else {
        x.max(y)
    }),
    of_two!("mMin", "x", "y", |x, y| if x.is_nan() || y.is_nan() {
        f64::NAN
    } else {
        x.min(y)
    }),
    of_two!("mod", "x", "y", |x, y| x % y),
    of_two!("nextafter", "x", "y", libm::nextafter),
    of_two!("pow", "x", "y", f64::powf),
    of_two!("remainder", "x", "y", libm::remainder),
    native("math", "float64bits", "f", Scalar, |_, arguments| {
        // Go's NaN has its last bit set.
        let value = arguments.float("f")?;
        let bits = value.to_bits() | u64::from(value.is_nan());
        Ok(Value::Unsigned(bits))
    }),
    native("math", "float64frombits", "b", Scalar, |_, arguments| {
        float_from_bits(arguments)
    }),
    native("math", "frexp", "f", Scalar, |_, arguments| {
        let (fraction, exponent) = libm::frexp(arguments.float("f")?);
        record([
            ("frac", Value::Float(fraction)),
            ("exp", Value::Integer(i64::from(exponent))),
        ])
    }),
    native("math", "ilogb", "x", Scalar, |_, arguments| {
        Ok(Value::Integer(integer_exponent(arguments.float("x")?)))
    }),
    native("math", "isInf", "f, sign", Scalar, |_, arguments| {
        is_infinite(arguments)
    }),
    native("math", "isNaN", "f", Scalar, |_, arguments| {
        Ok(Value::Boolean(arguments.float("f")?.is_nan()))
    }),
    native("math", "jn", "n, x", Scalar, |_, arguments| {
        Ok(Value::Float(libm::jn(
            order(arguments)?,
            arguments.float("x")?,
        )))
    }),
    native("math", "ldexp", "frac, exp", Scalar, |_, arguments| {
        Ok(Value::Float(libm::ldexp(
            arguments.float("frac")?,
            small(arguments, "exp")?,
        )))
    }),
    native("math", "lgamma", "x", Scalar, |_, arguments| {
        let x = arguments.float("x")?;
        let (value, sign) = match x {
            f64::NEG_INFINITY => (x, 1),
            _ => libm::lgamma_r(x),
        };
        record([
            ("lgamma", Value::Float(value)),
            ("sign", Value::Integer(i64::from(sign))),
        ])
    }),
    native("math", "mInf", "sign", Scalar, |_, arguments| {
        let negative = arguments.integer("sign")? < 0;
        Ok(Value::Float(if negative {
            f64::NEG_INFINITY
        } else {
            f64::INFINITY
        }))
    }),
    native("math", "modf", "f", Scalar, |_, arguments| {
        let value = arguments.float("f")?;
        let whole = value.trunc();
        record([
            ("int", Value::Float(whole)),
            ("frac", Value::Float((value - whole).copysign(value))),
        ])
    }),
    native("math", "NaN", "", Scalar, |_, _| Ok(Value::Float(f64::NAN))),
    native("math", "pow10", "n", Scalar, |_, arguments| {
        Ok(Value::Float(power_of_ten(arguments.integer("n")?)))
    }),
    native("math", "signbit", "x", Scalar, |_, arguments| {
        Ok(Value::Boolean(arguments.float("x")?.is_sign_negative()))
    }),
    native("math", "sincos", "x", Scalar, |_, arguments| {
        let (sine, cosine) = arguments.float("x")?.sin_cos();
        record([("sin", Value::Float(sine)), ("cos", Value::Float(cosine))])
    }),
    native("math", "yn", "n, x", Scalar, |_, arguments| {
        Ok(Value::Float(libm::yn(
            order(arguments)?,
            arguments.float("x")?,
        )))
    }),
];

/// The highest order of a Bessel function: its value takes as many steps, some milliseconds of them.
const MAX_ORDER: i64 = 1_000_000;

/// The order of a Bessel function.
fn order(arguments: &Arguments) -> Result<i32, Error> {
    let n = arguments.integer("n")?;
    let order = i32::try_from(n).ok();
    order
        .filter(|n| i64::from(*n).abs() <= MAX_ORDER)
        .ok_or_else(|| Error::invalid(format!("order {n} is beyond {MAX_ORDER}")))
}

/// The golden ratio.
const PHI: f64 = 1.618_033_988_749_895;

/// The names that are numbers.
pub(super) fn constants() -> Vec<(&'static str, Value)> {
    use std::f64::consts;
    let floats = [
        ("e", consts::E),
        ("pi", consts::PI),
        ("phi", PHI),
        ("sqrt2", consts::SQRT_2),
        ("sqrte", consts::E.sqrt()),
        ("sqrtpi", consts::PI.sqrt()),
        ("sqrtphi", PHI.sqrt()),
        ("ln2", consts::LN_2),
        ("log2e", consts::LOG2_E),
        ("ln10", consts::LN_10),
        ("log10e", consts::LOG10_E),
        ("maxfloat", f64::MAX),
        ("smallestNonzeroFloat", f64::from_bits(1)),
    ];
    let mut constants: Vec<_> = floats
        .into_iter()
        .map(|(name, value)| (name, Value::Float(value)))
        .collect();
    constants.push(("maxint", Value::Integer(i64::MAX)));
    constants.push(("minint", Value::Integer(i64::MIN)));
    constants.push(("maxuint", Value::Unsigned(u64::MAX)));
    constants
}

fn record<const N: usize>(members: [(&str, Value); N]) -> Result<Value, Error> {
    Ok(Value::record(Record::from(members)))
}

/// An integer argument brought into 32 bits: beyond them the functions that take it have reached their limits.
fn small(arguments: &Arguments, name: &str) -> Result<i32, Error> {
    Ok(arguments
        .integer(name)?
        .clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32)
}

fn float_from_bits(arguments: &Arguments) -> Result<Value, Error> {
    match arguments.expect("b")? {
        Value::Unsigned(bits) => Ok(Value::Float(f64::from_bits(*bits))),
        other => Err(Error::invalid(format!(
            "keyword argument \"b\" should be of kind uint, but got {}",
            other.type_name()
        ))),
    }
}

/// `sign` above zero asks for +Inf, below zero for -Inf, zero for either.
fn is_infinite(arguments: &Arguments) -> Result<Value, Error> {
    let (value, sign) = (arguments.float("f")?, arguments.integer("sign")?);
    Ok(Value::Boolean(
        (sign >= 0 && value == f64::INFINITY) || (sign <= 0 && value == f64::NEG_INFINITY),
    ))
}

/// The binary exponent of a finite number that is not zero.
fn exponent(x: f64) -> f64 {
    // frexp gives a fraction in [0.5, 1), the exponent of a fraction in [1, 2) is one less.
    f64::from(libm::frexp(x).1 - 1)
}

/// As Go's Ilogb: the smallest 32-bit integer for zero, the largest for what is not finite.
fn integer_exponent(x: f64) -> i64 {
    if x == 0.0 {
        i64::from(i32::MIN)
    } else if x.is_finite() {
        exponent(x) as i64
    } else {
        i64::from(i32::MAX)
    }
}

fn power_of_ten(n: i64) -> f64 {
    match n {
        -323..=308 => format!("1e{n}").parse().unwrap_or(f64::NAN),
        ..-323 => 0.0,
        _ => f64::INFINITY,
    }
}

/// The inverse of the error function: a first guess (Winitzki 2008) made exact by Newton's steps.
fn inverse_error(y: f64) -> f64 {
    if y.is_nan() || y.abs() > 1.0 {
        return f64::NAN;
    }
    if y.abs() == 1.0 || y == 0.0 {
        return if y == 0.0 { y } else { y * f64::INFINITY };
    }
    const A: f64 = 0.147;
    let log = (1.0 - y * y).ln();
    let half = 2.0 / (std::f64::consts::PI * A) + log / 2.0;
    let mut x = ((half * half - log / A).sqrt() - half).sqrt().copysign(y);
    for _ in 0..4 {
        let slope = 2.0 / std::f64::consts::PI.sqrt() * (-x * x).exp();
        if slope == 0.0 {
            break;
        }
        x -= (libm::erf(x) - y) / slope;
    }
    x
}
