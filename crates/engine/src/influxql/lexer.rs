//! InfluxQL's text as tokens, each with its line and column.

use super::QueryError;

/// The most tokens of a request: some 20,000 alternatives of a dashboard's variable. A token takes more than its text.
const MAX_TOKENS: usize = 200_000;

/// The most patterns of a request: each takes up to a megabyte once it is compiled.
const MAX_PATTERNS: usize = 64;

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A word: a keyword or a name.
    Word(String),
    /// `"name"`
    Quoted(String),
    /// `'text'`
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// A number with a unit: nanoseconds.
    Duration(i64),
    /// `/…/`
    Pattern(String),
    /// Anything else.
    Symbol(&'static str),
    /// The end.
    End,
}

/// A token and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) text: String,
}

/// Longest first.
const SYMBOLS: &[&str] = &[
    "=~", "!~", "!=", "<>", "<=", ">=", "=", "<", ">", "+", "-", "*", "%", "(", ")", ",", ";", ".",
    ":", "/",
];

/// Nanoseconds of a unit.
fn unit(name: &str) -> Option<i64> {
    Some(match name {
        "ns" => 1,
        "u" | "µ" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        "w" => 604_800_000_000_000,
        _ => return None,
    })
}

/// Cuts a text into tokens; the last one is [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, QueryError> {
    let mut lexer = Lexer {
        rest: text,
        line: 1,
        column: 1,
    };
    let mut tokens: Vec<Placed> = Vec::new();
    let mut patterns = 0;
    loop {
        lexer.skip_blanks();
        let (line, column, before) = (lexer.line, lexer.column, lexer.rest);
        let is_operand = tokens.last().is_some_and(|last| is_operand(&last.token));
        let token = lexer.token(is_operand)?;
        let read = before[..before.len() - lexer.rest.len()].to_owned();
        let is_end = token == Token::End;
        patterns += usize::from(matches!(token, Token::Pattern(_)));
        if patterns > MAX_PATTERNS {
            return Err(QueryError::new(format!(
                "the query has more than {MAX_PATTERNS} patterns"
            )));
        }
        if tokens.len() == MAX_TOKENS {
            return Err(QueryError::new(format!(
                "the query has more than {MAX_TOKENS} words and signs"
            )));
        }
        tokens.push(Placed {
            token,
            line,
            column,
            text: if is_end { "EOF".to_owned() } else { read },
        });
        if is_end {
            return Ok(tokens);
        }
    }
}

/// Whether a slash after the token divides rather than begins a pattern.
fn is_operand(token: &Token) -> bool {
    match token {
        Token::Word(word) => !matches!(
            word.to_ascii_uppercase().as_str(),
            "FROM" | "AND" | "OR" | "WHERE" | "BY"
        ),
        Token::Quoted(_) | Token::Integer(_) | Token::Number(_) | Token::Duration(_) => true,
        Token::Symbol(symbol) => *symbol == ")",
        _ => false,
    }
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
    column: usize,
}

impl<'a> Lexer<'a> {
    fn advance(&mut self, bytes: usize) -> &'a str {
        let (read, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        for letter in read.chars() {
            match letter {
                '\n' => (self.line, self.column) = (self.line + 1, 1),
                _ => self.column += 1,
            }
        }
        read
    }

    fn skip_blanks(&mut self) {
        loop {
            let blanks = self.rest.len() - self.rest.trim_start().len();
            self.advance(blanks);
            if !self.rest.starts_with("--") {
                return;
            }
            let end = self.rest.find('\n').unwrap_or(self.rest.len());
            self.advance(end);
        }
    }

    fn token(&mut self, after_operand: bool) -> Result<Token, QueryError> {
        let Some(first) = self.rest.chars().next() else {
            return Ok(Token::End);
        };
        match first {
            '\'' => self.quoted('\'').map(Token::Text),
            '"' => self.quoted('"').map(Token::Quoted),
            '/' if !after_operand => self.quoted('/').map(Token::Pattern),
            '0'..='9' => self.number(),
            first if first.is_alphabetic() || first == '_' => {
                let is_part = |c: char| c.is_alphanumeric() || c == '_';
                let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
                Ok(Token::Word(self.advance(end).to_owned()))
            }
            _ => match SYMBOLS
                .iter()
                .find(|symbol| self.rest.starts_with(**symbol))
            {
                Some(symbol) => {
                    self.advance(symbol.len());
                    Ok(Token::Symbol(symbol))
                }
                None => Err(self.error(&format!("found {first}, which begins nothing"))),
            },
        }
    }

    fn quoted(&mut self, quote: char) -> Result<String, QueryError> {
        let mut value = String::new();
        let mut letters = self.rest.char_indices().skip(1);
        while let Some((index, letter)) = letters.next() {
            match letter {
                '\\' => match letters.next() {
                    Some((_, 'n')) if quote != '/' => value.push('\n'),
                    Some((_, escaped)) if quote != '/' || escaped == '/' => value.push(escaped),
                    Some((_, escaped)) => value.extend(['\\', escaped]),
                    None => break,
                },
                letter if letter == quote => {
                    self.advance(index + 1);
                    return Ok(value);
                }
                letter => value.push(letter),
            }
        }
        Err(self.error("found a quote that is not closed"))
    }

    /// `12`, `1.5`, `1h30m`.
    fn number(&mut self) -> Result<Token, QueryError> {
        let is_number = |c: char| c.is_ascii_digit() || c == '.';
        let end = self.rest.find(|c| !is_number(c)).unwrap_or(self.rest.len());
        let digits = &self.rest[..end];
        if self.rest[end..].starts_with(|c: char| c.is_alphabetic()) {
            return self.duration();
        }
        let token = match digits.parse::<i64>() {
            Ok(number) => Token::Integer(number),
            Err(_) => Token::Number(
                digits
                    .parse()
                    .map_err(|_| self.error(&format!("{digits:?} is no number")))?,
            ),
        };
        self.advance(end);
        Ok(token)
    }

    fn duration(&mut self) -> Result<Token, QueryError> {
        let end = self
            .rest
            .find(|c: char| !c.is_alphanumeric())
            .unwrap_or(self.rest.len());
        let text = &self.rest[..end];
        let invalid = || self.error(&format!("{text:?} is no duration"));
        let (mut total, mut rest) = (0_i64, text);
        while !rest.is_empty() {
            let digits = rest
                .find(|c: char| !c.is_ascii_digit())
                .ok_or_else(invalid)?;
            let letters = rest[digits..]
                .find(|c: char| c.is_ascii_digit())
                .map_or(rest.len(), |at| digits + at);
            let count: i64 = rest[..digits].parse().map_err(|_| invalid())?;
            let of = unit(&rest[digits..letters]).ok_or_else(invalid)?;
            total = count
                .checked_mul(of)
                .and_then(|part| total.checked_add(part))
                .ok_or_else(invalid)?;
            rest = &rest[letters..];
        }
        self.advance(end);
        Ok(Token::Duration(total))
    }

    fn error(&self, message: &str) -> QueryError {
        QueryError::new(format!(
            "{message} at line {}, char {}",
            self.line, self.column
        ))
    }
}
