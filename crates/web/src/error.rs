//! What goes wrong with a request and what the answer says: the only place that knows status codes.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use watchpost_client::Error as ClientError;

/// Result of a handler.
pub type Result<T, E = ApiError> = std::result::Result<T, E>;

/// A refused or failed request. The answer is
/// `{"error": {"code": "…", "message": "…", "field": "…"}}`, `field` where one is to blame.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// A parameter or a member of the body is missing or wrong.
    #[error("{field}: {message}")]
    Invalid {
        /// Its name.
        field: String,
        /// What is wrong and what would be right.
        message: String,
    },
    /// There is no such thing.
    #[error("there is no {0}")]
    NotFound(String),
    /// Nobody signed in, or the token is not known.
    #[error("sign in, or send the header `Authorization: Bearer TOKEN`")]
    Unauthorized,
    /// Signed in, and not allowed.
    #[error("{0}")]
    Forbidden(String),
    /// Too many failed tries to sign in.
    #[error("too many failed sign-ins; wait {0} seconds")]
    TooManyTries(u64),
    /// A request that another web page sent.
    #[error("the request comes from another site: {0}")]
    CrossSite(String),
    /// Something that is not configured here.
    #[error("this needs {0} in the configuration")]
    NotConfigured(&'static str),
    /// All places for followers are taken.
    #[error("{0} followers are being served already (live.max_followers)")]
    TooManyFollowers(usize),
    /// The database did not give what was asked for.
    #[error("{message}")]
    Database {
        /// Which way it failed.
        failure: DatabaseFailure,
        /// What it said.
        message: String,
    },
    /// The alerter did not.
    #[error("the alerter: {message}")]
    Alerter {
        /// Its status, 502 if there was none.
        status: u16,
        /// What it said.
        message: String,
    },
    /// A mistake of this program.
    #[error("{0}")]
    Internal(String),
}

/// The ways in which a database fails that a caller acts on differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseFailure {
    /// It cannot be reached: wait.
    Down,
    /// It does not take our token, or the bucket is not there: somebody has to act.
    Refused,
    /// It did not answer in time.
    TooSlow,
    /// It, or we, refused for the size of the answer: ask for less.
    OverLimit,
    /// Anything else.
    Failed,
}

impl DatabaseFailure {
    fn status_and_code(self) -> (StatusCode, &'static str) {
        match self {
            Self::Down => (StatusCode::SERVICE_UNAVAILABLE, "database_down"),
            Self::Refused => (StatusCode::BAD_GATEWAY, "database_refused"),
            Self::TooSlow => (StatusCode::GATEWAY_TIMEOUT, "database_too_slow"),
            Self::OverLimit => (StatusCode::UNPROCESSABLE_ENTITY, "over_limit"),
            Self::Failed => (StatusCode::BAD_GATEWAY, "database_failed"),
        }
    }
}

impl ApiError {
    /// A wrong parameter.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid {
            field: field.into(),
            message: message.into(),
        }
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.status_and_code().0
    }

    /// The code in the answer, for scripts.
    pub fn code(&self) -> &'static str {
        self.status_and_code().1
    }

    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Invalid { .. } => (StatusCode::BAD_REQUEST, "invalid_parameter"),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden"),
            Self::TooManyTries(_) => (StatusCode::TOO_MANY_REQUESTS, "too_many_tries"),
            Self::CrossSite(_) => (StatusCode::FORBIDDEN, "cross_site"),
            Self::NotConfigured(_) => (StatusCode::NOT_IMPLEMENTED, "not_configured"),
            Self::TooManyFollowers(_) => (StatusCode::SERVICE_UNAVAILABLE, "too_many_followers"),
            Self::Database { failure, .. } => failure.status_and_code(),
            Self::Alerter { status, .. } => match status {
                400 => (StatusCode::BAD_REQUEST, "alerter_refused"),
                404 => (StatusCode::NOT_FOUND, "not_found"),
                _ => (StatusCode::BAD_GATEWAY, "alerter_failed"),
            },
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }

    /// True for what a bucket that does not exist answers.
    pub fn is_missing_bucket(&self) -> bool {
        matches!(self, Self::Database { failure: DatabaseFailure::Refused, message }
            if message.contains("could not find bucket") || message.contains("not found"))
    }
}

impl From<ClientError> for ApiError {
    fn from(error: ClientError) -> Self {
        let failure = match &error {
            ClientError::Connection { message, .. } if message.contains("timed out") => {
                DatabaseFailure::TooSlow
            }
            ClientError::Connection { .. } => DatabaseFailure::Down,
            ClientError::Token(_) => DatabaseFailure::Refused,
            ClientError::TooLarge { .. } => DatabaseFailure::OverLimit,
            ClientError::Api { status, .. } => match status {
                401 | 403 | 404 => DatabaseFailure::Refused,
                408 | 504 => DatabaseFailure::TooSlow,
                413 | 429 => DatabaseFailure::OverLimit,
                502 | 503 => DatabaseFailure::Down,
                _ => DatabaseFailure::Failed,
            },
            ClientError::Query { message, .. } if message.contains("limit") => {
                DatabaseFailure::OverLimit
            }
            _ => DatabaseFailure::Failed,
        };
        let message = match failure {
            DatabaseFailure::Down => format!("the database cannot be reached: {error}"),
            DatabaseFailure::Refused => format!("the database refuses: {error}"),
            DatabaseFailure::TooSlow => {
                format!("the database did not answer in time: {error}")
            }
            DatabaseFailure::OverLimit => format!("over a limit of the query: {error}"),
            DatabaseFailure::Failed => format!("the database: {error}"),
        };
        Self::Database { failure, message }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code) = self.status_and_code();
        if status.is_server_error() {
            tracing::warn!(code, error = %self, "a request failed");
        }
        let message = match &self {
            Self::Invalid { message, .. } => message.clone(),
            other => other.to_string(),
        };
        let mut error = json!({ "code": code, "message": message });
        if let Self::Invalid { field, .. } = &self {
            error["field"] = json!(field);
        }
        let mut response = (status, Json(json!({ "error": error }))).into_response();
        if let Self::TooManyTries(seconds) = &self
            && let Ok(value) = HeaderValue::try_from(seconds.to_string())
        {
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        response
    }
}
