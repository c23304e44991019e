//! The functions and names that columns are made of, each once.

use std::collections::BTreeMap;

use super::compile::Compiled;
use super::fields::best_tags;
use crate::influxql::ast::{Expression, Kind};
use crate::influxql::eval::is_math;

/// The calls and plain names of a statement's columns, each once, and the columns in their terms.
pub(super) struct Slots {
    pub(super) calls: Vec<(usize, Expression)>,
    pub(super) plain: Vec<(usize, String, Kind)>,
    pub(super) columns: Vec<Expression>,
    pub(super) known: BTreeMap<String, usize>,
}

impl Slots {
    /// Of a statement.
    pub(super) fn of(compiled: &Compiled) -> Self {
        let mut slots = Self {
            calls: Vec::new(),
            plain: Vec::new(),
            columns: Vec::new(),
            known: BTreeMap::new(),
        };
        for column in &compiled.select.columns {
            let value = slots.mapped(&column.value);
            slots.columns.push(value);
            for tag in best_tags(&column.value) {
                let value = slots.mapped(tag);
                slots.columns.push(value);
            }
        }
        slots.plain.sort_by(|left, right| left.1.cmp(&right.1));
        slots
    }

    fn mapped(&mut self, value: &Expression) -> Expression {
        match value {
            Expression::Call(name, _) if !is_math(name) => {
                let (place, is_new) = self.place(value);
                if is_new {
                    self.calls.push((place, value.clone()));
                }
                Expression::Slot(place)
            }
            Expression::Reference(name, kind) => {
                let (place, is_new) = self.place(value);
                if is_new {
                    self.plain.push((place, name.clone(), *kind));
                }
                Expression::Slot(place)
            }
            Expression::Call(name, arguments) => {
                let arguments = arguments.iter().map(|argument| self.mapped(argument));
                Expression::Call(name.clone(), arguments.collect())
            }
            Expression::Binary(operator, left, right) => {
                let (left, right) = (self.mapped(left), self.mapped(right));
                Expression::Binary(*operator, Box::new(left), Box::new(right))
            }
            Expression::Parentheses(inner) => Expression::Parentheses(Box::new(self.mapped(inner))),
            literal => literal.clone(),
        }
    }

    fn place(&mut self, value: &Expression) -> (usize, bool) {
        let next = self.known.len();
        let place = *self.known.entry(value.to_string()).or_insert(next);
        (place, place == next)
    }
}
