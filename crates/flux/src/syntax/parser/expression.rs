//! Expressions: operators by precedence, and the postfix forms.

use super::{Parser, bad};
use crate::syntax::ast::{
    BinaryOperator, Call, Expression, ExpressionKind, LogicalOperator, PropertyKey, Span,
    UnaryOperator,
};
use crate::syntax::token::TokenKind;

/// How tightly operators bind, from loosest to tightest; all of them group from the left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Precedence {
    Or,
    And,
    Not,
    Comparison,
    Additive,
    Multiplicative,
    Exponent,
    Pipe,
    Unary,
}

enum Operator {
    Logical(LogicalOperator),
    Binary(BinaryOperator),
    Pipe,
}

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Expression {
        if self.too_deep() {
            return bad("", self.peek().span);
        }
        self.depth += 1;
        let expression = match self.peek().kind {
            TokenKind::If => self.conditional(),
            _ => self.operators(Precedence::Or),
        };
        self.depth -= 1;
        expression
    }

    /// The expression that begins with `first`, which is already parsed.
    pub(super) fn expression_from(&mut self, first: Expression) -> Expression {
        let first = self.postfix(first);
        self.operators_after(first, Precedence::Or)
    }

    /// As many expressions as come before `stop` or the end of the list. Only one is right; more are joined by
    /// [`BinaryOperator::Invalid`], and tokens that begin none are skipped with an error.
    pub(super) fn expressions_until(
        &mut self,
        first: Option<Expression>,
        stop: &[TokenKind],
    ) -> Option<Expression> {
        let mut joined = first;
        while !stop.contains(&self.peek().kind) && self.more() {
            let next = self.expression();
            if matches!(next.kind, ExpressionKind::Bad(_)) {
                let token = self.consume();
                self.complain(format!(
                    "invalid expression @{}: {}",
                    token.span, token.text
                ));
                continue;
            }
            joined = Some(match joined {
                None => next,
                Some(left) => self.binary(BinaryOperator::Invalid, left, next),
            });
        }
        joined
    }

    fn conditional(&mut self) -> Expression {
        let keyword = self.consume();
        let test = Box::new(self.expression());
        let consequent = Box::new(self.branch(TokenKind::Then));
        let alternate = Box::new(self.branch(TokenKind::Else));
        let span = keyword.span.to(alternate.span);
        self.node(
            span,
            ExpressionKind::Conditional {
                test,
                consequent,
                alternate,
            },
        )
    }

    fn branch(&mut self, keyword: TokenKind) -> Expression {
        let token = self.expect_or_leave(keyword);
        if token.kind == keyword {
            self.expression()
        } else {
            bad("", token.span)
        }
    }

    fn operators(&mut self, loosest: Precedence) -> Expression {
        let kind = self.peek().kind;
        let first =
            if loosest <= Precedence::Not && matches!(kind, TokenKind::Not | TokenKind::Exists) {
                self.logical_unary()
            } else {
                self.unary()
            };
        self.operators_after(first, loosest)
    }

    fn operators_after(&mut self, first: Expression, loosest: Precedence) -> Expression {
        let mut left = first;
        while let Some((operator, precedence, next)) = operator(self.peek().kind) {
            if precedence < loosest {
                break;
            }
            self.consume();
            left = match operator {
                Operator::Pipe => {
                    let destination = self.unary();
                    self.pipe(left, destination)
                }
                Operator::Binary(operator) => {
                    let right = self.operators(next);
                    self.binary(operator, left, right)
                }
                Operator::Logical(operator) => {
                    let right = self.operators(next);
                    self.logical(operator, left, right)
                }
            };
        }
        left
    }

    fn binary(
        &mut self,
        operator: BinaryOperator,
        left: Expression,
        right: Expression,
    ) -> Expression {
        let span = left.span.to(right.span);
        let (left, right) = (Box::new(left), Box::new(right));
        self.node(
            span,
            ExpressionKind::Binary {
                operator,
                left,
                right,
            },
        )
    }

    fn logical(
        &mut self,
        operator: LogicalOperator,
        left: Expression,
        right: Expression,
    ) -> Expression {
        let span = left.span.to(right.span);
        let same =
            matches!(left.kind, ExpressionKind::Logical { operator: same, .. } if same == operator);
        if same {
            self.finish(span);
            return self.bounded(left.with_operand(right, span));
        }
        let operands = vec![left, right];
        self.node(span, ExpressionKind::Logical { operator, operands })
    }

    fn pipe(&mut self, source: Expression, destination: Expression) -> Expression {
        let span = source.span.to(destination.span);
        if !matches!(destination.kind, ExpressionKind::Call(_)) {
            self.complain("pipe destination must be a function call");
            self.finish(destination.span);
        }
        let (source, destination) = (Box::new(source), Box::new(destination));
        self.node(
            span,
            ExpressionKind::Pipe {
                source,
                destination,
            },
        )
    }

    /// `not` and `exists`, any number of them, before a comparison.
    fn logical_unary(&mut self) -> Expression {
        let mut operators = Vec::new();
        loop {
            let operator = match self.peek().kind {
                TokenKind::Not => UnaryOperator::Not,
                TokenKind::Exists => UnaryOperator::Exists,
                _ => break,
            };
            operators.push((operator, self.consume().span));
        }
        let first = self.unary();
        let operand = self.operators_after(first, Precedence::Comparison);
        self.wrap_unary(operators, operand)
    }

    /// Signs, any number of them, before a postfix expression.
    fn unary(&mut self) -> Expression {
        let mut operators = Vec::new();
        loop {
            let operator = match self.peek().kind {
                TokenKind::Add => UnaryOperator::Plus,
                TokenKind::Subtract => UnaryOperator::Minus,
                _ => break,
            };
            operators.push((operator, self.consume().span));
        }
        let primary = self.primary();
        let operand = self.postfix(primary);
        self.wrap_unary(operators, operand)
    }

    fn wrap_unary(
        &mut self,
        operators: Vec<(UnaryOperator, Span)>,
        operand: Expression,
    ) -> Expression {
        operators
            .into_iter()
            .rev()
            .fold(operand, |operand, (operator, start)| {
                let span = start.to(operand.span);
                self.node(
                    span,
                    ExpressionKind::Unary {
                        operator,
                        operand: Box::new(operand),
                    },
                )
            })
    }

    /// Calls, members and indices after `object`.
    fn postfix(&mut self, object: Expression) -> Expression {
        let mut object = object;
        loop {
            object = match self.peek().kind {
                TokenKind::Dot => self.member(object),
                TokenKind::LeftParenthesis => self.call(object),
                TokenKind::LeftBracket => self.index(object),
                _ => return object,
            };
        }
    }

    fn member(&mut self, object: Expression) -> Expression {
        self.consume();
        let property = self.identifier();
        let span = object.span.to(property.span);
        let property = PropertyKey {
            name: property.name,
            quoted: false,
            span: property.span,
        };
        self.node(
            span,
            ExpressionKind::Member {
                object: Box::new(object),
                property,
            },
        )
    }

    fn call(&mut self, callee: Expression) -> Expression {
        self.open(TokenKind::LeftParenthesis);
        let arguments = self.properties();
        let end = self.close(TokenKind::RightParenthesis);
        let span = self.finish(callee.span.to(end.span));
        let arguments_span = match (arguments.first(), arguments.last()) {
            (Some(first), Some(last)) => first.span.to(last.span),
            _ => Span::default(),
        };
        let call = Call {
            callee: Box::new(callee),
            arguments,
            arguments_span,
        };
        self.node(span, ExpressionKind::Call(call))
    }

    fn index(&mut self, object: Expression) -> Expression {
        let start = self.open(TokenKind::LeftBracket);
        let index = self.expressions_until(None, &[]);
        let end = self.close(TokenKind::RightBracket);
        let span = object.span.to(end.span);
        let index = match index {
            Some(Expression {
                kind: ExpressionKind::String(name),
                span: key_span,
                ..
            }) => {
                let property = PropertyKey {
                    name,
                    quoted: true,
                    span: key_span,
                };
                return self.node(
                    span,
                    ExpressionKind::Member {
                        object: Box::new(object),
                        property,
                    },
                );
            }
            Some(index) => index,
            None => {
                self.complain("no expression included in brackets");
                bad("", start.span.to(end.span))
            }
        };
        self.node(
            span,
            ExpressionKind::Index {
                array: Box::new(object),
                index: Box::new(index),
            },
        )
    }
}

