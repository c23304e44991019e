//! Where expressions begin: literals, names, strings with expressions in them.

use super::{Parser, bad, name};
use crate::syntax::ast::{Expression, ExpressionKind, Name, StringPart, TimeLiteral};
use crate::syntax::literal;
use crate::syntax::token::{Token, TokenKind};

const MISPLACED_PIPE: &str =
    "a pipe literal may only be used as a default value for an argument in a function definition";

impl Parser<'_> {
    pub(super) fn primary(&mut self) -> Expression {
        let token = self.peek_with_regex();
        match token.kind {
            TokenKind::Identifier => self.literal(ExpressionKind::Identifier(name(&token))),
            TokenKind::Integer => self.integer(&token),
            TokenKind::String => {
                let value = self.string_value(&token);
                self.literal(ExpressionKind::String(value))
            }
            TokenKind::Regex => {
                let pattern = literal::regex_pattern(token.text).unwrap_or_else(|error| {
                    self.complain(error);
                    String::new()
                });
                self.literal(ExpressionKind::Regex(pattern.into()))
            }
            TokenKind::Float => {
                self.literal_or_bad(token.text.parse().ok().map(ExpressionKind::Float), &token)
            }
            TokenKind::Duration => self.literal_or_bad(
                literal::duration_parts(token.text).map(ExpressionKind::Duration),
                &token,
            ),
            TokenKind::Time => match literal::time_nanoseconds(token.text) {
                Some(nanoseconds) => self.literal(ExpressionKind::Time(TimeLiteral {
                    nanoseconds,
                    text: name(&token),
                })),
                None => {
                    self.consume();
                    bad("invalid date time literal, missing time offset", token.span)
                }
            },
            TokenKind::Quote => self.interpolated(),
            TokenKind::LeftBracket => self.array_or_dict(),
            TokenKind::LeftBrace => self.record(),
            TokenKind::LeftParenthesis => self.parenthesized_or_function(),
            // Left in place, like any token that begins no value: the parent skips it.
            TokenKind::PipeReceive => bad(MISPLACED_PIPE, token.span),
            kind => bad(
                format!("invalid token for primary expression: {}", kind.name()),
                token.span,
            ),
        }
    }

    fn literal(&mut self, kind: ExpressionKind) -> Expression {
        let token = self.consume();
        self.node(token.span, kind)
    }

    fn literal_or_bad(&mut self, kind: Option<ExpressionKind>, token: &Token<'_>) -> Expression {
        match kind {
            Some(kind) => self.literal(kind),
            None => {
                self.consume();
                bad(
                    format!(
                        "invalid token for primary expression: {}",
                        token.kind.name()
                    ),
                    token.span,
                )
            }
        }
    }

    fn integer(&mut self, token: &Token<'_>) -> Expression {
        let text = token.text;
        let value = if text.len() > 1 && text.starts_with('0') {
            self.complain(format!(
                "invalid integer literal \"{text}\": nonzero value cannot start with 0"
            ));
            0
        } else {
            text.parse().unwrap_or_else(|_| {
                self.complain(format!(
                    "invalid integer literal \"{text}\": value out of range"
                ));
                0
            })
        };
        self.literal(ExpressionKind::Integer(value))
    }

    /// The value of a string token; of any other token nothing, its error being already said.
    pub(super) fn string_value(&mut self, token: &Token<'_>) -> Name {
        let inner = token
            .text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'));
        let Some(inner) = inner.filter(|_| token.kind == TokenKind::String) else {
            return "".into();
        };
        match literal::unescape(inner) {
            Ok(value) => value.into(),
            Err(error) => {
                self.complain(error);
                "".into()
            }
        }
    }

    fn interpolated(&mut self) -> Expression {
        let start = self.consume();
        let mut parts = Vec::new();
        loop {
            let token = self.lexer.next_in_string();
            self.consumed = token.span;
            match token.kind {
                TokenKind::Text => match literal::unescape(token.text) {
                    Ok(value) => {
                        let span = self.finish(token.span);
                        parts.push(StringPart::Text {
                            value: value.into(),
                            span,
                        });
                    }
                    Err(error) => self.complain(error),
                },
                TokenKind::StringExpression => {
                    let value = self.expression();
                    let end = self.expect(TokenKind::RightBrace);
                    let span = self.finish(token.span.to(end.span));
                    parts.push(StringPart::Expression { value, span });
                }
                TokenKind::Quote => {
                    return self.node(
                        start.span.to(token.span),
                        ExpressionKind::Interpolated(parts),
                    );
                }
                kind => {
                    let message = format!(
                        "got unexpected token in string expression @{}: {}",
                        token.span,
                        kind.name()
                    );
                    self.complain(message);
                    return self.node(
                        start.span.to(token.span),
                        ExpressionKind::Interpolated(Vec::new()),
                    );
                }
            }
        }
    }
}
