//! What goes wrong in a request, and its status: the only place that knows codes.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::daemon::DeskClosed;
use crate::pipeline::silence::SilenceError;
use crate::store::StoreError;
use crate::store::documents::DocumentError;

#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    #[error("{0}")]
    BadRequest(String),
    #[error("this needs the header `Authorization: Bearer TOKEN` with the token of api.token_file")]
    Unauthorized,
    #[error("nothing can be changed: no api.token_file is configured")]
    ReadOnly,
    /// A silence that has expired is neither changed nor ended again.
    #[error("{0}")]
    Ended(String),
    #[error("there is no {0}")]
    NotFound(String),
    #[error("{0}")]
    TooMany(&'static str),
    /// There is no room for what should be kept.
    #[error("{0}")]
    Full(String),
    #[error("the database: {0}")]
    Database(String),
    /// A body or parameters that cannot be read.
    #[error("{message}")]
    Unreadable { status: StatusCode, message: String },
    #[error(transparent)]
    Busy(#[from] DeskClosed),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<SilenceError> for ApiError {
    fn from(error: SilenceError) -> ApiError {
        match error {
            SilenceError::Unknown(id) => ApiError::NotFound(format!("silence {id}")),
            SilenceError::Expired(_) => ApiError::Ended(error.to_string()),
            other => ApiError::BadRequest(other.to_string()),
        }
    }
}

impl From<DocumentError> for ApiError {
    fn from(error: DocumentError) -> ApiError {
        match error {
            DocumentError::Collection(name) => ApiError::NotFound(format!("collection {name:?}")),
            DocumentError::Store(error) => ApiError::Store(error),
            DocumentError::Full { .. } => ApiError::Full(error.to_string()),
            other => ApiError::BadRequest(other.to_string()),
        }
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> ApiError {
        ApiError::Unreadable {
            status: rejection.status(),
            message: rejection.body_text(),
        }
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> ApiError {
        ApiError::Unreadable {
            status: rejection.status(),
            message: rejection.body_text(),
        }
    }
}

impl ApiError {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            ApiError::BadRequest(_) | ApiError::Ended(_) => StatusCode::BAD_REQUEST,
            ApiError::Unauthorized => StatusCode::UNAUTHORIZED,
            ApiError::ReadOnly => StatusCode::FORBIDDEN,
            ApiError::NotFound(_) => StatusCode::NOT_FOUND,
            ApiError::Full(_) => StatusCode::INSUFFICIENT_STORAGE,
            ApiError::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            ApiError::Database(_) => StatusCode::BAD_GATEWAY,
            ApiError::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
            ApiError::Unreadable { status, .. } => *status,
            ApiError::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        let code = status.canonical_reason().unwrap_or_default().to_lowercase();
        (
            status,
            Json(json!({ "code": code, "message": self.to_string() })),
        )
            .into_response()
    }
}
