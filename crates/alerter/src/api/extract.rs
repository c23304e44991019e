//! Bodies and parameters of requests: as axum reads them, but what is wrong is told as every other
//! mistake is, in JSON.

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::Server;
use super::error::ApiError;

/// A JSON body.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Server> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, server: &Server) -> Result<Body<T>, ApiError> {
        let Json(value) = Json::from_request(request, server).await?;
        Ok(Body(value))
    }
}

/// The parameters after the question mark.
pub(super) struct Parameters<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Server> for Parameters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        server: &Server,
    ) -> Result<Parameters<T>, ApiError> {
        let found = axum::extract::Query::from_request_parts(parts, server).await?;
        Ok(Parameters(found.0))
    }
}
