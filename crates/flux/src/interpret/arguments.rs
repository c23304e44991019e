//! The arguments of a call as a function of the library reads them.

use std::rc::Rc;
use std::sync::Arc;

use super::function::Function;
use crate::error::Error;
use crate::plan::Node;
use crate::syntax::ast::Span;
use crate::value::{Duration, Record, Value};

/// Named arguments.
#[derive(Clone, Default)]
pub struct Arguments {
    values: Vec<(Arc<str>, Value)>,
    /// The call in the program's text.
    pub span: Span,
}

impl Arguments {
    /// Arguments by name.
    pub fn new(values: Vec<(Arc<str>, Value)>, span: Span) -> Self {
        Self { values, span }
    }

    /// Arguments of a call that the library makes itself.
    pub fn of<const N: usize>(values: [(&str, Value); N]) -> Self {
        let values = values
            .into_iter()
            .map(|(name, value)| (Arc::from(name), value))
            .collect();
        Self {
            values,
            span: Span::default(),
        }
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = &(Arc<str>, Value)> {
        self.values.iter()
    }

    /// Adds an argument.
    pub fn push(&mut self, name: Arc<str>, value: Value) {
        self.values.push((name, value));
    }

    /// The argument's value, null included; `None` if it was not given.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values
            .iter()
            .find(|(label, _)| label.as_ref() == name)
            .map(|(_, value)| value)
    }

    /// The argument's value.
    ///
    /// # Errors
    /// It was not given.
    pub fn expect(&self, name: &str) -> Result<&Value, Error> {
        self.get(name)
            .ok_or_else(|| Error::invalid(format!("missing required argument {name}")))
    }

    fn wrong(name: &str, wanted: &str, found: &Value) -> Error {
        Error::invalid(format!(
            "keyword argument {name:?} should be of kind {wanted}, but got {}",
            found.type_name()
        ))
    }

    fn optional<T>(
        &self,
        name: &str,
        wanted: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        match self.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => read(value)
                .map(Some)
                .ok_or_else(|| Self::wrong(name, wanted, value)),
        }
    }

    fn required<T>(
        &self,
        name: &str,
        wanted: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<T, Error> {
        let value = self.expect(name)?;
        read(value).ok_or_else(|| Self::wrong(name, wanted, value))
    }

    /// A text.
    pub fn string(&self, name: &str) -> Result<Arc<str>, Error> {
        self.required(name, "string", as_string)
    }

    /// A text that may be left out.
    pub fn optional_string(&self, name: &str) -> Result<Option<Arc<str>>, Error> {
        self.optional(name, "string", as_string)
    }

    /// A text, or what it is when left out.
    pub fn string_or(&self, name: &str, default: &str) -> Result<Arc<str>, Error> {
        Ok(self
            .optional_string(name)?
            .unwrap_or_else(|| Arc::from(default)))
    }

    /// A signed integer.
    pub fn integer(&self, name: &str) -> Result<i64, Error> {
        self.required(name, "int", as_integer)
    }

    /// A signed integer, or what it is when left out.
    pub fn integer_or(&self, name: &str, default: i64) -> Result<i64, Error> {
        Ok(self.optional(name, "int", as_integer)?.unwrap_or(default))
    }

    /// A float.
    pub fn float(&self, name: &str) -> Result<f64, Error> {
        self.required(name, "float", as_float)
    }

    /// A float, or what it is when left out.
    pub fn float_or(&self, name: &str, default: f64) -> Result<f64, Error> {
        Ok(self.optional(name, "float", as_float)?.unwrap_or(default))
    }

    /// A truth value, or what it is when left out.
    pub fn boolean_or(&self, name: &str, default: bool) -> Result<bool, Error> {
        let read = |value: &Value| match value {
            Value::Boolean(value) => Some(*value),
            _ => None,
        };
        Ok(self.optional(name, "bool", read)?.unwrap_or(default))
    }

    /// A duration.
    pub fn duration(&self, name: &str) -> Result<Duration, Error> {
        self.required(name, "duration", as_duration)
    }

    /// A duration that may be left out.
    pub fn optional_duration(&self, name: &str) -> Result<Option<Duration>, Error> {
        self.optional(name, "duration", as_duration)
    }

    /// The tables.
    pub fn stream(&self, name: &str) -> Result<Rc<Node>, Error> {
        let read = |value: &Value| match value {
            Value::Stream(node) => Some(Rc::clone(node)),
            _ => None,
        };
        self.required(name, "stream", read)
    }

    /// A function.
    pub fn function(&self, name: &str) -> Result<Function, Error> {
        self.required(name, "function", as_function)
    }

    /// A function that may be left out.
    pub fn optional_function(&self, name: &str) -> Result<Option<Function>, Error> {
        self.optional(name, "function", as_function)
    }

    /// A record.
    pub fn record(&self, name: &str) -> Result<Rc<Record>, Error> {
        self.required(name, "object", as_record)
    }

    /// A record that may be left out.
    pub fn optional_record(&self, name: &str) -> Result<Option<Rc<Record>>, Error> {
        self.optional(name, "object", as_record)
    }

    /// An array.
    pub fn array(&self, name: &str) -> Result<Rc<Vec<Value>>, Error> {
        self.required(name, "array", as_array)
    }

    /// An array of texts.
    pub fn strings(&self, name: &str) -> Result<Vec<Arc<str>>, Error> {
        self.array(name)?
            .iter()
            .map(|item| as_string(item).ok_or_else(|| Self::wrong(name, "[]string", item)))
            .collect()
    }

    /// An array of texts that may be left out.
    pub fn optional_strings(&self, name: &str) -> Result<Option<Vec<Arc<str>>>, Error> {
        match self.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.strings(name).map(Some),
        }
    }

    /// An array of texts, or what it is when left out.
    pub fn strings_or(&self, name: &str, default: &[&str]) -> Result<Vec<Arc<str>>, Error> {
        let given = self.optional_strings(name)?;
        Ok(given.unwrap_or_else(|| default.iter().map(|text| Arc::from(*text)).collect()))
    }

    /// An array of floats.
    pub fn floats(&self, name: &str) -> Result<Vec<f64>, Error> {
        self.array(name)?
            .iter()
            .map(|item| as_float(item).ok_or_else(|| Self::wrong(name, "[]float", item)))
            .collect()
    }
}

fn as_string(value: &Value) -> Option<Arc<str>> {
    match value {
        Value::String(text) => Some(Arc::clone(text)),
        _ => None,
    }
}

fn as_integer(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(value) => Some(*value),
        _ => None,
    }
}

fn as_float(value: &Value) -> Option<f64> {
    match value {
        Value::Float(value) => Some(*value),
        _ => None,
    }
}

fn as_duration(value: &Value) -> Option<Duration> {
    match value {
        Value::Duration(value) => Some(*value),
        _ => None,
    }
}

fn as_function(value: &Value) -> Option<Function> {
    match value {
        Value::Function(function) => Some(function.clone()),
        _ => None,
    }
}

fn as_record(value: &Value) -> Option<Rc<Record>> {
    match value {
        Value::Record(record) => Some(Rc::clone(record)),
        Value::Row(row) if row.row.is_some() => Some(Rc::new(row.record())),
        _ => None,
    }
}

fn as_array(value: &Value) -> Option<Rc<Vec<Value>>> {
    match value {
        Value::Array(items) => Some(Rc::clone(items)),
        _ => None,
    }
}
