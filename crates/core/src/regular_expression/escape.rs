//! `\n`, `\x41`, `\170`, `\.`: a backslash and what it makes of the characters behind it.

use super::error::{Fault, RegexError};

/// The character that a text begins with by its escape, and what follows it.
///
/// # Errors
/// RE2 knows no such escape.
pub(super) fn character(text: &str) -> Result<(u32, &str), RegexError> {
    let mut rest = text[1..].chars();
    let Some(first) = rest.next() else {
        return Err(RegexError::new(Fault::TrailingBackslash, ""));
    };
    let value = match first {
        '0' => Some(octal(first, &mut rest)),
        // A single digit would be a reference to a group, which RE2 does not have.
        '1'..='7' if rest.as_str().starts_with(is_octal) => Some(octal(first, &mut rest)),
        'x' => hexadecimal(&mut rest),
        'a' => Some(0x07),
        'f' => Some(0x0C),
        'n' => Some(0x0A),
        'r' => Some(0x0D),
        't' => Some(0x09),
        'v' => Some(0x0B),
        punctuation if punctuation.is_ascii() && !punctuation.is_ascii_alphanumeric() => {
            Some(u32::from(punctuation))
        }
        _ => None,
    };
    let rest = rest.as_str();
    match value {
        Some(value) => Ok((value, rest)),
        None => Err(RegexError::new(
            Fault::Escape,
            &text[..text.len() - rest.len()],
        )),
    }
}

fn is_octal(char: char) -> bool {
    char.is_digit(8)
}

/// Up to three octal digits, of which one was read.
fn octal(first: char, rest: &mut std::str::Chars<'_>) -> u32 {
    let mut value = first.to_digit(8).unwrap_or_default();
    for _ in 1..3 {
        let Some(digit) = rest.clone().next().and_then(|char| char.to_digit(8)) else {
            break;
        };
        value = value * 8 + digit;
        rest.next();
    }
    value
}

/// Two digits, or any number of them in braces.
fn hexadecimal(rest: &mut std::str::Chars<'_>) -> Option<u32> {
    let first = rest.next()?;
    if first != '{' {
        let high = first.to_digit(16);
        let low = rest.next()?.to_digit(16);
        return Some(high? * 16 + low?);
    }
    let mut value: Option<u32> = None;
    loop {
        match rest.next()? {
            '}' => return value,
            digit => {
                let next = value.unwrap_or_default() * 16 + digit.to_digit(16)?;
                if next > u32::from(char::MAX) {
                    return None;
                }
                value = Some(next);
            }
        }
    }
}
