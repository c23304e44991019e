//! Conditions on series, fields and values, and what is left of them once the series is known.
//!
//! The rules are InfluxDB's storage rules: logic is two-valued; a series that lacks a tag
//! satisfies `tag != x` and `tag !~ x` and no other comparison of that tag; a value compared with
//! a constant of another type is false, except that numbers compare with float constants, and
//! floats with integer ones.

use std::cmp::Ordering;
use std::sync::Arc;

use watchpost_core::point::SeriesKey;
use watchpost_core::regular_expression::Regex;

use crate::column::Column;

/// What a comparison looks at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The measurement's name.
    Measurement,
    /// The field's key.
    Field,
    /// The value of a tag; a series may lack it.
    Tag(Arc<str>),
    /// The value of each row.
    Value,
}

/// How a comparison compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The constant of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    String(Arc<str>),
    Integer(i64),
    Unsigned(u64),
    Float(f64),
    Boolean(bool),
}

/// A condition.
#[derive(Clone, Debug)]
pub enum Predicate {
    /// All of them hold (true when empty).
    And(Vec<Predicate>),
    /// One of them holds (false when empty).
    Or(Vec<Predicate>),
    /// It does not hold.
    Not(Box<Predicate>),
    /// The subject against a constant.
    Compare(Subject, Comparison, Literal),
    /// The subject's text matches the pattern (not anchored); with `negated` it must not.
    Matches {
        subject: Subject,
        pattern: Arc<Regex>,
        negated: bool,
    },
    /// The series has the tag (always true of measurement, field and value).
    Exists(Subject),
}

impl Default for Predicate {
    /// True of every row.
    fn default() -> Predicate {
        Predicate::And(Vec::new())
    }
}

/// What a predicate comes to once series and field are known.
#[derive(Clone, Debug)]
pub(crate) enum Residual {
    Always,
    Never,
    /// It depends on the value of each row.
    Value(Predicate),
}

impl Comparison {
    /// Whether an ordering of left and right satisfies the comparison; `None` is a NaN, which
    /// only `!=` accepts.
    pub fn accepts(self, ordering: Option<Ordering>) -> bool {
        match self {
            Comparison::Equal => ordering == Some(Ordering::Equal),
            Comparison::NotEqual => ordering != Some(Ordering::Equal),
            Comparison::Less => ordering == Some(Ordering::Less),
            Comparison::LessOrEqual => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
            Comparison::Greater => ordering == Some(Ordering::Greater),
            Comparison::GreaterOrEqual => {
                matches!(ordering, Some(Ordering::Greater | Ordering::Equal))
            }
        }
    }
}

impl Predicate {
    /// `tag == value`.
    pub fn tag(key: &str, value: &str) -> Predicate {
        Predicate::equal(Subject::Tag(key.into()), value)
    }

    /// `_measurement == name`.
    pub fn measurement(name: &str) -> Predicate {
        Predicate::equal(Subject::Measurement, name)
    }

    /// `_field == name`.
    pub fn field(name: &str) -> Predicate {
        Predicate::equal(Subject::Field, name)
    }

    fn equal(subject: Subject, text: &str) -> Predicate {
        Predicate::Compare(subject, Comparison::Equal, Literal::String(text.into()))
    }

    /// What is left of the condition for a series, and for a field of it unless that is still
    /// open (`None`: conditions on the field then count as undecided).
    pub(crate) fn partially_evaluate(&self, series: &SeriesKey, field: Option<&str>) -> Residual {
        match self {
            Predicate::And(parts) => fold(parts, series, field, false),
            Predicate::Or(parts) => fold(parts, series, field, true),
            Predicate::Not(inner) => match inner.partially_evaluate(series, field) {
                Residual::Always => Residual::Never,
                Residual::Never => Residual::Always,
                Residual::Value(rest) => Residual::Value(Predicate::Not(Box::new(rest))),
            },
            Predicate::Compare(Subject::Value, ..)
            | Predicate::Matches {
                subject: Subject::Value,
                ..
            } => Residual::Value(self.clone()),
            Predicate::Compare(Subject::Field, ..)
            | Predicate::Matches {
                subject: Subject::Field,
                ..
            } if field.is_none() => Residual::Value(self.clone()),
            Predicate::Compare(subject, comparison, literal) => {
                let text = subject.text(series, field);
                decided(match (text, literal) {
                    (None, _) => *comparison == Comparison::NotEqual,
                    (Some(text), Literal::String(constant)) => {
                        comparison.accepts(Some(text.cmp(constant)))
                    }
                    (Some(_), _) => false,
                })
            }
            Predicate::Matches {
                subject,
                pattern,
                negated,
            } => {
                let matched = subject
                    .text(series, field)
                    .is_some_and(|text| pattern.is_match(text));
                decided(matched != *negated)
            }
            Predicate::Exists(subject) => decided(
                !matches!(subject, Subject::Tag(_)) || subject.text(series, field).is_some(),
            ),
        }
    }

