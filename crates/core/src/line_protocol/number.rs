//! Field values that are not strings: numbers and booleans, told apart by their first byte as
//! InfluxDB does it, with its reasons for refusal.

use super::Reason;
use super::parse::ValueRef;

/// Reads the value that begins `text` and ends at a comma, a space or the end.
/// Returns it with its length in bytes.
pub(super) fn parse(text: &str) -> Result<(ValueRef<'_>, usize), Reason> {
    let bytes = text.as_bytes();
    if let Some(plain) = parse_plain(bytes) {
        return Ok(plain);
    }
    let end = end_of_value(bytes);
    let value = match bytes.first() {
        Some(b'0'..=b'9' | b'.' | b'-' | b'N' | b'n') => parse_number(&text[..end])?,
        _ => ValueRef::Boolean(parse_boolean(&text[..end])?),
    };
    Ok((value, end))
}

/// Most digits of a number that [`parse_plain`] takes: any such fits in 64 bits.
const PLAIN_DIGITS: usize = 18;

/// Numbers up to here are floats exactly.
const EXACT_FLOAT: u64 = 1 << 53;

/// Powers of ten that are floats exactly, as many as a plain number needs.
const POWERS_OF_TEN: [f64; PLAIN_DIGITS + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18,
];

/// The numbers that agents send, in one pass: a sign, up to 18 digits, perhaps a point among
/// them, perhaps `i` or `u` behind. A float of two exact parts is rounded once, so correctly
/// (Clinger, "How to Read Floating Point Numbers Accurately", 1990). `None` leaves the text to
/// the longer way, which knows the reasons for refusal.
fn parse_plain(bytes: &[u8]) -> Option<(ValueRef<'static>, usize)> {
    let negative = bytes.first() == Some(&b'-');
    let start = usize::from(negative);
    let (mut number, mut point) = (0_u64, None);
    let mut at = start;
    loop {
        match bytes.get(at) {
            Some(digit @ b'0'..=b'9') => {
                if at - start > PLAIN_DIGITS {
                    return None;
                }
                number = number * 10 + u64::from(digit - b'0');
            }
            Some(b'.') if point.is_none() => point = Some(at),
            _ => break,
        }
        at += 1;
    }
    let digits = at - start - usize::from(point.is_some());
    if digits == 0 || digits > PLAIN_DIGITS {
        return None;
    }
    let signed = |value: i64| if negative { -value } else { value };
    let (value, end) = match (bytes.get(at), point) {
        (Some(b'i'), None) => (
            ValueRef::Integer(signed(i64::try_from(number).ok()?)),
            at + 1,
        ),
        (Some(b'u'), None) if !negative => (ValueRef::Unsigned(number), at + 1),
        _ if number > EXACT_FLOAT => return None,
        _ => {
            let decimals = point.map_or(0, |point| at - point - 1);
            let size = number as f64 / POWERS_OF_TEN[decimals];
            (ValueRef::Float(if negative { -size } else { size }), at)
        }
    };
    matches!(bytes.get(end), None | Some(b',' | b' ')).then_some((value, end))
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
