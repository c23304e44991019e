//! Expressions: operators by how tightly they bind, calls, names and literals.

use super::{Parser, compiled};
use crate::influxql::QueryError;
use crate::influxql::ast::{Expression, Operator};
use crate::influxql::lexer::Token;

/// How deep parentheses and calls may be nested: each level takes stack while parsing.
const MAX_DEPTH: usize = 64;

/// How high the tree of an expression may grow: what walks it, and drops it, takes stack for each level. AND and OR
/// count for little, as their alternatives are laid out as a balanced tree.
const MAX_HEIGHT: usize = 256;

/// An expression and the height of its tree.
type Tall = (Expression, usize);

impl Parser {
    /// An expression whose operators bind at least so tightly.
    pub(super) fn expression(&mut self, least: u8) -> Result<Expression, QueryError> {
        self.tall(least).map(|(expression, _)| expression)
    }

    fn tall(&mut self, least: u8) -> Result<Tall, QueryError> {
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
            let mut parts = vec![left];
            while self.operator() == Some((operator, binding)) {
                self.position += 1;
                parts.push(self.tall(binding + 1)?);
                if !is_logical(operator) {
                    break;
                }
            }
            left = balanced(operator, parts);
            if left.1 > MAX_HEIGHT {
                return Err(QueryError::new(format!(
                    "an expression has more than {MAX_HEIGHT} operators in a row"
                )));
            }
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

    fn operand(&mut self) -> Result<Tall, QueryError> {
        if self.symbol("(") {
            let inner = self.tall(0)?;
            self.need(")")?;
            return Ok(inner);
        }
        if self.symbol("*") {
            return Ok((Expression::Wildcard, 1));
        }
        if self.symbol("-") {
            return self.negative();
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
        Ok((operand, 1))
    }

    /// What follows a minus: as in InfluxDB not another sign.
    fn negative(&mut self) -> Result<Tall, QueryError> {
        if matches!(self.peek(), Token::Symbol(symbol) if *symbol != "(") {
            return Err(self.expected("identifier, number, duration, ("));
        }
        let (operand, height) = self.operand()?;
        Ok(match operand {
            Expression::Integer(number) => (Expression::Integer(number.wrapping_neg()), height),
            Expression::Number(number) => (Expression::Number(-number), height),
            Expression::Duration(length) => (Expression::Duration(-length), height),
            other => {
                let sign = (Expression::Integer(-1), 1);
                balanced(Operator::Multiply, vec![sign, (other, height)])
            }
        })
    }

    fn word(&mut self, word: String) -> Result<Tall, QueryError> {
        self.position += 1;
        if self.symbol("(") {
            let (mut arguments, mut highest) = (Vec::new(), 0);
            while !self.symbol(")") {
                let (argument, height) = self.tall(0)?;
                arguments.push(argument);
                highest = highest.max(height);
                if !self.symbol(",") && !matches!(self.peek(), Token::Symbol(")")) {
                    return Err(self.expected(", or )"));
                }
            }
            let call = Expression::Call(word.to_ascii_lowercase(), arguments);
            return Ok((call, highest + 1));
        }
        self.skip_cast();
        let operand = match word.to_ascii_lowercase().as_str() {
            "true" => Expression::Boolean(true),
            "false" => Expression::Boolean(false),
            _ => Expression::Reference(word),
        };
        Ok((operand, 1))
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

fn is_logical(operator: Operator) -> bool {
    matches!(operator, Operator::And | Operator::Or)
}

/// Operands joined by one operator, as a tree whose height grows with the logarithm of their number.
fn balanced(operator: Operator, mut parts: Vec<Tall>) -> Tall {
    while parts.len() > 1 {
        let mut paired = Vec::with_capacity(parts.len().div_ceil(2));
        let mut rest = parts.into_iter();
        while let Some(left) = rest.next() {
            paired.push(match rest.next() {
                None => left,
                Some(right) => {
                    let height = left.1.max(right.1) + 1;
                    let (left, right) = (Box::new(left.0), Box::new(right.0));
                    (Expression::Binary(operator, left, right), height)
                }
            });
        }
        parts = paired;
    }
    parts.pop().unwrap_or((Expression::Boolean(true), 1))
}
