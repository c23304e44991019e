//! What an editor may propose: the functions that need no import, with the kinds of their parameters
//! (`/api/v2/query/suggestions`).

use super::monotype::Type;
use super::package::Package;
use crate::syntax::ast::Name;

/// A function to propose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    pub name: &'static str,
    /// Names and kinds (`string`, `stream`, `function`, …) of all parameters, in order of name; `invalid` is any type.
    pub parameters: Vec<(Name, &'static str)>,
}

/// All functions of the universe, in order of name.
pub fn suggestions() -> Vec<Suggestion> {
    let mut names: Vec<&str> = Package::universe().names().collect();
    names.sort_unstable();
    names.into_iter().filter_map(suggestion).collect()
}

/// The function of a name, if there is one.
pub fn suggestion(name: &str) -> Option<Suggestion> {
    let universe = Package::universe();
    let export = universe.export(name)?;
    let Type::Function(function) = &export.scheme.body else {
        return None;
    };
    let name = universe.names().find(|known| *known == name)?;
    let named = function.required.iter().chain(&function.optional);
    let piped = function.pipe.iter().map(|(name, kind)| (name, kind));
    let mut parameters: Vec<(Name, &'static str)> = named
        .chain(piped)
        .map(|(name, kind)| (name.clone(), kind_name(kind)))
        .collect();
    parameters.sort();
    Some(Suggestion { name, parameters })
}

/// The name of a type's outermost form.
fn kind_name(kind: &Type) -> &'static str {
    match kind {
        Type::Basic(basic) => basic.name(),
        Type::Array(_) => "array",
        Type::Stream(_) => "stream",
        Type::Vector(_) => "vector",
        Type::Dict(_) => "dictionary",
        Type::Dynamic => "dynamic",
        Type::Record(_) => "object",
        Type::Function(_) => "function",
        Type::Error | Type::Variable(_) | Type::Bound(_) => "invalid",
    }
}
