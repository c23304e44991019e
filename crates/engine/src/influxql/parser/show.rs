//! `SHOW …` and `DELETE`.

use super::Parser;
use crate::influxql::QueryError;
use crate::influxql::ast::{Counted, KeyChoice, Show, Source, Statement};
use crate::influxql::scanner::Token;

impl Parser<'_> {
    /// What follows the word SHOW.
    pub(super) fn show(&mut self) -> Result<Statement, QueryError> {
        if self.keyword("DATABASES")? {
            return Ok(Statement::ShowDatabases);
        }
        if self.keyword("MEASUREMENTS")? {
            return self.show_measurements();
        }
        if self.keyword("SERIES")? {
            if matches!(self.peek()?, Token::Keyword("EXACT" | "CARDINALITY")) {
                return self.cardinality(Counted::Series);
            }
            return self.filters(false).map(Statement::ShowSeries);
        }
        if self.keyword("FIELD")? {
            if self.keyword("KEY")? {
                return self.cardinality(Counted::FieldKeys);
            }
            self.need_keyword("KEYS")?;
            let mut show = Show::default();
            self.target(&mut show)?;
            self.ending(&mut show)?;
            return Ok(Statement::ShowFieldKeys(show));
        }
        if self.keyword("RETENTION")? {
            self.need_keyword("POLICIES")?;
            let database = match self.keyword("ON")? {
                true => Some(self.name()?),
                false => None,
            };
            return Ok(Statement::ShowRetentionPolicies(database));
        }
        if self.keyword("TAG")? {
            return self.show_tags();
        }
        if self.keyword("MEASUREMENT")? {
            return self.cardinality(Counted::Measurements);
        }
        for (word, what) in [
            ("CONTINUOUS", "SHOW CONTINUOUS QUERIES"),
            ("DIAGNOSTICS", "SHOW DIAGNOSTICS"),
            ("GRANTS", "SHOW GRANTS"),
            ("QUERIES", "SHOW QUERIES"),
            ("SHARD", "SHOW SHARD GROUPS"),
            ("SHARDS", "SHOW SHARDS"),
            ("STATS", "SHOW STATS"),
            ("SUBSCRIPTIONS", "SHOW SUBSCRIPTIONS"),
            ("USERS", "SHOW USERS"),
        ] {
            if self.keyword(word)? {
                return self.rest_of(what);
            }
        }
        Err(self.expected("CONTINUOUS, DATABASES, DIAGNOSTICS, FIELD, GRANTS, MEASUREMENT, MEASUREMENTS, QUERIES, RETENTION, SERIES, SHARD, SHARDS, STATS, SUBSCRIPTIONS, TAG, USERS"))
    }

    fn rest_of(&mut self, what: &str) -> Result<Statement, QueryError> {
        while !matches!(self.peek()?, Token::End | Token::Symbol(";")) {
            self.advance();
        }
        Ok(Statement::NotImplemented(what.to_owned()))
    }

    /// What follows the words of what is counted. InfluxDB 2 estimates nothing: without EXACT it counts, too, but
    /// not all series or measurements of a database.
    fn cardinality(&mut self, counted: Counted) -> Result<Statement, QueryError> {
        let is_exact = self.keyword("EXACT")?;
        self.need_keyword("CARDINALITY")?;
        let mut show = Show::default();
        self.target(&mut show)?;
        if counted == Counted::TagValues {
            self.need_keyword("WITH")?;
            show.keys = Some(self.key_choice()?);
        }
        show.condition = self.condition()?;
        self.ending(&mut show)?;
        let is_all = show.sources.is_empty() && show.condition.is_none();
        let what = match counted {
            Counted::Series => "SHOW SERIES CARDINALITY",
            Counted::Measurements => "SHOW MEASUREMENT CARDINALITY",
            _ => return Ok(Statement::ShowCardinality(counted, show)),
        };
        match is_all && !is_exact {
            true => Ok(Statement::NotImplemented(what.to_owned())),
            false => Ok(Statement::ShowCardinality(counted, show)),
        }
    }

    fn show_measurements(&mut self) -> Result<Statement, QueryError> {
        let mut show = Show::default();
        if self.keyword("ON")? {
            show.database = Some(self.name()?);
        }
        if self.keyword("WITH")? {
            self.need_keyword("MEASUREMENT")?;
            if !self.symbol("=")? && !self.symbol("=~")? {
                return Err(self.expected("=, =~"));
            }
            show.sources = vec![self.source(false)?];
        }
        show.condition = self.condition()?;
        self.ending(&mut show)?;
        Ok(Statement::ShowMeasurements(show))
    }

    fn show_tags(&mut self) -> Result<Statement, QueryError> {
        if self.keyword("KEY")? {
            return self.cardinality(Counted::TagKeys);
        }
        if self.keyword("KEYS")? {
            let show = self.filters(true)?;
            // Taken and, as in InfluxDB 2, without effect.
            self.count("SLIMIT")?;
            self.count("SOFFSET")?;
            return Ok(Statement::ShowTagKeys(show));
        }
        self.need_keyword("VALUES")?;
        if matches!(self.peek()?, Token::Keyword("EXACT" | "CARDINALITY")) {
            return self.cardinality(Counted::TagValues);
        }
        let mut show = Show::default();
        self.target(&mut show)?;
        self.need_keyword("WITH")?;
        show.keys = Some(self.key_choice()?);
        show.condition = self.condition()?;
        self.ending(&mut show)?;
        Ok(Statement::ShowTagValues(show))
    }

    fn filters(&mut self, with_keys: bool) -> Result<Show, QueryError> {
        let mut show = Show::default();
        self.target(&mut show)?;
        if with_keys && self.keyword("WITH")? {
            show.keys = Some(self.key_choice()?);
        }
        show.condition = self.condition()?;
        self.ending(&mut show)?;
        Ok(show)
    }

    fn target(&mut self, show: &mut Show) -> Result<(), QueryError> {
        if self.keyword("ON")? {
            show.database = Some(self.name()?);
        }
        if self.keyword("FROM")? {
            show.sources = self.sources(false)?;
        }
        Ok(())
    }

    fn ending(&mut self, show: &mut Show) -> Result<(), QueryError> {
        show.descending = self.order()?.unwrap_or(false);
        show.limit = self.count("LIMIT")?;
        show.offset = self.count("OFFSET")?;
        Ok(())
    }

    /// `KEY = name`, `KEY IN (…)`, `KEY =~ /…/`.
    fn key_choice(&mut self) -> Result<KeyChoice, QueryError> {
        self.need_keyword("KEY")?;
        if self.keyword("IN")? {
            self.need("(")?;
            let mut names = vec![self.name()?];
            while self.symbol(",")? {
                names.push(self.name()?);
            }
            self.need(")")?;
            let negated = false;
            return Ok(KeyChoice::Names { names, negated });
        }
        for (symbol, negated) in [("=", false), ("!=", true), ("<>", true)] {
            if self.symbol(symbol)? {
                let names = vec![self.name()?];
                return Ok(KeyChoice::Names { names, negated });
            }
        }
        for (symbol, negated) in [("=~", false), ("!~", true)] {
            if self.symbol(symbol)? {
                let Some(pattern) = self.pattern()? else {
                    return Err(self.expected("regex"));
                };
                return Ok(KeyChoice::Pattern { pattern, negated });
            }
        }
        Err(self.expected("IN, =, =~"))
    }

    /// What follows the word DELETE.
    pub(super) fn delete(&mut self) -> Result<Show, QueryError> {
        let mut show = Show::default();
        if self.keyword("FROM")? {
            show.sources = self.sources(false)?;
        }
        show.condition = self.condition()?;
        if show.sources.is_empty() && show.condition.is_none() {
            return Err(self.expected("FROM, WHERE"));
        }
        let names_place = |source: &Source| {
            let (Source::Name {
                database, policy, ..
            }
            | Source::Pattern {
                database, policy, ..
            }) = source
            else {
                return false;
            };
            database.is_some() || policy.is_some()
        };
        match show.sources.iter().any(names_place) {
            true => Err(QueryError::new("retention policy not supported")),
            false => Ok(show),
        }
    }
}
