//! Which name means what, scope in scope.

use std::collections::HashMap;
use std::sync::Arc;

use super::monotype::{Scheme, Type};
use super::package::Package;
use crate::syntax::ast::Name;

/// What a name stands for.
#[derive(Debug, Clone)]
pub(super) enum Binding {
    /// A variable that was defined: of any type its scheme allows.
    Defined(Arc<Scheme>),
    /// A parameter: of one type, perhaps unknown as yet.
    Parameter(Type),
    /// An export of the universe.
    Builtin(&'static Scheme),
    Package(&'static Package),
    /// An import that failed; it goes with everything.
    Unknown,
}

#[derive(Debug)]
pub(super) struct Environment {
    scopes: Vec<HashMap<Name, Binding>>,
}

impl Environment {
    pub(super) fn new() -> Self {
        Self {
            scopes: vec![HashMap::new()],
        }
    }

    pub(super) fn enter(&mut self) {
        self.scopes.push(HashMap::new());
    }

    pub(super) fn leave(&mut self) {
        self.scopes.pop();
    }

    pub(super) fn add(&mut self, name: Name, binding: Binding) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name, binding);
        }
    }

    pub(super) fn lookup(&self, name: &str) -> Option<Binding> {
        let found = self
            .scopes
            .iter()
            .rev()
            .find_map(|scope| scope.get(name))
            .cloned();
        found.or_else(|| {
            Package::universe()
                .export(name)
                .map(|export| Binding::Builtin(&export.scheme))
        })
    }
}
