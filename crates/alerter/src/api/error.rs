//! What goes wrong in a request, and its status: the only place that knows codes.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::daemon::DeskClosed;
use crate::pipeline::silence::SilenceError;
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    #[error("{0}")]
    BadRequest(String),
    #[error("this needs the header `Authorization: Bearer TOKEN` with the token of api.token_file")]
    Unauthorized,
    #[error("nothing can be changed: no api.token_file is configured")]
    ReadOnly,
    #[error("there is no {0}")]
    NotFound(String),
    #[error("{0}")]
    TooMany(&'static str),
    #[error("the server: {0}")]
    Database(String),
    #[error(transparent)]
    Busy(#[from] DeskClosed),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<SilenceError> for ApiError {
    fn from(error: SilenceError) -> ApiError {
        match error {
            SilenceError::Unknown(id) => ApiError::NotFound(format!("silence {id}")),
            other => ApiError::BadRequest(other.to_string()),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = match &self {
            ApiError::BadRequest(_) => StatusCode::BAD_REQUEST,
            ApiError::Unauthorized => StatusCode::UNAUTHORIZED,
            ApiError::ReadOnly => StatusCode::FORBIDDEN,
            ApiError::NotFound(_) => StatusCode::NOT_FOUND,
            ApiError::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            ApiError::Database(_) => StatusCode::BAD_GATEWAY,
            ApiError::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
            ApiError::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let code = status.canonical_reason().unwrap_or_default().to_lowercase();
        (
            status,
            Json(json!({ "code": code, "message": self.to_string() })),
        )
            .into_response()
    }
}
