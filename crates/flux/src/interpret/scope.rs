//! Names and their values: nested scopes, shared by the closures made in them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::value::Value;

/// A scope; clones are the same scope.
#[derive(Clone, Default)]
pub struct Scope(Rc<Inner>);

#[derive(Default)]
struct Inner {
    parent: Option<Scope>,
    variables: RefCell<HashMap<Arc<str>, Value>>,
}

impl Scope {
    /// A scope inside this one.
    #[must_use]
    pub fn nested(&self) -> Self {
        Self(Rc::new(Inner {
            parent: Some(self.clone()),
            variables: RefCell::default(),
        }))
    }

    /// The value of a name here or further out.
    pub fn get(&self, name: &str) -> Option<Value> {
        let mut scope = self;
        loop {
            if let Some(value) = scope.0.variables.borrow().get(name) {
                return Some(value.clone());
            }
            scope = scope.0.parent.as_ref()?;
        }
    }

    /// The value of a name in this very scope.
    pub fn own(&self, name: &str) -> Option<Value> {
        self.0.variables.borrow().get(name).cloned()
    }

    /// Sets a name in this very scope.
    pub fn set(&self, name: Arc<str>, value: Value) {
        self.0.variables.borrow_mut().insert(name, value);
    }

    /// Sets a name where it is defined, here or further out; here if nowhere.
    pub fn assign(&self, name: Arc<str>, value: Value) {
        let mut scope = self;
        loop {
            if scope.0.variables.borrow().contains_key(&name) {
                break;
            }
            match &scope.0.parent {
                Some(parent) => scope = parent,
                None => {
                    scope = self;
                    break;
                }
            }
        }
        scope.set(name, value);
    }

    /// Forgets everything: breaks the cycles between closures and the scopes that hold them.
    pub fn clear(&self) {
        let variables = std::mem::take(&mut *self.0.variables.borrow_mut());
        drop(variables);
    }
}

impl Scope {
    /// The names of this very scope as a record, in order of name.
    pub fn record(&self) -> crate::value::Record {
        let variables = self.0.variables.borrow();
        let mut names: Vec<&Arc<str>> = variables.keys().collect();
        names.sort();
        let mut record = crate::value::Record::default();
        for name in names {
            record.push(Arc::clone(name), variables[name].clone());
        }
        record
    }
}

/// An imported package.
pub struct Package {
    /// Its path.
    pub path: Arc<str>,
    /// Its members.
    pub scope: Scope,
}
