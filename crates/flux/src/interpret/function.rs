//! What can be called: closures of the program, and functions of the library.

use std::rc::Rc;
use std::sync::Arc;

use super::arguments::Arguments;
use super::scope::Scope;
use crate::error::Error;
use crate::execute::Context;
use crate::syntax::ast;
use crate::value::Value;

/// A function.
#[derive(Clone)]
pub enum Function {
    /// Written in the language.
    Closure(Rc<Closure>),
    /// Of the library.
    Native(&'static Native),
    /// Made by a function of the library.
    Bound(Rc<BoundFunction>),
}

/// A function made at run time by a function of the library.
pub struct BoundFunction {
    /// For messages.
    pub name: &'static str,
    /// What it takes.
    pub parameters: Vec<Parameter>,
    /// What it does.
    pub call: Box<NativeCall>,
}

/// The body of a function made at run time.
pub(super) type NativeCall = dyn Fn(&Context<'_>, &Arguments) -> Result<Value, Error>;

/// A function of the program with the scope in which it was made.
pub struct Closure {
    /// Its code.
    pub code: Arc<ast::Function>,
    /// What its free names mean.
    pub scope: Scope,
}

/// What calling a function of the library does, which decides whether it may be called for all rows at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NativeKind {
    /// Computes a value from values.
    Scalar,
    /// Builds or reads streams, or calls functions that it is given.
    Stream,
    /// Does something to the world.
    Effect,
}

/// A function of the library.
pub struct Native {
    /// The package's path; empty for those that need no import.
    pub package: &'static str,
    /// The name in the package.
    pub name: &'static str,
    /// The parameters: `<-tables, every, ?offset`, those with `?` optional, the one with `<-` piped.
    pub signature: &'static str,
    /// What calling does.
    pub kind: NativeKind,
    /// The code.
    pub call: fn(&Context<'_>, &Arguments) -> Result<Value, Error>,
}

/// A parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// The name.
    pub name: Arc<str>,
    /// Whether a call may leave it out.
    pub optional: bool,
    /// Whether it takes the piped value.
    pub pipe: bool,
}

/// The parameters of a signature such as `<-tables, every, ?offset`.
pub fn parse_signature(signature: &str) -> Vec<Parameter> {
    let parts = signature
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let pipe = part.starts_with("<-");
            let optional = part.starts_with('?');
            let name = part.trim_start_matches("<-").trim_start_matches('?');
            Parameter {
                name: Arc::from(name),
                optional,
                pipe,
            }
        })
        .collect()
}

impl Function {
    /// A name for messages.
    pub fn name(&self) -> &str {
        match self {
            Self::Closure(_) => "<anonymous>",
            Self::Native(native) => native.name,
            Self::Bound(bound) => bound.name,
        }
    }

    /// What it takes.
    pub fn parameters(&self) -> Vec<Parameter> {
        match self {
            Self::Closure(closure) => closure
                .code
                .parameters
                .iter()
                .map(|parameter| Parameter {
                    name: Arc::clone(&parameter.name.name),
                    optional: parameter.default.is_some(),
                    pipe: parameter.pipe,
                })
                .collect(),
            Self::Native(native) => parse_signature(native.signature),
            Self::Bound(bound) => bound.parameters.clone(),
        }
    }

    /// The library's function of this package and name.
    pub fn is_native(&self, package: &str, name: &str) -> bool {
        matches!(self, Self::Native(native) if native.package == package && native.name == name)
    }
}
