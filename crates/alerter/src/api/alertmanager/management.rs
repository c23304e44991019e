//! Alertmanager's routes for load balancers, probes and those who change its file.

use axum::extract::State;
use axum::http::StatusCode;

use crate::api::Server;

pub(in crate::api) async fn healthy() -> &'static str {
    "OK"
}

/// Ready as `/ready` says: every rule was evaluated once.
pub(in crate::api) async fn ready(State(server): State<Server>) -> (StatusCode, &'static str) {
    if server.readiness.missing().is_empty() {
        (StatusCode::OK, "OK")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready")
    }
}

/// Reads the rule file again, and says whether it is valid. It is read when it changes, whoever asks; so
/// no token is needed.
pub(in crate::api) async fn reload(State(server): State<Server>) -> (StatusCode, String) {
    match server.reloads.ask().await {
        Ok(()) => (StatusCode::OK, String::new()),
        Err(error) => {
            let text = format!("failed to reload config: {error}");
            (StatusCode::INTERNAL_SERVER_ERROR, text)
        }
    }
}
