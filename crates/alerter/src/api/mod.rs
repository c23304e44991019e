//! The HTTP API on loopback: what is, why it is so, and changes that need a token.
//!
//! `/api/v1` is ours (`openapi.json` describes it and is served), `/api/v2` is Alertmanager's for
//! `amtool` and for alerts that others push.

mod access;
mod alertmanager;
mod alerts;
mod annotations;
mod backtests;
mod documents;
mod error;
mod extract;
mod hosts;
mod rules;
mod silences;
mod views;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::CONTENT_TYPE;
use axum::routing::{delete, get, post, put};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use watchpost_client::Client;
use watchpost_core::duration::Duration;
use watchpost_service::config::TelemetryConfig;
use watchpost_service::connections::{self, Limits};
use watchpost_service::hosts::KnownHosts;
use watchpost_service::http::{Readiness, Telemetry, routes};
use watchpost_service::metrics::Registry;
use watchpost_service::shutdown::Shutdown;

use crate::alert::Nanos;
use crate::daemon::{Desk, Reloads};
use crate::receivers::Surroundings;
use crate::store::Store;
use crate::store::documents::Documents;
use error::ApiError;

/// Largest body: ten thousand alerts.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// The description of the API.
pub const OPENAPI: &str = include_str!("openapi.json");

/// What the handlers work with.
#[derive(Clone)]
pub struct Server {
    pub desk: Desk,
    pub reloads: Reloads,
    pub store: Arc<Store>,
    /// None while their file cannot be opened.
    pub documents: Option<Arc<Documents>>,
    pub surroundings: Surroundings,
    pub token_file: Option<PathBuf>,
    pub client: Client,
    /// Where the history is written, if it is.
    pub history_bucket: Option<String>,
    /// One backtest at a time.
    pub backtests: Arc<Semaphore>,
    pub registry: Registry,
    pub readiness: Readiness,
}

fn router(server: Server) -> Router {
    let openapi = || async { ([(CONTENT_TYPE, "application/json")], OPENAPI) };
    Router::new()
        .route("/api/v1/openapi.json", get(openapi))
        .route("/api/v1/status", get(rules::status))
        .route("/api/v1/alerts", get(alerts::list))
        .route(
            "/api/v1/alerts/{fingerprint}/acknowledgement",
            post(alerts::acknowledge).delete(alerts::unacknowledge),
        )
        .route("/api/v1/groups", get(alerts::groups))
        .route(
            "/api/v1/silences",
            get(silences::list).post(silences::create),
        )
        .route("/api/v1/silences/{id}", delete(silences::expire))
        .route("/api/v1/rules", get(rules::list))
        .route("/api/v1/rules/{name}", get(rules::show))
        .route("/api/v1/rules/{name}/backtest", post(backtests::run))
        .route("/api/v1/annotations", get(annotations::list))
        .route("/api/v1/receivers/{name}/test", post(rules::test_receiver))
        .route("/api/v1/history", get(alerts::history))
        .route("/api/v1/hosts/{host}", delete(hosts::forget))
        .route("/api/v1/explain/{fingerprint}", get(alerts::explain))
        .route("/api/v1/documents/{collection}", get(documents::list))
        .route(
            "/api/v1/documents/{collection}/{name}",
            put(documents::keep).delete(documents::remove),
        )
        .route(
            "/api/v2/alerts",
            get(alertmanager::alerts::list).post(alertmanager::alerts::push),
        )
        .route("/api/v2/alerts/groups", get(alertmanager::alerts::groups))
        .route(
            "/api/v2/silences",
            get(alertmanager::silences::list).post(alertmanager::silences::set),
        )
        .route(
            "/api/v2/silence/{id}",
            get(alertmanager::silences::show).delete(alertmanager::silences::expire),
        )
        .route("/api/v2/status", get(alertmanager::status::status))
        .route("/api/v2/receivers", get(alertmanager::receivers::list))
        .route("/-/healthy", get(alertmanager::management::healthy))
        .route("/-/ready", get(alertmanager::management::ready))
        .route("/-/reload", post(alertmanager::management::reload))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(server)
}

/// A port that is taken is tried again this often.
const BIND_AGAIN: std::time::Duration = std::time::Duration::from_secs(5);

/// Binds the port and serves until shutdown. Gives the bound address; `None` while the port cannot be had:
/// alerts are evaluated and sent all the same, and it is tried again.
pub async fn serve(
    listen: &TelemetryConfig,
    server: Server,
    shutdown: &Shutdown,
) -> Option<SocketAddr> {
    if !listen.enabled {
        return None;
    }
    let (address, known) = (listen.listen, listen.known_hosts());
    match TcpListener::bind(address).await {
        Ok(listener) => serve_on(listener, known, server, shutdown),
        Err(error) => {
            tracing::error!(
                "cannot listen on {address}: {error}; set api.listen.listen to another address. Alerts are \
                 evaluated and sent all the same, and listening is tried again"
            );
            let stop = shutdown.clone();
            shutdown.spawn(async move {
                let free = async {
                    loop {
                        tokio::time::sleep(BIND_AGAIN).await;
                        if let Ok(listener) = TcpListener::bind(address).await {
                            return listener;
                        }
                    }
                };
                if let Some(listener) = stop.unless_requested(free).await {
                    serve_on(listener, known, server, &stop);
                }
            });
            None
        }
    }
}

fn serve_on(
    listener: TcpListener,
    known: KnownHosts,
    server: Server,
    shutdown: &Shutdown,
) -> Option<SocketAddr> {
    let address = listener.local_addr().ok()?;
    if !address.ip().is_loopback() {
        tracing::warn!(%address, "the API is open to the network; reading needs no login");
    }
    let telemetry = Telemetry {
        name: "watchpost-alerter",
        version: env!("CARGO_PKG_VERSION"),
        registry: server.registry.clone(),
        readiness: server.readiness.clone(),
    };
    let app = routes(telemetry).merge(router(server));
    let app = known.guard(app);
    connections::serve(listener, None, app, Limits::server(), shutdown);
    Some(address)
}

fn read_time(text: &str) -> Result<Nanos, ApiError> {
    watchpost_core::time::parse_rfc3339(text).map_err(|error| {
        ApiError::BadRequest(format!("{text:?}: {error}; write 2026-03-02T08:00:00Z"))
    })
}

fn read_duration(text: &str) -> Result<Nanos, ApiError> {
    let parsed = text
        .parse::<Duration>()
        .ok()
        .and_then(Duration::fixed_nanos)
        .filter(|nanos| *nanos > 0);
    parsed.ok_or_else(|| {
        ApiError::BadRequest(format!(
            "{text:?} is not a duration such as 30m or 2h, above zero and below 292 years"
        ))
    })
}
