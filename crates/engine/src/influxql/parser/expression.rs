//! Expressions: operators by how tightly they bind, calls, names and literals.

use super::{Parser, compiled};
use crate::influxql::QueryError;
use crate::influxql::ast::{Expression, Operator};
use crate::influxql::lexer::Token;

/// How deep parentheses may be nested: each level takes stack.
const MAX_DEPTH: usize = 64;

impl Parser {
    /// An expression whose operators bind at least so tightly.
    pub(super) fn expression(&mut self, least: u8) -> Result<Expression, QueryError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(QueryError::new(format!(
                "expressions are nested deeper than {MAX_DEPTH}"
            )));
        }
        let mut left = self.operand()?;
        while let Some((operator, binding)) = self.operator() {
            if binding < least {
                break;
            }
            self.position += 1;
            let right = self.expression(binding + 1)?;
            left = Expression::Binary(operator, Box::new(left), Box::new(right));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn operator(&self) -> Option<(Operator, u8)> {
        if self.is_keyword("OR") {
            return Some((Operator::Or, 1));
        }
        if self.is_keyword("AND") {
            return Some((Operator::And, 2));
        }
        let Token::Symbol(symbol) = self.peek() else {
            return None;
        };
        Some(match *symbol {
            "=" => (Operator::Equal, 3),
            "!=" | "<>" => (Operator::NotEqual, 3),
            "<" => (Operator::Less, 3),
            "<=" => (Operator::LessOrEqual, 3),
            ">" => (Operator::Greater, 3),
            ">=" => (Operator::GreaterOrEqual, 3),
            "=~" => (Operator::Matches, 3),
            "!~" => (Operator::MatchesNot, 3),
            "+" => (Operator::Add, 4),
            "-" => (Operator::Subtract, 4),
            "*" => (Operator::Multiply, 5),
            "/" => (Operator::Divide, 5),
            "%" => (Operator::Modulo, 5),
            _ => return None,
        })
    }

    fn operand(&mut self) -> Result<Expression, QueryError> {
        if self.symbol("(") {
            let inner = self.expression(0)?;
            self.need(")")?;
            return Ok(inner);
        }
        if self.symbol("*") {
            return Ok(Expression::Wildcard);
        }
        if self.symbol("-") {
            return Ok(match self.operand()? {
                Expression::Integer(number) => Expression::Integer(number.wrapping_neg()),
                Expression::Number(number) => Expression::Number(-number),
                Expression::Duration(length) => Expression::Duration(-length),
                other => Expression::Binary(
                    Operator::Multiply,
                    Box::new(Expression::Integer(-1)),
                    Box::new(other),
                ),
            });
        }
        let operand = match self.peek().clone() {
            Token::Integer(number) => Expression::Integer(number),
            Token::Number(number) => Expression::Number(number),
            Token::Duration(length) => Expression::Duration(length),
            Token::Text(text) => Expression::Text(text),
            Token::Pattern(pattern) => Expression::Pattern(compiled(&pattern)?),
            Token::Quoted(name) => Expression::Reference(name),
            Token::Word(word) => return self.word(word),
            Token::Symbol(_) | Token::End => {
                return Err(self.expected("identifier, string, number, bool"));
            }
        };
        self.position += 1;
        self.skip_cast();
        Ok(operand)
    }

    fn word(&mut self, word: String) -> Result<Expression, QueryError> {
        self.position += 1;
        if self.symbol("(") {
            let mut arguments = Vec::new();
            while !self.symbol(")") {
                arguments.push(self.expression(0)?);
                if !self.symbol(",") && !matches!(self.peek(), Token::Symbol(")")) {
                    return Err(self.expected(", or )"));
                }
            }
            return Ok(Expression::Call(word.to_ascii_lowercase(), arguments));
        }
        self.skip_cast();
        Ok(match word.to_ascii_lowercase().as_str() {
            "true" => Expression::Boolean(true),
            "false" => Expression::Boolean(false),
            _ => Expression::Reference(word),
        })
    }

    /// `field::float` and the like: what a name is, is known from the data.
    pub(super) fn skip_cast(&mut self) {
        let colon = |offset: usize, parser: &Self| {
            matches!(
                parser
                    .tokens
                    .get(parser.position + offset)
                    .map(|placed| &placed.token),
                Some(Token::Symbol(":"))
            )
        };
        if colon(0, self) && colon(1, self) {
            self.position += 3;
        }
    }
}
