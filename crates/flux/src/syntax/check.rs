//! What the grammar allows and the language does not: seen on the finished tree.

use super::ast::{ExpressionKind, File, Property, Span, StatementKind};
use super::diagnostic::Diagnostic;
use super::parser::INVALID_KEY;
use super::walk::{Node, walk_file};

/// Reports bad statements and expressions and malformed property lists.
pub(super) fn check_file(file: &File, report: &mut impl FnMut(Diagnostic)) {
    walk_file(file, &mut |node| match node {
        Node::Statement(statement) => {
            if let StatementKind::Bad(text) = &statement.kind {
                report(Diagnostic::syntax(
                    statement.span,
                    format!("invalid statement: {text}"),
                ));
            }
        }
        Node::Expression(expression) => match &expression.kind {
            ExpressionKind::Bad(text) if !text.is_empty() => {
                report(Diagnostic::syntax(
                    expression.span,
                    format!("invalid expression: {text}"),
                ));
            }
            ExpressionKind::Record(record) => {
                check_properties(&record.properties, expression.span, report)
            }
            ExpressionKind::Call(call) => {
                check_properties(&call.arguments, call.arguments_span, report)
            }
            _ => {}
        },
    });
}

fn check_properties(properties: &[Property], span: Span, report: &mut impl FnMut(Diagnostic)) {
    let (mut short, mut long) = (false, false);
    for property in properties
        .iter()
        .filter(|property| &*property.key.name != INVALID_KEY)
    {
        short |= property.value.is_none();
        long |= property.value.is_some();
        if property.value.is_none() && property.key.quoted {
            let message = format!("string literal key {} must have a value", property.key.name);
            report(Diagnostic::syntax(span, message));
        }
    }
    if short && long {
        report(Diagnostic::syntax(
            span,
            "cannot mix implicit and explicit properties",
        ));
    }
}
