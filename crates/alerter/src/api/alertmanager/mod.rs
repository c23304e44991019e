//! Alertmanager's API, version 2: what `amtool` and senders of alerts such as Prometheus use.

pub(super) mod alerts;
pub(super) mod filter;
pub(super) mod management;
pub(super) mod receivers;
pub(super) mod silences;
pub(super) mod status;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::ApiError;
use super::{Server, access};

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

/// A JSON body, whatever its declared type; one that cannot be read is 400 in the form of this API, which `amtool` shows.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Server> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, server: &Server) -> Result<Body<T>, Refusal> {
        let bytes = Bytes::from_request(request, server).await;
        let bytes = bytes.map_err(|rejection| ApiError::Unreadable {
            status: rejection.status(),
            message: rejection.body_text(),
        })?;
        let read = serde_json::from_slice(&bytes);
        let value =
            read.map_err(|error| ApiError::BadRequest(format!("the body is not valid: {error}")))?;
        Ok(Body(value))
    }
}

/// Leave to change something, refused in the form of this API.
pub(super) struct MayChange(pub(super) access::MayChange);

impl FromRequestParts<Server> for MayChange {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<MayChange, Refusal> {
        let proof = access::MayChange::from_request_parts(parts, server).await?;
        Ok(MayChange(proof))
    }
}
