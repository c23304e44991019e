//! What can go wrong with a request, as far as a caller acts differently on it.

use std::time::Duration;

use crate::tls::TlsError;
use crate::token::TokenError;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of the client. Messages hold no token.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration cannot make a client: a URL that is none, a token with a line break.
    #[error("{0}")]
    Config(String),
    /// The certificate authorities cannot be read.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The token file cannot be read.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The server was not reached, the connection broke or took too long: worth another attempt.
    #[error("{url}: {message}")]
    Connection {
        /// The server's base URL.
        url: String,
        /// What happened, with its causes.
        message: String,
    },
    /// The server answered with an error.
    #[error("{message} ({status} {code})")]
    Api {
        /// HTTP status.
        status: u16,
        /// InfluxDB's code: `not found`, `unprocessable entity`, …
        code: String,
        /// InfluxDB's message.
        message: String,
        /// `Retry-After`, where it came.
        retry_after: Option<Duration>,
    },
    /// A query failed while its answer was being sent.
    #[error("the query failed: {message}")]
    Query {
        /// The message of the error table.
        message: String,
        /// Its reference; empty where there was none.
        reference: String,
    },
    /// The server could only answer for a part of the data.
    #[error("{0}")]
    Partial(String),
    /// The answer is not what this API gives.
    #[error("unexpected answer: {0}")]
    Answer(String),
    /// The answer is larger than the caller allowed.
    #[error(
        "the answer is larger than the limit of {limit} {unit}; narrow the query or raise the limit"
    )]
    TooLarge {
        /// The limit.
        limit: usize,
        /// `bytes` or `rows`.
        unit: &'static str,
    },
}

impl Error {
    /// True when the request may be right, and it is the server, or what stands before it, that did not
    /// answer as one that works.
    pub fn is_of_the_server(&self) -> bool {
        self.is_transient() || matches!(self, Error::Answer(_))
    }

    /// True when the same request may succeed later: connection errors, partial answers, 429, 502, 503, 504.
    pub fn is_transient(&self) -> bool {
        match self {
            Error::Connection { .. } | Error::Partial(_) => true,
            Error::Api { status, .. } => is_transient_status(*status),
            _ => false,
        }
    }

    /// HTTP status of the server's answer, if it answered with an error.
    pub fn status(&self) -> Option<u16> {
        match self {
            Error::Api { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// True for 404.
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }
}

pub(crate) const fn is_transient_status(status: u16) -> bool {
    matches!(status, 429 | 502 | 503 | 504)
}