    /// Whether a row's value satisfies what is left (see [`Residual::Value`]).
    pub(crate) fn accepts_row(&self, column: &Column, row: usize) -> bool {
        match self {
            Predicate::And(parts) => parts.iter().all(|part| part.accepts_row(column, row)),
            Predicate::Or(parts) => parts.iter().any(|part| part.accepts_row(column, row)),
            Predicate::Not(inner) => !inner.accepts_row(column, row),
            Predicate::Compare(_, comparison, literal) => {
                compare_value(column, row, *comparison, literal)
            }
            Predicate::Matches {
                pattern, negated, ..
            } => match column {
                Column::String(values) => pattern.is_match(&values[row]) != *negated,
                _ => false,
            },
            Predicate::Exists(_) => true,
        }
    }

    /// The `tag == value` conditions that every match must satisfy: a start for the tag index.
    pub(crate) fn required_tags(&self) -> Vec<(&str, &str)> {
        match self {
            Predicate::And(parts) => parts.iter().flat_map(Predicate::required_tags).collect(),
            Predicate::Compare(Subject::Tag(key), Comparison::Equal, Literal::String(value)) => {
                vec![(key, value)]
            }
            _ => Vec::new(),
        }
    }

    /// The measurement that every match must have, if the condition names one.
    pub(crate) fn required_measurement(&self) -> Option<&str> {
        match self {
            Predicate::And(parts) => parts.iter().find_map(Predicate::required_measurement),
            Predicate::Compare(Subject::Measurement, Comparison::Equal, Literal::String(name)) => {
                Some(name)
            }
            _ => None,
        }
    }
}

impl Subject {
    fn text<'a>(&self, series: &'a SeriesKey, field: Option<&'a str>) -> Option<&'a str> {
        match self {
            Subject::Measurement => Some(series.measurement()),
            Subject::Field => field,
            Subject::Tag(key) => series.tag(key),
            Subject::Value => None,
        }
    }
}

/// Joins the parts of an `And` (`any` false) or an `Or` (`any` true).
fn fold(parts: &[Predicate], series: &SeriesKey, field: Option<&str>, any: bool) -> Residual {
    let mut open = Vec::new();
    for part in parts {
        match part.partially_evaluate(series, field) {
            Residual::Always if any => return Residual::Always,
            Residual::Never if !any => return Residual::Never,
            Residual::Always | Residual::Never => {}
            Residual::Value(rest) => open.push(rest),
        }
    }
    match (open.is_empty(), any) {
        (true, any) => decided(!any),
        (false, true) => Residual::Value(Predicate::Or(open)),
        (false, false) => Residual::Value(Predicate::And(open)),
    }
}

fn decided(truth: bool) -> Residual {
    if truth {
        Residual::Always
    } else {
        Residual::Never
    }
}

fn compare_value(column: &Column, row: usize, comparison: Comparison, literal: &Literal) -> bool {
    let ordering = match (column, literal) {
        (Column::Float(values), Literal::Float(constant)) => values[row].partial_cmp(constant),
        (Column::Float(values), Literal::Integer(constant)) => {
            values[row].partial_cmp(&(*constant as f64))
        }
        (Column::Integer(values), Literal::Float(constant)) => {
            (values[row] as f64).partial_cmp(constant)
        }
        (Column::Integer(values), Literal::Integer(constant)) => Some(values[row].cmp(constant)),
        (Column::Unsigned(values), Literal::Unsigned(constant)) => Some(values[row].cmp(constant)),
        (Column::Boolean(values), Literal::Boolean(constant)) => Some(values[row].cmp(constant)),
        (Column::String(values), Literal::String(constant)) => {
            Some(values[row].as_ref().cmp(constant))
        }
        _ => return false,
    };
    comparison.accepts(ordering)
}