/// The operator of a token, its precedence, and the loosest operator that its right side may hold.
fn operator(kind: TokenKind) -> Option<(Operator, Precedence, Precedence)> {
    use BinaryOperator as B;
    let (operator, precedence, right) = match kind {
        TokenKind::Or => (
            Operator::Logical(LogicalOperator::Or),
            Precedence::Or,
            Precedence::And,
        ),
        TokenKind::And => (
            Operator::Logical(LogicalOperator::And),
            Precedence::And,
            Precedence::Not,
        ),
        TokenKind::Equal => comparison(B::Equal),
        TokenKind::NotEqual => comparison(B::NotEqual),
        TokenKind::Less => comparison(B::Less),
        TokenKind::LessEqual => comparison(B::LessEqual),
        TokenKind::Greater => comparison(B::Greater),
        TokenKind::GreaterEqual => comparison(B::GreaterEqual),
        TokenKind::RegexMatch => comparison(B::RegexMatch),
        TokenKind::RegexNotMatch => comparison(B::RegexNotMatch),
        TokenKind::Add => additive(B::Add),
        TokenKind::Subtract => additive(B::Subtract),
        TokenKind::Multiply => multiplicative(B::Multiply),
        TokenKind::Divide => multiplicative(B::Divide),
        TokenKind::Modulo => multiplicative(B::Modulo),
        TokenKind::Power => (
            Operator::Binary(B::Power),
            Precedence::Exponent,
            Precedence::Pipe,
        ),
        TokenKind::PipeForward => (Operator::Pipe, Precedence::Pipe, Precedence::Unary),
        _ => return None,
    };
    Some((operator, precedence, right))
}

fn comparison(operator: BinaryOperator) -> (Operator, Precedence, Precedence) {
    (
        Operator::Binary(operator),
        Precedence::Comparison,
        Precedence::Additive,
    )
}

fn additive(operator: BinaryOperator) -> (Operator, Precedence, Precedence) {
    (
        Operator::Binary(operator),
        Precedence::Additive,
        Precedence::Multiplicative,
    )
}

fn multiplicative(operator: BinaryOperator) -> (Operator, Precedence, Precedence) {
    (
        Operator::Binary(operator),
        Precedence::Multiplicative,
        Precedence::Exponent,
    )
}
