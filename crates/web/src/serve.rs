//! Starts the server: opens the port, watches the fleet, serves until the order to stop.

use std::net::SocketAddr;

use watchpost_service::connections::{self, Limits};
use watchpost_service::reload::Hangup;
use watchpost_service::service_manager;
use watchpost_service::shutdown::{DRAIN_LIMIT, Drained, Shutdown};
use watchpost_service::tls::{Certificate, TlsError};

use crate::config::WebConfig;
use crate::router;
use crate::sign_in::users_file::UsersFile;
use crate::state::App;

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A part cannot be made of the configuration.
    #[error(transparent)]
    Part(#[from] crate::ApiError),
    /// Certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The system refuses.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Serves until SIGTERM or SIGINT, then lets requests finish for a bounded time.
pub async fn run(config: WebConfig) -> Result<(), ServeError> {
    let shutdown = Shutdown::new();
    shutdown.listen_for_signals()?;
    let address = start(config, &shutdown).await?;
    tracing::info!(%address, "serving");
    service_manager::ready(&shutdown);
    shutdown.requested().await;
    if let Drained::Abandoned(tasks) = shutdown.drain(DRAIN_LIMIT).await {
        tracing::warn!(tasks, "ending although requests are not finished");
    }
    Ok(())
}

/// Opens the port and serves in the background. Gives the bound address, which tells the port
/// where 0 was asked for.
pub async fn start(config: WebConfig, shutdown: &Shutdown) -> Result<SocketAddr, ServeError> {
    let listen = config.http.listen;
    let tls = config
        .http
        .tls_files()
        .map(|(certificate, key)| Certificate::load(certificate, key));
    let tls = tls.transpose()?;
    let open = config.http.users_file.is_none();
    let app = App::new(config, shutdown)?;
    let listener = connections::bind(listen).await?;
    let address = listener.local_addr()?;
    if open && !address.ip().is_loopback() {
        tracing::warn!(%address, "everyone who reaches the port is served as an operator");
    }
    app.live.start();
    if let Some(users) = &app.users {
        users.watch(shutdown);
    }
    read_again_on_hangup(app.users.clone(), shutdown)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let tls = match tls {
        None => None,
        Some(certificate) => {
            certificate.watch(shutdown)?;
            Some(certificate.server_config()?)
        }
    };
    let routes = router::routes(app);
    connections::serve(listener, tls, routes, Limits::server(), shutdown);
    tracing::info!("listening on {scheme}://{address}");
    Ok(address)
}

/// SIGHUP has the users file read at once; the certificate has a watch of its own. Everything else
/// waits for the next start, and the log says so.
fn read_again_on_hangup(users: Option<UsersFile>, shutdown: &Shutdown) -> std::io::Result<()> {
    let (stop, mut hangup) = (shutdown.clone(), Hangup::new()?);
    shutdown.spawn(async move {
        while stop.unless_requested(hangup.received()).await.is_some() {
            if let Some(users) = &users {
                users.read_again();
            }
            tracing::info!(
                "SIGHUP: users file and certificate are read again; the configuration waits for the next start"
            );
        }
    });
    Ok(())
}
