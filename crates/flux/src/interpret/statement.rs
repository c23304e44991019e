//! Statements: definitions, options, and the expression statements whose streams become results.

use std::rc::Rc;
use std::sync::Arc;

use super::scope::Scope;
use crate::error::Error;
use crate::execute::Context;
use crate::plan::Node;
use crate::stdlib;
use crate::syntax::ast::{Block, ExpressionKind, File, Statement, StatementKind};
use crate::value::Value;

impl Context<'_> {
    /// Runs a file's statements in a scope and hands back the streams of its expression statements.
    ///
    /// # Errors
    /// What an expression says, an unknown package.
    pub fn run_file(&self, file: &File, scope: &Scope) -> Result<Vec<Rc<Node>>, Error> {
        for import in &file.imports {
            let package = self.import(&import.path)?;
            let name = match &import.alias {
                Some(alias) => Arc::clone(&alias.name),
                None => Arc::from(stdlib::package_name(&import.path)),
            };
            scope.set(name, Value::Package(package));
        }
        let mut streams = Vec::new();
        for statement in &file.body {
            if let Some(Value::Stream(node)) = self.statement(statement, scope)? {
                streams.push(node);
            }
        }
        Ok(streams)
    }

    /// Runs one statement; `Some` is the value of an expression statement.
    fn statement(&self, statement: &Statement, scope: &Scope) -> Result<Option<Value>, Error> {
        match &statement.kind {
            StatementKind::Expression(expression) => self.evaluate(expression, scope).map(Some),
            StatementKind::Variable(assignment) => {
                let name = &assignment.name.name;
                // Behind the `=` the name still has the meaning that it hides: `mean = (tables=<-) => tables |> mean()`
                // is no recursion.
                let value = match scope.get(name) {
                    None => self.evaluate(&assignment.value, scope)?,
                    Some(hidden) => {
                        let before = scope.nested();
                        before.set(Arc::clone(name), hidden);
                        self.evaluate(&assignment.value, &before)?
                    }
                };
                scope.set(Arc::clone(name), value);
                Ok(None)
            }
            StatementKind::Option(option) => {
                let value = self.evaluate(&option.value, scope)?;
                match &option.package {
                    None => self.set_option(&option.name.name, value, scope)?,
                    Some(package) => match scope.get(&package.name) {
                        Some(Value::Package(package)) => {
                            package.scope.set(Arc::clone(&option.name.name), value);
                        }
                        _ => {
                            return Err(Error::invalid(format!(
                                "undefined identifier {}",
                                package.name
                            )));
                        }
                    },
                }
                Ok(None)
            }
            StatementKind::Return(_) => Err(Error::invalid("return outside of a function")),
            StatementKind::Builtin { name, .. } => {
                if scope.get(&name.name).is_some() {
                    return Ok(None);
                }
                Err(Error::invalid(format!("missing builtin {}", name.name)))
            }
            StatementKind::TestCase { .. } => Ok(None),
            StatementKind::Bad(text) => Err(Error::invalid(format!(
                "error @{}: invalid statement: {text}",
                statement.span
            ))
            .at()),
        }
    }

    fn set_option(&self, name: &Arc<str>, value: Value, scope: &Scope) -> Result<(), Error> {
        match (name.as_ref(), &value) {
            ("location", _) => self.set_location(&value)?,
            ("now", Value::Function(_)) => {}
            ("now", other) => {
                return Err(Error::invalid(format!(
                    "option now must be a function, found {}",
                    other.type_name()
                )));
            }
            _ => {}
        }
        // The library's own options (now, location) are seen by the library; others belong to the program.
        if self.universe().own(name).is_some() {
            self.universe().set(Arc::clone(name), value);
        } else {
            scope.set(Arc::clone(name), value);
        }
        Ok(())
    }

    /// Runs the block of a function to its return.
    ///
    /// # Errors
    /// What an expression says, a block without return.
    pub fn run_block(&self, block: &Block, scope: &Scope) -> Result<Value, Error> {
        for statement in &block.statements {
            if let StatementKind::Return(expression) = &statement.kind {
                return self.evaluate(expression, scope);
            }
            if let StatementKind::Expression(expression) = &statement.kind
                && matches!(expression.kind, ExpressionKind::Bad(_))
            {
                return Err(Error::invalid("invalid expression in a block"));
            }
            self.statement(statement, scope)?;
        }
        Err(Error::invalid("missing return statement in block"))
    }
}
