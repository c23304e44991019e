//! `SELECT`.

use watchpost_core::point::FieldValue;
use watchpost_flux::value::window::Location;

use super::Parser;
use crate::influxql::QueryError;
use crate::influxql::ast::{Expression, Fill, Select, SelectColumn};
use crate::influxql::scanner::Token;

impl Parser<'_> {
    /// What follows the word SELECT.
    pub(super) fn select(&mut self) -> Result<Select, QueryError> {
        let mut columns = vec![self.column()?];
        while self.symbol(",")? {
            columns.push(self.column()?);
        }
        if self.keyword("INTO")? {
            self.has_target = true;
            while !matches!(self.peek()?, Token::Keyword("FROM") | Token::End) {
                self.advance();
            }
        }
        self.need_keyword("FROM")?;
        let sources = self.sources(true)?;
        let condition = self.condition()?;
        let dimensions = self.dimensions()?;
        Ok(Select {
            columns,
            sources,
            condition,
            dimensions,
            fill: self.fill()?,
            order: self.order()?,
            limit: self.count("LIMIT")?,
            offset: self.count("OFFSET")?,
            series_limit: self.count("SLIMIT")?,
            series_offset: self.count("SOFFSET")?,
            zone: self.zone()?,
        })
    }

    fn column(&mut self) -> Result<SelectColumn, QueryError> {
        let value = match self.pattern()? {
            Some(pattern) => Expression::Pattern(pattern),
            None => {
                let start = self.placed()?.start;
                let place = self.scanner.place(start);
                let value = self.expression()?;
                refuse_comparisons(&value, &place)?;
                value
            }
        };
        let alias = match self.keyword("AS")? {
            true => Some(self.name()?),
            false => None,
        };
        Ok(SelectColumn { value, alias })
    }

    fn dimensions(&mut self) -> Result<Vec<Expression>, QueryError> {
        if !self.keyword("GROUP")? {
            return Ok(Vec::new());
        }
        self.need_keyword("BY")?;
        let mut dimensions = Vec::new();
        loop {
            dimensions.push(match self.pattern()? {
                Some(pattern) => Expression::Pattern(pattern),
                None => self.expression()?,
            });
            if !self.symbol(",")? {
                return Ok(dimensions);
            }
        }
    }

    /// The single argument of a call by this name, if one stands here.
    fn only_argument(&mut self, name: &str) -> Result<Option<Vec<Expression>>, QueryError> {
        let is_named =
            matches!(self.peek()?, Token::Name(found) if found.eq_ignore_ascii_case(name));
        if !is_named {
            return Ok(None);
        }
        match self.expression()? {
            Expression::Call(_, arguments) => Ok(Some(arguments)),
            _ => Err(QueryError::new(format!("{name} must be a function call"))),
        }
    }

    fn fill(&mut self) -> Result<Fill, QueryError> {
        let Some(arguments) = self.only_argument("fill")? else {
            return Ok(Fill::Null);
        };
        let [argument] = arguments.as_slice() else {
            return Err(QueryError::new(
                "fill requires an argument, e.g.: 0, null, none, previous, linear",
            ));
        };
        match argument {
            Expression::Integer(number) => Ok(Fill::Number(FieldValue::Integer(*number))),
            Expression::Number(number) => Ok(Fill::Number(FieldValue::Float(*number))),
            other => match other.to_string().as_str() {
                "null" => Ok(Fill::Null),
                "none" => Ok(Fill::None),
                "previous" => Ok(Fill::Previous),
                "linear" => Ok(Fill::Linear),
                _ => Err(QueryError::new("expected number argument in fill()")),
            },
        }
    }

    fn zone(&mut self) -> Result<Option<Location>, QueryError> {
        let Some(arguments) = self.only_argument("tz")? else {
            return Ok(None);
        };
        match arguments.as_slice() {
            [Expression::Text(name)] => Location::load(name, 0)
                .map(Some)
                .map_err(|_| QueryError::new(format!("unable to find time zone {name}"))),
            [_] => Err(QueryError::new("expected string argument in tz()")),
            _ => Err(QueryError::new("tz requires exactly one argument")),
        }
    }
}

/// A column computes; what compares belongs into WHERE.
fn refuse_comparisons(value: &Expression, place: &str) -> Result<(), QueryError> {
    let mut refused = None;
    value.walk(&mut |part| {
        if let Expression::Binary(operator, ..) = part {
            use crate::influxql::ast::Operator::{And, Or};
            if operator.is_comparison() || matches!(operator, And | Or) {
                refused = refused.or(Some(operator.sign()));
            }
        }
    });
    match refused {
        None => Ok(()),
        Some(sign) => Err(QueryError::new(format!(
            "invalid operator {sign} in SELECT clause at {place}; operator is intended for WHERE clause"
        ))),
    }
}
