//! The types of functions and calls.

use std::collections::BTreeMap;

use super::{Inference, place};
use crate::semantic::environment::Binding;
use crate::semantic::monotype::{Function, Type};
use crate::semantic::unify::{CallShape, PIPED};
use crate::syntax::ast::{
    self, Block, Call, Expression, FunctionBody, Span, Statement, StatementKind,
};

impl Inference {
    pub(super) fn function(&mut self, function: &ast::Function) -> Type {
        let has_defaults = function
            .parameters
            .iter()
            .any(|parameter| parameter.default.is_some());
        if !has_defaults {
            return self.plain_function(function);
        }
        self.substitution.enter_level();
        let kind = self.plain_function(function);
        self.substitution.leave_level();
        // The defaults must fit, without deciding the types of the parameters for every call.
        let scheme = self.substitution.generalize(&kind);
        self.substitution.lower(&kind);
        let with_defaults = self.default_function(function);
        let expected = self.substitution.instantiate(&scheme);
        self.equal(&expected, &with_defaults, function.span);
        kind
    }

    fn plain_function(&mut self, function: &ast::Function) -> Type {
        let (mut required, mut optional, mut pipe) = (BTreeMap::new(), BTreeMap::new(), None);
        self.environment.enter();
        for parameter in &function.parameters {
            let name = parameter.name.name.clone();
            let kind = self.substitution.fresh();
            self.environment
                .add(name.clone(), Binding::Parameter(kind.clone()));
            if parameter.pipe {
                if pipe.is_some() {
                    self.complain(
                        function.span,
                        "function types can have at most one pipe parameter",
                    );
                }
                pipe = Some((name, kind));
            } else if parameter.default.is_some() {
                optional.insert(name, kind);
            } else {
                required.insert(name, kind);
            }
        }
        let result = match &function.body {
            FunctionBody::Expression(body) => self.expression(body),
            FunctionBody::Block(block) => self.block(block),
        };
        self.environment.leave();
        Type::function(Function {
            required,
            optional,
            pipe,
            result,
        })
    }

    /// The same function with the types of its defaults and anything else unknown.
    fn default_function(&mut self, function: &ast::Function) -> Type {
        let (mut required, mut optional, mut pipe) = (BTreeMap::new(), BTreeMap::new(), None);
        for parameter in &function.parameters {
            let name = parameter.name.name.clone();
            match &parameter.default {
                Some(default) => {
                    optional.insert(name, self.expression(default));
                }
                None if parameter.pipe => pipe = Some((name, self.substitution.fresh())),
                None => {
                    required.insert(name, self.substitution.fresh());
                }
            }
        }
        let result = self.substitution.fresh();
        Type::function(Function {
            required,
            optional,
            pipe,
            result,
        })
    }

    /// The type of what the block returns.
    fn block(&mut self, block: &Block) -> Type {
        let mut result = None;
        let last = block.statements.len().saturating_sub(1);
        for (index, statement) in block.statements.iter().enumerate() {
            match &statement.kind {
                StatementKind::Variable(assignment) => self.assignment(assignment),
                StatementKind::Expression(value) => {
                    self.expression(value);
                }
                StatementKind::Return(value) if index == last => {
                    result = Some(self.expression(value))
                }
                _ => {
                    let message = format!(
                        "invalid {} statement in function block",
                        statement_name(statement)
                    );
                    self.complain(statement.span, message);
                }
            }
        }
        result.unwrap_or_else(|| {
            let span = block
                .statements
                .last()
                .map_or(block.span, |statement| statement.span);
            self.complain(span, "missing return statement in block");
            Type::Error
        })
    }

    pub(super) fn call(&mut self, call: &Call, piped: Option<&Expression>, span: Span) -> Type {
        let callee = self.expression(&call.callee);
        let mut arguments = BTreeMap::new();
        for argument in &call.arguments {
            let kind = self.property_value(argument);
            let span = argument.value.as_ref().map_or(argument.key.span, place);
            arguments.insert(argument.key.name.clone(), (kind, span));
        }
        let piped = piped.map(|piped| self.expression(piped));
        let result = self.substitution.fresh();
        let callee = self.substitution.shallow(&callee);
        if let Type::Function(function) = &callee {
            let shape = CallShape {
                arguments,
                piped,
                span,
                result: result.clone(),
            };
            let errors = self.substitution.unify_call(function, &shape);
            self.type_errors(errors);
        } else {
            let required = arguments
                .into_iter()
                .map(|(name, (kind, _))| (name, kind))
                .collect();
            let pipe = piped.map(|piped| (PIPED.into(), piped));
            let optional = BTreeMap::new();
            let shape = Type::function(Function {
                required,
                optional,
                pipe,
                result: result.clone(),
            });
            self.equal(&callee, &shape, span);
        }
        result
    }
}

fn statement_name(statement: &Statement) -> &'static str {
    match statement.kind {
        StatementKind::Expression(_) => "expression",
        StatementKind::Variable(_) => "assignment",
        StatementKind::Option(_) => "option",
        StatementKind::Return(_) => "return",
        StatementKind::Builtin { .. } => "builtin",
        StatementKind::TestCase { .. } => "testcase",
        StatementKind::Bad(_) => "bad",
    }
}
