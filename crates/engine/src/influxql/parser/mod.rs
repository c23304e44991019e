//! From tokens to statements.

mod expression;

use regex::RegexBuilder;
use watchpost_flux::value::window::Location;

use super::QueryError;
use super::ast::{
    Fill, KeyChoice, Select, SelectColumn, Show, Source, Statement, TagChoice, Window,
};
use super::lexer::{Placed, Token, tokens};

/// The most statements of one request.
const MAX_STATEMENTS: usize = 64;

/// How deep subqueries may be nested: each is carried out within the other.
const MAX_SUBQUERIES: usize = 16;

/// Largest compiled pattern: a pattern is not to take the memory.
const PATTERN_BYTES: usize = 1 << 20;

/// Reads statements, parted by semicolons.
///
/// # Errors
/// What was found, what was expected, and where.
pub fn parse(text: &str) -> Result<Vec<Statement>, QueryError> {
    let tokens = tokens(text)?;
    let mut parser = Parser {
        tokens,
        position: 0,
        depth: 0,
    };
    let mut statements = Vec::new();
    loop {
        while parser.symbol(";") {}
        if parser.peek() == &Token::End {
            return Ok(statements);
        }
        if statements.len() == MAX_STATEMENTS {
            return Err(QueryError::new(format!(
                "more than {MAX_STATEMENTS} statements"
            )));
        }
        statements.push(parser.statement()?);
        if parser.peek() != &Token::End && !parser.symbol(";") {
            return Err(parser.expected(";, EOF"));
        }
    }
}

struct Parser {
    tokens: Vec<Placed>,
    position: usize,
    depth: usize,
}

impl Parser {
    fn placed(&self) -> &Placed {
        &self.tokens[self.position.min(self.tokens.len() - 1)]
    }

    fn peek(&self) -> &Token {
        &self.placed().token
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.position += 1;
        token
    }

    fn expected(&self, what: &str) -> QueryError {
        let Placed {
            text, line, column, ..
        } = self.placed();
        QueryError::new(format!(
            "found {text}, expected {what} at line {line}, char {column}"
        ))
    }

    fn symbol(&mut self, symbol: &str) -> bool {
        let is = matches!(self.peek(), Token::Symbol(found) if *found == symbol);
        self.position += usize::from(is);
        is
    }

