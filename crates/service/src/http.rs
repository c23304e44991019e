//! `/health`, `/ready` and `/metrics` on a port of their own, loopback by default.
//!
//! `/health` says that the process answers; `/ready` whether it does its work, part by part;
//! `/metrics` is the Prometheus text of the [`Registry`]. Built on axum, which three roles carry
//! anyway.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;

use crate::config::TelemetryConfig;
use crate::connections::{self, Limits};
use crate::metrics::Registry;
use crate::shutdown::Shutdown;

/// Between attempts to bind a port that another process has.
const BIND_AGAIN: Duration = Duration::from_secs(5);

/// Which parts of a process do their work. A part that never reported is not waited for. Clones
/// share the state.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    parts: Arc<Mutex<BTreeMap<&'static str, Option<String>>>>,
}

impl Readiness {
    /// Every part declared here has to report before the process is ready.
    pub fn waiting_for(parts: &[&'static str]) -> Self {
        let readiness = Self::default();
        for part in parts {
            readiness.not_ready(part, "starting");
        }
        readiness
    }

    /// The part does its work.
    pub fn ready(&self, part: &'static str) {
        self.parts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(part, None);
    }

    /// The part does not, and why.
    pub fn not_ready(&self, part: &'static str, reason: impl Into<String>) {
        self.parts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(part, Some(reason.into()));
    }

    /// The parts that do not work, with their reasons.
    pub fn missing(&self) -> Vec<(&'static str, String)> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts
            .iter()
            .filter_map(|(part, reason)| Some((*part, reason.clone()?)))
            .collect()
    }
}

/// What the routes answer from.
#[derive(Debug, Clone)]
pub struct Telemetry {
    /// Name of the binary: `watchpost-agent`.
    pub name: &'static str,
    /// Version of the binary.
    pub version: &'static str,
    /// The self-metrics.
    pub registry: Registry,
    /// The state of the parts.
    pub readiness: Readiness,
}

/// The three routes, for a role that serves them beside its own.
pub fn routes(telemetry: Telemetry) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(telemetry)
}

/// Binds the port and serves until shutdown; nothing when it is switched off. Gives the bound
/// address, which tells the port where 0 was asked for.
///
/// Errors: the address cannot be bound.
pub async fn serve(
    config: &TelemetryConfig,
    telemetry: Telemetry,
    shutdown: &Shutdown,
) -> std::io::Result<Option<SocketAddr>> {
    if !config.enabled {
        return Ok(None);
    }
    let listener = connections::bind(config.listen).await?;
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        tracing::warn!(%address, "metrics are open to the network and need no login");
    }
    connections::serve(
        listener,
        None,
        config.known_hosts().guard(routes(telemetry)),
        Limits::side_port(),
        shutdown,
    );
    Ok(Some(address))
}

/// As [`serve`], for a role whose work does not depend on the port: when it cannot be bound, that is said
/// once, and tried again until it can. Gives the address if it was bound at once.
pub async fn serve_when_free(
    config: &TelemetryConfig,
    telemetry: Telemetry,
    shutdown: &Shutdown,
) -> Option<SocketAddr> {
    match serve(config, telemetry.clone(), shutdown).await {
        Ok(address) => return address,
        Err(error) => tracing::warn!(
            "{error}; the work goes on without /health, /ready and /metrics until the port is free. \
             telemetry.listen names another"
        ),
    }
    let (config, stop) = (config.clone(), shutdown.clone());
    shutdown.spawn(async move {
        loop {
            if stop
                .unless_requested(tokio::time::sleep(BIND_AGAIN))
                .await
                .is_none()
            {
                return;
            }
            if let Ok(Some(address)) = serve(&config, telemetry.clone(), &stop).await {
                tracing::info!(%address, "the port is free; health and metrics are served now");
                return;
            }
        }
    });
    None
}

async fn health(State(telemetry): State<Telemetry>) -> Response {
    let body = serde_json::json!({
        "name": telemetry.name, "message": "up", "status": "pass", "version": telemetry.version,
    });
    Json(body).into_response()
}

async fn ready(State(telemetry): State<Telemetry>) -> Response {
    let missing: BTreeMap<_, _> = telemetry.readiness.missing().into_iter().collect();
    if missing.is_empty() {
        return Json(serde_json::json!({ "status": "ready" })).into_response();
    }
    let body = Json(serde_json::json!({ "status": "not ready", "waiting_for": missing }));
    (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
}

async fn metrics(State(telemetry): State<Telemetry>) -> Response {
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        telemetry.registry.render(),
    )
        .into_response()
}
