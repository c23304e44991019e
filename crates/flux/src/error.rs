//! What can go wrong while a program runs, and which kind of answer it deserves.

use std::fmt;

/// The kind of a failure: what a server's answer depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The program or its data are wrong (HTTP 400).
    Invalid,
    /// A bucket or secret is missing (HTTP 404).
    NotFound,
    /// The query's owner may not (HTTP 401 or 403).
    Forbidden,
    /// A limit was reached (HTTP 429 or 422).
    Exhausted,
    /// The caller went away or the query was killed.
    Canceled,
    /// The host cannot do it now, and may later: a full disk (HTTP 503).
    Unavailable,
    /// A fault of ours or of the storage (HTTP 500).
    Internal,
}

/// A failed evaluation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What kind of failure.
    pub kind: ErrorKind,
    /// What was wrong, where, what to do.
    pub message: String,
    /// Whether the message already says where in the text it happened.
    pub located: bool,
}

impl Error {
    /// A run wants more memory than it may have.
    pub fn out_of_memory(limit: usize, wanted: usize) -> Self {
        Self::exhausted(format!(
            "memory allocation limit reached: limit {limit} bytes, wanted {wanted}; filter, aggregate or shorten the range"
        ))
    }

    /// A failure of a kind.
    pub fn new(kind: ErrorKind, message: impl fmt::Display) -> Self {
        Self {
            kind,
            message: message.to_string(),
            located: false,
        }
    }

    /// The program or its data are wrong.
    pub fn invalid(message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// Something is missing.
    pub fn not_found(message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// A limit was reached.
    pub fn exhausted(message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Exhausted, message)
    }

    /// A fault of ours.
    pub fn internal(message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// The same failure with `prefix: ` before its message.
    #[must_use]
    pub fn within(mut self, prefix: impl fmt::Display) -> Self {
        self.message = format!("{prefix}: {}", self.message);
        self
    }
}
