//! The one place where failures become HTTP answers, in InfluxDB's form:
//! `{"code": …, "message": …}` and the header `X-Platform-Error-Code`.

use std::io;

use axum::http::StatusCode;

use crate::api::json::JsonError;
use crate::auth::permission::Permission;
use crate::meta::{Id, IdError};

/// When a client may try again after a full disk: room is made by people or by retention, not at once.
pub const UNAVAILABLE_SECONDS: u32 = 60;

/// The codes of InfluxDB's errors; each has its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The request is wrong.
    Invalid,
    /// Well-formed, but cannot be done.
    Unprocessable,
    /// Something required is empty.
    EmptyValue,
    /// It exists already.
    Conflict,
    /// It does not exist, or the caller may not know of it.
    NotFound,
    /// No valid credentials, or not enough of them on a management route.
    Unauthorized,
    /// Not enough rights to write, delete or query.
    Forbidden,
    /// The route does not have the method.
    MethodNotAllowed,
    /// The body is beyond a limit.
    TooLarge,
    /// A limit on how much at once.
    TooManyRequests,
    /// Not now: full disk, shutting down.
    Unavailable,
    /// InfluxDB does not do it either.
    NotImplemented,
    /// A fault of ours.
    Internal,
}

impl Code {
    /// The code's name and status.
    pub fn parts(self) -> (&'static str, StatusCode) {
        match self {
            Self::Invalid => ("invalid", StatusCode::BAD_REQUEST),
            Self::Unprocessable => ("unprocessable entity", StatusCode::UNPROCESSABLE_ENTITY),
            Self::EmptyValue => ("empty value", StatusCode::BAD_REQUEST),
            Self::Conflict => ("conflict", StatusCode::UNPROCESSABLE_ENTITY),
            Self::NotFound => ("not found", StatusCode::NOT_FOUND),
            Self::Unauthorized => ("unauthorized", StatusCode::UNAUTHORIZED),
            Self::Forbidden => ("forbidden", StatusCode::FORBIDDEN),
            Self::MethodNotAllowed => ("method not allowed", StatusCode::METHOD_NOT_ALLOWED),
            Self::TooLarge => ("request too large", StatusCode::PAYLOAD_TOO_LARGE),
            Self::TooManyRequests => ("too many requests", StatusCode::TOO_MANY_REQUESTS),
            Self::Unavailable => ("unavailable", StatusCode::SERVICE_UNAVAILABLE),
            Self::NotImplemented => ("not implemented", StatusCode::NOT_IMPLEMENTED),
            Self::Internal => ("internal error", StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

/// A failed request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// What kind.
    pub code: Code,
    /// What was wrong, where, what to do.
    pub message: String,
    /// Seconds to wait before trying again.
    pub retry_after: Option<u32>,
}

impl ApiError {
    /// A failure of a kind.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            retry_after: None,
        }
    }

    /// The request is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::Invalid, message)
    }

    /// Something does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Code::NotFound, message)
    }

    /// It exists already.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(Code::Conflict, message)
    }

    /// No valid credentials.
    pub fn unauthorized() -> Self {
        Self::new(Code::Unauthorized, "unauthorized access")
    }

    /// Credentials of a version 1 request that are not known, or of a token that is switched off.
    pub fn unauthorized_version_one() -> Self {
        Self::new(Code::Unauthorized, "Unauthorized")
    }

    /// Credentials without this permission.
    pub fn lacks(needed: &Permission) -> Self {
        Self::new(Code::Unauthorized, format!("{needed} is unauthorized"))
    }

    /// A fault of ours; the details are for the log.
    pub fn internal(details: impl std::fmt::Display) -> Self {
        tracing::error!(%details, "a request failed");
        Self::new(
            Code::Internal,
            "An internal error has occurred - check server logs",
        )
    }

    /// An organization that is not known by its name.
    pub fn no_organization(name: &str) -> Self {
        Self::not_found(format!("organization name \"{name}\" not found"))
    }

    /// The caller may try again after so many seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The same failure with `prefix: ` before its message.
    #[must_use]
    pub fn within(mut self, prefix: &str) -> Self {
        self.message = format!("{prefix}: {}", self.message);
        self
    }
}

impl From<IdError> for ApiError {
    fn from(error: IdError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<JsonError> for ApiError {
    fn from(error: JsonError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<io::Error> for ApiError {
    /// The disk refused a change.
    fn from(error: io::Error) -> Self {
        tracing::error!(%error, "the disk refused");
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::new(
                Code::Unavailable,
                format!("nothing can be stored: {error}; free some space"),
            )
            .retry_after(UNAVAILABLE_SECONDS),
            _ => Self::new(Code::Internal, format!("nothing was stored: {error}")),
        }
    }
}

/// `resource not found`, for an id that is not known.
pub fn missing(what: &str, _id: Id) -> ApiError {
    ApiError::not_found(format!("{what} not found"))
}
