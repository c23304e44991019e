//! The listener of OTLP/HTTP: a thread with a runtime of its own, so that a flood of requests is nothing to the writers.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use watchpost_service::connections::{self, Limits};
use watchpost_service::hosts::KnownHosts;
use watchpost_service::shutdown::Shutdown;

use super::request::{MAX_BYTES, Received, Requests};
use super::{Answer, Settings};
use crate::clock;

/// Requests whose bodies are in memory at a time.
const AT_A_TIME: usize = 2;

/// How long a body may take: it comes from the same host, or one nearby.
const BODY_LIMIT: Duration = Duration::from_secs(10);

/// After which a sender tries again, in seconds: by then a collection has passed.
const RETRY_AFTER: &str = "1";

/// How long the end waits for requests under way.
const END: Duration = Duration::from_secs(1);

/// The thread that serves.
pub(super) struct Server {
    stop: Shutdown,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone)]
struct Shared {
    requests: Requests,
    places: Arc<Semaphore>,
}

impl Server {
    /// Listens and serves.
    ///
    /// Errors: the address cannot be bound; the message names it.
    pub(super) fn start(settings: &Settings, requests: Requests) -> io::Result<Self> {
        let address = settings.address;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(connections::bind(address))?;
        if !address.ip().is_loopback() {
            tracing::warn!(%address, "OTLP is open to the network and needs no login");
        }
        let shared = Shared {
            requests,
            places: Arc::new(Semaphore::new(AT_A_TIME)),
        };
        let routes = Router::new()
            .route("/v1/metrics", post(metrics))
            .with_state(shared);
        let names = &settings.allowed_hosts;
        let setting = "collectors.otlp.allowed_hosts";
        let routes = KnownHosts::new(address.ip(), names, setting, false).guard(routes);
        let stop = Shutdown::new();
        let of_thread = stop.clone();
        let serve = move || serve(&runtime, listener, routes, &of_thread);
        let thread = std::thread::Builder::new()
            .name("otlp".to_owned())
            .stack_size(512 * 1024)
            .spawn(serve)?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

fn serve(runtime: &Runtime, listener: tokio::net::TcpListener, routes: Router, stop: &Shutdown) {
    runtime.block_on(async {
        connections::serve(listener, None, routes, Limits::side_port(), stop);
        stop.requested().await;
        stop.drain(END).await;
    });
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.request();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn metrics(State(shared): State<Shared>, request: Request) -> Response {
    let Ok(_place) = shared.places.acquire().await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let (head, body) = request.into_parts();
    match tokio::time::timeout(BODY_LIMIT, to_bytes(body, MAX_BYTES)).await {
        Ok(Ok(body)) => answer(&shared, &head.headers, &body),
        Ok(Err(_)) => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
        Err(_) => StatusCode::REQUEST_TIMEOUT.into_response(),
    }
}

fn answer(shared: &Shared, headers: &HeaderMap, body: &Bytes) -> Response {
    let header = |name| {
        let value = headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    };
    let received = Received {
        content_type: header(header::CONTENT_TYPE),
        content_encoding: header(header::CONTENT_ENCODING),
        body,
    };
    let Answer {
        status,
        content_type,
        body,
    } = shared.requests.take(received, clock::now());
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (
        status,
        [(header::CONTENT_TYPE, content_type)],
        Body::from(body),
    )
        .into_response();
    if status == StatusCode::TOO_MANY_REQUESTS {
        let later = header::HeaderValue::from_static(RETRY_AFTER);
        response.headers_mut().insert(header::RETRY_AFTER, later);
    }
    response
}
