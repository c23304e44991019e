//! What stands in brackets: arrays, dictionaries, records, arguments, parameters, functions.

use std::sync::Arc;

use super::{Parser, bad};
use crate::syntax::ast::{
    DictItem, Expression, ExpressionKind, Function, FunctionBody, Identifier, Name, Parameter,
    Position, Property, PropertyKey, Record, Span,
};
use crate::syntax::token::{Token, TokenKind};

impl Parser<'_> {
    pub(super) fn array_or_dict(&mut self) -> Expression {
        let start = self.open(TokenKind::LeftBracket);
        let kind = match self.peek().kind {
            TokenKind::Colon => {
                self.consume();
                ExpressionKind::Dict(Vec::new())
            }
            TokenKind::RightBracket => ExpressionKind::Array(Vec::new()),
            _ => {
                let first = self.expression();
                match self.consume_if(TokenKind::Colon) {
                    Some(_) => self.dict_items(first),
                    None => self.array_items(first),
                }
            }
        };
        let end = self.close(TokenKind::RightBracket);
        self.node(start.span.to(end.span), kind)
    }

    fn array_items(&mut self, first: Expression) -> ExpressionKind {
        let mut items = vec![first];
        if self.peek().kind == TokenKind::RightBracket {
            return ExpressionKind::Array(items);
        }
        self.expect(TokenKind::Comma);
        let mut last = Position::default();
        while self.more() && self.peek().span.start != last {
            last = self.peek().span.start;
            items.push(self.expression());
            self.consume_if(TokenKind::Comma);
        }
        ExpressionKind::Array(items)
    }

    fn dict_items(&mut self, first_key: Expression) -> ExpressionKind {
        let mut items = vec![DictItem {
            key: first_key,
            value: self.expression(),
        }];
        if self.peek().kind == TokenKind::RightBracket {
            return ExpressionKind::Dict(items);
        }
        self.expect(TokenKind::Comma);
        let mut last = Position::default();
        while self.more() && self.peek().span.start != last {
            last = self.peek().span.start;
            let key = self.expression();
            self.expect(TokenKind::Colon);
            items.push(DictItem {
                key,
                value: self.expression(),
            });
            self.consume_if(TokenKind::Comma);
        }
        ExpressionKind::Dict(items)
    }

    pub(super) fn record(&mut self) -> Expression {
        let start = self.open(TokenKind::LeftBrace);
        let mut with = None;
        let properties = if self.peek().kind == TokenKind::Identifier {
            let first = self.identifier();
            let next = self.peek();
            if next.kind == TokenKind::Identifier {
                if next.text != "with" {
                    self.complain(format!(
                        "expected with or comma in record, got {}",
                        next.text
                    ));
                }
                self.consume();
                with = Some(first);
                self.properties()
            } else {
                self.properties_from(key(first))
            }
        } else {
            self.properties()
        };
        let end = self.close(TokenKind::RightBrace);
        self.node(
            start.span.to(end.span),
            ExpressionKind::Record(Record { with, properties }),
        )
    }

    /// The rest of a property list whose first key is already parsed.
    fn properties_from(&mut self, first: PropertyKey) -> Vec<Property> {
        let mut properties = vec![self.property_after(first)];
        if !self.more() {
            return properties;
        }
        let next = self.peek();
        if next.kind == TokenKind::Comma {
            self.consume();
        } else {
            self.complain(format!(
                "expected comma in property list, got {}",
                next.kind.name()
            ));
        }
        properties.append(&mut self.properties());
        properties
    }

    pub(super) fn properties(&mut self) -> Vec<Property> {
        let mut properties = Vec::new();
        let mut missing_commas = Vec::new();
        let mut last = Position::default();
        while self.more() && self.peek().span.start != last {
            last = self.peek().span.start;
            let token = self.peek();
            let property = match token.kind {
                TokenKind::Identifier => {
                    let first = self.identifier();
                    self.property_after(key(first))
                }
                TokenKind::String => {
                    self.consume();
                    let name = self.string_value(&token);
                    self.finish(token.span);
                    self.property_after(PropertyKey {
                        name,
                        quoted: true,
                        span: token.span,
                    })
                }
                _ => self.invalid_property(),
            };
            properties.push(property);
            if self.more() && self.consume_if(TokenKind::Comma).is_none() {
                missing_commas.push(self.peek().kind);
            }
        }
        for kind in missing_commas {
            self.complain(format!(
                "expected comma in property list, got {}",
                kind.name()
            ));
        }
        properties
    }

    fn property_after(&mut self, key: PropertyKey) -> Property {
        let value = match self.consume_if(TokenKind::Colon) {
            Some(_) => self.property_value(),
            None => None,
        };
        let end = value.as_ref().map_or(key.span, |value| value.span);
        let span = self.finish(key.span.to(end));
        Property { key, value, span }
    }

    fn property_value(&mut self) -> Option<Expression> {
        let value = self.expressions_until(None, &[TokenKind::Comma, TokenKind::Colon]);
        if value.is_none() {
            self.complain("missing property value");
        }
        value
    }

    fn invalid_property(&mut self) -> Property {
        let token = self.peek();
        let (message, value) = match token.kind {
            TokenKind::Colon => {
                self.consume();
                ("missing property key".to_owned(), self.property_value())
            }
            TokenKind::Comma => ("missing property in property list".to_owned(), None),
            kind => {
                // Not an expression; this only goes on to the next comma, colon or closing bracket.
                self.expressions_until(None, &[TokenKind::Comma, TokenKind::Colon]);
                let value = self
                    .consume_if(TokenKind::Colon)
                    .and_then(|_| self.property_value());
                (
                    format!(
                        "unexpected token for property key: {} ({})",
                        kind.name(),
                        token.text
                    ),
                    value,
                )
            }
        };
        self.complain(message);
        let (start, end) = (token.span.start, self.peek().span.start);
        let span = self.finish(Span { start, end });
        let key = PropertyKey {
            name: INVALID_KEY.into(),
            quoted: true,
            span: Span { start, end: start },
        };
        Property { key, value, span }
    }

    /// After a `(`: a value in parentheses, or the parameters of a function.
    pub(super) fn parenthesized_or_function(&mut self) -> Expression {
        let start = self.open(TokenKind::LeftParenthesis);
        let token = self.peek();
        match token.kind {
            TokenKind::RightParenthesis => {
                self.close(TokenKind::RightParenthesis);
                self.function(&start, Vec::new())
            }
            TokenKind::Identifier => {
                let first = self.identifier();
                self.parenthesized_identifier(&start, first)
            }
            _ => {
                let inner = self.expressions_until(None, &[]);
                let inner = inner.unwrap_or_else(|| bad(Name::from(token.text), token.span));
                self.end_parenthesized(&start, inner)
            }
        }
    }

    fn parenthesized_identifier(&mut self, start: &Token<'_>, first: Identifier) -> Expression {
        match self.peek().kind {
            TokenKind::RightParenthesis => {
                let end = self.close(TokenKind::RightParenthesis);
                if self.peek().kind == TokenKind::Arrow {
                    return self.function(start, vec![parameter(first)]);
                }
                let inner = self.node(first.span, ExpressionKind::Identifier(first.name));
                self.node(
                    start.span.to(end.span),
                    ExpressionKind::Parenthesized(Box::new(inner)),
                )
            }
            TokenKind::Assign | TokenKind::Comma => {
                let mut parameters = vec![self.parameter_after(first)];
                if self.consume_if(TokenKind::Comma).is_some() {
                    self.parameters(&mut parameters);
                }
                self.close(TokenKind::RightParenthesis);
                self.function(start, parameters)
            }
            _ => {
                let first = self.node(first.span, ExpressionKind::Identifier(first.name));
                let value = self.expression_from(first);
                let value = self.expressions_until(Some(value), &[]);
                let value = value.unwrap_or_else(|| bad("", start.span));
                self.end_parenthesized(start, value)
            }
        }
    }

    fn end_parenthesized(&mut self, start: &Token<'_>, inner: Expression) -> Expression {
        let end = self.close(TokenKind::RightParenthesis);
        self.node(
            start.span.to(end.span),
            ExpressionKind::Parenthesized(Box::new(inner)),
        )
    }

    fn parameters(&mut self, parameters: &mut Vec<Parameter>) {
        let mut last = Position::default();
        while self.more() && self.peek().span.start != last {
            last = self.peek().span.start;
            let first = self.identifier();
            parameters.push(self.parameter_after(first));
            self.consume_if(TokenKind::Comma);
        }
    }

    fn parameter_after(&mut self, name: Identifier) -> Parameter {
        let mut parameter = parameter(name);
        if self.consume_if(TokenKind::Assign).is_none() {
            return parameter;
        }
        if let Some(token) = self.consume_if(TokenKind::PipeReceive) {
            parameter.pipe = true;
            parameter.span = parameter.span.to(token.span);
        } else {
            let value = self.expression();
            parameter.span = parameter.span.to(value.span);
            parameter.default = Some(value);
        }
        self.finish(parameter.span);
        parameter
    }

    fn function(&mut self, start: &Token<'_>, parameters: Vec<Parameter>) -> Expression {
        self.expect_or_leave(TokenKind::Arrow);
        let (body, end) = match self.peek().kind {
            TokenKind::LeftBrace => {
                let block = self.block();
                let span = block.span;
                (FunctionBody::Block(block), span)
            }
            _ => {
                let value = self.expression();
                let span = value.span;
                (FunctionBody::Expression(value), span)
            }
        };
        let span = start.span.to(end);
        self.node(
            span,
            ExpressionKind::Function(Arc::new(Function {
                parameters,
                body,
                span,
            })),
        )
    }
}

/// The key of a property that has none; its diagnostic is already given.
pub(in crate::syntax) const INVALID_KEY: &str = "<invalid>";

fn key(identifier: Identifier) -> PropertyKey {
    PropertyKey {
        name: identifier.name,
        quoted: false,
        span: identifier.span,
    }
}

fn parameter(name: Identifier) -> Parameter {
    let span = name.span;
    Parameter {
        name,
        default: None,
        pipe: false,
        span,
    }
}
