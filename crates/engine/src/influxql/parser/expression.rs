//! Expressions: operators by how tightly they bind, calls, names and literals.

use super::{Parser, duration};
use crate::influxql::QueryError;
use crate::influxql::ast::{Expression, Kind, Operator};
use crate::influxql::scanner::Token;
use watchpost_core::point::FieldType;

/// How deep parentheses and calls may be nested: each level takes stack while parsing.
const MAX_DEPTH: usize = 64;

/// How high the tree of an expression may grow: what walks it, and drops it, takes stack for each level. AND and OR
/// count for little, as their alternatives are laid out as a balanced tree.
const MAX_HEIGHT: usize = 256;

/// An expression and the height of its tree.
type Tall = (Expression, usize);

impl Parser<'_> {
    /// An expression.
    pub(super) fn expression(&mut self) -> Result<Expression, QueryError> {
        self.tall(0).map(|(expression, _)| expression)
    }

    fn tall(&mut self, least: u8) -> Result<Tall, QueryError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(QueryError::new(format!(
                "expressions are nested deeper than {MAX_DEPTH}"
            )));
        }
        let mut left = self.operand()?;
        while let Some((operator, binding)) = self.operator()? {
            if binding < least {
                break;
            }
            let mut parts = vec![left];
            while self.operator()? == Some((operator, binding)) {
                self.advance();
                parts.push(match operator {
                    Operator::Matches | Operator::MatchesNot => match self.pattern()? {
                        Some(pattern) => (Expression::Pattern(pattern), 1),
                        None => return Err(self.expected("regex")),
                    },
                    _ => self.tall(binding + 1)?,
                });
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

    fn operator(&mut self) -> Result<Option<(Operator, u8)>, QueryError> {
        Ok(Some(match self.peek()? {
            Token::Keyword("OR") => (Operator::Or, 1),
            Token::Keyword("AND") => (Operator::And, 2),
            Token::Symbol(symbol) => match *symbol {
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
                "|" => (Operator::BitOr, 4),
                "^" => (Operator::BitXor, 4),
                "*" => (Operator::Multiply, 5),
                "/" => (Operator::Divide, 5),
                "%" => (Operator::Modulo, 5),
                "&" => (Operator::BitAnd, 5),
                _ => return Ok(None),
            },
            _ => return Ok(None),
        }))
    }

    fn operand(&mut self) -> Result<Tall, QueryError> {
        if self.symbol("(")? {
            let (inner, height) = self.tall(0)?;
            self.need(")")?;
            return Ok((Expression::Parentheses(Box::new(inner)), height + 1));
        }
        if self.symbol("*")? {
            return self.wildcard();
        }
        for (sign, factor) in [("-", -1), ("+", 1)] {
            if self.symbol(sign)? {
                return self.signed(factor);
            }
        }
        let operand = match self.peek()?.clone() {
            Token::Integer(digits) => whole(&digits)?,
            Token::Number(digits) => Expression::Number(
                digits
                    .parse()
                    .map_err(|_| QueryError::new("unable to parse number"))?,
            ),
            Token::Duration(text) => Expression::Duration(duration(&text)?),
            Token::Text(text) => Expression::Text(text),
            Token::Keyword("TRUE") => Expression::Boolean(true),
            Token::Keyword("FALSE") => Expression::Boolean(false),
            Token::Keyword("DISTINCT") => return self.distinct(),
            Token::Name(_) => return self.name_or_call(),
            _ => return Err(self.expected("identifier, string, number, bool")),
        };
        self.advance();
        Ok((operand, 1))
    }

    fn wildcard(&mut self) -> Result<Tall, QueryError> {
        let mut kind = Kind::Unknown;
        if self.symbol("::")? {
            kind = match self.peek()? {
                Token::Keyword("FIELD") => Kind::AnyField,
                Token::Keyword("TAG") => Kind::Tag,
                _ => return Err(self.expected("field, tag")),
            };
            self.advance();
        }
        Ok((Expression::Wildcard(kind), 1))
    }

    /// What follows a sign: as in InfluxDB not another one.
    fn signed(&mut self, factor: i64) -> Result<Tall, QueryError> {
        let is_taken = matches!(
            self.peek()?,
            Token::Integer(_)
                | Token::Number(_)
                | Token::Duration(_)
                | Token::Symbol("(")
                | Token::Name(_)
        );
        if !is_taken {
            return Err(self.expected("identifier, number, duration, ("));
        }
        let (operand, height) = self.operand()?;
        Ok(match operand {
            Expression::Integer(number) => {
                (Expression::Integer(number.wrapping_mul(factor)), height)
            }
            Expression::Number(number) => (Expression::Number(number * factor as f64), height),
            Expression::Duration(length) => {
                (Expression::Duration(length.wrapping_mul(factor)), height)
            }
            Expression::Unsigned(number) if factor < 0 => match number == 1 << 63 {
                true => (Expression::Integer(i64::MIN), height),
                false => {
                    return Err(QueryError::new(format!(
                        "constant -{number} underflows int64"
                    )));
                }
            },
            other => {
                let sign = (Expression::Integer(factor), 1);
                balanced(Operator::Multiply, vec![sign, (other, height)])
            }
        })
    }

    fn distinct(&mut self) -> Result<Tall, QueryError> {
        self.advance();
        if self.symbol("(")? {
            return self.call("distinct".to_owned());
        }
        let name = self.name()?;
        Ok((Expression::Distinct(name), 1))
    }

    fn name_or_call(&mut self) -> Result<Tall, QueryError> {
        let first = self.name()?;
        if !self.is_apart()? && self.symbol("(")? {
            return self.call(first.to_ascii_lowercase());
        }
        let mut name = first;
        while !self.is_apart()? && self.symbol(".")? {
            name.push('.');
            if self.peek()? != &Token::Symbol(".") {
                name.push_str(&self.name()?);
            }
        }
        let kind = self.cast()?;
        Ok((Expression::Reference(name, kind), 1))
    }

    fn cast(&mut self) -> Result<Kind, QueryError> {
        if !self.symbol("::")? {
            return Ok(Kind::Unknown);
        }
        let kind = match self.peek()? {
            Token::Keyword("FIELD") => Kind::AnyField,
            Token::Keyword("TAG") => Kind::Tag,
            Token::Name(name) => match name.to_ascii_lowercase().as_str() {
                "float" => Kind::Field(FieldType::Float),
                "integer" => Kind::Field(FieldType::Integer),
                "unsigned" => Kind::Field(FieldType::Unsigned),
                "string" => Kind::Field(FieldType::String),
                "boolean" => Kind::Field(FieldType::Boolean),
                _ => {
                    return Err(
                        self.expected("float, integer, unsigned, string, boolean, field, tag")
                    );
                }
            },
            _ => return Err(self.expected("float, integer, string, boolean, field, tag")),
        };
        self.advance();
        Ok(kind)
    }

    /// The arguments of a call, behind its opening parenthesis.
    fn call(&mut self, name: String) -> Result<Tall, QueryError> {
        let (mut arguments, mut highest) = (Vec::new(), 0);
        if self.symbol(")")? {
            return Ok((Expression::Call(name, arguments), 1));
        }
        loop {
            let (argument, height) = match self.pattern()? {
                Some(pattern) => (Expression::Pattern(pattern), 1),
                None => self.tall(0)?,
            };
            arguments.push(argument);
            highest = highest.max(height);
            if !self.symbol(",")? {
                break;
            }
        }
        self.need(")")?;
        Ok((Expression::Call(name, arguments), highest + 1))
    }
}

fn whole(digits: &str) -> Result<Expression, QueryError> {
    let signed = digits.parse().map(Expression::Integer);
    signed
        .or_else(|_| digits.parse().map(Expression::Unsigned))
        .map_err(|_| QueryError::new("unable to parse integer"))
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
