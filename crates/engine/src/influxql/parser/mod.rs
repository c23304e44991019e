//! From text to statements.

mod expression;
mod select;
mod show;

use watchpost_core::regular_expression::Regex;

use super::QueryError;
use super::ast::{Expression, Source, Statement};
use super::patterns::Patterns;
use super::scanner::{Placed, Scanner, Token};

/// The most statements of one request.
const MAX_STATEMENTS: usize = 64;

/// How deep subqueries may be nested: each is carried out within the other.
const MAX_SUBQUERIES: usize = 16;

/// Reads statements, parted by semicolons.
///
/// # Errors
/// What was found, what was expected, and where; what is wrong with a pattern.
pub(super) fn parse(text: &str, patterns: &mut dyn Patterns) -> Result<Vec<Statement>, QueryError> {
    let mut parser = Parser {
        scanner: Scanner::new(text),
        peeked: None,
        patterns,
        depth: 0,
        subqueries: 0,
        has_target: false,
    };
    let (mut statements, mut is_parted) = (Vec::new(), true);
    loop {
        if parser.symbol(";")? {
            is_parted = true;
            continue;
        }
        if parser.peek()? == &Token::End {
            return Ok(statements);
        }
        if !is_parted {
            return Err(parser.expected(";"));
        }
        if statements.len() == MAX_STATEMENTS {
            return Err(QueryError::new(format!(
                "more than {MAX_STATEMENTS} statements"
            )));
        }
        statements.push(parser.statement()?);
        is_parted = false;
    }
}

struct Parser<'a> {
    scanner: Scanner<'a>,
    peeked: Option<Placed>,
    patterns: &'a mut dyn Patterns,
    depth: usize,
    subqueries: usize,
    /// Whether a SELECT names a measurement to write to.
    has_target: bool,
}

