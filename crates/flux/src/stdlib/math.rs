//! Package `math`.

use super::native;
use crate::error::Error;
use crate::execute::Context;
use crate::interpret::NativeKind::Scalar;
use crate::interpret::{Arguments, Native};
use crate::value::{Record, Value};

macro_rules! of_one {
    ($($name:literal => $function:expr),* $(,)?) => {
        &[$(native("math", $name, "x", Scalar, |_, arguments| one(arguments, $function))),*]
    };
}

/// Functions of one float; listed apart so that a line is a function.
pub(super) const OF_ONE: &[Native] = of_one!(
    "abs" => f64::abs,
    "acos" => f64::acos,
    "acosh" => f64::acosh,
    "asin" => f64::asin,
    "asinh" => f64::asinh,
    "atan" => f64::atan,
    "atanh" => f64::atanh,
    "cbrt" => f64::cbrt,
    "ceil" => f64::ceil,
    "cos" => f64::cos,
    "cosh" => f64::cosh,
    "exp" => f64::exp,
    "exp2" => f64::exp2,
    "expm1" => f64::exp_m1,
    "floor" => f64::floor,
    "gamma" => gamma,
    "log" => f64::ln,
    "log10" => f64::log10,
    "log1p" => f64::ln_1p,
    "log2" => f64::log2,
    "logb" => logb,
    "round" => f64::round,
    "roundtoeven" => f64::round_ties_even,
    "sin" => f64::sin,
    "sinh" => f64::sinh,
    "sqrt" => f64::sqrt,
    "tan" => f64::tan,
    "tanh" => f64::tanh,
    "trunc" => f64::trunc,
);

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native("math", "atan2", "y, x", Scalar, |_, a| two(a, "y", "x", f64::atan2)),
    native("math", "copysign", "x, y", Scalar, |_, a| two(a, "x", "y", f64::copysign)),
    native("math", "dim", "x, y", Scalar, |_, a| two(a, "x", "y", |x, y| (x - y).max(0.0))),
    native("math", "hypot", "p, q", Scalar, |_, a| two(a, "p", "q", f64::hypot)),
    native("math", "mMax", "x, y", Scalar, |_, a| two(a, "x", "y", |x, y| if x.is_nan() || y.is_nan() { f64::NAN } else { x.max(y) })),
    native("math", "mMin", "x, y", Scalar, |_, a| two(a, "x", "y", |x, y| if x.is_nan() || y.is_nan() { f64::NAN } else { x.min(y) })),
    native("math", "mod", "x, y", Scalar, |_, a| two(a, "x", "y", |x, y| x % y)),
    native("math", "pow", "x, y", Scalar, |_, a| two(a, "x", "y", f64::powf)),
    native("math", "remainder", "x, y", Scalar, |_, a| two(a, "x", "y", |x, y| x - y * (x / y).round_ties_even())),
    native("math", "NaN", "", Scalar, |_, _| Ok(Value::Float(f64::NAN))),
    native("math", "isNaN", "f", Scalar, |_, a| Ok(Value::Boolean(a.float("f")?.is_nan()))),
    native("math", "isInf", "f, sign", Scalar, is_infinite),
    native("math", "mInf", "sign", Scalar, |_, a| {
        Ok(Value::Float(if a.integer("sign")? >= 0 { f64::INFINITY } else { f64::NEG_INFINITY }))
    }),
    native("math", "signbit", "x", Scalar, |_, a| Ok(Value::Boolean(a.float("x")?.is_sign_negative()))),
    native("math", "float64bits", "f", Scalar, |_, a| Ok(Value::Unsigned(a.float("f")?.to_bits()))),
    native("math", "float64frombits", "b", Scalar, |_, a| match a.expect("b")? {
        Value::Unsigned(bits) => Ok(Value::Float(f64::from_bits(*bits))),
        other => Err(Error::invalid(format!("b must be a uint, found {}", other.type_name()))),
    }),
    native("math", "modf", "f", Scalar, |_, a| {
        let value = a.float("f")?;
        Ok(Value::record(Record::from([
            ("int", Value::Float(value.trunc())),
            ("frac", Value::Float(value - value.trunc())),
        ])))
    }),
    native("math", "frexp", "f", Scalar, |_, a| {
        let (fraction, exponent) = frexp(a.float("f")?);
        Ok(Value::record(Record::from([("frac", Value::Float(fraction)), ("exp", Value::Integer(exponent))])))
    }),
    native("math", "ldexp", "frac, exp", Scalar, |_, a| {
        let exponent = i32::try_from(a.integer("exp")?.clamp(-5000, 5000)).unwrap_or(0);
        Ok(Value::Float(a.float("frac")? * 2f64.powi(exponent)))
    }),
    native("math", "sincos", "x", Scalar, |_, a| {
        let (sin, cos) = a.float("x")?.sin_cos();
        Ok(Value::record(Record::from([("sin", Value::Float(sin)), ("cos", Value::Float(cos))])))
    }),
    native("math", "ilogb", "x", Scalar, |_, a| {
        let (_, exponent) = frexp(a.float("x")?);
        Ok(Value::Integer(i64::from(exponent) - 1))
    }),
];

