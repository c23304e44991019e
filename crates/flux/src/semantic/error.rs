//! Why two types do not go together, in InfluxDB's wordings.

use super::display::{Letters, print};
use super::kind::Kind;
use super::monotype::Type;
use super::substitution::Substitution;
use crate::syntax::ast::Name;

/// A type error whose types may still hold variables; it becomes text when inference has ended.
#[derive(Debug, Clone)]
pub(super) enum TypeError {
    Mismatch {
        expected: Type,
        found: Type,
    },
    Unmet {
        kind: Kind,
        found: Type,
    },
    Recursive {
        variable: u32,
        found: Type,
    },
    MissingLabel(Name),
    ExtraLabel(Name),
    Label {
        label: Name,
        expected: Type,
        found: Type,
        cause: Box<TypeError>,
    },
    MissingArgument(Name),
    /// `expected`: the arguments that the function would still take.
    ExtraArgument {
        name: Name,
        expected: Vec<Name>,
    },
    Argument {
        name: Name,
        cause: Box<TypeError>,
    },
    Return {
        expected: Type,
        found: Type,
        cause: Box<TypeError>,
    },
    MissingPipe,
    PipeNames {
        expected: Name,
        found: Name,
    },
    TooLarge,
}

impl TypeError {
    pub(super) fn text(&self, substitution: &mut Substitution) -> String {
        let mut letters = Letters::default();
        match self {
            Self::Mismatch { expected, found } => {
                expected_found(expected, found, substitution, &mut letters)
            }
            Self::Unmet { kind, found } => {
                format!(
                    "{} is not {}",
                    shown(found, substitution, &mut letters),
                    kind.name()
                )
            }
            Self::Recursive { variable, found } => {
                let left = print(&Type::Variable(*variable), &mut letters);
                let found = substitution.resolve(found);
                format!(
                    "recursive types not supported {left} != {}",
                    print(&found, &mut letters)
                )
            }
            Self::MissingLabel(label) => format!("record is missing label {label}"),
            Self::ExtraLabel(label) => format!("found unexpected label {label}"),
            Self::Label {
                label,
                expected,
                found,
                cause,
            } => {
                let types = expected_found(expected, found, substitution, &mut letters);
                format!(
                    "{types} for label {label} caused by {}",
                    cause.text(substitution)
                )
            }
            Self::MissingArgument(name) => format!("missing required argument {name}"),
            Self::ExtraArgument { name, expected } => {
                format!("found unexpected argument {name}{}", alternatives(expected))
            }
            Self::Argument { name, cause } => {
                format!("{} (argument {name})", cause.text(substitution))
            }
            // InfluxDB puts a stray "123" before this one; ours does not.
            Self::Return {
                expected,
                found,
                cause,
            } => {
                let types = expected_found(expected, found, substitution, &mut letters);
                format!(
                    "{types} for return type caused by {}",
                    cause.text(substitution)
                )
            }
            Self::MissingPipe => "missing pipe argument".to_owned(),
            Self::PipeNames { expected, found } => {
                format!("expected pipe argument {expected} but found {found}")
            }
            Self::TooLarge => "the types of this program are too large".to_owned(),
        }
    }
}

fn expected_found(
    expected: &Type,
    found: &Type,
    substitution: &mut Substitution,
    letters: &mut Letters,
) -> String {
    let expected = shown(expected, substitution, letters);
    let found = shown(found, substitution, letters);
    format!("expected {expected} but found {found}")
}

/// A type, and for those that are hard to read what they are: `{a: int} (record)`.
fn shown(kind: &Type, substitution: &mut Substitution, letters: &mut Letters) -> String {
    let kind = substitution.resolve(kind);
    let what = match kind {
        Type::Function(_) => " (function)",
        Type::Dict(_) => " (dictionary)",
        Type::Record(_) => " (record)",
        Type::Dynamic => " (dynamic)",
        Type::Array(_) => " (array)",
        Type::Vector(_) => " (vector)",
        _ => "",
    };
    format!("{}{what}", print(&kind, letters))
}

fn alternatives(names: &[Name]) -> String {
    let Some((last, others)) = names.split_last() else {
        return String::new();
    };
    if others.is_empty() {
        return format!(" (Expected `{last}`)");
    }
    let others: Vec<String> = others.iter().map(|name| format!("`{name}`")).collect();
    format!(" (Expected one of {} or `{last}`)", others.join(", "))
}
