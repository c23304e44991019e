//! What an operation failed of, in kinds that a report can count and a person can act on.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use watchpost_client::Error;
use watchpost_client::write::Outcome;

/// Characters of a server's message that a report keeps.
const MESSAGE_LIMIT: usize = 500;

/// Kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// No connection, or it broke.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// 401: no token, or one the server does not know.
    Unauthorized,
    /// 403: the token may not do this.
    Forbidden,
    /// 404: the bucket or organization is not there.
    NotFound,
    /// 413: the body is too large.
    TooLarge,
    /// 400, 422: points refused.
    Rejected,
    /// 429, 503: the server asks to wait.
    Overloaded,
    /// No space left.
    Full,
    /// 5xx otherwise.
    Server,
    /// The answer is none of this API.
    Answer,
    /// A fault of our own.
    Client,
}

/// A failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its kind.
    pub kind: FailureKind,
    /// What was said.
    pub message: String,
    /// Whether the same request may succeed later.
    pub may_pass: bool,
    /// When the server wants it again.
    pub wait: Option<Duration>,
}

impl FailureKind {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::TooLarge => "too_large",
            Self::Rejected => "rejected",
            Self::Overloaded => "overloaded",
            Self::Full => "full",
            Self::Server => "server",
            Self::Answer => "answer",
            Self::Client => "client",
        }
    }

    /// What it means and what to do.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Unreachable => "the server cannot be reached; is it running at this URL?",
            Self::Timeout => {
                "the server does not answer in time; lower the load or raise influx.timeout"
            }
            Self::Unauthorized => {
                "the server does not know the token; set INFLUX_TOKEN or INFLUX_TOKEN_FILE"
            }
            Self::Forbidden => {
                "the token may not do this (read-only, or another's organization); the bench needs to read and write buckets"
            }
            Self::NotFound => "the organization or bucket is not there; set INFLUX_ORG",
            Self::TooLarge => "a body is larger than the server takes; lower write.batch_size",
            Self::Rejected => "the server refuses the points",
            Self::Overloaded => "the server asks to wait longer than write.retry_for allows",
            Self::Full => "the server has no space left",
            Self::Server => "the server fails; see its log",
            Self::Answer => "the answer is not what this API gives; is this the right server?",
            Self::Client => "the bench itself failed",
        }
    }

    fn of_status(status: u16, message: &str) -> Self {
        if status == 507 || says_full(message) {
            return Self::Full;
        }
        match status {
            401 => Self::Unauthorized,
            403 => Self::Forbidden,
            404 => Self::NotFound,
            413 => Self::TooLarge,
            400 | 422 => Self::Rejected,
            429 | 503 => Self::Overloaded,
            500..=599 => Self::Server,
            _ => Self::Answer,
        }
    }

    fn of_connection(message: &str) -> Self {
        let message = message.to_lowercase();
        if message.contains("timed out") || message.contains("timeout") {
            Self::Timeout
        } else {
            Self::Unreachable
        }
    }
}

/// Whether words of an error speak of a full disk or a used-up quota.
fn says_full(message: &str) -> bool {
    let message = message.to_lowercase();
    [
        "no space left",
        "disk full",
        "disk is full",
        "quota exceeded",
    ]
    .iter()
    .any(|words| message.contains(words))
}

impl Failure {
    /// One that stays.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            may_pass: false,
            wait: None,
        }
    }

    /// What became of a write; `None` when it is stored.
    pub fn of_write(outcome: Outcome) -> Option<Self> {
        Some(match outcome {
            Outcome::Done => return None,
            // A full disk may come as 500 or 503, and waiting helps no more than with 507.
            Outcome::RetryAfter { message, .. } if says_full(&message) => {
                Self::new(FailureKind::Full, message)
            }
            Outcome::RetryAfter { after, message } => Self {
                kind: retry_kind(after, &message),
                message,
                may_pass: true,
                wait: after,
            },
            Outcome::Split { message } => Self::new(FailureKind::TooLarge, message),
            Outcome::RejectedLines(rejection) => {
                // It quotes every refused line: the first tell enough.
                let message: String = rejection.message.chars().take(MESSAGE_LIMIT).collect();
                Self::new(FailureKind::Rejected, message)
            }
            Outcome::Refused {
                status: 0, message, ..
            } => Self::new(FailureKind::Client, message),
            Outcome::Refused {
                status,
                code,
                message,
            } => Self::new(
                FailureKind::of_status(status, &message),
                format!("{message} ({status} {code})"),
            ),
        })
    }

    /// This failure after it was met for so long.
    #[must_use]
    pub fn after(self, length: Duration) -> Self {
        Self {
            message: format!("{} (repeated for {length:?})", self.message),
            may_pass: false,
            ..self
        }
    }
}

/// The kind of a write that is worth another attempt; the client gives its words, not its status.
fn retry_kind(after: Option<Duration>, message: &str) -> FailureKind {
    let connection = ["connect", "connection", "sending request", "timed out"]
        .iter()
        .any(|words| message.to_lowercase().contains(words));
    match (after, connection) {
        (Some(_), _) => FailureKind::Overloaded,
        (None, true) => FailureKind::of_connection(message),
        (None, false) => FailureKind::Server,
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Config(_) | Error::Tls(_) | Error::Token(_) | Error::TooLarge { .. } => {
                FailureKind::Client
            }
            Error::Connection { message, .. } => FailureKind::of_connection(message),
            Error::Api {
                status, message, ..
            } => FailureKind::of_status(*status, message),
            Error::Query { .. } | Error::Partial(_) => FailureKind::Server,
            Error::Answer(_) => FailureKind::Answer,
        };
        let wait = match &error {
            Error::Api { retry_after, .. } => *retry_after,
            _ => None,
        };
        Self {
            kind,
            may_pass: error.is_transient() && kind != FailureKind::Full,
            message: error.to_string(),
            wait,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.advice(), self.message)
    }
}
