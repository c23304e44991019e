//! The HTTP API on loopback: what is, why it is so, and changes that need a token.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use watchpost_service::config::TelemetryConfig;
use watchpost_service::http::{Readiness, Telemetry, routes};
use watchpost_service::metrics::Registry;
use watchpost_service::shutdown::Shutdown;

use crate::daemon::Desk;
use crate::receivers::Surroundings;
use crate::store::Store;

/// What the handlers work with.
#[derive(Clone)]
pub struct Server {
    pub desk: Desk,
    pub store: Arc<Store>,
    pub surroundings: Surroundings,
    pub token_file: Option<PathBuf>,
    pub registry: Registry,
    pub readiness: Readiness,
}

/// Binds the port and serves until shutdown. Gives the bound address.
///
/// Errors: the address cannot be bound.
pub async fn serve(
    listen: &TelemetryConfig,
    server: Server,
    shutdown: &Shutdown,
) -> std::io::Result<Option<SocketAddr>> {
    if !listen.enabled {
        return Ok(None);
    }
    let listener = tokio::net::TcpListener::bind(listen.listen)
        .await
        .map_err(|error| {
            std::io::Error::new(
                error.kind(),
                format!("cannot listen on {}: {error}", listen.listen),
            )
        })?;
    let address = listener.local_addr()?;
    let telemetry = Telemetry {
        name: "watchpost-alerter",
        version: env!("CARGO_PKG_VERSION"),
        registry: server.registry.clone(),
        readiness: server.readiness.clone(),
    };
    let app: Router = routes(telemetry);
    let stop = shutdown.clone();
    shutdown.spawn(async move {
        let served = axum::serve(listener, app)
            .with_graceful_shutdown(async move { stop.requested().await });
        if let Err(error) = served.await {
            tracing::error!(%error, "the API port failed");
        }
    });
    Ok(Some(address))
}
