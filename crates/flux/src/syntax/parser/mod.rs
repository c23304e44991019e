//! Recursive descent with recovery: every text gives a tree, and what is wrong gives diagnostics.
//!
//! Errors found on the way are `pending` until the next node is finished and then carry that node's place,
//! which is how InfluxDB comes to the places in its messages.

mod collection;
mod expression;
mod primary;
mod statement;

pub(super) use collection::INVALID_KEY;

use super::ast::{Expression, ExpressionKind, File, Identifier, MAX_HEIGHT, Name, Span};
use super::diagnostic::Diagnostic;
use super::lexer::Lexer;
use super::token::{Token, TokenKind};

/// How deep expressions and blocks may be nested: the parser recurses some ten kilobytes a level in debug
/// builds, and a worker thread's stack is 2 MiB. Programs made by hand or by dashboards stay below ten.
const MAX_DEPTH: usize = 100;

/// More errors than this help nobody, and a megabyte of garbage would make a megabyte of message.
const MAX_DIAGNOSTICS: usize = 100;

const TOO_DEEP: &str = "Program is nested too deep";

/// How many nodes a program may have: made a tree and checked they take some 200 bytes each, 60 MB, however short each is. A
/// table of 30,000 rows written out is as long.
const MAX_NODES: usize = 300_000;

const TOO_LONG: &str = "Program is too long: it has more than 300000 expressions and names";

pub(super) struct Parser<'a> {
    lexer: Lexer<'a>,
    peeked: Option<Token<'a>>,
    /// Where the last consumed token ended.
    consumed: Span,
    /// How many of each closing token are expected: `)`, `]`, `}`.
    open: [usize; 3],
    pending: Vec<String>,
    found: Vec<Found>,
    /// How many nodes were finished.
    nodes: usize,
    depth: usize,
    /// Where it was given up, and why.
    given_up: Option<(Span, &'static str)>,
}

/// A diagnostic and the number of its node: of two nodes at one place the outer one is finished later.
struct Found {
    node: usize,
    diagnostic: Diagnostic,
}

