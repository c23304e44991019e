//! The memory of values outside of tables: it is asked for before it is taken, so that what a program cannot have is an
//! error of its own and never an allocation that ends the process.

use std::rc::Rc;
use std::sync::Arc;

use super::Context;
use crate::error::Error;
use crate::interpret::{Arguments, Native};
use crate::syntax::ast::BinaryOperator;
use crate::table::Column;
use crate::value::{Value, operate};

/// What an item of an array takes.
pub const ITEM_BYTES: usize = size_of::<Value>();
/// What a property of a record takes beside its name's text, which is shared.
const PROPERTY_BYTES: usize = size_of::<(Arc<str>, Value)>();
/// What an entry of a dictionary takes, with its share of the tree's nodes.
const ENTRY_BYTES: usize = 2 * PROPERTY_BYTES;
/// A function of the library holds at most so many times what it is given and does not say otherwise: a text whose
/// characters become longer ones, beside the copy that is its value.
const GROWTH: usize = 4;

impl Context<'_> {
    /// Whether so many bytes may be taken for a moment.
    ///
    /// # Errors
    /// The run would hold more than its limit.
    pub fn reserve(&self, bytes: usize) -> Result<(), Error> {
        self.hold().add(bytes)
    }

    /// Holds the bytes of a value. They count until the call of a lambda ends in which they were taken, or the run.
    ///
    /// # Errors
    /// The run would hold more than its limit.
    pub fn charge(&self, bytes: usize) -> Result<(), Error> {
        let mut held = self.hold();
        held.add(bytes)?;
        held.keep();
        self.charged.set(self.charged.get() + bytes);
        Ok(())
    }

    /// Gives back what `work` was charged: what is left of its values is on the account of the caller.
    pub fn discharged<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = self.charged.get();
        let result = work();
        let since = self.charged.replace(before).saturating_sub(before);
        self.release(since);
        result
    }

    /// Calls a function of the library within the run's memory.
    ///
    /// # Errors
    /// As the function; the run would hold more than its limit.
    pub fn call_counted(&self, native: &Native, arguments: &Arguments) -> Result<Value, Error> {
        let given: usize = arguments.iter().map(|(_, value)| shallow(value)).sum();
        self.reserve(given.saturating_mul(GROWTH))?;
        let value = (native.call)(self, arguments)?;
        if is_new(&value) {
            self.charge(shallow(&value))?;
        }
        Ok(value)
    }

    /// Applies a binary operator within the run's memory.
    ///
    /// # Errors
    /// As [`operate::binary`]; the run would hold more than its limit.
    pub fn combined(
        &self,
        operator: BinaryOperator,
        left: &Value,
        right: &Value,
    ) -> Result<Value, Error> {
        match operator {
            BinaryOperator::Add => self.charge_sum(left, right)?,
            // Compared item by item, each as often as it stands there: a list that holds another one twice, and so on,
            // has no end.
            BinaryOperator::Equal | BinaryOperator::NotEqual if holds_others(left) => {
                self.reserve(deep(left, self.free_bytes()))?;
            }
            _ => {}
        }
        operate::binary(operator, left, right, self.lambda_rows())
    }

    /// Holds the bytes of two texts put together, one by one or as columns.
    ///
    /// # Errors
    /// The run would hold more than its limit.
    fn charge_sum(&self, left: &Value, right: &Value) -> Result<(), Error> {
        let rows = match (left, right) {
            (Value::Column(Column::String(texts)), _)
            | (_, Value::Column(Column::String(texts))) => texts.len(),
            (Value::String(_), Value::String(_)) => 1,
            _ => return Ok(()),
        };
        let of = |value: &Value| match value {
            Value::String(text) => text.len().saturating_mul(rows),
            Value::Column(Column::String(texts)) => {
                texts.iter().flatten().map(|text| text.len()).sum()
            }
            _ => 0,
        };
        let bytes = of(left).saturating_add(of(right));
        // The text as it is put together, beside the one that is its value.
        self.reserve(bytes.saturating_mul(2))?;
        self.charge(bytes)
    }
}

/// Whether a value is made of other values.
fn holds_others(value: &Value) -> bool {
    matches!(
        value,
        Value::Array(_) | Value::Record(_) | Value::Dict(_) | Value::Dynamic(_)
    )
}

/// What a value takes itself; what its items refer to is others'.
pub fn shallow(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Array(items) => items.len() * ITEM_BYTES,
        Value::Record(record) => record.len() * PROPERTY_BYTES,
        Value::Dict(items) => items.len() * ENTRY_BYTES,
        Value::Dynamic(inner) => shallow(inner),
        _ => 0,
    }
}

/// Whether only the caller holds a value: one that was there before is counted already.
fn is_new(value: &Value) -> bool {
    match value {
        Value::String(text) => Arc::strong_count(text) == 1,
        Value::Bytes(bytes) => Arc::strong_count(bytes) == 1,
        Value::Array(items) => Rc::strong_count(items) == 1,
        Value::Record(record) => Rc::strong_count(record) == 1,
        Value::Dict(items) => Rc::strong_count(items) == 1,
        Value::Dynamic(inner) => is_new(inner),
        _ => false,
    }
}

/// What a value takes with everything in it, each item as often as it stands there; ends soon after `limit`.
pub fn deep(value: &Value, limit: usize) -> usize {
    let mut open = vec![value];
    let mut bytes = 0usize;
    while let Some(value) = open.pop() {
        bytes = bytes.saturating_add(ITEM_BYTES + shallow(value));
        if bytes > limit {
            break;
        }
        match value {
            Value::Array(items) => open.extend(items.iter()),
            Value::Record(record) => {
                for (name, member) in record.iter() {
                    bytes = bytes.saturating_add(name.len());
                    open.push(member);
                }
            }
            Value::Dict(items) => open.extend(items.values()),
            Value::Dynamic(inner) => open.push(inner),
            _ => {}
        }
    }
    bytes
}

/// Whether values lie within values deeper than `limit`.
pub fn is_deeper(value: &Value, limit: usize) -> bool {
    let mut open = vec![(value, 0)];
    while let Some((value, depth)) = open.pop() {
        if depth > limit {
            return true;
        }
        match value {
            Value::Array(items) => open.extend(items.iter().map(|item| (item, depth + 1))),
            Value::Record(record) => {
                open.extend(record.iter().map(|(_, member)| (member, depth + 1)));
            }
            Value::Dict(items) => open.extend(items.values().map(|item| (item, depth + 1))),
            Value::Dynamic(inner) => open.push((inner, depth + 1)),
            _ => {}
        }
    }
    false
}
