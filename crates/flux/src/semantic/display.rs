//! Types as text, in Flux's notation.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::kind::Kind;
use super::monotype::{Function, Record, Scheme, Type};

/// Letters for variables, given in the order in which they are met: A, B, … Z, then t26 and so on.
#[derive(Default)]
pub(super) struct Letters {
    given: HashMap<(bool, u32), usize>,
}

impl Letters {
    fn of(&mut self, bound: bool, variable: u32) -> String {
        let next = self.given.len();
        letter(*self.given.entry((bound, variable)).or_insert(next))
    }
}

fn letter(index: usize) -> String {
    match u8::try_from(index) {
        Ok(index @ 0..26) => char::from(b'A' + index).to_string(),
        _ => format!("t{index}"),
    }
}

/// How many bytes of a type are shown: a row of some hundred columns. A short program can have a type of any length, and show
/// it in every error.
const MAX_BYTES: usize = 16 << 10;

/// A resolved type as text; a longer one than anybody reads is cut.
pub(super) fn print(kind: &Type, letters: &mut Letters) -> String {
    let mut out = String::new();
    write_type(&mut out, kind, letters);
    if out.len() > MAX_BYTES {
        out.truncate(out.floor_char_boundary(MAX_BYTES));
        out.push('…');
    }
    out
}

/// A whole scheme with its constraints: `(a: A) => A where A: Addable`.
pub fn print_scheme(scheme: &Scheme) -> String {
    let mut letters = Letters::default();
    let mut out = print(&scheme.body, &mut letters);
    let mut constraints: Vec<String> = Vec::new();
    for (index, kinds) in scheme
        .bound
        .iter()
        .enumerate()
        .filter(|(_, kinds)| !kinds.is_empty())
    {
        let names: Vec<&str> = kinds.iter().map(Kind::name).collect();
        constraints.push(format!(
            "{}: {}",
            letters.of(true, index as u32),
            names.join(" + ")
        ));
    }
    constraints.sort();
    if !constraints.is_empty() {
        let _ = write!(out, " where {}", constraints.join(", "));
    }
    out
}

fn write_type(out: &mut String, kind: &Type, letters: &mut Letters) {
    if out.len() > MAX_BYTES {
        return;
    }
    match kind {
        Type::Error => out.push_str("error"),
        Type::Basic(basic) => out.push_str(basic.name()),
        Type::Variable(variable) => out.push_str(&letters.of(false, *variable)),
        Type::Bound(variable) => out.push_str(&letters.of(true, *variable)),
        Type::Array(element) => write_wrapped(out, "[", element, letters),
        Type::Stream(element) => write_wrapped(out, "stream[", element, letters),
        Type::Vector(element) => write_wrapped(out, "vector[", element, letters),
        Type::Dict(entry) => {
            out.push('[');
            write_type(out, &entry.0, letters);
            out.push_str(": ");
            write_type(out, &entry.1, letters);
            out.push(']');
        }
        Type::Dynamic => out.push_str("dynamic"),
        Type::Record(record) => write_record(out, record, letters),
        Type::Function(function) => write_function(out, function, letters),
    }
}

fn write_wrapped(out: &mut String, open: &str, element: &Type, letters: &mut Letters) {
    out.push_str(open);
    write_type(out, element, letters);
    out.push(']');
}

fn write_record(out: &mut String, record: &Record, letters: &mut Letters) {
    out.push('{');
    if let Some(tail) = &record.tail {
        write_type(out, tail, letters);
        out.push_str(if record.fields.is_empty() {
            ""
        } else {
            " with "
        });
    }
    for (index, (label, kind)) in record.fields.iter().enumerate() {
        if out.len() > MAX_BYTES {
            return;
        }
        out.push_str(if index > 0 { ", " } else { "" });
        if is_identifier(label) {
            let _ = write!(out, "{label}: ");
        } else {
            let _ = write!(out, "{label:?}: ");
        }
        write_type(out, kind, letters);
    }
    out.push('}');
}

fn is_identifier(label: &str) -> bool {
    let mut characters = label.chars();
    characters
        .next()
        .is_some_and(|c| c == '_' || c.is_alphabetic())
        && characters.all(|c| c == '_' || c.is_alphanumeric())
}

fn write_function(out: &mut String, function: &Function, letters: &mut Letters) {
    let pipe = function.pipe.iter().map(|(name, kind)| {
        let name = if &**name == "<-" {
            "<-".to_owned()
        } else {
            format!("<-{name}")
        };
        (name, kind)
    });
    let required = function
        .required
        .iter()
        .map(|(name, kind)| (name.to_string(), kind));
    let optional = function
        .optional
        .iter()
        .map(|(name, kind)| (format!("?{name}"), kind));
    out.push('(');
    for (index, (name, kind)) in pipe.chain(required).chain(optional).enumerate() {
        if out.len() > MAX_BYTES {
            return;
        }
        out.push_str(if index > 0 { ", " } else { "" });
        let _ = write!(out, "{name}: ");
        write_type(out, kind, letters);
    }
    out.push_str(") => ");
    write_type(out, &function.result, letters);
}
