//! Conditions of a query in the words of storage.

use watchpost_flux::source as flux;
use watchpost_storage::predicate as storage;

/// The same condition.
pub fn translate(predicate: &flux::Predicate) -> storage::Predicate {
    match predicate {
        flux::Predicate::And(parts) => {
            storage::Predicate::And(parts.iter().map(translate).collect())
        }
        flux::Predicate::Or(parts) => storage::Predicate::Or(parts.iter().map(translate).collect()),
        flux::Predicate::Not(inner) => storage::Predicate::Not(Box::new(translate(inner))),
        flux::Predicate::Compare(of, how, constant) => {
            storage::Predicate::Compare(subject(of), comparison(*how), literal(constant))
        }
        flux::Predicate::Matches {
            subject: of,
            pattern,
            negated,
        } => storage::Predicate::Matches {
            subject: subject(of),
            pattern: pattern.clone(),
            negated: *negated,
        },
        flux::Predicate::Exists(of) => storage::Predicate::Exists(subject(of)),
    }
}

fn subject(subject: &flux::Subject) -> storage::Subject {
    match subject {
        flux::Subject::Measurement => storage::Subject::Measurement,
        flux::Subject::Field => storage::Subject::Field,
        flux::Subject::Tag(key) => storage::Subject::Tag(key.clone()),
        flux::Subject::Value => storage::Subject::Value,
    }
}

fn comparison(comparison: flux::Comparison) -> storage::Comparison {
    match comparison {
        flux::Comparison::Equal => storage::Comparison::Equal,
        flux::Comparison::NotEqual => storage::Comparison::NotEqual,
        flux::Comparison::Less => storage::Comparison::Less,
        flux::Comparison::LessOrEqual => storage::Comparison::LessOrEqual,
        flux::Comparison::Greater => storage::Comparison::Greater,
        flux::Comparison::GreaterOrEqual => storage::Comparison::GreaterOrEqual,
    }
}

fn literal(literal: &flux::Literal) -> storage::Literal {
    match literal {
        flux::Literal::String(text) => storage::Literal::String(text.clone()),
        flux::Literal::Integer(number) => storage::Literal::Integer(*number),
        flux::Literal::Unsigned(number) => storage::Literal::Unsigned(*number),
        flux::Literal::Float(number) => storage::Literal::Float(*number),
        flux::Literal::Boolean(truth) => storage::Literal::Boolean(*truth),
    }
}
