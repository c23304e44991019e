//! The text of matchers, as Alertmanager reads it: the form of its older versions first, in which `\d` needs no second
//! backslash, and where that gives nothing, the form with quoted names and Go's escapes.

use super::{MatcherError, Operator};

/// Characters that end a name or a value without quotes.
fn is_reserved(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '{' | '}' | '!' | '=' | '~' | ',' | '\\' | '"' | '\'' | '`'
        )
}

/// Longest text of a matcher that a refusal cites whole, in bytes: a message is read by a person, a list of two thousand
/// names is not.
const CITED_BYTES: usize = 200;

/// A text as a refusal cites it.
pub(super) fn cited(text: &str) -> String {
    match text.floor_char_boundary(CITED_BYTES) {
        end if end < text.len() => format!("{}…", &text[..end]),
        _ => text.to_owned(),
    }
}

/// Without the blanks of Go's `\s` on both sides: no-break and other wide spaces belong to a value.
fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_ascii_whitespace())
}

/// Name, operator and value.
pub(super) type Parts = (String, Operator, String);

/// One matcher.
pub(super) fn classic(text: &str) -> Result<Parts, MatcherError> {
    if text.starts_with('{') || text.ends_with('}') {
        return Err(MatcherError::NotOne(cited(text)));
    }
    classic_one(text)
}

/// Matchers with commas between them, in braces or not.
pub(super) fn classic_list(text: &str) -> Result<Vec<Parts>, MatcherError> {
    let (inner, is_open) = match text.strip_prefix('{') {
        Some(inner) => (inner, true),
        None => (text, false),
    };
    // A brace at the end without its pair closes the list, unless it may belong to a value: `host=~web{2}`.
    let inner = match inner.strip_suffix('}') {
        Some(inner) if is_open || inner.ends_with('"') || !inner.contains('{') => inner,
        _ => inner,
    };
    let mut found = Vec::new();
    let (mut is_quoted, mut is_escaped, mut start) = (false, false, 0);
    for (at, c) in inner.char_indices() {
        match c {
            ',' if !is_quoted => {
                found.push(classic_one(&inner[start..at])?);
                start = at + 1;
            }
            '"' if !is_escaped => is_quoted = !is_quoted,
            _ => {}
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    if !inner[start..].trim().is_empty() {
        found.push(classic_one(inner[start..].trim())?);
    }
    match found.is_empty() {
        true => Err(MatcherError::NoOperator(cited(text))),
        false => Ok(found),
    }
}

/// Matchers whose names and values may be quoted; none if the text is in another form.
pub(super) fn quoted_list(text: &str) -> Option<Vec<Parts>> {
    let text = text.trim();
    let mut rest = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}')?,
        None => text,
    };
    let mut found = Vec::new();
    loop {
        let (parts, after) = quoted_one(rest)?;
        found.push(parts);
        rest = match after.trim_start().strip_prefix(',') {
            Some(after) => after.trim_start(),
            None if after.trim().is_empty() => return Some(found),
            None => return None,
        };
        if rest.is_empty() {
            return Some(found);
        }
    }
}

/// `name="value"`, where either may be quoted, and what follows it.
fn quoted_one(text: &str) -> Option<(Parts, &str)> {
    let (name, rest) = word(text.trim_start())?;
    let (operator, rest) = operator(rest.trim_start())?;
    let (value, rest) = word(rest.trim_start())?;
    Some(((name, operator, value), rest))
}

fn operator(text: &str) -> Option<(Operator, &str)> {
    let operators = [
        ("=~", Operator::Regex),
        ("!~", Operator::NotRegex),
        ("!=", Operator::NotEqual),
        ("=", Operator::Equal),
    ];
    operators
        .into_iter()
        .find_map(|(sign, operator)| Some((operator, text.strip_prefix(sign)?)))
}

/// A quoted or plain word, and what follows it.
fn word(text: &str) -> Option<(String, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        return unquote(quoted);
    }
    let end = text.find(is_reserved).unwrap_or(text.len());
    (end > 0).then(|| (text[..end].to_owned(), &text[end..]))
}

/// The text up to the closing quote, with the escapes of Go, and what follows it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\n' => return None,
            '\\' => value.push(escaped(&mut chars)?),
            other => value.push(other),
        }
    }
}

/// What follows a backslash. `\\x` above ASCII is a byte of UTF-8 in Go, which no label needs.
fn escaped(chars: &mut std::str::Chars<'_>) -> Option<char> {
    let digits = match chars.next()? {
        'a' => return Some('\u{7}'),
        'b' => return Some('\u{8}'),
        'f' => return Some('\u{c}'),
        'n' => return Some('\n'),
        'r' => return Some('\r'),
        't' => return Some('\t'),
        'v' => return Some('\u{b}'),
        literal @ ('\\' | '"') => return Some(literal),
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => return None,
    };
    let number = (0..digits).try_fold(0_u32, |number, _| {
        let digit = chars.next()?.to_digit(16)?;
        number.checked_mul(16)?.checked_add(digit)
    });
    let ascii = number.filter(|number| digits > 2 || *number < 0x80);
    ascii.and_then(char::from_u32)
}

/// The form before Alertmanager 0.27: a name of letters, digits, `_` and `:`, and anything as its value.
fn classic_one(text: &str) -> Result<Parts, MatcherError> {
    let no_operator = || MatcherError::NoOperator(cited(text));
    let at = text.find(['=', '!']).ok_or_else(no_operator)?;
    let name = trimmed(&text[..at]);
    let (operator, value) = operator(&text[at..]).ok_or_else(no_operator)?;
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    if name.is_empty() {
        return Err(MatcherError::NoName(cited(text)));
    }
    if !name.chars().all(letter) || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(MatcherError::Name {
            text: cited(text),
            name: cited(name),
        });
    }
    Ok((
        name.to_owned(),
        operator,
        classic_value(text, trimmed(value))?,
    ))
}

fn classic_value(text: &str, value: &str) -> Result<String, MatcherError> {
    let unterminated = || MatcherError::Unterminated(cited(text));
    let stray = || MatcherError::StrayQuote(cited(text));
    let (inner, is_quoted) = match value.strip_prefix('"') {
        Some(inner) => (inner, true),
        None => (value, false),
    };
    let mut read = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' if is_quoted && chars.as_str().is_empty() => return Ok(read),
            '"' => return Err(stray()),
            '\\' => match chars.next() {
                Some('n') => read.push('\n'),
                Some(literal @ ('"' | '\\')) => read.push(literal),
                Some(other) => read.extend(['\\', other]),
                None => read.push('\\'),
            },
            other => read.push(other),
        }
    }
    if is_quoted {
        Err(unterminated())
    } else {
        Ok(read)
    }
}

/// A name as it is read again: in quotes where it needs them.
pub(super) fn show_name(name: &str) -> String {
    if name.contains(is_reserved) || name.chars().any(char::is_control) {
        return format!("\"{}\"", escape(name));
    }
    name.to_owned()
}

/// The inside of a quoted text.
pub(super) fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
