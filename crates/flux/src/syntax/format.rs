//! The tree back to Flux text: `parse(format(tree))` is the same tree, places aside. Comments are not kept.

use std::fmt::Write as _;

use super::ast::{
    BinaryOperator, Block, DurationPart, Expression, ExpressionKind, File, Function, FunctionBody,
    Property, PropertyKey, Statement, StatementKind, StringPart,
};

const INDENT: &str = "    ";

/// The text of a whole file, one statement after the other, pipes each on a line of their own.
pub fn format(file: &File) -> String {
    let mut formatter = Formatter {
        out: String::new(),
        depth: 0,
    };
    if let Some(package) = &file.package {
        let _ = writeln!(formatter.out, "package {}\n", package.name.name);
    }
    for import in &file.imports {
        let alias = import
            .alias
            .as_ref()
            .map_or(String::new(), |alias| format!("{} ", alias.name));
        let _ = writeln!(formatter.out, "import {alias}{}", quote(&import.path));
    }
    if !file.imports.is_empty() && !file.body.is_empty() {
        formatter.out.push('\n');
    }
    for statement in &file.body {
        formatter.statement(statement);
        formatter.out.push('\n');
    }
    formatter.out
}

/// The text of one expression.
pub fn format_expression(expression: &Expression) -> String {
    let mut formatter = Formatter {
        out: String::new(),
        depth: 0,
    };
    formatter.expression(expression);
    formatter.out
}

/// A string literal.
pub fn quote(text: &str) -> String {
    format!("\"{}\"", escape(text))
}

/// `1h30m`
pub fn duration(parts: &[DurationPart]) -> String {
    parts
        .iter()
        .map(|part| format!("{}{}", part.magnitude, part.unit.symbol()))
        .collect()
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '\\' => escaped.push_str("\\\\"),
            '"' => escaped.push_str("\\\""),
            '$' if characters.peek() == Some(&'{') => escaped.push_str("\\$"),
            other => escaped.push(other),
        }
    }
    escaped
}

struct Formatter {
    out: String,
    depth: usize,
}

impl Formatter {
    fn new_line(&mut self) {
        self.out.push('\n');
        for _ in 0..self.depth {
            self.out.push_str(INDENT);
        }
    }

    fn write(&mut self, value: impl std::fmt::Display) {
        let _ = write!(self.out, "{value}");
    }

    fn statement(&mut self, statement: &Statement) {
        match &statement.kind {
            StatementKind::Expression(value) => self.expression(value),
            StatementKind::Variable(assignment) => {
                self.write(format_args!("{} = ", assignment.name.name));
                self.expression(&assignment.value);
            }
            StatementKind::Option(assignment) => {
                let package = assignment
                    .package
                    .as_ref()
                    .map_or(String::new(), |package| format!("{}.", package.name));
                self.write(format_args!("option {package}{} = ", assignment.name.name));
                self.expression(&assignment.value);
            }
            StatementKind::Return(value) => {
                self.out.push_str("return ");
                self.expression(value);
            }
            StatementKind::Builtin { name, signature } => {
                self.write(format_args!("builtin {} : {signature}", name.name))
            }
            StatementKind::TestCase {
                name,
                extends,
                block,
            } => {
                self.write(format_args!("testcase {} ", name.name));
                if let Some(path) = extends {
                    self.write(format_args!("extends {} ", quote(path)));
                }
                self.block(block);
            }
            StatementKind::Bad(text) => self.out.push_str(text),
        }
    }

    fn block(&mut self, block: &Block) {
        self.out.push('{');
        self.depth += 1;
        for statement in &block.statements {
            self.new_line();
            self.statement(statement);
        }
        self.depth -= 1;
        self.new_line();
        self.out.push('}');
    }