/// Puts outer nodes before inner ones, as a walk from the root meets them, and keeps as many as are reported.
fn keep_first(found: &mut Vec<Found>) {
    found.sort_by_key(|found| {
        let Span { start, end } = found.diagnostic.span;
        (start, std::cmp::Reverse(end), std::cmp::Reverse(found.node))
    });
    found.truncate(MAX_DIAGNOSTICS);
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            lexer: Lexer::new(text),
            peeked: None,
            consumed: Span::default(),
            open: [0; 3],
            pending: Vec::new(),
            found: Vec::new(),
            nodes: 0,
            depth: 0,
            given_up: None,
        }
    }

    pub(super) fn parse(mut self) -> (File, Vec<Diagnostic>) {
        let file = self.file();
        self.finish(self.consumed);
        if let Some((span, reason)) = self.given_up {
            return (file, vec![Diagnostic::syntax(span, reason)]);
        }
        super::check::check_file(&file, &mut |diagnostic| {
            self.found.push(Found {
                node: 0,
                diagnostic,
            });
            // The first of all are among the first of some; more of them would be more than the text.
            if self.found.len() >= 10 * MAX_DIAGNOSTICS {
                keep_first(&mut self.found);
            }
        });
        keep_first(&mut self.found);
        (
            file,
            self.found
                .into_iter()
                .map(|found| found.diagnostic)
                .collect(),
        )
    }

    // === tokens ===

    fn peek(&mut self) -> Token<'a> {
        *self.peeked.get_or_insert_with(|| self.lexer.next())
    }

    fn peek_with_regex(&mut self) -> Token<'a> {
        match self.peeked {
            Some(token) if token.kind == TokenKind::Divide => self.lexer.rewind(&token),
            Some(token) => return token,
            None => {}
        }
        let token = self.lexer.next_with_regex();
        self.peeked = Some(token);
        token
    }

    fn consume(&mut self) -> Token<'a> {
        let token = self.peek();
        self.peeked = None;
        self.consumed = token.span;
        token
    }

    fn consume_if(&mut self, kind: TokenKind) -> Option<Token<'a>> {
        (self.peek().kind == kind).then(|| self.consume())
    }

    /// Consumes a token that should be of `kind`, whatever it is.
    fn expect(&mut self, kind: TokenKind) -> Token<'a> {
        let token = self.consume();
        self.complain_unless(kind, &token);
        token
    }

    /// Consumes a token of `kind`; any other is left, and an empty one takes its place.
    fn expect_or_leave(&mut self, kind: TokenKind) -> Token<'a> {
        let token = self.peek();
        self.complain_unless(kind, &token);
        if token.kind == kind {
            return self.consume();
        }
        if token.kind == TokenKind::Eof {
            return token;
        }
        let span = Span {
            start: token.span.start,
            end: token.span.start,
        };
        Token {
            kind: TokenKind::Illegal,
            text: "",
            span,
        }
    }

    fn complain_unless(&mut self, kind: TokenKind, token: &Token<'a>) {
        if token.kind == TokenKind::Eof && kind != TokenKind::Eof {
            self.complain(format!("expected {}, got EOF", kind.name()));
        } else if token.kind != kind {
            let start = token.span.start;
            let (line, column) = (start.line, start.column);
            let (want, have) = (kind.name(), token.kind.name());
            self.complain(format!(
                "expected {want}, got {have} ({}) at {line}:{column}",
                token.text
            ));
        }
    }

    // === brackets ===

    fn open(&mut self, start: TokenKind) -> Token<'a> {
        let token = self.expect(start);
        self.open[bracket(closing(start)).unwrap_or(0)] += 1;
        token
    }

    /// Whether the list inside the innermost brackets goes on.
    fn more(&mut self) -> bool {
        let kind = self.peek().kind;
        kind != TokenKind::Eof && bracket(kind).is_none_or(|bracket| self.open[bracket] == 0)
    }

    fn close(&mut self, end: TokenKind) -> Token<'a> {
        if let Some(bracket) = bracket(end) {
            self.open[bracket] -= 1;
        }
        let token = self.peek();
        if token.kind == end {
            return self.consume();
        }
        self.complain(format!(
            "expected {}, got {}",
            end.name(),
            token.kind.name()
        ));
        token
    }

    // === nodes ===

    /// Remembers an error for the node that is being built.
    fn complain(&mut self, message: impl Into<String>) {
        if self.pending.len() + self.found.len() < MAX_DIAGNOSTICS {
            self.pending.push(message.into());
        }
    }

    /// Ends a node: the pending errors are its own.
    fn finish(&mut self, span: Span) -> Span {
        self.nodes += 1;
        let node = self.nodes;
        if node > MAX_NODES {
            self.give_up(span, TOO_LONG);
        }
        let messages = self.pending.drain(..);
        self.found.extend(messages.map(|message| Found {
            node,
            diagnostic: Diagnostic::syntax(span, message),
        }));
        span
    }

    fn node(&mut self, span: Span, kind: ExpressionKind) -> Expression {
        self.finish(span);
        self.bounded(Expression::new(span, kind))
    }

    /// The expression, or none if it is too high.
    fn bounded(&mut self, expression: Expression) -> Expression {
        if expression.height() > MAX_HEIGHT {
            self.give_up(expression.span, TOO_DEEP);
            return bad("", expression.span);
        }
        expression
    }

    /// Stops at input that is nested too deep or too long; the rest is not looked at.
    fn give_up(&mut self, span: Span, reason: &'static str) {
        self.given_up.get_or_insert((span, reason));
        self.lexer.skip_to_end();
        self.peeked = None;
    }

    fn too_deep(&mut self) -> bool {
        if self.depth < MAX_DEPTH {
            return false;
        }
        let span = self.peek().span;
        self.give_up(span, TOO_DEEP);
        true
    }

    fn identifier(&mut self) -> Identifier {
        let token = self.expect_or_leave(TokenKind::Identifier);
        self.finish(token.span);
        Identifier {
            name: name(&token),
            span: token.span,
        }
    }
}

/// An expression that is none. It does not take the pending errors: they are its parent's.
fn bad(text: impl Into<Name>, span: Span) -> Expression {
    Expression::new(span, ExpressionKind::Bad(text.into()))
}

fn name(token: &Token<'_>) -> Name {
    token.text.into()
}

fn closing(kind: TokenKind) -> TokenKind {
    match kind {
        TokenKind::LeftParenthesis => TokenKind::RightParenthesis,
        TokenKind::LeftBracket => TokenKind::RightBracket,
        _ => TokenKind::RightBrace,
    }
}

/// The place of a closing token in [`Parser::open`].
fn bracket(kind: TokenKind) -> Option<usize> {
    match kind {
        TokenKind::RightParenthesis => Some(0),
        TokenKind::RightBracket => Some(1),
        TokenKind::RightBrace => Some(2),
        _ => None,
    }
}
