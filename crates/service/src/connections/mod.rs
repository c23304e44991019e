//! How every role accepts connections: HTTP/1, plain or by TLS, each connection with limits of its
//! own, so that nobody who connects and does nothing keeps out those who work.
//!
//! | what somebody may do | what ends it | where |
//! |---|---|---|
//! | open connections, send nothing or half a head | the next connection takes the place; a deadline | [`table`], `stream` |
//! | never finish a handshake | a task of its own, a deadline | here |
//! | send a body drop by drop | a rate | `body` |
//! | never read an answer or its events | a deadline by bytes taken; nothing is buffered beyond 64 kB | `stream` |
//! | send a head without an end, or thousands of fields | 431, 414 | [`limits`] |
//! | take all places with requests | a limit by address; reserves for loopback and probes | [`table`] |

mod body;
mod connection;
pub mod limits;
mod stream;
pub mod table;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

pub use self::body::TooSlow;
pub use self::limits::Limits;
use self::table::{Seat, Table};
use crate::shutdown::Shutdown;

/// Pause after the system gave no connection, mostly for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Longest silence between two lines of the log about refused connections.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Binds an address.
///
/// Errors: it cannot be bound; the message names it.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
    })
}

/// Serves routes in the background until the order to stop; `shutdown` waits for the requests that
/// are being served then. Handlers find the peer as `ConnectInfo<SocketAddr>`.
pub fn serve(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    routes: Router,
    limits: Limits,
    shutdown: &Shutdown,
) {
    let port = Port {
        table: Table::new(limits),
        tls: tls.map(TlsAcceptor::from),
        routes,
        stop: shutdown.clone(),
    };
    shutdown.spawn(port.accept(listener));
}

struct Port {
    table: Arc<Table>,
    tls: Option<TlsAcceptor>,
    routes: Router,
    stop: Shutdown,
}

impl Port {
    async fn accept(self, listener: TcpListener) {
        let mut troubles = Troubles::default();
        while let Some(accepted) = self.stop.unless_requested(listener.accept()).await {
            match accepted {
                Ok((stream, peer)) => match self.table.admit(peer.ip()) {
                    Some(seat) => self.start(stream, peer, seat),
                    None => troubles.report("as many requests as allowed are being served"),
                },
                Err(error) if is_of_the_peer(&error) => {}
                Err(error) => {
                    troubles.report(&error.to_string());
                    self.table.evict_one();
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
            // A connection that makes room needs a turn to close its descriptor.
            tokio::task::yield_now().await;
        }
    }

    fn start(&self, stream: TcpStream, peer: SocketAddr, seat: Seat) {
        // Nagle's algorithm holds the last piece of an answer back until the other side acknowledges
        // the one before, which it delays by some 40 ms (RFC 9293, 3.7.4). A stream that refuses is
        // slower, not wrong.
        let _ = stream.set_nodelay(true);
        let (tls, routes) = (self.tls.clone(), self.routes.clone());
        let (stop, seat) = (self.stop.clone(), Arc::new(seat));
        self.stop.spawn(async move {
            match tls {
                None => connection::serve(stream, peer, routes, seat, &stop).await,
                Some(tls) => {
                    let shaken = tokio::select! {
                        shaken = tokio::time::timeout(limits::HANDSHAKE_LIMIT, tls.accept(stream)) => shaken,
                        () = seat.evicted() => return,
                        () = stop.requested() => return,
                    };
                    match shaken {
                        Ok(Ok(stream)) => connection::serve(stream, peer, routes, seat, &stop).await,
                        Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
                        Err(_) => tracing::debug!(%peer, "TLS handshake took too long"),
                    }
                }
            }
        });
    }
}

/// The other side went away before it was accepted (accept(2)).
fn is_of_the_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}

/// Connections that were not served: one line of the log a minute.
#[derive(Default)]
struct Troubles {
    count: u64,
    reported: Option<Instant>,
}

impl Troubles {
    fn report(&mut self, reason: &str) {
        self.count += 1;
        if self.reported.is_none_or(|at| at.elapsed() >= LOG_INTERVAL) {
            tracing::warn!(connections = self.count, reason, "connections are refused");
            (self.count, self.reported) = (0, Some(Instant::now()));
        }
    }
}
