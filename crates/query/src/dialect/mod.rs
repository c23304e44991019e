//! From questions to the text of a language: a module each.

pub mod flux;
pub mod metricsql;
pub mod sql;

/// A question that a language has no text for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{language} cannot answer this: {reason}")]
pub struct Unsupported {
    pub language: &'static str,
    pub reason: String,
}
