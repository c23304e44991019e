//! Who may change something: whoever bears the token of `api.token_file`.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use subtle::ConstantTimeEq as _;
use watchpost_service::secret::Secret;

use super::Server;
use super::error::ApiError;

/// Proof that the request bore the token: handlers that change something take it as an argument.
pub(super) struct MayChange;

impl FromRequestParts<Server> for MayChange {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<MayChange, ApiError> {
        let file = server.token_file.as_deref().ok_or(ApiError::ReadOnly)?;
        // Read each time, so that a token can be rotated.
        let token = Secret::token_from_file(file).map_err(|error| {
            tracing::error!(%error, "the API token cannot be read");
            ApiError::Unauthorized
        })?;
        let header = parts
            .headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let given = header.and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            (scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token"))
                .then_some(token)
        });
        let given = given.unwrap_or_default().trim().as_bytes();
        // Digests have one length, so that not even the token's length can be measured.
        let digest = |bytes: &[u8]| ring::digest::digest(&ring::digest::SHA256, bytes);
        let same = digest(given)
            .as_ref()
            .ct_eq(digest(token.reveal().as_bytes()).as_ref());
        if bool::from(same) {
            Ok(MayChange)
        } else {
            Err(ApiError::Unauthorized)
        }
    }
}
