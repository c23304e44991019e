//! Walks over the tree, parents before children, in the order of the text.

use super::ast::{
    Expression, ExpressionKind, File, Function, FunctionBody, Property, Statement, StatementKind,
    StringPart,
};

/// What a walk meets.
#[derive(Debug, Clone, Copy)]
pub enum Node<'a> {
    Statement(&'a Statement),
    Expression(&'a Expression),
}

pub fn walk_file<'a>(file: &'a File, visit: &mut impl FnMut(Node<'a>)) {
    walk_statements(&file.body, visit);
}

pub fn walk_statements<'a>(statements: &'a [Statement], visit: &mut impl FnMut(Node<'a>)) {
    for statement in statements {
        visit(Node::Statement(statement));
        match &statement.kind {
            StatementKind::Expression(value) | StatementKind::Return(value) => {
                walk_expression(value, visit)
            }
            StatementKind::Variable(assignment) => walk_expression(&assignment.value, visit),
            StatementKind::Option(assignment) => walk_expression(&assignment.value, visit),
            StatementKind::TestCase { block, .. } => walk_statements(&block.statements, visit),
            StatementKind::Builtin { .. } | StatementKind::Bad(_) => {}
        }
    }
}

pub fn walk_expression<'a>(expression: &'a Expression, visit: &mut impl FnMut(Node<'a>)) {
    visit(Node::Expression(expression));
    match &expression.kind {
        ExpressionKind::Interpolated(parts) => {
            for part in parts {
                if let StringPart::Expression { value, .. } = part {
                    walk_expression(value, visit);
                }
            }
        }
        ExpressionKind::Array(items)
        | ExpressionKind::Logical {
            operands: items, ..
        } => {
            items.iter().for_each(|item| walk_expression(item, visit));
        }
        ExpressionKind::Dict(items) => {
            for item in items {
                walk_expression(&item.key, visit);
                walk_expression(&item.value, visit);
            }
        }
        ExpressionKind::Record(record) => walk_properties(&record.properties, visit),
        ExpressionKind::Function(function) => walk_function(function, visit),
        ExpressionKind::Call(call) => {
            walk_expression(&call.callee, visit);
            walk_properties(&call.arguments, visit);
        }
        ExpressionKind::Pipe {
            source: left,
            destination: right,
        }
        | ExpressionKind::Index {
            array: left,
            index: right,
        }
        | ExpressionKind::Binary { left, right, .. } => {
            walk_expression(left, visit);
            walk_expression(right, visit);
        }
        ExpressionKind::Member { object: inner, .. }
        | ExpressionKind::Unary { operand: inner, .. }
        | ExpressionKind::Parenthesized(inner) => walk_expression(inner, visit),
        ExpressionKind::Conditional {
            test,
            consequent,
            alternate,
        } => {
            walk_expression(test, visit);
            walk_expression(consequent, visit);
            walk_expression(alternate, visit);
        }
        ExpressionKind::Identifier(_)
        | ExpressionKind::String(_)
        | ExpressionKind::Boolean(_)
        | ExpressionKind::Integer(_)
        | ExpressionKind::Unsigned(_)
        | ExpressionKind::Float(_)
        | ExpressionKind::Duration(_)
        | ExpressionKind::Time(_)
        | ExpressionKind::Regex(_)
        | ExpressionKind::Bad(_) => {}
    }
}

fn walk_function<'a>(function: &'a Function, visit: &mut impl FnMut(Node<'a>)) {
    for parameter in &function.parameters {
        if let Some(default) = &parameter.default {
            walk_expression(default, visit);
        }
    }
    match &function.body {
        FunctionBody::Expression(body) => walk_expression(body, visit),
        FunctionBody::Block(block) => walk_statements(&block.statements, visit),
    }
}

fn walk_properties<'a>(properties: &'a [Property], visit: &mut impl FnMut(Node<'a>)) {
    for value in properties
        .iter()
        .filter_map(|property| property.value.as_ref())
    {
        walk_expression(value, visit);
    }
}