    fn expression(&mut self, expression: &Expression) {
        match &expression.kind {
            ExpressionKind::Identifier(name) => self.out.push_str(name),
            ExpressionKind::String(text) => self.out.push_str(&quote(text)),
            ExpressionKind::Interpolated(parts) => self.interpolated(parts),
            ExpressionKind::Boolean(value) => self.write(value),
            ExpressionKind::Integer(value) => self.write(value),
            ExpressionKind::Unsigned(value) => self.write(format_args!("uint(v: {value})")),
            ExpressionKind::Float(value) => self.float(*value),
            ExpressionKind::Duration(parts) => self.out.push_str(&duration(parts)),
            ExpressionKind::Time(time) => self.out.push_str(&time.text),
            ExpressionKind::Regex(pattern) => {
                self.write(format_args!("/{}/", escape_regex(pattern)))
            }
            ExpressionKind::Array(items) => {
                self.out.push('[');
                self.list(", ", items);
                self.out.push(']');
            }
            ExpressionKind::Dict(items) => {
                self.out.push_str(if items.is_empty() { "[:" } else { "[" });
                for (index, item) in items.iter().enumerate() {
                    self.out.push_str(if index > 0 { ", " } else { "" });
                    self.expression(&item.key);
                    self.out.push_str(": ");
                    self.expression(&item.value);
                }
                self.out.push(']');
            }
            ExpressionKind::Record(record) => {
                self.out.push('{');
                if let Some(base) = &record.with {
                    self.write(format_args!("{} with ", base.name));
                }
                self.properties(&record.properties);
                self.out.push('}');
            }
            ExpressionKind::Function(function) => self.function(function),
            ExpressionKind::Call(call) => {
                self.expression(&call.callee);
                self.out.push('(');
                self.properties(&call.arguments);
                self.out.push(')');
            }
            ExpressionKind::Pipe {
                source,
                destination,
            } => self.pipe(source, destination),
            ExpressionKind::Member { object, property } => {
                self.expression(object);
                if property.quoted {
                    self.write(format_args!("[{}]", quote(&property.name)));
                } else {
                    self.write(format_args!(".{}", property.name));
                }
            }
            ExpressionKind::Index { array, index } => {
                self.expression(array);
                self.out.push('[');
                self.expression(index);
                self.out.push(']');
            }
            ExpressionKind::Unary { operator, operand } => {
                let symbol = operator.symbol();
                self.out.push_str(symbol);
                self.out.push_str(if symbol.len() > 1 { " " } else { "" });
                self.expression(operand);
            }
            ExpressionKind::Binary {
                operator,
                left,
                right,
            } => {
                self.expression(left);
                match operator {
                    BinaryOperator::Invalid => self.out.push(' '),
                    operator => self.write(format_args!(" {} ", operator.symbol())),
                }
                self.expression(right);
            }
            ExpressionKind::Logical { operator, operands } => {
                self.list(&format!(" {} ", operator.symbol()), operands)
            }
            ExpressionKind::Conditional {
                test,
                consequent,
                alternate,
            } => {
                self.out.push_str("if ");
                self.expression(test);
                self.out.push_str(" then ");
                self.expression(consequent);
                self.out.push_str(" else ");
                self.expression(alternate);
            }
            ExpressionKind::Parenthesized(inner) => {
                self.out.push('(');
                self.expression(inner);
                self.out.push(')');
            }
            ExpressionKind::Bad(text) => self.out.push_str(text),
        }
    }

    /// Always with a point, never with an exponent: Flux knows none.
    fn float(&mut self, value: f64) {
        let text = value.to_string();
        self.out.push_str(&text);
        if !text.contains('.') {
            self.out.push_str(".0");
        }
    }

    fn list(&mut self, separator: &str, items: &[Expression]) {
        for (index, item) in items.iter().enumerate() {
            self.out.push_str(if index > 0 { separator } else { "" });
            self.expression(item);
        }
    }

    fn interpolated(&mut self, parts: &[StringPart]) {
        self.out.push('"');
        for part in parts {
            match part {
                StringPart::Text { value, .. } => self.out.push_str(&escape(value)),
                StringPart::Expression { value, .. } => {
                    self.out.push_str("${");
                    self.expression(value);
                    self.out.push('}');
                }
            }
        }
        self.out.push('"');
    }

    fn key(&mut self, key: &PropertyKey) {
        if key.quoted {
            self.out.push_str(&quote(&key.name));
        } else {
            self.out.push_str(&key.name);
        }
    }

    fn properties(&mut self, properties: &[Property]) {
        for (index, property) in properties.iter().enumerate() {
            self.out.push_str(if index > 0 { ", " } else { "" });
            self.key(&property.key);
            if let Some(value) = &property.value {
                self.out.push_str(": ");
                self.expression(value);
            }
        }
    }

    fn pipe(&mut self, source: &Expression, destination: &Expression) {
        self.expression(source);
        self.depth += 1;
        self.new_line();
        self.out.push_str("|> ");
        self.expression(destination);
        self.depth -= 1;
    }

    fn function(&mut self, function: &Function) {
        self.out.push('(');
        for (index, parameter) in function.parameters.iter().enumerate() {
            self.out.push_str(if index > 0 { ", " } else { "" });
            self.out.push_str(&parameter.name.name);
            if parameter.pipe {
                self.out.push_str("=<-");
            }
            if let Some(default) = &parameter.default {
                self.out.push('=');
                self.expression(default);
            }
        }
        self.out.push_str(") => ");
        match &function.body {
            // A record would read as a block.
            FunctionBody::Expression(body) => self.expression(body),
            FunctionBody::Block(block) => self.block(block),
        }
    }
}

/// A slash must not end the pattern.
fn escape_regex(pattern: &str) -> String {
    pattern.replace('/', "\\/")
}
