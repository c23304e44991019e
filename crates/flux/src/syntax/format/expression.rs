//! Expressions as text, with parentheses where the tree has none and the text needs them.

use super::{Formatter, duration, escape, quote};
use crate::syntax::ast::{
    BinaryOperator, Expression, ExpressionKind, Function, FunctionBody, LogicalOperator, Property,
    PropertyKey, StringPart, UnaryOperator,
};

/// How tightly the outermost operator of an expression binds; the grammar's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Whole,
    Or,
    And,
    Not,
    Comparison,
    Additive,
    Multiplicative,
    Exponent,
    Pipe,
    Sign,
    Postfix,
}

impl Binding {
    fn of(expression: &Expression) -> Self {
        match &expression.kind {
            ExpressionKind::Conditional { .. } => Self::Whole,
            ExpressionKind::Logical {
                operator: LogicalOperator::Or,
                ..
            } => Self::Or,
            ExpressionKind::Logical {
                operator: LogicalOperator::And,
                ..
            } => Self::And,
            ExpressionKind::Unary {
                operator: UnaryOperator::Not | UnaryOperator::Exists,
                ..
            } => Self::Not,
            ExpressionKind::Unary { .. } => Self::Sign,
            ExpressionKind::Binary { operator, .. } => Self::of_operator(*operator),
            ExpressionKind::Pipe { .. } => Self::Pipe,
            _ => Self::Postfix,
        }
    }

    fn of_operator(operator: BinaryOperator) -> Self {
        use BinaryOperator as B;
        match operator {
            B::Add | B::Subtract => Self::Additive,
            B::Multiply | B::Divide | B::Modulo => Self::Multiplicative,
            B::Power => Self::Exponent,
            // Only where the text was wrong; it is written as it was.
            B::Invalid => Self::Whole,
            _ => Self::Comparison,
        }
    }

    fn next(self) -> Self {
        match self {
            Self::Whole => Self::Whole,
            Self::Or => Self::And,
            Self::And => Self::Not,
            Self::Not => Self::Comparison,
            Self::Comparison => Self::Additive,
            Self::Additive => Self::Multiplicative,
            Self::Multiplicative => Self::Exponent,
            Self::Exponent => Self::Pipe,
            Self::Pipe => Self::Sign,
            Self::Sign | Self::Postfix => Self::Postfix,
        }
    }
}

impl Formatter {
    /// Like [`Self::operand`], where more of the same expression follows.
    fn leading(&mut self, expression: &Expression, loosest: Binding) {
        if takes_what_follows(expression) {
            self.parenthesized(expression);
        } else {
            self.operand(expression, loosest);
        }
    }

    /// An expression where one that binds as tightly as `loosest` may stand.
    fn operand(&mut self, expression: &Expression, loosest: Binding) {
        if Binding::of(expression) >= loosest {
            return self.expression(expression);
        }
        self.parenthesized(expression);
    }

    fn parenthesized(&mut self, expression: &Expression) {
        self.out.push('(');
        self.expression(expression);
        self.out.push(')');
    }

    pub(super) fn expression(&mut self, expression: &Expression) {
        match &expression.kind {
            ExpressionKind::Interpolated(parts) => self.interpolated(parts),
            ExpressionKind::Array(items) => {
                self.out.push('[');
                for (index, item) in items.iter().enumerate() {
                    self.out.push_str(if index > 0 { ", " } else { "" });
                    self.expression(item);
                }
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
                self.leading(&call.callee, Binding::Postfix);
                self.out.push('(');
                self.properties(&call.arguments);
                self.out.push(')');
            }
            ExpressionKind::Member { object, property } => {
                self.leading(object, Binding::Postfix);
                if property.quoted {
                    self.write(format_args!("[{}]", quote(&property.name)));
                } else {
                    // `1.a` would be the number `1.` and a name.
                    let number = matches!(object.kind, ExpressionKind::Integer(_));
                    self.out.push_str(if number { " ." } else { "." });
                    self.write(&property.name);
                }
            }
            ExpressionKind::Index { array, index } => {
                self.leading(array, Binding::Postfix);
                self.out.push('[');
                self.expression(index);
                self.out.push(']');
            }
            ExpressionKind::Parenthesized(inner) => self.parenthesized(inner),
            ExpressionKind::Pipe {
                source,
                destination,
            } => self.pipe(source, destination),
            ExpressionKind::Unary { .. }
            | ExpressionKind::Binary { .. }
            | ExpressionKind::Logical { .. }
            | ExpressionKind::Conditional { .. } => self.operation(expression),
            literal => self.literal(literal),
        }
    }

