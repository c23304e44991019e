//! One connection, from the first byte to the last.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, Response, StatusCode, header};
use axum::response::{IntoResponse as _, Json};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tower::ServiceExt as _;

use super::body::{Answer, Paced};
use super::limits::{EVICTION_GRACE, HEAD_BYTES, HEAD_FIELDS, IDLE_LIMIT};
use super::stream::Watched;
use super::table::{Class, Seat};
use crate::shutdown::Shutdown;

/// What the reserve for probes answers: whether the process is well, in the words of its kind.
const PROBES: [&str; 5] = ["/health", "/ready", "/ping", "/-/healthy", "/-/ready"];

/// Serves one connection until it ends, has to make room for another, or the process stops.
pub(super) async fn serve<S>(
    stream: S,
    peer: SocketAddr,
    routes: Router,
    seat: Arc<Seat>,
    stop: &Shutdown,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = TokioIo::new(Watched::new(stream, Arc::clone(&seat)));
    let service = service_fn(|request| answer(routes.clone(), peer, Arc::clone(&seat), request));
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE_LIMIT)
            .max_buf_size(HEAD_BYTES)
            .max_headers(HEAD_FIELDS)
            .keep_alive(seat.class() != Class::Probes)
            .serve_connection(stream, service)
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.requested() => {
            connection.as_mut().graceful_shutdown();
            let waiting = tokio::time::timeout(EVICTION_GRACE, connection.as_mut()).await;
            match waiting {
                Ok(ended) => ended,
                // A request is let finish; half a head is not.
                Err(_) if seat.is_serving() => connection.await,
                Err(_) => return,
            }
        }
        () = seat.evicted() => {
            if seat.requests() == 0 {
                return;
            }
            connection.as_mut().graceful_shutdown();
            let Ok(ended) = tokio::time::timeout(EVICTION_GRACE, connection).await else {
                return;
            };
            ended
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection ended");
    }
}

async fn answer(
    routes: Router,
    peer: SocketAddr,
    seat: Arc<Seat>,
    request: Request<Incoming>,
) -> Result<Response<Answer<Body>>, Infallible> {
    let may =
        seat.begin() && (seat.class() != Class::Probes || PROBES.contains(&request.uri().path()));
    let response = if may {
        let mut request = request.map(Paced::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        routes.oneshot(request).await?
    } else {
        busy()
    };
    Ok(response.map(|body| Answer { body, seat }))
}

fn busy() -> Response<Body> {
    let body = serde_json::json!({
        "code": "unavailable",
        "message": "too many connections; try again later",
    });
    let headers = [(header::RETRY_AFTER, "5"), (header::CONNECTION, "close")];
    (StatusCode::SERVICE_UNAVAILABLE, headers, Json(body)).into_response()
}
