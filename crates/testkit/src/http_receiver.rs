//! A fake of what a webhook or Slack is to us: it takes requests, records them, and refuses as
//! many as it is told to.

use std::future::IntoFuture as _;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::background;
use crate::record::Record;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// Path and query.
    pub path: String,
    headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Request {
    /// The first header of a name, in whatever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text, bad bytes replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// How a request is refused.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub status: u16,
    /// The value of the header `Retry-After`.
    pub retry_after: Option<String>,
    /// The value of the header `Location`.
    pub location: Option<String>,
    pub body: String,
}

impl Refusal {
    pub fn status(status: u16) -> Refusal {
        Refusal {
            status,
            retry_after: None,
            location: None,
            body: String::new(),
        }
    }

    #[must_use]
    pub fn retry_after(mut self, value: &str) -> Refusal {
        self.retry_after = Some(value.to_owned());
        self
    }

    #[must_use]
    pub fn location(mut self, url: &str) -> Refusal {
        self.location = Some(url.to_owned());
        self
    }

    #[must_use]
    pub fn body(mut self, body: &str) -> Refusal {
        body.clone_into(&mut self.body);
        self
    }
}

/// A server on a free port of the loopback that records every request, on a thread of its own;
/// it ends when the value goes.
#[derive(Debug)]
pub struct HttpReceiver {
    address: SocketAddr,
    scheme: &'static str,
    /// Every request, the refused ones included.
    pub requests: Record<Request>,
    script: Arc<Mutex<Script>>,
    _end: oneshot::Sender<()>,
}

/// What the receiver was told to do.
#[derive(Debug, Default)]
struct Script {
    refusals: std::collections::VecDeque<Refusal>,
    delay: Duration,
    held: bool,
    answer: &'static str,
}

#[derive(Clone)]
struct Shared {
    requests: Record<Request>,
    script: Arc<Mutex<Script>>,
}

impl HttpReceiver {
    /// Answers 200 with an empty body, like most webhooks.
    ///
    /// # Panics
    /// If no port can be had.
    pub fn webhook() -> HttpReceiver {
        HttpReceiver::start("", None)
    }

    /// As [`HttpReceiver::webhook`], over TLS.
    ///
    /// # Panics
    /// If no port can be had.
    pub fn with_tls(config: Arc<ServerConfig>) -> HttpReceiver {
        HttpReceiver::start("", Some(config.into()))
    }

    /// Answers 200 `ok`, like an incoming webhook of Slack.
    ///
    /// # Panics
    /// If no port can be had.
    pub fn slack() -> HttpReceiver {
        HttpReceiver::start("ok", None)
    }

    fn start(answer: &'static str, tls: Option<TlsAcceptor>) -> HttpReceiver {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let script = Script {
            answer,
            ..Script::default()
        };
        let shared = Shared {
            requests: Record::default(),
            script: Arc::new(Mutex::new(script)),
        };
        let router = Router::new().fallback(receive).with_state(shared.clone());
        let (address, end) = background::serve(move |listener, ended| async move {
            let serving: Pin<Box<dyn Future<Output = std::io::Result<()>>>> = match tls {
                Some(acceptor) => {
                    let listener = TlsListener { listener, acceptor };
                    Box::pin(axum::serve(listener, router).into_future())
                }
                None => Box::pin(axum::serve(listener, router).into_future()),
            };
            tokio::select! {
                _ = serving => {}
                _ = ended => {}
            }
        });
        HttpReceiver {
            address,
            scheme,
            requests: shared.requests,
            script: shared.script,
            _end: end,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT` (`https`, over TLS) and the path.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// The next `count` requests are refused.
    pub fn refuse(&self, count: usize, refusal: &Refusal) {
        let mut script = lock(&self.script);
        script
            .refusals
            .extend(std::iter::repeat_n(refusal.clone(), count));
    }

    /// From now on requests are taken and never answered, or they are again.
    pub fn hold(&self, hold: bool) {
        lock(&self.script).held = hold;
    }

    /// From now on each answer comes this late.
    pub fn delay(&self, delay: Duration) {
        lock(&self.script).delay = delay;
    }
}

/// Connections whose handshake failed are forgotten.
struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            if let Ok((stream, address)) = self.listener.accept().await
                && let Ok(stream) = self.acceptor.accept(stream).await
            {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

fn lock(script: &Mutex<Script>) -> std::sync::MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn receive(
    State(shared): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    shared.requests.push(Request {
        method: method.to_string(),
        path: uri
            .path_and_query()
            .map_or("/", |path| path.as_str())
            .to_owned(),
        headers,
        body: body.to_vec(),
    });
    if lock(&shared.script).held {
        return std::future::pending().await;
    }
    let (refusal, delay, answer) = {
        let mut script = lock(&shared.script);
        (script.refusals.pop_front(), script.delay, script.answer)
    };
    tokio::time::sleep(delay).await;
    let Some(refusal) = refusal else {
        return answer.into_response();
    };
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, refusal.body).into_response();
    let more = [
        (header::RETRY_AFTER, refusal.retry_after),
        (header::LOCATION, refusal.location),
    ];
    for (name, value) in more {
        if let Some(value) = value.and_then(|text| HeaderValue::from_str(&text).ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
