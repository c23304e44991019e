//! Reads types in Flux's notation: `(<-tables: stream[A], ?column: string) => stream[B] where A: Record, B: Record`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::kind::{Kind, KindSet};
use super::monotype::{Basic, Function, Record, Scheme, Type};
use crate::syntax::ast::Name;

/// The text is not a type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("type notation: expected {expected} at {rest:?}")]
pub(super) struct NotationError {
    expected: &'static str,
    rest: String,
}

/// The scheme that `text` denotes.
///
/// # Errors
/// Where the text stops being a type.
pub(super) fn parse_scheme(text: &str) -> Result<Scheme, NotationError> {
    let mut reader = Reader {
        rest: text.trim(),
        variables: Vec::new(),
        kinds: Vec::new(),
        depth: 0,
    };
    let body = reader.read_type()?;
    if reader.take_word("where") {
        loop {
            reader.constraint()?;
            if !reader.take(",") {
                break;
            }
        }
    }
    if !reader.rest.is_empty() {
        return Err(reader.expected("the end"));
    }
    Ok(Scheme {
        bound: reader.kinds,
        body,
    })
}

/// Deeper types are not in use; the reader recurses.
const MAX_DEPTH: usize = 64;

struct Reader<'a> {
    rest: &'a str,
    variables: Vec<&'a str>,
    kinds: Vec<KindSet>,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn expected(&self, expected: &'static str) -> NotationError {
        NotationError {
            expected,
            rest: self.rest.chars().take(40).collect(),
        }
    }

    fn take(&mut self, symbol: &str) -> bool {
        match self.rest.strip_prefix(symbol) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn need(&mut self, symbol: &'static str) -> Result<(), NotationError> {
        if self.take(symbol) {
            Ok(())
        } else {
            Err(self.expected(symbol))
        }
    }

    fn word(&mut self) -> Option<&'a str> {
        let end = self
            .rest
            .find(|c: char| c != '_' && !c.is_alphanumeric())
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        if word.is_empty() {
            return None;
        }
        self.rest = rest.trim_start();
        Some(word)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let before = self.rest;
        if self.word() == Some(word) {
            return true;
        }
        self.rest = before;
        false
    }

    fn read_type(&mut self) -> Result<Type, NotationError> {
        if self.depth >= MAX_DEPTH {
            return Err(self.expected("a flatter type"));
        }
        self.depth += 1;
        let kind = self.read_any();
        self.depth -= 1;
        kind
    }

    fn read_any(&mut self) -> Result<Type, NotationError> {
        if self.take("(") {
            return self.function();
        }
        if self.take("{") {
            return self.record();
        }
        if self.take("[") {
            let element = self.read_type()?;
            if self.take(":") {
                let value = self.read_type()?;
                self.need("]")?;
                return Ok(Type::Dict(Arc::new((element, value))));
            }
            self.need("]")?;
            return Ok(Type::array(element));
        }
        let Some(word) = self.word() else {
            return Err(self.expected("a type"));
        };
        match word {
            "stream" => Ok(Type::Stream(Arc::new(self.wrapped()?))),
            "vector" => Ok(Type::Vector(Arc::new(self.wrapped()?))),
            "dynamic" => Ok(Type::Dynamic),
            "error" => Ok(Type::Error),
            _ => match Basic::from_name(word) {
                Some(basic) => Ok(Type::Basic(basic)),
                None if is_variable(word) => Ok(Type::Bound(self.variable(word) as u32)),
                None => Err(self.expected("a type")),
            },
        }
    }

    fn wrapped(&mut self) -> Result<Type, NotationError> {
        self.need("[")?;
        let element = self.read_type()?;
        self.need("]")?;
        Ok(element)
    }

    fn variable(&mut self, name: &'a str) -> usize {
        if let Some(index) = self.variables.iter().position(|known| *known == name) {
            return index;
        }
        self.variables.push(name);
        self.kinds.push(KindSet::default());
        self.variables.len() - 1
    }

    fn record(&mut self) -> Result<Type, NotationError> {
        let mut record = Record {
            fields: Vec::new(),
            tail: None,
        };
        let before = self.rest;
        match self.word() {
            Some(word) if is_variable(word) && self.take_word("with") => {
                record.tail = Some(Type::Bound(self.variable(word) as u32));
            }
            // `{A}`: a record of which nothing is known.
            Some(word) if is_variable(word) && self.take("}") => {
                return Ok(Type::Bound(self.variable(word) as u32));
            }
            _ => self.rest = before,
        }
        while !self.take("}") {
            let label = self.label()?;
            self.need(":")?;
            record.fields.push((label, self.read_type()?));
            self.take(",");
        }
        Ok(Type::Record(Arc::new(record)))
    }

    fn label(&mut self) -> Result<Name, NotationError> {
        if self.take("\"") {
            let Some((label, rest)) = self.rest.split_once('"') else {
                return Err(self.expected("a closing quote"));
            };
            self.rest = rest.trim_start();
            return Ok(label.into());
        }
        self.word()
            .map(Name::from)
            .ok_or_else(|| self.expected("a label"))
    }

    fn function(&mut self) -> Result<Type, NotationError> {
        let (mut required, mut optional, mut pipe) = (BTreeMap::new(), BTreeMap::new(), None);
        while !self.take(")") {
            let (piped, may_lack) = (self.take("<-"), self.take("?"));
            let name = self.word().unwrap_or("<-");
            self.need(":")?;
            let kind = self.read_type()?;
            if piped {
                pipe = Some((name.into(), kind));
            } else if may_lack {
                optional.insert(name.into(), kind);
            } else {
                required.insert(name.into(), kind);
            }
            self.take(",");
        }
        self.need("=>")?;
        let result = self.read_type()?;
        Ok(Type::function(Function {
            required,
            optional,
            pipe,
            result,
        }))
    }

    fn constraint(&mut self) -> Result<(), NotationError> {
        let variable = match self.word() {
            Some(word) => self.variable(word),
            None => return Err(self.expected("a variable")),
        };
        self.need(":")?;
        loop {
            let kind = self
                .word()
                .and_then(Kind::from_name)
                .ok_or_else(|| self.expected("a kind"))?;
            self.kinds[variable].insert(kind);
            if !self.take("+") {
                return Ok(());
            }
        }
    }
}

/// `A`, `B`, `t26`
fn is_variable(word: &str) -> bool {
    let mut characters = word.chars();
    let first = characters.next();
    (first.is_some_and(|c| c.is_uppercase()) || first == Some('t'))
        && characters.all(|c| c.is_ascii_digit())
}