impl Parser<'_> {
    fn placed(&mut self) -> Result<&Placed, QueryError> {
        if self.peeked.is_none() {
            self.peeked = Some(self.scanner.next()?);
        }
        self.peeked
            .as_ref()
            .ok_or_else(|| QueryError::new("the query ends too early"))
    }

    fn peek(&mut self) -> Result<&Token, QueryError> {
        self.placed().map(|placed| &placed.token)
    }

    /// Whether blanks stand before the next token.
    fn is_apart(&mut self) -> Result<bool, QueryError> {
        self.placed().map(|placed| placed.is_apart)
    }

    fn advance(&mut self) {
        self.peeked = None;
    }

    fn expected(&mut self, what: &str) -> QueryError {
        match self.placed().cloned() {
            Err(error) => error,
            Ok(placed) => {
                let (found, place) = (placed.token.spelled(), self.scanner.place_of(&placed));
                QueryError::new(format!("found {found}, expected {what} at {place}"))
            }
        }
    }

    fn symbol(&mut self, symbol: &str) -> Result<bool, QueryError> {
        let is = matches!(self.peek()?, Token::Symbol(found) if *found == symbol);
        if is {
            self.advance();
        }
        Ok(is)
    }

    fn need(&mut self, symbol: &str) -> Result<(), QueryError> {
        match self.symbol(symbol)? {
            true => Ok(()),
            false => Err(self.expected(symbol)),
        }
    }

    fn keyword(&mut self, keyword: &str) -> Result<bool, QueryError> {
        let is = matches!(self.peek()?, Token::Keyword(found) if *found == keyword);
        if is {
            self.advance();
        }
        Ok(is)
    }

    fn need_keyword(&mut self, keyword: &str) -> Result<(), QueryError> {
        match self.keyword(keyword)? {
            true => Ok(()),
            false => Err(self.expected(keyword)),
        }
    }

    fn name(&mut self) -> Result<String, QueryError> {
        let Token::Name(name) = self.peek()? else {
            return Err(self.expected("identifier"));
        };
        let name = name.clone();
        self.advance();
        Ok(name)
    }

    /// The number behind a keyword; 0 without it.
    fn count(&mut self, keyword: &str) -> Result<usize, QueryError> {
        if !self.keyword(keyword)? {
            return Ok(0);
        }
        let Token::Integer(digits) = self.peek()? else {
            return Err(self.expected("integer"));
        };
        let count = digits.parse().unwrap_or(usize::MAX);
        self.advance();
        Ok(count)
    }

    /// The pattern that stands next, if one does.
    fn pattern(&mut self) -> Result<Option<Regex>, QueryError> {
        if let Some(peeked) = &self.peeked {
            if peeked.token != Token::Symbol("/") {
                return Ok(None);
            }
            self.scanner.seek(peeked.start);
        }
        let Some(pattern) = self.scanner.pattern()? else {
            return Ok(None);
        };
        self.peeked = None;
        self.patterns.take(pattern).map(Some)
    }

    fn statement(&mut self) -> Result<Statement, QueryError> {
        if self.keyword("SELECT")? {
            let select = self.select()?;
            return Ok(match std::mem::take(&mut self.has_target) {
                true => Statement::NotImplemented("SELECT INTO".to_owned()),
                false => Statement::Select(select),
            });
        }
        if self.keyword("SHOW")? {
            return self.show();
        }
        if self.keyword("DELETE")? {
            return self.delete().map(Statement::Delete);
        }
        if self.keyword("DROP")? {
            if self.keyword("MEASUREMENT")? {
                return self.name().map(Statement::DropMeasurement);
            }
            return self.not_implemented("DROP");
        }
        for verb in [
            "CREATE", "EXPLAIN", "GRANT", "REVOKE", "ALTER", "SET", "KILL",
        ] {
            if self.keyword(verb)? {
                return self.not_implemented(verb);
            }
        }
        Err(self.expected(
            "SELECT, DELETE, SHOW, CREATE, DROP, EXPLAIN, GRANT, REVOKE, ALTER, SET, KILL",
        ))
    }

    /// A statement that neither InfluxDB 2 nor this server carries out: its words up to the first name are its own.
    fn not_implemented(&mut self, verb: &str) -> Result<Statement, QueryError> {
        let mut what = verb.to_owned();
        while let Token::Keyword(word) = self.peek()? {
            let word = *word;
            let is_name = matches!(word, "ON" | "FROM" | "TO" | "WITH" | "FOR" | "WHERE");
            if is_name {
                break;
            }
            what.push(' ');
            what.push_str(word);
            self.advance();
        }
        while !matches!(self.peek()?, Token::End | Token::Symbol(";")) {
            self.advance();
        }
        Ok(Statement::NotImplemented(what))
    }

    fn sources(&mut self, subqueries: bool) -> Result<Vec<Source>, QueryError> {
        let mut sources = vec![self.source(subqueries)?];
        while self.symbol(",")? {
            sources.push(self.source(subqueries)?);
        }
        Ok(sources)
    }

    /// `m`, `rp.m`, `db.rp.m`, `db..m`, any of them with `/…/` for the measurement, or `(SELECT …)`.
    fn source(&mut self, subqueries: bool) -> Result<Source, QueryError> {
        if let Some(pattern) = self.pattern()? {
            return Ok(Source::Pattern {
                database: None,
                policy: None,
                pattern,
            });
        }
        if subqueries && self.symbol("(")? {
            self.subqueries += 1;
            if self.subqueries > MAX_SUBQUERIES {
                return Err(QueryError::new(format!(
                    "subqueries are nested deeper than {MAX_SUBQUERIES}"
                )));
            }
            self.need_keyword("SELECT")?;
            let select = self.select()?;
            self.need(")")?;
            self.subqueries -= 1;
            return Ok(Source::Subquery(Box::new(select)));
        }
        self.named_source()
    }

    fn named_source(&mut self) -> Result<Source, QueryError> {
        let mut parts = vec![self.name()?];
        while parts.len() < 3 && self.symbol(".")? {
            if let Some(pattern) = self.pattern()? {
                let policy = parts.pop().filter(|name| !name.is_empty());
                let database = parts.pop();
                return Ok(Source::Pattern {
                    database,
                    policy,
                    pattern,
                });
            }
            let is_omitted = matches!(self.peek()?, Token::Symbol("."));
            parts.push(if is_omitted {
                String::new()
            } else {
                self.name()?
            });
        }
        let measurement = parts.pop().unwrap_or_default();
        let policy = parts.pop().filter(|name| !name.is_empty());
        let database = parts.pop();
        Ok(Source::Name {
            database,
            policy,
            measurement,
        })
    }

    fn condition(&mut self) -> Result<Option<Expression>, QueryError> {
        match self.keyword("WHERE")? {
            true => self.expression().map(Some),
            false => Ok(None),
        }
    }

    /// `ORDER BY time DESC`: whether descending.
    fn order(&mut self) -> Result<Option<bool>, QueryError> {
        if !self.keyword("ORDER")? {
            return Ok(None);
        }
        self.need_keyword("BY")?;
        let only_time = || QueryError::new("only ORDER BY time supported at this time");
        match self.peek()? {
            Token::Keyword("ASC" | "DESC") => {}
            Token::Name(name) if name == "time" => self.advance(),
            Token::Name(_) => return Err(only_time()),
            _ => return Err(self.expected("identifier, ASC, DESC")),
        }
        let descending = self.keyword("DESC")?;
        if !descending {
            self.keyword("ASC")?;
        }
        match self.symbol(",")? {
            true => Err(only_time()),
            false => Ok(Some(descending)),
        }
    }
}

/// Nanoseconds of `1h30m`.
fn duration(text: &str) -> Result<i64, QueryError> {
    let invalid = || QueryError::new("invalid duration");
    let (mut total, mut rest) = (0_i64, text);
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .filter(|digits| *digits > 0)
            .ok_or_else(invalid)?;
        let count: i64 = rest[..digits].parse().map_err(|_| invalid())?;
        rest = &rest[digits..];
        let units = [
            ("ns", 1),
            ("ms", 1_000_000),
            ("u", 1_000),
            ("µ", 1_000),
            ("s", 1_000_000_000),
            ("m", 60_000_000_000),
            ("h", 3_600_000_000_000),
            ("d", 86_400_000_000_000),
            ("w", 604_800_000_000_000),
        ];
        let (unit, of) = units
            .iter()
            .find(|(unit, _)| rest.starts_with(unit))
            .ok_or_else(invalid)?;
        total = count
            .checked_mul(*of)
            .and_then(|part| total.checked_add(part))
            .ok_or_else(invalid)?;
        rest = &rest[unit.len()..];
    }
    Ok(total)
}
