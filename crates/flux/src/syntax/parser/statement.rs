//! Files, statements and blocks.

use super::{Parser, name};
use crate::syntax::ast::{
    Assignment, Block, ExpressionKind, File, Import, OptionAssignment, PackageClause, Position,
    Span, Statement, StatementKind,
};
use crate::syntax::token::TokenKind;

impl Parser<'_> {
    pub(super) fn file(&mut self) -> File {
        let start = self.peek().span.start;
        self.attributes();
        let package = self.package_clause();
        let imports = self.imports();
        let body = self.statements();
        let last = body.last().map(|statement| statement.span);
        let last = last.or_else(|| imports.last().map(|import| import.span));
        let last = last.or_else(|| package.as_ref().map(|package| package.span));
        let span = last.map_or(Span::default(), |last| Span {
            start,
            end: last.end,
        });
        File {
            package,
            imports,
            body,
            span,
        }
    }

    fn package_clause(&mut self) -> Option<PackageClause> {
        let keyword = self.consume_if(TokenKind::Package)?;
        let name = self.identifier();
        let span = self.finish(keyword.span.to(name.span));
        Some(PackageClause { name, span })
    }

    fn imports(&mut self) -> Vec<Import> {
        let mut imports = Vec::new();
        loop {
            self.attributes();
            let Some(keyword) = self.consume_if(TokenKind::Import) else {
                return imports;
            };
            let alias = (self.peek().kind == TokenKind::Identifier).then(|| self.identifier());
            let token = self.expect(TokenKind::String);
            let path = self.string_value(&token);
            let path_span = self.finish(token.span);
            let span = self.finish(keyword.span.to(path_span));
            imports.push(Import {
                alias,
                path,
                path_span,
                span,
            });
        }
    }

    /// Statements up to the end of the block or file.
    fn statements(&mut self) -> Vec<Statement> {
        let mut statements = Vec::new();
        while self.more() {
            let start = self.peek().span.start;
            statements.push(self.statement());
            if self.peek().span.start == start && self.more() {
                statements.push(self.bad_statement());
            }
        }
        statements
    }

    fn statement(&mut self) -> Statement {
        if self.too_deep() {
            return self.bad_statement();
        }
        self.depth += 1;
        self.attributes();
        let statement = match self.peek_with_regex().kind {
            TokenKind::Identifier => self.identifier_statement(),
            TokenKind::Option => self.option_statement(),
            TokenKind::Builtin => self.builtin_statement(),
            TokenKind::TestCase => self.test_case(),
            TokenKind::Return => {
                let keyword = self.consume();
                let value = self.expression();
                let span = self.finish(keyword.span.to(value.span));
                Statement {
                    span,
                    kind: StatementKind::Return(value),
                }
            }
            kind if starts_expression(kind) => {
                let value = self.expression();
                Statement {
                    span: self.finish(value.span),
                    kind: StatementKind::Expression(value),
                }
            }
            _ => self.bad_statement(),
        };
        self.depth -= 1;
        statement
    }

    fn bad_statement(&mut self) -> Statement {
        let token = self.consume();
        Statement {
            span: self.finish(token.span),
            kind: StatementKind::Bad(name(&token)),
        }
    }

    fn identifier_statement(&mut self) -> Statement {
        let identifier = self.identifier();
        if self.consume_if(TokenKind::Assign).is_some() {
            let value = self.expression();
            let span = self.finish(identifier.span.to(value.span));
            return Statement {
                span,
                kind: StatementKind::Variable(Assignment {
                    name: identifier,
                    value,
                }),
            };
        }
        let first = self.node(identifier.span, ExpressionKind::Identifier(identifier.name));
        let value = self.expression_from(first);
        Statement {
            span: self.finish(value.span),
            kind: StatementKind::Expression(value),
        }
    }

    fn option_statement(&mut self) -> Statement {
        let keyword = self.consume();
        let first = self.identifier();
        let start = first.span;
        let (package, option) = match self.peek().kind {
            TokenKind::Assign => (None, first),
            TokenKind::Dot => {
                self.consume();
                (Some(first), self.identifier())
            }
            _ => {
                let span = self.finish(keyword.span);
                return Statement {
                    span,
                    kind: StatementKind::Bad(name(&keyword)),
                };
            }
        };
        self.expect(TokenKind::Assign);
        let value = self.expression();
        let span = self.finish(start.to(value.span));
        let assignment = OptionAssignment {
            package,
            name: option,
            value,
            span,
        };
        Statement {
            span: self.finish(keyword.span.to(span)),
            kind: StatementKind::Option(assignment),
        }
    }

    /// `builtin name : type`; the type is kept as text.
    fn builtin_statement(&mut self) -> Statement {
        let keyword = self.consume();
        let identifier = self.identifier();
        self.expect(TokenKind::Colon);
        let mut signature = String::new();
        let mut brackets = 0i32;
        while self.signature_goes_on(&signature, brackets) {
            let token = self.consume();
            brackets += match token.kind {
                TokenKind::LeftParenthesis | TokenKind::LeftBracket | TokenKind::LeftBrace => 1,
                TokenKind::RightParenthesis | TokenKind::RightBracket | TokenKind::RightBrace => -1,
                _ => 0,
            };
            signature.push_str(if signature.is_empty() { "" } else { " " });
            signature.push_str(token.text);
        }
        let span = self.finish(keyword.span.to(self.consumed));
        Statement {
            span,
            kind: StatementKind::Builtin {
                name: identifier,
                signature: signature.into(),
            },
        }
    }

    /// Whether the next token still belongs to the type read so far.
    fn signature_goes_on(&mut self, signature: &str, brackets: i32) -> bool {
        let next = self.peek();
        let unfinished = ["", "=>", ":", ",", "+", "where"]
            .contains(&signature.rsplit(' ').next().unwrap_or(""));
        let element = next.kind == TokenKind::LeftBracket
            && (signature.ends_with("stream") || signature.ends_with("vector"));
        let continues = matches!(
            next.kind,
            TokenKind::Arrow | TokenKind::Comma | TokenKind::Add | TokenKind::Colon
        );
        next.kind != TokenKind::Eof
            && (brackets > 0 || unfinished || element || continues || next.text == "where")
    }

    fn test_case(&mut self) -> Statement {
        let keyword = self.consume();
        let name = self.identifier();
        let next = self.peek();
        let extends = (next.kind == TokenKind::Identifier && next.text == "extends").then(|| {
            self.consume();
            let token = self.expect(TokenKind::String);
            self.string_value(&token)
        });
        let block = self.block();
        let span = self.finish(keyword.span.to(block.span));
        Statement {
            span,
            kind: StatementKind::TestCase {
                name,
                extends,
                block,
            },
        }
    }

    pub(super) fn block(&mut self) -> Block {
        let start = self.open(TokenKind::LeftBrace);
        let statements = self.statements();
        let end = self.close(TokenKind::RightBrace);
        Block {
            statements,
            span: self.finish(start.span.to(end.span)),
        }
    }

    /// `@name` and `@name(values)`, which mean nothing here.
    fn attributes(&mut self) {
        while self.consume_if(TokenKind::Attribute).is_some() {
            if self.peek().kind != TokenKind::LeftParenthesis {
                continue;
            }
            self.open(TokenKind::LeftParenthesis);
            let mut last = Position::default();
            while self.more() && self.peek().span.start != last {
                last = self.peek().span.start;
                self.primary();
                self.consume_if(TokenKind::Comma);
            }
            self.close(TokenKind::RightParenthesis);
        }
    }
}

fn starts_expression(kind: TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::Integer
            | TokenKind::Float
            | TokenKind::String
            | TokenKind::Regex
            | TokenKind::Divide
            | TokenKind::Time
            | TokenKind::Duration
            | TokenKind::PipeReceive
            | TokenKind::LeftParenthesis
            | TokenKind::LeftBracket
            | TokenKind::LeftBrace
            | TokenKind::Add
            | TokenKind::Subtract
            | TokenKind::Not
            | TokenKind::If
            | TokenKind::Exists
            | TokenKind::Quote
    )
}