/// The package's numbers.
pub(super) fn constants() -> Vec<(&'static str, Value)> {
    use std::f64::consts;
    let golden = f64::midpoint(1.0, 5f64.sqrt());
    let mut numbers = vec![
        ("pi", consts::PI),
        ("e", consts::E),
        ("phi", golden),
        ("sqrt2", consts::SQRT_2),
        ("sqrte", consts::E.sqrt()),
        ("sqrtpi", consts::PI.sqrt()),
        ("sqrtphi", golden.sqrt()),
        ("ln2", consts::LN_2),
        ("log2e", consts::LOG2_E),
        ("ln10", consts::LN_10),
        ("log10e", consts::LOG10_E),
        ("maxfloat", f64::MAX),
        ("smallestNonzeroFloat", 5e-324),
    ]
    .into_iter()
    .map(|(name, value)| (name, Value::Float(value)))
    .collect::<Vec<_>>();
    numbers.extend([
        ("maxint", Value::Integer(i64::MAX)),
        ("minint", Value::Integer(i64::MIN)),
        ("maxuint", Value::Unsigned(u64::MAX)),
    ]);
    numbers
}

fn one(arguments: &Arguments, function: fn(f64) -> f64) -> Result<Value, Error> {
    Ok(Value::Float(function(arguments.float("x")?)))
}

fn two(arguments: &Arguments, first: &str, second: &str, function: fn(f64, f64) -> f64) -> Result<Value, Error> {
    Ok(Value::Float(function(arguments.float(first)?, arguments.float(second)?)))
}

fn is_infinite(_: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let value = arguments.float("f")?;
    let sign = arguments.integer("sign")?;
    let matches = match sign {
        0 => value.is_infinite(),
        sign if sign > 0 => value == f64::INFINITY,
        _ => value == f64::NEG_INFINITY,
    };
    Ok(Value::Boolean(matches))
}

/// Fraction in [0.5, 1) and exponent of 2.
fn frexp(value: f64) -> (f64, i64) {
    if value == 0.0 || !value.is_finite() {
        return (value, 0);
    }
    let mut exponent = value.abs().log2().floor() as i64 + 1;
    let mut fraction = value / 2f64.powf(exponent as f64);
    if fraction.abs() >= 1.0 {
        fraction /= 2.0;
        exponent += 1;
    } else if fraction.abs() < 0.5 {
        fraction *= 2.0;
        exponent -= 1;
    }
    (fraction, exponent)
}

fn logb(value: f64) -> f64 {
    if value == 0.0 {
        return f64::NEG_INFINITY;
    }
    if !value.is_finite() {
        return value.abs();
    }
    (frexp(value).1 - 1) as f64
}

/// The gamma function by Lanczos' approximation (g = 7, nine terms), exact for small whole numbers.
fn gamma(value: f64) -> f64 {
    const TERMS: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if value.fract() == 0.0 && (1.0..=20.0).contains(&value) {
        return (1..value as u64).map(|factor| factor as f64).product();
    }
    if value < 0.5 {
        return std::f64::consts::PI / ((std::f64::consts::PI * value).sin() * gamma(1.0 - value));
    }
    let x = value - 1.0;
    let base = x + 7.5;
    let sum: f64 = TERMS[1..].iter().zip(1..).map(|(term, at)| term / (x + f64::from(at))).sum();
    (2.0 * std::f64::consts::PI).sqrt() * base.powf(x + 0.5) * (-base).exp() * (TERMS[0] + sum)
}
