//! Types, and types with variables for any type (schemes).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::kind::KindSet;
use crate::syntax::ast::Name;

/// A type without quantifiers. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub enum Type {
    /// Of an expression that was already refused; goes with everything, so one mistake makes one error.
    Error,
    Basic(Basic),
    /// Unknown as yet: a variable of the [`super::substitution::Substitution`].
    Variable(u32),
    /// A variable of the enclosing [`Scheme`].
    Bound(u32),
    Array(Arc<Type>),
    Stream(Arc<Type>),
    Vector(Arc<Type>),
    Dict(Arc<(Type, Type)>),
    /// Known only when it runs.
    Dynamic,
    Record(Arc<Record>),
    Function(Arc<Function>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basic {
    Bool,
    Int,
    Uint,
    Float,
    String,
    Duration,
    Time,
    Regexp,
    Bytes,
}

/// `{a: int, b: string}`, or with a tail `{A with a: int, b: string}`: a row that may have more.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// In order; of two fields with one label the first is seen and the second hidden.
    pub fields: Vec<(Name, Type)>,
    /// A variable, or a record once the variable is known. None: there are no more fields.
    pub tail: Option<Type>,
}

/// `(<-tables: stream[A], n: int, ?offset: int) => stream[A]`
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    pub required: BTreeMap<Name, Type>,
    pub optional: BTreeMap<Name, Type>,
    /// The piped parameter; its name is `<-` at a call that pipes.
    pub pipe: Option<(Name, Type)>,
    pub result: Type,
}

/// A type for any types in place of its bound variables: `(a: A, b: A) => A where A: Addable`.
#[derive(Debug, Clone, PartialEq)]
pub struct Scheme {
    /// The constraints on each bound variable.
    pub bound: Vec<KindSet>,
    pub body: Type,
}

impl Basic {
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Float => "float",
            Self::String => "string",
            Self::Duration => "duration",
            Self::Time => "time",
            Self::Regexp => "regexp",
            Self::Bytes => "bytes",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "bool" => Self::Bool,
            "int" => Self::Int,
            "uint" => Self::Uint,
            "float" => Self::Float,
            "string" => Self::String,
            "duration" => Self::Duration,
            "time" => Self::Time,
            "regexp" => Self::Regexp,
            "bytes" => Self::Bytes,
            _ => return None,
        })
    }
}

impl Type {
    pub const BOOL: Type = Type::Basic(Basic::Bool);
    pub const INT: Type = Type::Basic(Basic::Int);
    pub const STRING: Type = Type::Basic(Basic::String);
    pub const REGEXP: Type = Type::Basic(Basic::Regexp);

    /// Whether it is made of other types.
    pub(super) fn has_parts(&self) -> bool {
        !matches!(
            self,
            Self::Error | Self::Basic(_) | Self::Variable(_) | Self::Bound(_) | Self::Dynamic
        )
    }

    pub fn array(element: Type) -> Self {
        Self::Array(Arc::new(element))
    }

    pub fn function(function: Function) -> Self {
        Self::Function(Arc::new(function))
    }

    pub fn record(fields: Vec<(Name, Type)>, tail: Option<Type>) -> Self {
        Self::Record(Arc::new(Record { fields, tail }))
    }
}

impl Scheme {
    /// A type that is the same at every use.
    pub fn of(body: Type) -> Self {
        Self {
            bound: Vec::new(),
            body,
        }
    }
}
