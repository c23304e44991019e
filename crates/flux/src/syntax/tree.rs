//! The tree as one compact line a statement, for tests and for eyes: `(|> (call from bucket: "b") (call count))`.
//! Places are left out, so two texts of the same meaning have the same tree.

use std::fmt::Write as _;

use super::ast::{
    Block, Expression, ExpressionKind, File, Function, FunctionBody, Property, PropertyKey,
    Statement, StatementKind, StringPart,
};
use super::format::{duration, quote};

/// The whole file, a line for each import and statement.
pub fn print(file: &File) -> String {
    let mut tree = Tree { out: String::new() };
    if let Some(package) = &file.package {
        let _ = writeln!(tree.out, "(package {})", package.name.name);
    }
    for import in &file.imports {
        let alias = import
            .alias
            .as_ref()
            .map_or(String::new(), |alias| format!("{} ", alias.name));
        let _ = writeln!(tree.out, "(import {alias}{})", quote(&import.path));
    }
    for statement in &file.body {
        tree.statement(statement);
        tree.out.push('\n');
    }
    tree.out
}

struct Tree {
    out: String,
}

impl Tree {
    fn statement(&mut self, statement: &Statement) {
        match &statement.kind {
            StatementKind::Expression(value) => self.expression(value),
            StatementKind::Variable(assignment) => {
                let head = format!("(= {}", assignment.name.name);
                self.list(&head, [&assignment.value]);
            }
            StatementKind::Option(assignment) => {
                let package = assignment
                    .package
                    .as_ref()
                    .map_or(String::new(), |package| format!("{}.", package.name));
                self.list(
                    &format!("(option {package}{}", assignment.name.name),
                    [&assignment.value],
                );
            }
            StatementKind::Return(value) => self.list("(return", [value]),
            StatementKind::Builtin { name, signature } => {
                let _ = write!(self.out, "(builtin {} : {signature})", name.name);
            }
            StatementKind::TestCase {
                name,
                extends,
                block,
            } => {
                let _ = write!(self.out, "(testcase {} ", name.name);
                if let Some(path) = extends {
                    let _ = write!(self.out, "extends {} ", quote(path));
                }
                self.block(block);
                self.out.push(')');
            }
            StatementKind::Bad(text) => {
                let _ = write!(self.out, "<bad {text}>");
            }
        }
    }

    fn block(&mut self, block: &Block) {
        self.out.push_str("(do");
        for statement in &block.statements {
            self.out.push(' ');
            self.statement(statement);
        }
        self.out.push(')');
    }

    fn expression(&mut self, expression: &Expression) {
        match &expression.kind {
            ExpressionKind::Interpolated(parts) => self.interpolated(parts),
            ExpressionKind::Array(items) => {
                self.list("(array", items);
            }
            ExpressionKind::Dict(items) => self.list(
                "(dict",
                items.iter().flat_map(|item| [&item.key, &item.value]),
            ),
            ExpressionKind::Record(record) => {
                self.out.push('{');
                if let Some(base) = &record.with {
                    self.write(format_args!("{} with", base.name));
                }
                self.properties(&record.properties);
                self.out.push('}');
            }
            ExpressionKind::Function(function) => self.function(function),
            ExpressionKind::Call(call) => {
                self.out.push_str("(call ");
                self.expression(&call.callee);
                self.properties(&call.arguments);
                self.out.push(')');
            }
            ExpressionKind::Pipe {
                source,
                destination,
            } => self.list("(|>", [&**source, destination]),
            ExpressionKind::Member { object, property } => {
                self.out.push_str("(. ");
                self.expression(object);
                self.out.push(' ');
                self.key(property);
                self.out.push(')');
            }
            ExpressionKind::Index { array, index } => self.list("(at", [&**array, index]),
            ExpressionKind::Unary { operator, operand } => {
                self.list(&format!("({}", operator.symbol()), [&**operand])
            }
            ExpressionKind::Binary {
                operator,
                left,
                right,
            } => {
                self.list(&format!("({}", operator.symbol()), [&**left, right]);
            }
            ExpressionKind::Logical { operator, operands } => {
                self.list(&format!("({}", operator.symbol()), operands)
            }
            ExpressionKind::Conditional {
                test,
                consequent,
                alternate,
            } => {
                self.list("(if", [&**test, consequent, alternate]);
            }
            ExpressionKind::Parenthesized(inner) => self.list("(paren", [&**inner]),
            literal => self.literal(literal),
        }
    }

    fn literal(&mut self, literal: &ExpressionKind) {
        match literal {
            ExpressionKind::Identifier(name) => self.out.push_str(name),
            ExpressionKind::String(text) => self.out.push_str(&quote(text)),
            ExpressionKind::Boolean(value) => self.write(value),
            ExpressionKind::Integer(value) => self.write(value),
            ExpressionKind::Unsigned(value) => self.write(format_args!("{value}u")),
            ExpressionKind::Float(value) => self.write(format_args!("{value:?}")),
            ExpressionKind::Duration(parts) => self.out.push_str(&duration(parts)),
            ExpressionKind::Time(time) => self.out.push_str(&time.text),
            ExpressionKind::Regex(pattern) => {
                self.write(format_args!("/{}/", pattern.replace('/', "\\/")))
            }
            ExpressionKind::Bad(text) => self.write(format_args!("<bad {text}>")),
            _ => {}
        }
    }

    fn write(&mut self, value: impl std::fmt::Display) {
        let _ = write!(self.out, "{value}");
    }

    fn list<'a>(&mut self, head: &str, items: impl IntoIterator<Item = &'a Expression>) {
        self.out.push_str(head);
        for item in items {
            self.out.push(' ');
            self.expression(item);
        }
        self.out.push(')');
    }

    fn interpolated(&mut self, parts: &[StringPart]) {
        self.out.push_str("(string");
        for part in parts {
            self.out.push(' ');
            match part {
                StringPart::Text { value, .. } => self.out.push_str(&quote(value)),
                StringPart::Expression { value, .. } => self.expression(value),
            }
        }
        self.out.push(')');
    }

    fn key(&mut self, key: &PropertyKey) {
        if key.quoted {
            self.out.push_str(&quote(&key.name));
        } else {
            self.out.push_str(&key.name);
        }
    }

    fn properties(&mut self, properties: &[Property]) {
        for property in properties {
            if !self.out.ends_with('{') {
                self.out.push(' ');
            }
            self.key(&property.key);
            if let Some(value) = &property.value {
                self.out.push_str(": ");
                self.expression(value);
            }
        }
    }

    fn function(&mut self, function: &Function) {
        self.out.push_str("(fn (");
        for (index, parameter) in function.parameters.iter().enumerate() {
            if index > 0 {
                self.out.push(' ');
            }
            self.out.push_str(if parameter.pipe { "<-" } else { "" });
            self.out.push_str(&parameter.name.name);
            if let Some(default) = &parameter.default {
                self.out.push('=');
                self.expression(default);
            }
        }
        self.out.push_str(") ");
        match &function.body {
            FunctionBody::Expression(body) => self.expression(body),
            FunctionBody::Block(block) => self.block(block),
        }
        self.out.push(')');
    }
}
