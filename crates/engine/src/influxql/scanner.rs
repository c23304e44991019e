//! InfluxQL's text cut into tokens, one at a time, as the parser asks: only it knows where a slash begins a pattern.

use super::QueryError;

/// The most tokens of a request: some 20,000 alternatives of a dashboard's variable. A token takes more than its text.
const MAX_TOKENS: usize = 200_000;

/// The words that are no names without quotes.
const KEYWORDS: &[&str] = &[
    "ALL",
    "ALTER",
    "ANALYZE",
    "AND",
    "ANY",
    "AS",
    "ASC",
    "BEGIN",
    "BY",
    "CARDINALITY",
    "CREATE",
    "CONTINUOUS",
    "DATABASE",
    "DATABASES",
    "DEFAULT",
    "DELETE",
    "DESC",
    "DESTINATIONS",
    "DIAGNOSTICS",
    "DISTINCT",
    "DROP",
    "DURATION",
    "END",
    "EVERY",
    "EXACT",
    "EXPLAIN",
    "FALSE",
    "FIELD",
    "FOR",
    "FROM",
    "GRANT",
    "GRANTS",
    "GROUP",
    "GROUPS",
    "IN",
    "INF",
    "INSERT",
    "INTO",
    "KEY",
    "KEYS",
    "KILL",
    "LIMIT",
    "MEASUREMENT",
    "MEASUREMENTS",
    "NAME",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "PASSWORD",
    "POLICY",
    "POLICIES",
    "PRIVILEGES",
    "QUERIES",
    "QUERY",
    "READ",
    "REPLICATION",
    "RESAMPLE",
    "RETENTION",
    "REVOKE",
    "SELECT",
    "SERIES",
    "SET",
    "SHOW",
    "SHARD",
    "SHARDS",
    "SLIMIT",
    "SOFFSET",
    "STATS",
    "SUBSCRIPTION",
    "SUBSCRIPTIONS",
    "TAG",
    "TO",
    "TRUE",
    "USER",
    "USERS",
    "VALUES",
    "VERBOSE",
    "WHERE",
    "WITH",
    "WRITE",
];

/// Longest first.
const SYMBOLS: &[&str] = &[
    "=~", "!~", "!=", "<>", "<=", ">=", "::", "=", "<", ">", "+", "-", "*", "/", "%", "&", "|",
    "^", "(", ")", ",", ";", ".", ":",
];

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// A word that InfluxQL knows, in capitals.
    Keyword(&'static str),
    /// A name, with quotes or without.
    Name(String),
    /// `'text'`
    Text(String),
    /// A whole number.
    Integer(String),
    /// A number.
    Number(String),
    /// A number with a unit.
    Duration(String),
    /// Anything else.
    Symbol(&'static str),
    /// What InfluxQL does not know: a letter, or a text whose end is missing.
    Unknown(String),
    /// The end.
    End,
}

/// A token and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Placed {
    /// The token.
    pub(crate) token: Token,
    /// Whether blanks or comments stand before it.
    pub(crate) is_apart: bool,
    /// Bytes before it.
    pub(crate) start: usize,
}

impl Token {
    /// The token as InfluxDB's messages spell it.
    pub(crate) fn spelled(&self) -> String {
        match self {
            Self::Keyword(word) => (*word).to_owned(),
            Self::Symbol("<>") => "!=".to_owned(),
            Self::Symbol(symbol) => (*symbol).to_owned(),
            Self::Name(text) if text.is_empty() => "IDENT".to_owned(),
            Self::Text(text) if text.is_empty() => "STRING".to_owned(),
            Self::Name(text)
            | Self::Text(text)
            | Self::Integer(text)
            | Self::Number(text)
            | Self::Duration(text)
            | Self::Unknown(text) => text.clone(),
            Self::End => "EOF".to_owned(),
        }
    }
}

/// Reads tokens of a text.
#[derive(Debug, Clone)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    position: usize,
    tokens: usize,
}

