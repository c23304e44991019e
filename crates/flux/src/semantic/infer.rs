//! Type inference over the tree: Hindley and Milner's, with rows for records and kinds for operators.
//!
//! The order of the steps is that of InfluxDB's checker, so that several errors come in the same order. A value
//! in parentheses has the place of the value, a pipe has the place of its destination.

mod expression;
mod function;

use std::collections::HashMap;

use super::environment::{Binding, Environment};
use super::error::TypeError;
use super::kind::Kind;
use super::monotype::{Scheme, Type};
use super::package::Package;
use super::substitution::Substitution;
use crate::syntax::Diagnostic;
use crate::syntax::ast::{
    Assignment, Expression, ExpressionKind, File, Import, Name, OptionAssignment, Span, Statement,
    StatementKind,
};

/// How many errors are kept, and how many bytes their texts may take together. Each shows its types in full, and the types of
/// a short program can be long; people read the first ones.
const MAX_ERRORS: usize = 1_000;
const MAX_ERROR_BYTES: usize = 1 << 20;

pub(super) struct Inference {
    pub(super) substitution: Substitution,
    environment: Environment,
    /// One type for all uses of a name that is not defined, so that it is complained about only once a place.
    undefined: HashMap<Name, Type>,
    errors: Vec<(Span, Problem)>,
}

/// What is wrong at a place.
enum Problem {
    Type(TypeError),
    Other(String),
}

impl Inference {
    pub(super) fn new() -> Self {
        Self {
            substitution: Substitution::default(),
            environment: Environment::new(),
            undefined: HashMap::new(),
            errors: Vec::new(),
        }
    }

    /// Infers one file after the other in the same scope; returns the type of each top-level expression statement.
    pub(super) fn file(&mut self, file: &File) -> Vec<(Span, Type)> {
        for import in &file.imports {
            self.import(import);
        }
        let mut expressions = Vec::new();
        for statement in &file.body {
            if let Some(kind) = self.statement(statement) {
                expressions.push((statement.span, kind));
            }
        }
        expressions
    }

    /// Ends inference: what was wrong, in the order in which it was found.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        let mut diagnostics: Vec<Diagnostic> = Vec::with_capacity(self.errors.len());
        let mut bytes = 0;
        for (span, problem) in std::mem::take(&mut self.errors) {
            if self.substitution.exhausted() || bytes >= MAX_ERROR_BYTES {
                break;
            }
            let message = match problem {
                Problem::Type(error) => error.text(&mut self.substitution),
                Problem::Other(text) => text,
            };
            bytes += message.len();
            diagnostics.push(Diagnostic::semantic(span, message));
        }
        if self.substitution.exhausted() {
            let message = TypeError::TooLarge.text(&mut self.substitution);
            return vec![Diagnostic::semantic(Span::default(), message)];
        }
        diagnostics
    }

    fn complain(&mut self, span: Span, message: impl Into<String>) {
        self.problem(span, Problem::Other(message.into()));
    }

    fn problem(&mut self, span: Span, problem: Problem) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push((span, problem));
        }
    }

    fn import(&mut self, import: &Import) {
        let binding = match Package::find(&import.path) {
            Some(package) => Binding::Package(package),
            None => {
                self.complain(import.span, format!("invalid import path {}", import.path));
                Binding::Unknown
            }
        };
        let last_segment = || import.path.rsplit('/').next().unwrap_or("").into();
        let name = match (&import.alias, &binding) {
            (Some(alias), _) => alias.name.clone(),
            (None, Binding::Package(package)) => package.name.into(),
            (None, _) => last_segment(),
        };
        self.environment.add(name, binding);
    }

    /// The type of an expression statement; None for any other.
    fn statement(&mut self, statement: &Statement) -> Option<Type> {
        match &statement.kind {
            StatementKind::Expression(value) => return Some(self.expression(value)),
            StatementKind::Variable(assignment) => self.assignment(assignment),
            StatementKind::Option(assignment) => self.option(assignment),
            StatementKind::Return(_) => {
                self.complain(statement.span, "return not valid in file block")
            }
            StatementKind::TestCase { block, .. } => {
                self.environment.enter();
                for statement in &block.statements {
                    self.statement(statement);
                }
                self.environment.leave();
            }
            StatementKind::Builtin { name, signature } => {
                let scheme =
                    super::notation::parse_scheme(signature).unwrap_or(Scheme::of(Type::Error));
                self.environment
                    .add(name.name.clone(), Binding::Defined(scheme.into()));
            }
            StatementKind::Bad(_) => {}
        }
        None
    }

    fn assignment(&mut self, assignment: &Assignment) {
        self.define(&assignment.name.name, &assignment.value);
    }

    /// Infers a value and makes its type known under a name, for every type that its own variables allow.
    fn define(&mut self, name: &Name, value: &Expression) {
        self.substitution.enter_level();
        let kind = self.expression(value);
        self.substitution.leave_level();
        let scheme = self.substitution.generalize(&kind);
        self.environment
            .add(name.clone(), Binding::Defined(scheme.into()));
    }

    fn option(&mut self, assignment: &OptionAssignment) {
        let Some(package) = &assignment.package else {
            return self.define(&assignment.name.name, &assignment.value);
        };
        let value = self.expression(&assignment.value);
        let object = Expression::new(
            package.span,
            ExpressionKind::Identifier(package.name.clone()),
        );
        let expected = self.member(&object, &assignment.name.name);
        self.equal(&expected, &value, place(&assignment.value));
    }

    // === constraints ===

    /// Makes two types equal; the type that holds from here on.
    fn equal(&mut self, expected: &Type, found: &Type, span: Span) -> Type {
        let errors = self.substitution.unify(expected, found);
        if errors.is_empty() {
            return expected.clone();
        }
        for error in errors {
            self.problem(span, Problem::Type(error));
        }
        Type::Error
    }

    fn constrain(&mut self, kind: Kind, found: &Type, span: Span) {
        if let Err(error) = self.substitution.constrain(kind, found) {
            self.problem(span, Problem::Type(error));
        }
    }

    fn type_errors(&mut self, errors: Vec<(Span, TypeError)>) {
        for (span, error) in errors {
            self.problem(span, Problem::Type(error));
        }
    }
}

/// Where an expression is said to be in messages.
fn place(expression: &Expression) -> Span {
    let inner = expression.without_parentheses();
    match &inner.kind {
        ExpressionKind::Pipe { destination, .. } => destination.span,
        _ => inner.span,
    }
}
