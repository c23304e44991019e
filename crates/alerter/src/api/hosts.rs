//! Hosts that are gone.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::Server;
use super::access::MayChange;
use super::error::ApiError;

/// Ends the alerts of a host and forgets its series.
pub(super) async fn forget(
    _: MayChange,
    State(server): State<Server>,
    Path(host): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let wanted = host.clone();
    let forgotten = server
        .desk
        .ask(move |alerting, _, now| alerting.forget_host(&wanted, now))
        .await?;
    match forgotten {
        0 => Err(ApiError::NotFound(format!("host {host} that is watched"))),
        series => Ok(Json(json!({ "forgotten": host, "series": series }))),
    }
}
