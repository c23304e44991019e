//! Typing merged values so that every refusal is heard, not just serde's first.
//!
//! Each refusal is noted, the offending value taken out (its default steps in), and the rest typed
//! again, until nothing is refused any more.

use std::collections::BTreeSet;

use figment::Figment;
use figment::error::{Actual, Kind as ErrorKind};
use figment::providers::Serialized;
use figment::value::{Dict, Value};

use super::RoleConfig;
use super::layers::{kind_of, nearest};
use super::shape::{Kind, Section};

/// Refusals told at once; who has more should look at the file as a whole.
const REFUSAL_LIMIT: usize = 50;

/// A value that was refused: its dotted key and why.
pub(super) type Refusal = (String, String);

/// What became of the values.
pub(super) struct Settled<C> {
    /// The configuration of what was not refused; `None` when that cannot be typed.
    pub config: Option<C>,
    pub refusals: Vec<Refusal>,
    removed_elements: RemovedElements,
}

impl<C> Settled<C> {
    /// The key in the sources of a key of the configuration: list elements may have been taken out.
    pub(super) fn source_key(&self, key: &str) -> String {
        let path: Vec<String> = key.split('.').map(str::to_owned).collect();
        source_path(&self.removed_elements, &path).join(".")
    }
}

/// List elements taken out: the list's key and the element's index in the sources.
type RemovedElements = BTreeSet<(String, usize)>;

/// Types `values`.
pub(super) fn settle<C: RoleConfig>(values: Dict, sections: &[Section]) -> Settled<C> {
    let mut settling = Settling {
        values,
        sections,
        refusals: Vec::new(),
        removed: BTreeSet::new(),
        removed_elements: RemovedElements::new(),
    };
    let mut config = None;
    for _ in 0..REFUSAL_LIMIT {
        match Figment::from(Serialized::defaults(&settling.values)).extract::<C>() {
            Ok(typed) => {
                config = Some(typed);
                break;
            }
            // The first of the chain is enough: the others come up again in the next round.
            Err(error) => match error.into_iter().next() {
                Some(error) if settling.refuse(&error) => {}
                _ => break,
            },
        }
    }
    Settled {
        config,
        refusals: settling.refusals,
        removed_elements: settling.removed_elements,
    }
}

struct Settling<'s> {
    values: Dict,
    sections: &'s [Section],
    refusals: Vec<Refusal>,
    /// Keys taken out, as they stood in the sources.
    removed: BTreeSet<String>,
    removed_elements: RemovedElements,
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
        let key = source_path(&self.removed_elements, &path).join(".");
        let missing = matches!(error.kind, ErrorKind::MissingField(_));
        if !(missing && self.removed.contains(&key)) {
            let message = self.describe(&error.kind, &key);
            self.refusals.push((key.clone(), message));
        }
        // What lacks a value cannot stay: the table around it goes.
        let cut = if missing { &error.path } else { &path };
        let source = source_path(&self.removed_elements, cut);
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
            _ if kind_of(self.sections, key) == Some(&Kind::Secret) => {
                "must be a string".to_owned()
            }
            ErrorKind::InvalidType(actual, expected)
            | ErrorKind::InvalidValue(actual, expected) => {
                let wanted = self.wanted(key, &expected.to_string());
                format!("must be {wanted}, not {}", shown(actual))
            }
            ErrorKind::Message(message) if message == "invalid socket address syntax" => {
                "must be an address and a port, such as 127.0.0.1:9100".to_owned()
            }
            other => other.to_string(),
        }
    }

    /// What a key takes, in words; `expected` is serde's word for it.
    fn wanted(&self, key: &str, expected: &str) -> String {
        match kind_of(self.sections, key) {
            Some(Kind::Text) => "a string".to_owned(),
            Some(Kind::Duration) => "a duration such as \"10s\"".to_owned(),
            Some(Kind::Bytes) => "a size such as \"64MiB\"".to_owned(),
            Some(Kind::Boolean) => "true or false".to_owned(),
            Some(Kind::Integer) if expected.starts_with('u') => {
                "a whole number from 0 up".to_owned()
            }
            Some(Kind::Integer) => "a whole number".to_owned(),
            Some(Kind::Number) => "a number".to_owned(),
            Some(Kind::List(_)) => "a list".to_owned(),
            Some(Kind::Table) => "a table".to_owned(),
            _ if expected.starts_with("struct") => format!("a section, [{key}]"),
            _ => expected.to_owned(),
        }
    }
}

/// The refused value in words of TOML.
fn shown(actual: &Actual) -> String {
    match actual {
        Actual::Bool(value) => value.to_string(),
        Actual::Unsigned(value) => value.to_string(),
        Actual::Signed(value) => value.to_string(),
        Actual::Float(value) => value.to_string(),
        Actual::Char(value) => format!("{value:?}"),
        Actual::Str(value) => format!("{value:?}"),
        Actual::Seq => "a list".to_owned(),
        Actual::Map => "a table".to_owned(),
        other => other.to_string(),
    }
}

/// Where the value at `path` stood in the sources: elements before it may have been taken out.
fn source_path(removed_elements: &RemovedElements, path: &[String]) -> Vec<String> {
    let mut source: Vec<String> = Vec::with_capacity(path.len());
    for name in path {
        let list = source.join(".");
        source.push(match name.parse::<usize>() {
            Ok(mut index) => {
                for (_, removed) in removed_elements.iter().filter(|(key, _)| *key == list) {
                    index += usize::from(*removed <= index);
                }
                index.to_string()
            }
            Err(_) => name.clone(),
        });
    }
    source
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
