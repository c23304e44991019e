//! Field values that are not strings: numbers and booleans, told apart by their first byte as
//! InfluxDB does it, with its reasons for refusal.

use super::Reason;
use super::parse::ValueRef;

/// Reads the value that begins `text` and ends at a comma, a space or the end.
/// Returns it with its length in bytes.
pub(super) fn parse(text: &str) -> Result<(ValueRef<'_>, usize), Reason> {
    let bytes = text.as_bytes();
    match bytes.first() {
        Some(b'0'..=b'9' | b'.' | b'-' | b'N' | b'n') => {
            let end = end_of_value(bytes);
            Ok((parse_number(&text[..end])?, end))
        }
        _ => {
            let end = end_of_value(bytes);
            Ok((ValueRef::Boolean(parse_boolean(&text[..end])?), end))
        }
    }
}

fn end_of_value(bytes: &[u8]) -> usize {
    let ends = |byte: &u8| matches!(byte, b',' | b' ');
    bytes.iter().position(ends).unwrap_or(bytes.len())
}

fn parse_boolean(text: &str) -> Result<bool, Reason> {
    match text {
        "t" | "T" | "true" | "True" | "TRUE" => Ok(true),
        "f" | "F" | "false" | "False" | "FALSE" => Ok(false),
        _ => Err(Reason::InvalidBoolean),
    }
}

fn parse_number(text: &str) -> Result<ValueRef<'static>, Reason> {
    let (digits, suffix) = match text.as_bytes().last() {
        Some(suffix @ (b'i' | b'u')) => (&text[..text.len() - 1], *suffix),
        _ => (text, b'f'),
    };
    match suffix {
        b'i' => parse_integer(digits).map(ValueRef::Integer),
        b'u' => parse_unsigned(digits).map(ValueRef::Unsigned),
        _ => parse_float(digits).map(ValueRef::Float),
    }
}

fn parse_integer(digits: &str) -> Result<i64, Reason> {
    let unsigned = digits.strip_prefix('-').unwrap_or(digits);
    if unsigned.is_empty() || !is_all_digits(unsigned) {
        return Err(Reason::InvalidNumber);
    }
    let out_of_range = |_| Reason::IntegerOutOfRange(digits.to_owned());
    digits.parse().map_err(out_of_range)
}

fn parse_unsigned(digits: &str) -> Result<u64, Reason> {
    if digits.is_empty() || !is_all_digits(digits) {
        return Err(Reason::InvalidNumber);
    }
    let out_of_range = |_| Reason::UnsignedOutOfRange(digits.to_owned());
    digits.parse().map_err(out_of_range)
}

fn is_all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A decimal number with an optional exponent: `1`, `-.5`, `3.`, `1E+3`. No sign in front but
/// `-`, no NaN, no infinity.
fn parse_float(text: &str) -> Result<f64, Reason> {
    let scientific = check_float_letters(text)?;
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        Err(_) if !scientific => Err(Reason::InvalidNumber),
        _ => Err(Reason::InvalidFloat),
    }
}

/// Whether the text has an exponent; an error if it has bytes that no number has.
fn check_float_letters(text: &str) -> Result<bool, Reason> {
    let bytes = text.as_bytes();
    let (mut decimal, mut scientific) = (false, false);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {}
            b'-' if at == 0 => {}
            b'.' if !decimal => decimal = true,
            b'e' | b'E' if at > 0 => scientific = true,
            b'+' | b'-' if matches!(bytes[at - 1], b'e' | b'E') => {}
            _ => return Err(Reason::InvalidNumber),
        }
    }
    Ok(scientific)
}
