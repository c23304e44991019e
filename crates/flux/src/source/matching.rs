//! What a predicate means, for sources that evaluate it themselves: first against a series, then against its rows.

use std::cmp::Ordering;
use std::fmt;

use super::{FieldValues, Literal, Predicate, Subject};

/// A predicate with all that a series decides decided.
#[derive(Debug, Clone)]
pub enum Residual {
    /// All rows of the series.
    All,
    /// No row of the series.
    None,
    /// The rows whose value satisfies this, which looks at nothing but [`Subject::Value`].
    Values(Predicate),
}

/// The texts that a predicate asks a series for.
pub trait SeriesView {
    /// The measurement.
    fn measurement(&self) -> &str;
    /// The field's key.
    fn field(&self) -> &str;
    /// The value of a tag.
    fn tag(&self, key: &str) -> Option<&str>;
}

impl Predicate {
    /// What is left to test on the rows of a series.
    pub fn against(&self, series: &dyn SeriesView) -> Residual {
        match self {
            Self::And(parts) => {
                let mut left = Vec::new();
                for part in parts {
                    match part.against(series) {
                        Residual::None => return Residual::None,
                        Residual::All => {}
                        Residual::Values(rest) => left.push(rest),
                    }
                }
                match left.len() {
                    0 => Residual::All,
                    _ => Residual::Values(Self::And(left)),
                }
            }
            Self::Or(parts) => {
                let mut left = Vec::new();
                for part in parts {
                    match part.against(series) {
                        Residual::All => return Residual::All,
                        Residual::None => {}
                        Residual::Values(rest) => left.push(rest),
                    }
                }
                match left.len() {
                    0 => Residual::None,
                    _ => Residual::Values(Self::Or(left)),
                }
            }
            Self::Not(inner) => match inner.against(series) {
                Residual::All => Residual::None,
                Residual::None => Residual::All,
                Residual::Values(rest) => Residual::Values(Self::Not(Box::new(rest))),
            },
            Self::Compare(Subject::Value, ..)
            | Self::Matches {
                subject: Subject::Value,
                ..
            } => Residual::Values(self.clone()),
            Self::Compare(subject, comparison, literal) => {
                let Literal::String(wanted) = literal else {
                    return Residual::None;
                };
                let text = text_of(subject, series).unwrap_or("");
                decided(comparison.accepts(Some(text.cmp(wanted))))
            }
            Self::Matches {
                subject,
                pattern,
                negated,
            } => decided(pattern.is_match(text_of(subject, series).unwrap_or("")) != *negated),
            Self::Exists(subject) => decided(text_of(subject, series).is_some()),
        }
    }

    /// Whether the value of a row satisfies the predicate, which must look at values alone.
    pub fn accepts_row(&self, values: &FieldValues, row: usize) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.accepts_row(values, row)),
            Self::Or(parts) => parts.iter().any(|part| part.accepts_row(values, row)),
            Self::Not(inner) => !inner.accepts_row(values, row),
            Self::Compare(_, comparison, literal) => {
                compare(values, row, literal).is_some_and(|order| comparison.accepts(order))
            }
            Self::Matches {
                pattern, negated, ..
            } => match values {
                FieldValues::String(texts) => pattern.is_match(&texts[row]) != *negated,
                _ => false,
            },
            Self::Exists(_) => true,
        }
    }

    /// Whether the predicate looks at values.
    pub fn reads_values(&self) -> bool {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::reads_values),
            Self::Not(inner) => inner.reads_values(),
            Self::Compare(subject, ..) | Self::Matches { subject, .. } | Self::Exists(subject) => {
                *subject == Subject::Value
            }
        }
    }
}

/// The order of a row's value and a constant: `None` if their kinds do not compare, `Some(None)` for a NaN.
#[allow(clippy::option_option)]
fn compare(values: &FieldValues, row: usize, literal: &Literal) -> Option<Option<Ordering>> {
    Some(match (values, literal) {
        (FieldValues::Float(values), Literal::Float(wanted)) => values[row].partial_cmp(wanted),
        (FieldValues::Float(values), Literal::Integer(wanted)) => {
            values[row].partial_cmp(&(*wanted as f64))
        }
        (FieldValues::Integer(values), Literal::Integer(wanted)) => Some(values[row].cmp(wanted)),
        (FieldValues::Integer(values), Literal::Float(wanted)) => {
            (values[row] as f64).partial_cmp(wanted)
        }
        (FieldValues::Unsigned(values), Literal::Unsigned(wanted)) => Some(values[row].cmp(wanted)),
        (FieldValues::Boolean(values), Literal::Boolean(wanted)) => Some(values[row].cmp(wanted)),
        (FieldValues::String(values), Literal::String(wanted)) => {
            Some(values[row].as_ref().cmp(wanted))
        }
        _ => return None,
    })
}

fn text_of<'a>(subject: &Subject, series: &'a dyn SeriesView) -> Option<&'a str> {
    match subject {
        Subject::Measurement => Some(series.measurement()),
        Subject::Field => Some(series.field()),
        Subject::Tag(key) => series.tag(key),
        Subject::Value => None,
    }
}

fn decided(holds: bool) -> Residual {
    if holds { Residual::All } else { Residual::None }
}

impl fmt::Display for Predicate {
    /// As the language writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, parts: &[Self], word: &str| {
            for (at, part) in parts.iter().enumerate() {
                if at > 0 {
                    write!(f, " {word} ")?;
                }
                match part {
                    Self::And(_) | Self::Or(_) => write!(f, "({part})")?,
                    _ => write!(f, "{part}")?,
                }
            }
            Ok(())
        };
        match self {
            Self::And(parts) => list(f, parts, "and"),
            Self::Or(parts) => list(f, parts, "or"),
            Self::Not(inner) => write!(f, "not {inner}"),
            Self::Compare(subject, comparison, literal) => {
                use super::Comparison;
                let symbol = match comparison {
                    Comparison::Equal => "==",
                    Comparison::NotEqual => "!=",
                    Comparison::Less => "<",
                    Comparison::LessOrEqual => "<=",
                    Comparison::Greater => ">",
                    Comparison::GreaterOrEqual => ">=",
                };
                match literal {
                    Literal::String(text) => write!(f, "{subject} {symbol} {text:?}"),
                    Literal::Integer(value) => write!(f, "{subject} {symbol} {value}"),
                    Literal::Unsigned(value) => write!(f, "{subject} {symbol} {value}"),
                    Literal::Float(value) => write!(f, "{subject} {symbol} {value:?}"),
                    Literal::Boolean(value) => write!(f, "{subject} {symbol} {value}"),
                }
            }
            Self::Matches {
                subject,
                pattern,
                negated,
            } => {
                write!(
                    f,
                    "{subject} {} /{pattern}/",
                    if *negated { "!~" } else { "=~" }
                )
            }
            Self::Exists(subject) => write!(f, "exists {subject}"),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Measurement => f.write_str("_measurement"),
            Self::Field => f.write_str("_field"),
            Self::Value => f.write_str("_value"),
            Self::Tag(key) => f.write_str(key),
        }
    }
}
