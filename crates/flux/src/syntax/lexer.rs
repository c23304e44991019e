//! Words out of text. The parser asks for one at a time and says where a regular expression or the inside of
//! a string may stand, since a slash and a quote mean different things there.

use super::ast::{DurationUnit, Position, Span};
use super::token::{Token, TokenKind};

/// Invariant: `position` lies on a character boundary of `source`.
pub(super) struct Lexer<'a> {
    source: &'a str,
    position: Position,
    /// A search for the end of a regular expression has failed once; searching again would cost quadratic time.
    regex_unclosed: bool,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        let position = Position {
            line: 1,
            column: 1,
            offset: 0,
        };
        Self {
            source,
            position,
            regex_unclosed: false,
        }
    }

    /// Goes back to the start of `token`, to read it anew in another mode.
    pub(super) fn rewind(&mut self, token: &Token<'a>) {
        self.position = token.span.start;
    }

    /// Skips everything that is left.
    pub(super) fn skip_to_end(&mut self) {
        self.advance(self.rest().len());
    }

    /// The next word where an operator may stand: a slash is a division.
    pub(super) fn next(&mut self) -> Token<'a> {
        self.skip_blanks();
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return self.take(TokenKind::Eof, 0);
        };
        match first {
            '0'..='9' => self.number(),
            '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => self.number(),
            '"' => match string_length(rest) {
                Some(length) => self.take(TokenKind::String, length),
                None => self.take(TokenKind::Quote, 1),
            },
            '@' if rest[1..].starts_with(is_identifier_start) => {
                let length = 1 + identifier_length(&rest[1..]);
                self.take(TokenKind::Attribute, length)
            }
            c if is_identifier_start(c) => {
                let length = identifier_length(rest);
                let kind = TokenKind::keyword(&rest[..length]).unwrap_or(TokenKind::Identifier);
                self.take(kind, length)
            }
            c => match operator(rest) {
                Some((kind, length)) => self.take(kind, length),
                None => self.take(TokenKind::Illegal, c.len_utf8()),
            },
        }
    }

    /// The next word where a value may start: a slash begins a regular expression if one ends later.
    pub(super) fn next_with_regex(&mut self) -> Token<'a> {
        self.skip_blanks();
        let rest = self.rest();
        if rest.starts_with('/') && !rest.starts_with("//") && !self.regex_unclosed {
            match regex_length(rest) {
                Some(length) => return self.take(TokenKind::Regex, length),
                None => self.regex_unclosed = true,
            }
        }
        self.next()
    }

    /// The next part of a string with expressions in it, after its opening quote.
    pub(super) fn next_in_string(&mut self) -> Token<'a> {
        let rest = self.rest();
        if rest.is_empty() {
            return self.take(TokenKind::Eof, 0);
        }
        if rest.starts_with("${") {
            return self.take(TokenKind::StringExpression, 2);
        }
        if rest.starts_with('"') {
            return self.take(TokenKind::Quote, 1);
        }
        match string_text_length(rest) {
            0 => self.take(
                TokenKind::Illegal,
                rest.chars().next().map_or(0, char::len_utf8),
            ),
            length => self.take(TokenKind::Text, length),
        }
    }

    fn rest(&self) -> &'a str {
        &self.source[self.position.offset as usize..]
    }

    fn take(&mut self, kind: TokenKind, length: usize) -> Token<'a> {
        let text = &self.rest()[..length];
        let start = self.position;
        self.advance(length);
        Token {
            kind,
            text,
            span: Span {
                start,
                end: self.position,
            },
        }
    }

    fn advance(&mut self, length: usize) {
        for byte in &self.rest().as_bytes()[..length] {
            if *byte == b'\n' {
                self.position.line += 1;
                self.position.column = 1;
            } else {
                self.position.column += 1;
            }
        }
        self.position.offset += length as u32;
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            let blanks = rest.len() - rest.trim_start_matches(is_blank).len();
            self.advance(blanks);
            if !self.rest().starts_with("//") {
                return;
            }
            let rest = self.rest();
            self.advance(rest.find('\n').map_or(rest.len(), |end| end + 1));
        }
    }

    /// An integer, a float, a duration or a time, whichever is longest.
    fn number(&mut self) -> Token<'a> {
        let rest = self.rest();
        if let Some(length) = time_length(rest) {
            return self.take(TokenKind::Time, length);
        }
        let length = duration_length(rest);
        if length > 0 {
            return self.take(TokenKind::Duration, length);
        }
        let whole = digits(rest);
        if rest[whole..].starts_with('.') {
            let fraction = digits(&rest[whole + 1..]);
            return self.take(TokenKind::Float, whole + 1 + fraction);
        }
        self.take(TokenKind::Integer, whole)
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

