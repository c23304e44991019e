//! The values of literals: escapes in strings and regular expressions, times, durations.

use regex_syntax::ast;
use regex_syntax::hir::HirKind;
use watchpost_core::regular_expression;

use super::ast::DurationPart;
use super::lexer::duration_unit;

/// The text that `\n`, `\"`, `\${`, `\x41` and the like stand for.
pub(super) fn unescape(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let escaped = rest[at + 1..]
            .chars()
            .next()
            .ok_or("invalid escape sequence")?;
        rest = &rest[at + 1 + escaped.len_utf8()..];
        match escaped {
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            '\\' | '"' | '$' => bytes.push(escaped as u8),
            'x' => rest = push_byte(&mut bytes, rest)?,
            other => return Err(format!("invalid escape character {other}")),
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

/// The pattern of a regular expression literal without its slashes; checked to be one.
pub(super) fn regex_pattern(literal: &str) -> Result<String, String> {
    let inner = literal
        .strip_prefix('/')
        .and_then(|text| text.strip_suffix('/'))
        .unwrap_or(literal);
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let escaped = rest[at + 1..]
            .chars()
            .next()
            .ok_or("unterminated regex sequence")?;
        rest = &rest[at + 1 + escaped.len_utf8()..];
        match escaped {
            '/' => bytes.push(b'/'),
            'x' => rest = push_byte(&mut bytes, rest)?,
            other => bytes.extend(format!("\\{other}").into_bytes()),
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    let pattern = String::from_utf8(bytes).map_err(|error| error.to_string())?;
    // InfluxDB reads a literal twice: as the crate `regex` does, which refuses `\Q` and `\170`, then as RE2.
    let ast = ast::parse::Parser::new().parse(&pattern).map_err(|error| {
        // The library's report is several indented lines with a pointer below the pattern: made one line.
        let report = error.to_string();
        report
            .replace('\n', "")
            .replace("    ", " ")
            .replace('^', "")
    })?;
    if let Some(reason) = newer_syntax(&pattern, &ast) {
        let shown = &pattern[..pattern.floor_char_boundary(SHOWN_BYTES)];
        return Err(format!("regex parse error: {shown} error: {reason}"));
    }
    match regular_expression::check(&pattern) {
        Ok(()) => Ok(pattern),
        Err(error) => Err(error.to_string()),
    }
}

/// Longest part of a pattern that a refusal shows, in bytes.
const SHOWN_BYTES: usize = 256;

/// Why InfluxDB's older version of the crate refuses a pattern that this one takes: it knows no names without a `P`, and
/// no class that is empty.
fn newer_syntax(pattern: &str, ast: &ast::Ast) -> Option<&'static str> {
    if pattern.contains("(?<") && ast::visit(ast, PlainName(false)).unwrap_or_default() {
        return Some("unrecognized flag");
    }
    let mut open = match pattern.contains("&&") {
        true => vec![regex_syntax::parse(pattern).ok()?],
        false => Vec::new(),
    };
    while let Some(hir) = open.pop() {
        match hir.kind() {
            HirKind::Class(class) if class.is_empty() => {
                return Some("empty character classes are not allowed");
            }
            kind => open.extend_from_slice(kind.subs()),
        }
    }
    None
}

/// Looks for a group `(?<name>…)`.
struct PlainName(bool);

impl ast::Visitor for PlainName {
    type Output = bool;
    type Err = std::convert::Infallible;

    fn finish(self) -> Result<bool, Self::Err> {
        Ok(self.0)
    }

    fn visit_pre(&mut self, part: &ast::Ast) -> Result<(), Self::Err> {
        if let ast::Ast::Group(group) = part
            && let ast::GroupKind::CaptureName { starts_with_p, .. } = &group.kind
        {
            self.0 |= !starts_with_p;
        }
        Ok(())
    }
}

/// Appends the byte of two hexadecimal digits; what follows them is left.
fn push_byte<'a>(bytes: &mut Vec<u8>, rest: &'a str) -> Result<&'a str, String> {
    let digits = rest
        .get(..2)
        .ok_or("\\x must be followed by 2 hexadecimal digits")?;
    bytes.push(u8::from_str_radix(digits, 16).map_err(|_| "invalid byte value")?);
    Ok(&rest[2..])
}

/// Nanoseconds since 1970 of a date, or of a date and time with an offset. None if there is no such time or
/// it lies outside of the years 1677 to 2262.
pub(super) fn time_nanoseconds(text: &str) -> Option<i64> {
    let timestamp = if text.contains('T') {
        text.parse::<jiff::Timestamp>().ok()?
    } else {
        let date: jiff::civil::Date = text.parse().ok()?;
        date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp()
    };
    i64::try_from(timestamp.as_nanosecond()).ok()
}

/// The parts of a duration such as `1h30m`. None if a magnitude does not fit.
pub(super) fn duration_parts(text: &str) -> Option<Vec<DurationPart>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let magnitude = rest[..end].parse().ok()?;
        let (unit, length) = duration_unit(&rest[end..])?;
        parts.push(DurationPart { magnitude, unit });
        rest = &rest[end + length..];
    }
    Some(parts)
}
