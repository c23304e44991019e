//! The tree back to Flux text: `parse(format(tree))` is the same tree, places aside. Comments and
//! attributes are not kept.

mod expression;

use std::fmt::Write as _;

use super::ast::{Block, DurationPart, Expression, File, Statement, StatementKind};

const INDENT: &str = "    ";

/// An attribute, which means nothing: all that the grammar has to part two statements. Its own parentheses
/// keep it from those after it.
const PARTING: &str = "@next() ";

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
    let mut previous: Option<&Statement> = None;
    for statement in &file.body {
        if parts(previous, statement) {
            formatter.out.push('\n');
        }
        formatter.statement_after(previous, statement);
        formatter.out.push('\n');
        previous = Some(statement);
    }
    formatter.out
}

/// Whether an empty line comes between two statements: those of different kinds are parted.
fn parts(previous: Option<&Statement>, statement: &Statement) -> bool {
    let kind = |statement: &Statement| std::mem::discriminant(&statement.kind);
    previous.is_some_and(|previous| kind(previous) != kind(statement))
}

/// Whether the parser would take `text` for more of the statement before it: no sign ends a statement.
fn continues(previous: &Statement, text: &str) -> bool {
    match previous.kind {
        StatementKind::TestCase { .. } => false,
        StatementKind::Builtin { .. } if text.starts_with("where") => true,
        _ => text.starts_with(['(', '[', '+', '-', '/']),
    }
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

    /// A statement on a line of its own; an attribute parts it from one that would take it up.
    fn statement_after(&mut self, previous: Option<&Statement>, statement: &Statement) {
        let start = self.out.len();
        self.statement(statement);
        if previous.is_some_and(|previous| continues(previous, &self.out[start..])) {
            self.out.insert_str(start, PARTING);
        }
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
        let mut previous: Option<&Statement> = None;
        for statement in &block.statements {
            self.new_line();
            self.statement_after(previous, statement);
            previous = Some(statement);
        }
        self.depth -= 1;
        self.new_line();
        self.out.push('}');
    }
}
