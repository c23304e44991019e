//! Starts the server: opens the port, watches the fleet, serves until the order to stop.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::net::{TcpListener, TcpStream};
use watchpost_service::reload::Hangup;
use watchpost_service::shutdown::{DRAIN_LIMIT, Drained, Shutdown};
use watchpost_service::tls::{Certificate, TlsError, TlsListener};

use crate::config::WebConfig;
use crate::router;
use crate::sign_in::users_file::UsersFile;
use crate::state::App;

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The port cannot be opened.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
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
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| ServeError::Listen(listen, error))?;
    let address = listener.local_addr()?;
    if open && !address.ip().is_loopback() {
        tracing::warn!(%address, "everybody who reaches the port is served as an operator");
    }
    app.live.start();
    if let Some(users) = &app.users {
        users.watch(shutdown);
    }
    read_again_on_hangup(app.users.clone(), shutdown)?;
    let routes = router::routes(app);
    match tls {
        Some(certificate) => {
            certificate.watch(shutdown)?;
            let listener = TlsListener::new(listener, certificate.server_config()?, shutdown)?;
            serve(listener, routes, shutdown);
            tracing::info!("listening on https://{address}");
        }
        None => {
            serve(Prompt(listener), routes, shutdown);
            tracing::info!("listening on http://{address}");
        }
    }
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

fn serve<L>(listener: L, routes: Router, shutdown: &Shutdown)
where
    L: Listener<Addr = SocketAddr>,
    Peer: for<'s> Connected<IncomingStream<'s, L>>,
{
    let stop = shutdown.clone();
    let service = routes.into_make_service_with_connect_info::<Peer>();
    shutdown.spawn(async move {
        let served = axum::serve(listener, service)
            .with_graceful_shutdown(async move { stop.requested().await });
        if let Err(error) = served.await {
            tracing::error!(%error, "the port failed");
        }
    });
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// As `watchpost_service::http::prompt`, as a type of ours: [`Peer`] is read from its streams.
struct Prompt(TcpListener);

impl Listener for Prompt {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        let (stream, peer) = Listener::accept(&mut self.0).await;
        // A stream that refuses is slower, not wrong.
        let _ = stream.set_nodelay(true);
        (stream, peer)
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, Prompt>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Prompt>) -> Peer {
        Peer(*stream.remote_addr())
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Peer {
        Peer(*stream.remote_addr())
    }
}
