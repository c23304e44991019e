//! Each name is set once: variables once in their scope, options once in a program. Only the first offence is
//! reported.

use std::collections::{HashMap, HashSet};

use crate::syntax::Diagnostic;
use crate::syntax::ast::{
    Expression, ExpressionKind, File, FunctionBody, Name, Statement, StatementKind,
};
use crate::syntax::walk::{Node, walk_expression};

/// Looks through files that share one scope.
pub(super) fn check(files: &[&File]) -> Option<Diagnostic> {
    let options = match options(files) {
        Ok(options) => options,
        Err(diagnostic) => return Some(diagnostic),
    };
    let mut seen = HashSet::new();
    let mut variables =
        |statements: &[Statement]| check_scope(statements, &mut seen, Some(&options));
    files
        .iter()
        .find_map(|file| variables(&file.body))
        .or_else(|| dependent_option(&options))
}

/// The program's own options by name; those of packages count for being set twice only.
fn options<'a>(files: &[&'a File]) -> Result<HashMap<&'a Name, &'a Expression>, Diagnostic> {
    let mut set = HashSet::new();
    let mut own = HashMap::new();
    for statement in files.iter().flat_map(|file| &file.body) {
        let StatementKind::Option(assignment) = &statement.kind else {
            continue;
        };
        let package = assignment.package.as_ref().map(|package| &package.name);
        if !set.insert((package, &assignment.name.name)) {
            let prefix = package.map_or(String::new(), |package| format!("{package}."));
            let message = format!("option \"{prefix}{}\" reassigned", assignment.name.name);
            return Err(Diagnostic::semantic(statement.span, message));
        }
        if package.is_none() {
            own.insert(&assignment.name.name, &assignment.value);
        }
    }
    Ok(own)
}

fn check_scope(
    statements: &[Statement],
    seen: &mut HashSet<Name>,
    options: Option<&HashMap<&Name, &Expression>>,
) -> Option<Diagnostic> {
    for statement in statements {
        if let StatementKind::Variable(assignment) = &statement.kind {
            let name = &assignment.name.name;
            if options.is_some_and(|options| options.contains_key(name)) {
                let message = format!("variable \"{name}\" conflicts with option of same name");
                return Some(Diagnostic::semantic(statement.span, message));
            }
            if !seen.insert(name.clone()) {
                return Some(Diagnostic::semantic(
                    statement.span,
                    format!("variable \"{name}\" reassigned"),
                ));
            }
        }
        let found = match &statement.kind {
            StatementKind::Expression(value) | StatementKind::Return(value) => {
                check_functions(value)
            }
            StatementKind::Variable(assignment) => check_functions(&assignment.value),
            StatementKind::Option(assignment) => check_functions(&assignment.value),
            StatementKind::TestCase { block, .. } => {
                check_scope(&block.statements, &mut HashSet::new(), None)
            }
            StatementKind::Builtin { .. } | StatementKind::Bad(_) => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// The blocks of the functions within an expression, at any depth.
fn check_functions(value: &Expression) -> Option<Diagnostic> {
    let mut found = None;
    walk_expression(value, &mut |node| {
        let Node::Expression(expression) = node else {
            return;
        };
        let ExpressionKind::Function(function) = &expression.kind else {
            return;
        };
        let FunctionBody::Block(block) = &function.body else {
            return;
        };
        if found.is_none() {
            let mut seen: HashSet<Name> = function
                .parameters
                .iter()
                .map(|parameter| parameter.name.name.clone())
                .collect();
            found = own_statements(&block.statements, &mut seen);
        }
    });
    found
}

fn own_statements(statements: &[Statement], seen: &mut HashSet<Name>) -> Option<Diagnostic> {
    statements
        .iter()
        .find_map(|statement| match &statement.kind {
            StatementKind::Variable(assignment) if !seen.insert(assignment.name.name.clone()) => {
                Some(Diagnostic::semantic(
                    statement.span,
                    format!("variable \"{}\" reassigned", assignment.name.name),
                ))
            }
            _ => None,
        })
}

/// An option that uses another option of the program.
fn dependent_option(options: &HashMap<&Name, &Expression>) -> Option<Diagnostic> {
    let mut found: Option<Diagnostic> = None;
    for (name, value) in options {
        walk_expression(value, &mut |node| {
            let Node::Expression(expression) = node else {
                return;
            };
            let ExpressionKind::Identifier(used) = &expression.kind else {
                return;
            };
            if options.contains_key(used)
                && found
                    .as_ref()
                    .is_none_or(|found| expression.span.start < found.span.start)
            {
                let message = format!(
                    "option \"{name}\" depends on option \"{used}\", which is defined in the same package"
                );
                found = Some(Diagnostic::semantic(expression.span, message));
            }
        });
    }
    found
}