fn is_identifier_start(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

fn identifier_length(text: &str) -> usize {
    text.find(|c: char| c != '_' && !c.is_alphanumeric())
        .unwrap_or(text.len())
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn operator(rest: &str) -> Option<(TokenKind, usize)> {
    const OPERATORS: [(&str, TokenKind); 29] = [
        ("==", TokenKind::Equal),
        ("=~", TokenKind::RegexMatch),
        ("=>", TokenKind::Arrow),
        ("=", TokenKind::Assign),
        ("!=", TokenKind::NotEqual),
        ("!~", TokenKind::RegexNotMatch),
        ("<=", TokenKind::LessEqual),
        ("<-", TokenKind::PipeReceive),
        ("<", TokenKind::Less),
        (">=", TokenKind::GreaterEqual),
        (">", TokenKind::Greater),
        ("|>", TokenKind::PipeForward),
        ("+", TokenKind::Add),
        ("-", TokenKind::Subtract),
        ("*", TokenKind::Multiply),
        ("/", TokenKind::Divide),
        ("%", TokenKind::Modulo),
        ("^", TokenKind::Power),
        ("(", TokenKind::LeftParenthesis),
        (")", TokenKind::RightParenthesis),
        ("[", TokenKind::LeftBracket),
        ("]", TokenKind::RightBracket),
        ("{", TokenKind::LeftBrace),
        ("}", TokenKind::RightBrace),
        (",", TokenKind::Comma),
        (".", TokenKind::Dot),
        (":", TokenKind::Colon),
        ("?", TokenKind::QuestionMark),
        ("\"", TokenKind::Quote),
    ];
    let found = OPERATORS
        .iter()
        .find(|(symbol, _)| rest.starts_with(symbol))?;
    Some((found.1, found.0.len()))
}

/// `2024-03-01`, then perhaps `T12:00:00`, a fraction and an offset.
fn time_length(text: &str) -> Option<usize> {
    let date = pattern_length(text, "0000-00-00")?;
    let Some(clock) = pattern_length(&text[date..], "T00:00:00") else {
        return Some(date);
    };
    let mut length = date + clock;
    if text[length..].starts_with('.') {
        length += 1 + digits(&text[length + 1..]);
    }
    let rest = &text[length..];
    let offset = ["Z", "+00:00", "-00:00"]
        .iter()
        .find_map(|pattern| pattern_length(rest, pattern));
    Some(length + offset.unwrap_or(0))
}

/// The length of `pattern` if `text` starts with it, a 0 standing for any digit.
fn pattern_length(text: &str, pattern: &str) -> Option<usize> {
    let start = text.as_bytes().get(..pattern.len())?;
    let fits = |(have, want): (&u8, u8)| {
        if want == b'0' {
            have.is_ascii_digit()
        } else {
            *have == want
        }
    };
    start
        .iter()
        .zip(pattern.bytes())
        .all(fits)
        .then_some(pattern.len())
}

/// One pair of magnitude and unit after the other, as far as they go.
fn duration_length(text: &str) -> usize {
    let mut length = 0;
    loop {
        let rest = &text[length..];
        let magnitude = digits(rest);
        if magnitude == 0 {
            return length;
        }
        match duration_unit(&rest[magnitude..]) {
            Some((_, unit)) => length += magnitude + unit,
            None => return length,
        }
    }
}

/// The unit that `text` starts with, the longest that fits, and its length in bytes.
pub(super) fn duration_unit(text: &str) -> Option<(DurationUnit, usize)> {
    const SYMBOLS: [&str; 11] = ["ns", "us", "µs", "ms", "mo", "s", "m", "h", "d", "w", "y"];
    let symbol = SYMBOLS.iter().find(|symbol| text.starts_with(**symbol))?;
    Some((DurationUnit::from_symbol(symbol)?, symbol.len()))
}

/// The whole of a string without expressions in it, quotes included.
fn string_length(text: &str) -> Option<usize> {
    let length = 1 + string_text_length(&text[1..]);
    text[length..].starts_with('"').then_some(length + 1)
}

/// Characters up to the closing quote, to `${`, or to an escape that does not exist.
fn string_text_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        at += match bytes[at] {
            b'"' => break,
            b'$' if bytes.get(at + 1) == Some(&b'{') => break,
            b'\\' => match escape_length(&bytes[at..]) {
                Some(length) => length,
                None => break,
            },
            _ => 1,
        };
    }
    at
}

fn escape_length(bytes: &[u8]) -> Option<usize> {
    match bytes.get(1)? {
        b'n' | b'r' | b't' | b'\\' | b'"' => Some(2),
        b'$' if bytes.get(2) == Some(&b'{') => Some(3),
        b'x' if bytes.get(2)?.is_ascii_hexdigit() && bytes.get(3)?.is_ascii_hexdigit() => Some(4),
        _ => None,
    }
}

/// The whole of a regular expression, slashes included; an empty one is none. A slash behind a backslash is part of it,
/// unless no other slash follows: as in InfluxDB, `/a\\/` is then the pattern `a\\`.
fn regex_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 1;
    let mut escaped = None;
    while at < bytes.len() {
        match bytes[at] {
            b'/' if at > 1 => return Some(at + 1),
            b'/' => return None,
            b'\\' if bytes.get(at + 1) == Some(&b'/') => {
                at += 2;
                escaped = Some(at);
            }
            _ => at += 1,
        }
    }
    escaped
}