impl<'a> Scanner<'a> {
    /// At the start of a text.
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            position: 0,
            tokens: 0,
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.position..]
    }

    /// Goes back to the start of a token.
    pub(crate) fn seek(&mut self, start: usize) {
        self.position = start;
    }

    /// The line and the letter of a place, as errors show them: both from one.
    pub(crate) fn place(&self, start: usize) -> String {
        self.place_after(start, 0)
    }

    /// The place so many letters after another on its line.
    fn place_after(&self, start: usize, letters: usize) -> String {
        let before = &self.text[..start];
        let line = before.matches('\n').count() + 1;
        let last = before.rsplit('\n').next().unwrap_or_default();
        let column = last.chars().count() + 1 + letters;
        format!("line {line}, char {column}")
    }

    /// The place of the letter before another.
    fn place_before(&self, start: usize) -> String {
        let letter = self.text[..start].chars().next_back();
        self.place(start - letter.map_or(0, char::len_utf8))
    }

    /// The place of a token as InfluxDB's errors show it: a text without its end is one letter earlier, and the end of all
    /// one further unless blanks or a sign that could go on stand before it.
    pub(crate) fn place_of(&self, placed: &Placed) -> String {
        let is_quote = |quote: char| self.text[placed.start..].starts_with(quote);
        match placed.token {
            Token::End => {
                let words = self.text.trim_end();
                let blanks = self.text[words.len()..].chars().count();
                let goes_on = words.ends_with(['<', '>', '=', '!', '+', '-', '/', '*']);
                let extra = match goes_on || blanks > 0 {
                    true => blanks,
                    false => 1,
                };
                self.place_after(words.len(), extra)
            }
            Token::Unknown(_) if is_quote('\'') || is_quote('"') => self.place_before(placed.start),
            _ => self.place(placed.start),
        }
    }

    /// The next token.
    ///
    /// # Errors
    /// There are too many of them.
    pub(crate) fn next(&mut self) -> Result<Placed, QueryError> {
        self.tokens += 1;
        if self.tokens > MAX_TOKENS {
            return Err(QueryError::new(format!(
                "the query has more than {MAX_TOKENS} words and signs"
            )));
        }
        let before = self.position;
        let is_closed = self.skip_blanks();
        let start = self.position;
        let token = match is_closed {
            true => self.token(),
            false => Token::Unknown("ILLEGAL".to_owned()),
        };
        Ok(Placed {
            token,
            is_apart: start > before,
            start,
        })
    }

    /// The pattern that begins with a slash at this place, blanks before it left aside; none if there is no slash. In a
    /// pattern `\/` is a slash.
    pub(crate) fn pattern(&mut self) -> Result<Option<String>, QueryError> {
        let rest = self.rest().trim_start_matches([' ', '\t', '\n', '\r']);
        let start = self.text.len() - rest.len();
        if !rest.starts_with('/') {
            return Ok(None);
        }
        self.tokens += 1;
        let (mut pattern, mut letters) = (String::new(), rest.char_indices().skip(1).peekable());
        while let Some((index, letter)) = letters.next() {
            match letter {
                '/' => {
                    self.position = start + index + 1;
                    return Ok(Some(pattern));
                }
                '\n' => break,
                '\\' if letters.peek().is_some_and(|(_, next)| *next == '/') => {
                    pattern.extend(letters.next().map(|(_, slash)| slash));
                }
                letter => pattern.push(letter),
            }
        }
        Err(QueryError::new(format!(
            "bad regex:  at {}",
            self.place_before(start)
        )))
    }

    /// Goes beyond blanks and comments; false if a comment has no end.
    fn skip_blanks(&mut self) -> bool {
        loop {
            let rest = self.rest();
            let blanks = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
            self.position += blanks;
            let rest = self.rest();
            if rest.starts_with("--") {
                self.position += rest.find('\n').unwrap_or(rest.len());
            } else if let Some(comment) = rest.strip_prefix("/*") {
                let Some(end) = comment.find("*/") else {
                    self.position = self.text.len();
                    return false;
                };
                self.position += end + 4;
            } else {
                return true;
            }
        }
    }

    fn token(&mut self) -> Token {
        let rest = self.rest();
        let mut letters = rest.chars();
        let Some(first) = letters.next() else {
            return Token::End;
        };
        let is_fraction = first == '.' && letters.next().is_some_and(|c| c.is_ascii_digit());
        match first {
            '\'' => self.quoted('\'', Token::Text),
            '"' => self.quoted('"', Token::Name),
            _ if first.is_ascii_digit() || is_fraction => self.number(),
            _ if first.is_ascii_alphabetic() || first == '_' => {
                let word = self.take(|c| c.is_ascii_alphanumeric() || c == '_');
                // A quote that follows directly is the name, whatever stands before it.
                if self.rest().starts_with('"') {
                    return self.quoted('"', Token::Name);
                }
                let known = KEYWORDS
                    .iter()
                    .find(|known| known.eq_ignore_ascii_case(word));
                known.map_or_else(
                    || Token::Name(word.to_owned()),
                    |known| Token::Keyword(known),
                )
            }
            _ => match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
                Some(symbol) => {
                    self.position += symbol.len();
                    Token::Symbol(symbol)
                }
                None => {
                    self.position += first.len_utf8();
                    Token::Unknown(first.to_string())
                }
            },
        }
    }

    fn take(&mut self, is_part: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        self.position += end;
        &rest[..end]
    }

    /// A text between quotes, where `\n`, `\\`, `\"` and `\'` are the only escapes.
    fn quoted(&mut self, quote: char, token: fn(String) -> Token) -> Token {
        let mut value = String::new();
        let mut letters = self.rest().char_indices().skip(1);
        let start = self.position;
        self.position = self.text.len();
        while let Some((index, letter)) = letters.next() {
            match letter {
                '\\' => match letters.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, escaped @ ('\\' | '"' | '\''))) => value.push(escaped),
                    Some((_, other)) => return Token::Unknown(format!("\\{other}")),
                    None => return Token::Unknown("\\".to_owned()),
                },
                '\n' => return Token::Unknown(value),
                letter if letter == quote => {
                    self.position = start + index + 1;
                    return token(value);
                }
                letter => value.push(letter),
            }
        }
        Token::Unknown(value)
    }

    /// `12`, `1.5`, `.5`, `1h30m`.
    fn number(&mut self) -> Token {
        let start = self.position;
        self.take(|c| c.is_ascii_digit());
        if self.rest().starts_with('.') {
            self.position += 1;
            self.take(|c| c.is_ascii_digit());
            return Token::Number(
                self.text[start..self.position]
                    .trim_end_matches('.')
                    .to_owned(),
            );
        }
        let is_unit = |c: char| c.is_ascii_alphabetic() || c == 'µ';
        if self.rest().starts_with(is_unit) {
            self.take(|c| is_unit(c) || c.is_ascii_digit());
            return Token::Duration(self.text[start..self.position].to_owned());
        }
        Token::Integer(self.text[start..self.position].to_owned())
    }
}
