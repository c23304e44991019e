//! Calls: arguments to parameters, and the lifting of scalar functions over whole columns.

use std::sync::Arc;

use super::arguments::Arguments;
use super::function::{Closure, Function, Native, NativeKind, Parameter, parse_signature};
use crate::error::Error;
use crate::execute::Context;
use crate::plan::{Node, Operation};
use crate::syntax::ast::FunctionBody;
use crate::table::Column;
use crate::value::Value;

impl Context<'_> {
    /// Calls a function; `piped` is what stands before `|>`.
    ///
    /// # Errors
    /// A wrong argument, too deep a recursion, what the function says.
    pub fn call(
        &self,
        function: &Function,
        mut arguments: Arguments,
        piped: Option<Value>,
    ) -> Result<Value, Error> {
        let parameters = match function {
            Function::Closure(closure) => return self.call_closure(closure, arguments, piped),
            Function::Native(native) => parse_signature(native.signature),
            Function::Bound(bound) => bound.parameters.clone(),
        };
        if let Some(piped) = piped {
            let pipe = parameters.iter().find(|parameter| parameter.pipe);
            let pipe =
                pipe.ok_or_else(|| Error::invalid("function does not take a pipe argument"))?;
            arguments.push(Arc::clone(&pipe.name), piped);
        }
        check_arguments(&parameters, &arguments)?;
        match function {
            Function::Native(native) => self.call_native(native, &arguments),
            Function::Bound(bound) => {
                if self.lambda_rows().is_some() {
                    return Err(Error::internal("called for one row at a time"));
                }
                (bound.call)(self, &arguments)
            }
            Function::Closure(_) => Err(Error::internal("closures are called above")),
        }
    }

    /// Calls a function with named values, for a caller who holds the result on an account of its own.
    ///
    /// # Errors
    /// As [`Context::call`].
    pub fn call_with<const N: usize>(
        &self,
        function: &Function,
        arguments: [(&str, Value); N],
    ) -> Result<Value, Error> {
        self.discharged(|| self.call(function, Arguments::of(arguments), None))
    }

    fn call_closure(
        &self,
        closure: &Closure,
        arguments: Arguments,
        piped: Option<Value>,
    ) -> Result<Value, Error> {
        let _depth = self.enter()?;
        let scope = closure.scope.nested();
        let code = &closure.code;
        let mut piped = piped;
        for (name, _) in arguments.iter() {
            if !code
                .parameters
                .iter()
                .any(|parameter| parameter.name.name == *name)
            {
                return Err(Error::invalid(format!("found unexpected argument {name}")));
            }
        }
        for parameter in &code.parameters {
            let name = &parameter.name.name;
            let value = match arguments.get(name) {
                Some(value) => value.clone(),
                None if parameter.pipe => piped
                    .take()
                    .ok_or_else(|| Error::invalid("missing pipe argument"))?,
                None => match &parameter.default {
                    Some(default) => self.evaluate(default, &closure.scope)?,
                    None => {
                        return Err(Error::invalid(format!("missing required argument {name}")));
                    }
                },
            };
            scope.set(Arc::clone(name), value);
        }
        if piped.is_some() {
            return Err(Error::invalid("function does not take a pipe argument"));
        }
        match &code.body {
            FunctionBody::Expression(expression) => self.evaluate(expression, &scope),
            FunctionBody::Block(block) => self.run_block(block, &scope),
        }
    }

    fn call_native(&self, native: &Native, arguments: &Arguments) -> Result<Value, Error> {
        let Some(rows) = self.lambda_rows() else {
            return self.call_counted(native, arguments);
        };
        if native.kind != NativeKind::Scalar {
            return Err(Error::internal("called for one row at a time"));
        }
        let mut lifted = false;
        for (_, value) in arguments.iter() {
            match value {
                Value::Column(_) => lifted = true,
                Value::Row(_) | Value::Record(_) => {
                    return Err(Error::internal("called for one row at a time"));
                }
                _ => {}
            }
        }
        if !lifted {
            return self.call_counted(native, arguments);
        }
        if let ("", Some(Value::Column(column))) = (native.package, arguments.get("v"))
            && let Some(converted) = crate::stdlib::convert_column(native.name, column)
        {
            return Ok(Value::Column(converted));
        }
        self.lift(native, arguments, rows)
    }

    /// Calls a scalar function once a row.
    fn lift(&self, native: &Native, arguments: &Arguments, rows: usize) -> Result<Value, Error> {
        let constant = arguments.iter().all(|(_, value)| match value {
            Value::Column(column) => column.is_constant(),
            _ => true,
        });
        let calls = if constant { rows.min(1) } else { rows };
        let mut results = Vec::with_capacity(calls);
        for row in 0..calls {
            let values = arguments.iter().map(|(name, value)| {
                let value = match value {
                    Value::Column(column) => column.value(row),
                    other => other.clone(),
                };
                (Arc::clone(name), value)
            });
            let arguments = Arguments::new(values.collect(), arguments.span);
            results.push(self.call_counted(native, &arguments)?);
        }
        if constant && let Some(first) = results.first() {
            let first = first.clone();
            return Ok(Column::repeat(&first, rows).map_or(first, Value::Column));
        }
        let known = results.iter().find(|value| !value.is_null());
        let kind = known
            .and_then(|value| Column::repeat(value, 0))
            .map(|column| column.kind());
        match kind {
            None if known.is_none() => Ok(match crate::stdlib::scalar_result(native.name) {
                Some(kind) => Value::Column(Column::nulls(kind, rows)),
                None => Value::Null,
            }),
            None => Err(Error::internal("a column cannot hold the results")),
            Some(kind) => Column::from_values(&results, kind)
                .map(Value::Column)
                .ok_or_else(|| Error::internal("a column cannot hold the results")),
        }
    }

    /// A stream of one more operation.
    ///
    /// # Errors
    /// Too long a chain.
    pub fn stream(
        &self,
        operation: Operation,
        inputs: Vec<std::rc::Rc<Node>>,
        arguments: &Arguments,
    ) -> Result<Value, Error> {
        Node::new(operation, inputs, arguments.span).map(Value::Stream)
    }
}

fn check_arguments(parameters: &[Parameter], arguments: &Arguments) -> Result<(), Error> {
    for (name, _) in arguments.iter() {
        if !parameters.iter().any(|parameter| parameter.name == *name) {
            return Err(Error::invalid(format!("found unexpected argument {name}")));
        }
    }
    for parameter in parameters {
        if !parameter.optional && arguments.get(&parameter.name).is_none() {
            return Err(Error::invalid(if parameter.pipe {
                "missing pipe argument".to_owned()
            } else {
                format!("missing required argument {}", parameter.name)
            }));
        }
    }
    Ok(())
}