    fn need(&mut self, symbol: &str) -> Result<(), QueryError> {
        if self.symbol(symbol) {
            Ok(())
        } else {
            Err(self.expected(symbol))
        }
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        matches!(self.peek(), Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let is = self.is_keyword(keyword);
        self.position += usize::from(is);
        is
    }

    fn need_keyword(&mut self, keyword: &str) -> Result<(), QueryError> {
        if self.keyword(keyword) {
            Ok(())
        } else {
            Err(self.expected(keyword))
        }
    }

    fn name(&mut self) -> Result<String, QueryError> {
        match self.peek() {
            Token::Word(name) | Token::Quoted(name) => {
                let name = name.clone();
                self.position += 1;
                Ok(name)
            }
            _ => Err(self.expected("identifier")),
        }
    }

    fn count(&mut self) -> Result<usize, QueryError> {
        match self.next() {
            Token::Integer(number) => {
                usize::try_from(number).map_err(|_| QueryError::new("a count cannot be negative"))
            }
            _ => {
                self.position -= 1;
                Err(self.expected("integer"))
            }
        }
    }

    fn statement(&mut self) -> Result<Statement, QueryError> {
        if self.keyword("SELECT") {
            return self.select().map(Statement::Select);
        }
        if self.keyword("SHOW") {
            return self.show();
        }
        if self.is_keyword("DELETE") {
            self.position += 1;
            return Ok(Statement::Delete(self.filters()?));
        }
        for verb in [
            "CREATE", "DROP", "EXPLAIN", "GRANT", "REVOKE", "ALTER", "SET", "KILL",
        ] {
            if self.keyword(verb) {
                let object = self.name().unwrap_or_default().to_ascii_uppercase();
                while !matches!(self.peek(), Token::End | Token::Symbol(";")) {
                    self.position += 1;
                }
                return Ok(Statement::NotImplemented(
                    format!("{verb} {object}").trim_end().to_owned(),
                ));
            }
        }
        Err(self.expected(
            "SELECT, DELETE, SHOW, CREATE, DROP, EXPLAIN, GRANT, REVOKE, ALTER, SET, KILL",
        ))
    }

    fn show(&mut self) -> Result<Statement, QueryError> {
        if self.keyword("DATABASES") {
            return Ok(Statement::ShowDatabases);
        }
        if self.keyword("MEASUREMENTS") {
            return self.filters().map(Statement::ShowMeasurements);
        }
        if self.keyword("SERIES") {
            return self.filters().map(Statement::ShowSeries);
        }
        if self.keyword("FIELD") {
            self.need_keyword("KEYS")?;
            return self.filters().map(Statement::ShowFieldKeys);
        }
        if self.keyword("RETENTION") {
            self.need_keyword("POLICIES")?;
            let database = if self.keyword("ON") {
                Some(self.name()?)
            } else {
                None
            };
            return Ok(Statement::ShowRetentionPolicies(database));
        }
        if self.keyword("TAG") {
            if self.keyword("KEYS") {
                return self.filters().map(Statement::ShowTagKeys);
            }
            self.need_keyword("VALUES")?;
            let show = self.filters()?;
            if show.keys.is_none() {
                return Err(self.expected("WITH"));
            }
            return Ok(Statement::ShowTagValues(show));
        }
        Err(self.expected("DATABASES, FIELD, MEASUREMENTS, RETENTION, SERIES, TAG"))
    }

    fn key_choice(&mut self) -> Result<KeyChoice, QueryError> {
        for (symbol, negated) in [("=", false), ("!=", true), ("<>", true)] {
            if self.symbol(symbol) {
                let names = vec![self.name()?];
                return Ok(KeyChoice::Names { names, negated });
            }
        }
        if self.symbol("=~") {
            return self.key_pattern(false);
        }
        if self.symbol("!~") {
            return self.key_pattern(true);
        }
        self.need_keyword("IN")?;
        self.need("(")?;
        let mut names = vec![self.name()?];
        while self.symbol(",") {
            names.push(self.name()?);
        }
        self.need(")")?;
        let negated = false;
        Ok(KeyChoice::Names { names, negated })
    }

    fn key_pattern(&mut self, negated: bool) -> Result<KeyChoice, QueryError> {
        match self.next() {
            Token::Pattern(pattern) => {
                let pattern = compiled(&pattern)?;
                Ok(KeyChoice::Pattern { pattern, negated })
            }
            _ => Err(self.expected("a pattern")),
        }
    }

    fn filters(&mut self) -> Result<Show, QueryError> {
        let mut show = Show::default();
        self.target(&mut show)?;
        let with = self.keyword("WITH");
        if with && self.keyword("KEY") {
            show.keys = Some(self.key_choice()?);
        } else if with {
            // SHOW MEASUREMENTS WITH MEASUREMENT = name
            self.need_keyword("MEASUREMENT")?;
            if !self.symbol("=") && !self.symbol("=~") {
                return Err(self.expected("=, =~"));
            }
            show.sources = self.sources()?;
        }
        self.restrict(&mut show)?;
        Ok(show)
    }

    fn target(&mut self, show: &mut Show) -> Result<(), QueryError> {
        if self.keyword("ON") {
            show.database = Some(self.name()?);
        }
        if self.keyword("FROM") {
            show.sources = self.sources()?;
        }
        Ok(())
    }

    fn restrict(&mut self, show: &mut Show) -> Result<(), QueryError> {
        if self.keyword("WHERE") {
            show.condition = Some(self.expression(0)?);
        }
        if self.keyword("LIMIT") {
            show.limit = Some(self.count()?);
        }
        if self.keyword("OFFSET") {
            show.offset = self.count()?;
        }
        Ok(())
    }

    fn sources(&mut self) -> Result<Vec<Source>, QueryError> {
        let mut sources = vec![self.source()?];
        while self.symbol(",") {
            sources.push(self.source()?);
        }
        Ok(sources)
    }

    /// `m`, `rp.m`, `db.rp.m`, `db..m`, any of them with `/…/` for the measurement, or `(SELECT …)`.
    fn source(&mut self) -> Result<Source, QueryError> {
        if self.symbol("(") {
            self.depth += 1;
            if self.depth > MAX_SUBQUERIES {
                return Err(QueryError::new(format!(
                    "subqueries are nested deeper than {MAX_SUBQUERIES}"
                )));
            }
            self.need_keyword("SELECT")?;
            let select = self.select()?;
            self.need(")")?;
            self.depth -= 1;
            return Ok(Source::Subquery(Box::new(select)));
        }
        let mut parts = Vec::new();
        if !matches!(self.peek(), Token::Pattern(_)) {
            parts.push(Some(self.name()?));
        }
        while parts.is_empty() || (parts.len() < 3 && self.symbol(".")) {
            if let Token::Pattern(pattern) = self.peek() {
                let pattern = compiled(pattern)?;
                self.position += 1;
                let policy = parts.pop().flatten();
                let database = parts.pop().flatten();
                return Ok(Source::Pattern {
                    database,
                    policy,
                    pattern,
                });
            }
            let is_omitted = matches!(self.peek(), Token::Symbol("."));
            parts.push(if is_omitted { None } else { Some(self.name()?) });
        }
        let measurement = parts
            .pop()
            .flatten()
            .ok_or_else(|| self.expected("identifier"))?;
        let policy = parts.pop().flatten();
        let database = parts.pop().flatten();
        Ok(Source::Name {
            database,
            policy,
            measurement,
        })
    }

    fn select(&mut self) -> Result<Select, QueryError> {
        let mut columns = Vec::new();
        loop {
            let value = self.expression(0)?;
            let alias = if self.keyword("AS") {
                Some(self.name()?)
            } else {
                None
            };
            columns.push(SelectColumn { value, alias });
            if !self.symbol(",") {
                break;
            }
        }
        self.need_keyword("FROM")?;
        let mut select = Select {
            columns,
            sources: self.sources()?,
            condition: None,
            tags: TagChoice::Names(Vec::new()),
            window: None,
            fill: Fill::Null,
            descending: false,
            limit: None,
            offset: 0,
            series_limit: None,
            series_offset: 0,
            zone: None,
        };
        if self.keyword("WHERE") {
            select.condition = Some(self.expression(0)?);
        }
        if self.keyword("GROUP") {
            self.need_keyword("BY")?;
            self.dimensions(&mut select)?;
        }
        self.ending(&mut select)?;
        Ok(select)
    }

    fn dimensions(&mut self, select: &mut Select) -> Result<(), QueryError> {
        let mut names = Vec::new();
        loop {
            if self.symbol("*") {
                select.tags = TagChoice::All;
            } else if let Token::Pattern(pattern) = self.peek() {
                select.tags = TagChoice::Pattern(compiled(pattern)?);
                self.position += 1;
            } else if self.is_keyword("time") {
                self.position += 1;
                select.window = Some(self.window()?);
            } else {
                names.push(self.name()?);
                self.skip_cast();
            }
            if !self.symbol(",") {
                break;
            }
        }
        if let TagChoice::Names(known) = &mut select.tags {
            *known = names;
        }
        Ok(())
    }

    fn window(&mut self) -> Result<Window, QueryError> {
        self.need("(")?;
        let every = match self.next() {
            Token::Duration(every) if every > 0 => every,
            _ => {
                return Err(QueryError::new(
                    "time dimension must have a duration argument above zero",
                ));
            }
        };
        let mut offset = 0;
        if self.symbol(",") {
            let sign = if self.symbol("-") { -1 } else { 1 };
            offset = match self.next() {
                Token::Duration(offset) => sign * offset,
                _ => return Err(QueryError::new("time dimension offset must be a duration")),
            };
        }
        self.need(")")?;
        Ok(Window { every, offset })
    }

    fn ending(&mut self, select: &mut Select) -> Result<(), QueryError> {
        loop {
            if self.keyword("fill") {
                self.need("(")?;
                select.fill = self.fill()?;
                self.need(")")?;
            } else if self.keyword("ORDER") {
                self.need_keyword("BY")?;
                if self.name()? != "time" {
                    return Err(QueryError::new("only ORDER BY time supported at this time"));
                }
                select.descending = self.keyword("DESC");
                let _ = self.keyword("ASC");
            } else if self.keyword("LIMIT") {
                select.limit = Some(self.count()?);
            } else if self.keyword("OFFSET") {
                select.offset = self.count()?;
            } else if self.keyword("SLIMIT") {
                select.series_limit = Some(self.count()?);
            } else if self.keyword("SOFFSET") {
                select.series_offset = self.count()?;
            } else if self.keyword("tz") {
                self.need("(")?;
                let Token::Text(name) = self.next() else {
                    self.position -= 1;
                    return Err(self.expected("a time zone in single quotes"));
                };
                let zone = Location::load(&name, 0);
                select.zone = Some(zone.map_err(|error| QueryError::new(error.message))?);
                self.need(")")?;
            } else {
                return Ok(());
            }
        }
    }

    fn fill(&mut self) -> Result<Fill, QueryError> {
        let sign = if self.symbol("-") { -1.0 } else { 1.0 };
        match self.next() {
            Token::Integer(number) => Ok(Fill::Number(sign * number as f64)),
            Token::Number(number) => Ok(Fill::Number(sign * number)),
            Token::Word(word) => match word.to_ascii_lowercase().as_str() {
                "null" => Ok(Fill::Null),
                "none" => Ok(Fill::None),
                "previous" => Ok(Fill::Previous),
                "linear" => Ok(Fill::Linear),
                _ => Err(QueryError::new(format!("fill({word}) is not known"))),
            },
            _ => Err(self.expected("null, none, previous, linear, number")),
        }
    }
}

fn compiled(pattern: &str) -> Result<regex::Regex, QueryError> {
    RegexBuilder::new(pattern)
        .size_limit(PATTERN_BYTES)
        .build()
        .map_err(|error| QueryError::new(format!("/{pattern}/ is no pattern: {error}")))
}
