//! Typing merged values so that every refusal is heard, not just serde's first.
//!
//! Each refusal is noted, the offending value taken out (its default steps in), and the rest typed
//! again, until nothing is refused any more.

use std::collections::BTreeSet;

use figment::Figment;
use figment::error::Kind as ErrorKind;
use figment::providers::Serialized;
use figment::value::{Dict, Value};

use super::RoleConfig;
use super::layers::{kind_of, nearest};
use super::shape::{Kind, Section};

/// Refusals told at once; who has more should look at the file as a whole.
const REFUSAL_LIMIT: usize = 50;

/// A value that was refused: its dotted key and why.
pub(super) type Refusal = (String, String);

/// Types `values`. Beside the refusals, the configuration of what was not refused; `None` when that
/// cannot be typed.
pub(super) fn settle<C: RoleConfig>(
    values: Dict,
    sections: &[Section],
) -> (Option<C>, Vec<Refusal>) {
    let mut settling = Settling {
        values,
        sections,
        refusals: Vec::new(),
        removed: BTreeSet::new(),
        removed_elements: BTreeSet::new(),
    };
    for _ in 0..REFUSAL_LIMIT {
        let error = match Figment::from(Serialized::defaults(&settling.values)).extract::<C>() {
            Ok(config) => return (Some(config), settling.refusals),
            Err(error) => error,
        };
        // The first of the chain is enough: the others come up again in the next round.
        let goes_on = error
            .into_iter()
            .next()
            .is_some_and(|error| settling.refuse(&error));
        if !goes_on {
            break;
        }
    }
    (None, settling.refusals)
}

struct Settling<'s> {
    values: Dict,
    sections: &'s [Section],
    refusals: Vec<Refusal>,
    /// Keys taken out, as they stood in the sources.
    removed: BTreeSet<String>,
    /// List elements taken out: the list's key and the element's first index.
    removed_elements: BTreeSet<(String, usize)>,
}

impl Settling<'_> {
    /// Notes a refusal and takes its value out; false when there is nothing to take out.
    fn refuse(&mut self, error: &figment::Error) -> bool {
        let mut path = error.path.clone();
        let name = match &error.kind {
            ErrorKind::UnknownField(name, _) => Some(name.clone()),
            ErrorKind::MissingField(name) => Some(name.to_string()),
            _ => None,
        };
        if let Some(name) = name.filter(|name| path.last() != Some(name)) {
            path.push(name);
        }
        let key = self.source_path(&path).join(".");
        let missing = matches!(error.kind, ErrorKind::MissingField(_));
        if !(missing && self.removed.contains(&key)) {
            let message = self.describe(&error.kind, &key);
            self.refusals.push((key.clone(), message));
        }
        // What lacks a value cannot stay: the table around it goes.
        let cut = if missing { &error.path } else { &path };
        let source = self.source_path(cut);
        self.removed.insert(key);
        match remove(&mut self.values, cut) {
            Removed::Entry => true,
            Removed::Element => {
                let list = source[..source.len() - 1].join(".");
                let index = source.last().and_then(|index| index.parse().ok());
                self.removed_elements.insert((list, index.unwrap_or(0)));
                true
            }
            Removed::Nothing => false,
        }
    }

    /// Where the value at `path` stood in the sources: elements before it may have been taken out.
    fn source_path(&self, path: &[String]) -> Vec<String> {
        let mut source: Vec<String> = Vec::with_capacity(path.len());
        for name in path {
            let list = source.join(".");
            source.push(match name.parse::<usize>() {
                Ok(mut index) => {
                    let gone = self.removed_elements.iter().filter(|(key, _)| *key == list);
                    for (_, removed) in gone {
                        index += usize::from(*removed <= index);
                    }
                    index.to_string()
                }
                Err(_) => name.clone(),
            });
        }
        source
    }

    fn describe(&self, kind: &ErrorKind, key: &str) -> String {
        match kind {
            ErrorKind::UnknownField(name, known) => match nearest(name, known.iter().copied()) {
                Some(near) => format!("unknown key; did you mean {near}?"),
                None if known.is_empty() => "unknown key".to_owned(),
                None => format!("unknown key; known are {}", known.join(", ")),
            },
            ErrorKind::UnknownVariant(name, known) => {
                let hint = nearest(name, known.iter().copied());
                let hint = hint.map_or_else(String::new, |near| format!("; did you mean {near}?"));
                format!("{name:?} is none of {}{hint}", known.join(", "))
            }
            ErrorKind::MissingField(_) => "is required".to_owned(),
            // The value itself may be the secret, written in the wrong type.
            _ if kind_of(self.sections, key) == Some(&Kind::Secret) => "must be a text".to_owned(),
            ErrorKind::InvalidType(actual, expected)
            | ErrorKind::InvalidValue(actual, expected) => {
                format!("is {actual}; it must be {expected}")
            }
            other => other.to_string(),
        }
    }
}

/// What [`remove`] took out.
enum Removed {
    Nothing,
    Entry,
    Element,
}

fn remove(values: &mut Dict, path: &[String]) -> Removed {
    let Some((last, outer)) = path.split_last() else {
        return Removed::Nothing;
    };
    let Some((first, inner)) = outer.split_first() else {
        return values
            .remove(last)
            .map_or(Removed::Nothing, |_| Removed::Entry);
    };
    let mut current = values.get_mut(first);
    for name in inner {
        current = match current {
            Some(Value::Dict(_, dict)) => dict.get_mut(name),
            Some(Value::Array(_, list)) => name.parse().ok().and_then(|at: usize| list.get_mut(at)),
            _ => None,
        };
    }
    match current {
        Some(Value::Dict(_, dict)) => dict
            .remove(last)
            .map_or(Removed::Nothing, |_| Removed::Entry),
        Some(Value::Array(_, list)) => match last.parse() {
            Ok(at) if at < list.len() => {
                list.remove(at);
                Removed::Element
            }
            _ => Removed::Nothing,
        },
        _ => Removed::Nothing,
    }
}