    fn operation(&mut self, expression: &Expression) {
        let binding = Binding::of(expression);
        match &expression.kind {
            ExpressionKind::Unary { operator, operand } => {
                let symbol = operator.symbol();
                self.out.push_str(symbol);
                self.out.push_str(if symbol.len() > 1 { " " } else { "" });
                self.operand(operand, binding);
            }
            ExpressionKind::Binary {
                operator,
                left,
                right,
            } => {
                if *operator == BinaryOperator::Invalid {
                    self.expression(left);
                    self.out.push(' ');
                } else {
                    self.leading(left, binding);
                    self.write(format_args!(" {} ", operator.symbol()));
                }
                self.operand(right, binding.next());
            }
            ExpressionKind::Logical { operator, operands } => {
                for (index, operand) in operands.iter().enumerate() {
                    if index > 0 {
                        self.write(format_args!(" {} ", operator.symbol()));
                    }
                    if index + 1 < operands.len() {
                        self.leading(operand, binding.next());
                    } else {
                        self.operand(operand, binding.next());
                    }
                }
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
            _ => {}
        }
    }

    fn literal(&mut self, literal: &ExpressionKind) {
        match literal {
            ExpressionKind::Identifier(name) => self.out.push_str(name),
            ExpressionKind::String(text) => self.out.push_str(&quote(text)),
            ExpressionKind::Boolean(value) => self.write(value),
            ExpressionKind::Integer(value) => self.write(value),
            ExpressionKind::Unsigned(value) => self.write(format_args!("uint(v: \"{value}\")")),
            ExpressionKind::Float(value) => self.float(*value),
            ExpressionKind::Duration(parts) => self.out.push_str(&duration(parts)),
            ExpressionKind::Time(time) => self.out.push_str(&time.text),
            ExpressionKind::Regex(pattern) => {
                self.write(format_args!("/{}/", escape_regex(pattern)))
            }
            ExpressionKind::Bad(text) => self.out.push_str(text),
            _ => {}
        }
    }

    /// Always with a point, never with an exponent: Flux knows none.
    fn float(&mut self, value: f64) {
        // A literal too large is infinite, and so is ten times the largest.
        if value.is_infinite() {
            return self.write(format_args!("{}0.0", f64::MAX));
        }
        let text = value.to_string();
        self.out.push_str(&text);
        if !text.contains('.') {
            self.out.push_str(".0");
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
        self.leading(source, Binding::Pipe);
        self.depth += 1;
        self.new_line();
        self.out.push_str("|> ");
        self.operand(destination, Binding::Sign);
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
            FunctionBody::Expression(body) if starts_with_brace(body) => self.parenthesized(body),
            FunctionBody::Expression(body) => self.expression(body),
            FunctionBody::Block(block) => self.block(block),
        }
    }
}

/// A slash must not end the pattern, a backslash must not become one of the literal's own escapes, and
/// without a pattern the slashes would begin a comment.
fn escape_regex(pattern: &str) -> String {
    if pattern.is_empty() {
        return "(?:)".to_owned();
    }
    let mut escaped = String::with_capacity(pattern.len());
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            ('/', _) => escaped.push_str("\\/"),
            ('\\', Some('/' | 'x')) => escaped.push_str("\\x5c"),
            ('\\', Some(&next)) => {
                characters.next();
                escaped.extend(['\\', next]);
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

/// Whether the text of an expression ends in one that goes on as far as it can, and so would take up an
/// operator after it.
fn takes_what_follows(expression: &Expression) -> bool {
    match &expression.kind {
        ExpressionKind::Conditional { .. } => true,
        ExpressionKind::Function(function) => {
            matches!(function.body, FunctionBody::Expression(_))
        }
        ExpressionKind::Unary { operand: last, .. }
        | ExpressionKind::Binary { right: last, .. }
        | ExpressionKind::Pipe {
            destination: last, ..
        } => takes_what_follows(last),
        ExpressionKind::Logical { operands, .. } => operands.last().is_some_and(takes_what_follows),
        _ => false,
    }
}

/// Whether the text of an expression begins with a record.
fn starts_with_brace(expression: &Expression) -> bool {
    match &expression.kind {
        ExpressionKind::Record(_) => true,
        ExpressionKind::Member { object: first, .. }
        | ExpressionKind::Index { array: first, .. }
        | ExpressionKind::Pipe { source: first, .. }
        | ExpressionKind::Binary { left: first, .. } => starts_with_brace(first),
        ExpressionKind::Call(call) => starts_with_brace(&call.callee),
        ExpressionKind::Logical { operands, .. } => operands.first().is_some_and(starts_with_brace),
        _ => false,
    }
}
