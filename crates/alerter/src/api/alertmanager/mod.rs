//! Alertmanager's API, version 2: what `amtool` and senders of alerts such as Prometheus use.

pub(super) mod alerts;
pub(super) mod filter;
pub(super) mod silences;
pub(super) mod status;

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::error::ApiError;

/// An error as Alertmanager's clients read it: the body is the message, as a JSON string.
#[derive(Debug)]
pub(super) struct Refusal(ApiError);

impl<E: Into<ApiError>> From<E> for Refusal {
    fn from(error: E) -> Refusal {
        Refusal(error.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0.status(), Json(self.0.to_string())).into_response()
    }
}

type Answer = Result<Json<Value>, Refusal>;
