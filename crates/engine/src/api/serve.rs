//! What stands around every operation: its turn, credentials, the body, the blocking thread, the audit log, metrics.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, FromRequestParts, MatchedPath, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::OwnedSemaphorePermit;

use crate::api::call::{Call, Departure, Query, Reply};
use crate::api::error::{ApiError, Code, UNAVAILABLE_SECONDS};
use crate::api::{bodies, compression, json, operations, origin, places, query, session};
use crate::app::App;
use crate::audit::{Entry, Event};
use crate::auth::authenticate::of_authorization;
use crate::auth::checks::{self, Attempt};
use crate::auth::{Caller, Credentials};
use crate::limits::{MANAGEMENT_BODY_BYTES, OPEN_BODY_BYTES};

/// A body whose values take so much at most is read whatever else is held: what tells that the server lives, and what makes
/// it lighter (a query killed, a token revoked), is answered at the limit, too.
const SMALL_BODY: usize = 64 << 10;

/// How long a refused sign-in takes at least, so that passwords cannot be tried quickly over one connection.
const REFUSAL: Duration = Duration::from_millis(200);

/// A function that answers a request.
pub type Operation = fn(&Call) -> Reply;

/// How an operation is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Without credentials, and at once: whether the server lives.
    Live,
    /// Without credentials.
    Open,
    /// First setup: without credentials, but not from a page of another origin; hashes a password.
    SetUp,
    /// With a name and a password, which are checked.
    SignIn,
    /// With a token or a session; what it changes goes into the audit log.
    Manage,
    /// The same, and hashes a password.
    Password,
    /// A write of points: with a token, a large body and a turn.
    Write,
    /// The same, with version 1's credentials.
    WriteVersionOne,
    /// With version 1's credentials and a form for a body.
    QueryVersionOne,
}

impl Kind {
    fn needs_credentials(self) -> bool {
        !matches!(self, Self::Live | Self::Open | Self::SetUp | Self::SignIn)
    }

    fn is_write(self) -> bool {
        matches!(self, Self::Write | Self::WriteVersionOne)
    }

    fn body_limit(self, app: &App) -> usize {
        let most = app.limits.max_body_bytes;
        match self {
            _ if self.is_write() => most,
            _ if self.needs_credentials() => MANAGEMENT_BODY_BYTES.min(most),
            _ => OPEN_BODY_BYTES.min(most),
        }
    }
}

/// Serves a request by an operation.
pub async fn operate(
    app: Arc<App>,
    request: Request,
    kind: Kind,
    operation: Operation,
) -> Response {
    let started = app.clock.now();
    let (mut parts, body) = request.into_parts();
    let route = route(&mut parts).await;
    let answer = match call(&app, &mut parts, body, kind).await {
        Err(error) => error.into_response(),
        Ok(call) => match perform(call, kind, operation).await {
            Ok(answer) => answer.into_response(),
            Err(error) => error.into_response(),
        },
    };
    count(&app, &parts.method, &route, answer.status(), started);
    answer
}

async fn perform(mut call: Call, kind: Kind, operation: Operation) -> Reply {
    if kind == Kind::Live {
        return operation(&call);
    }
    if kind == Kind::SignIn || is_own_password_change(&call.path) {
        call.signed_in = session::check(&call).await?;
        if call.signed_in.is_none() {
            tokio::time::sleep(REFUSAL).await;
        }
    }
    let turn = turn(&call, kind).await?;
    // Dropped with this future when the client closes its connection.
    let _waiting = call.departure.waiting();
    let done = tokio::task::spawn_blocking(move || {
        let reply = recorded(&call, kind, operation);
        drop(turn);
        reply
    });
    done.await
        .unwrap_or_else(|panic| Err(ApiError::internal(panic)))
}

/// Serves a Flux query, which streams its answer.
pub async fn query(app: Arc<App>, request: Request) -> Response {
    let started = app.clock.now();
    let (mut parts, body) = request.into_parts();
    let answer = match call(&app, &mut parts, body, Kind::Manage).await {
        Err(error) => error.into_response(),
        Ok(call) => {
            let answer = query::query(call).await;
            varies(answer.unwrap_or_else(IntoResponse::into_response))
        }
    };
    count(
        &app,
        &parts.method,
        "/api/v2/query",
        answer.status(),
        started,
    );
    answer
}

/// Serves a backup, which streams its answer too.
pub async fn backup(app: Arc<App>, request: Request) -> Response {
    let started = app.clock.now();
    let (mut parts, body) = request.into_parts();
    let answer = match call(&app, &mut parts, body, Kind::Manage).await {
        Err(error) => error.into_response(),
        Ok(call) => {
            let entry = match begin_entry(&call, "GET", "/watchpost/backup") {
                Ok(entry) => entry,
                Err(error) => return error.into_response(),
            };
            let answer = operations::backup(call);
            let status = answer
                .as_ref()
                .map_or_else(|error| error.code.parts().1, Response::status);
            let message = answer.as_ref().err().map(|error| error.message.as_str());
            app.audit.end(entry, status.as_u16(), None, message);
            answer.unwrap_or_else(IntoResponse::into_response)
        }
    };
    count(
        &app,
        &parts.method,
        "/watchpost/backup",
        answer.status(),
        started,
    );
    answer
}

/// Says that the answer depends on the compression that was asked for.
pub fn varies(mut response: Response) -> Response {
    response
        .headers_mut()
        .append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    response
}

async fn route(parts: &mut Parts) -> String {
    let matched = MatchedPath::from_request_parts(parts, &()).await;
    matched.map_or_else(|_| "other".to_owned(), |path| path.as_str().to_owned())
}

async fn call(
    app: &Arc<App>,
    parts: &mut Parts,
    body: axum::body::Body,
    kind: Kind,
) -> Result<Call, ApiError> {
    if matches!(kind, Kind::SetUp | Kind::SignIn) && parts.method != Method::GET {
        origin::check(&parts.headers, app.is_https)?;
    }
    let mut query = Query::parse(parts.uri.query().unwrap_or_default());
    let caller = match kind.needs_credentials() {
        false => None,
        true => {
            let caller = authenticate(app, parts, &query, kind).await?;
            let brought_any = credentials(parts, &query, kind).is_some();
            let refusal = || match (kind, brought_any) {
                (Kind::WriteVersionOne | Kind::QueryVersionOne, true) => {
                    ApiError::unauthorized_version_one()
                }
                _ => ApiError::unauthorized(),
            };
            Some(caller.ok_or_else(refusal)?)
        }
    };
    let limit = kind.body_limit(app);
    let mut charge = app.bodies.charge(caller.as_ref().map(Caller::holder));
    let mut body = bodies::read(body, limit, &mut charge).await?;
    if compression::is_gzip(&parts.headers) {
        let turn = app.places.decompress().await?;
        let decompress = tokio::task::spawn_blocking(move || {
            let plain = compression::decoded(&body, limit, &mut charge);
            drop(turn);
            plain.map(|plain| (plain, charge))
        });
        (body, charge) = decompress.await.map_err(ApiError::internal)??;
    }
    let values = json::tree_bytes(&body);
    if !kind.is_write() && values > SMALL_BODY {
        // It may be JSON, whose values take more than it.
        app.memory.reserve(values).map(drop)?;
    }
    if kind == Kind::QueryVersionOne && is_form(parts) {
        query.extend(Query::parse(&String::from_utf8_lossy(&body)));
    }
    let parameters = RawPathParams::from_request_parts(parts, &()).await;
    let parameters = parameters.map_err(|error| ApiError::invalid(error.body_text()))?;
    Ok(Call {
        app: Arc::clone(app),
        method: parts.method.clone(),
        path: parts.uri.path().to_owned(),
        parameters: parameters
            .iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
        query,
        headers: parts.headers.clone(),
        body,
        caller,
        peer: peer(parts),
        signed_in: None,
        departure: Departure::default(),
        charge,
    })
}

/// The other end of the connection.
fn peer(parts: &Parts) -> Option<IpAddr> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    peer.map(|ConnectInfo(address)| address.ip())
}

fn is_form(parts: &Parts) -> bool {
    let content_type = parts
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    content_type.is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"))
}

/// Who makes the request; none if nobody is known by what it brought.
///
/// # Errors
/// Too many passwords were tried, or a page of another origin sent a browser's cookie.
pub async fn authenticate(
    app: &App,
    parts: &Parts,
    query: &Query,
    kind: Kind,
) -> Result<Option<Caller>, ApiError> {
    let Some(credentials) = credentials(parts, query, kind) else {
        return Ok(None);
    };
    let now = app.clock.now();
    let known = credentials.caller(&app.meta.read(), &app.sessions, now);
    if known.is_some() && matches!(credentials, Credentials::Session(_)) {
        origin::check(&parts.headers, app.is_https)?;
    }
    let (None, Credentials::Password { name, password }) = (&known, &credentials) else {
        return Ok(known);
    };
    let found = app.meta.read().authorization_by_legacy_name(name).cloned();
    let attempt = Attempt {
        name,
        password,
        from: peer(parts),
        now,
    };
    let matches = app.passwords.check_legacy(attempt, found.as_ref()).await?;
    let found = found.filter(|_| matches);
    Ok(found.map(|authorization| of_authorization(&app.meta.read(), &authorization)))
}

fn credentials(parts: &Parts, query: &Query, kind: Kind) -> Option<Credentials> {
    let header = |name: HeaderName| {
        parts
            .headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let authorization = header(header::AUTHORIZATION);
    match kind {
        Kind::WriteVersionOne | Kind::QueryVersionOne => {
            Credentials::from_version_one(authorization, query.get("u"), query.get("p"))
        }
        // There the header carries the old password, beside the session's cookie.
        _ if is_own_password_change(parts.uri.path()) => {
            Credentials::from_headers(None, header(header::COOKIE))
        }
        _ => Credentials::from_headers(authorization, header(header::COOKIE)),
    }
}

fn is_own_password_change(path: &str) -> bool {
    path.trim_end_matches('/') == "/api/v2/me/password"
}

/// A turn, given back when dropped.
#[expect(dead_code, reason = "is held, and does its work when it is dropped")]
enum Turn {
    Write(OwnedSemaphorePermit),
    Place(places::Turn),
    Password(checks::Turn),
    /// It needs none.
    None,
}

/// Waits for an operation's turn.
async fn turn(call: &Call, kind: Kind) -> Result<Turn, ApiError> {
    let places = &call.app.places;
    Ok(match kind {
        Kind::Write | Kind::WriteVersionOne => Turn::Write(write_turn(&call.app).await?),
        Kind::SetUp if call.method == Method::POST => {
            Turn::Password(call.app.passwords.turn().await?)
        }
        Kind::Password => Turn::Password(call.app.passwords.turn().await?),
        Kind::Live => Turn::None,
        Kind::QueryVersionOne => Turn::Place(places.version_one(call.caller()?.holder()).await?),
        Kind::Open | Kind::SetUp | Kind::SignIn => Turn::Place(places.open().await?),
        Kind::Manage => Turn::Place(places.manage(call.caller()?.holder()).await?),
    })
}

async fn write_turn(app: &App) -> Result<OwnedSemaphorePermit, ApiError> {
    app.memory.check()?;
    let waited = tokio::time::timeout(
        app.limits.write_wait(),
        Arc::clone(&app.write_turns).acquire_owned(),
    );
    match waited.await {
        Ok(Ok(turn)) => Ok(turn),
        _ => {
            app.metrics.write_timeouts.increment();
            let message = "too many writes at once (--max-concurrent-writes); try again later";
            Err(ApiError::new(Code::Unavailable, message).retry_after(1))
        }
    }
}

/// Carries an operation out. What changes something is in the audit log before it begins, with how it ended after; points
/// are too many for it, their deletion is not.
fn recorded(call: &Call, kind: Kind, operation: Operation) -> Reply {
    let is_change = !matches!(call.method, Method::GET | Method::HEAD | Method::OPTIONS);
    let is_analysis = call.path.starts_with("/api/v2/query");
    let is_version_one = kind == Kind::QueryVersionOne;
    if !is_change || is_analysis || kind.is_write() || is_version_one {
        return operation(call);
    }
    let entry = begin_entry(call, call.method.as_str(), &call.path);
    let entry = match entry {
        Ok(entry) => entry,
        // Signing in and out changes nothing, and may be how somebody comes to mend it.
        Err(_) if !kind.needs_credentials() && kind != Kind::SetUp => return operation(call),
        Err(error) => return Err(error),
    };
    let reply = operation(call);
    let (status, message) = match &reply {
        Ok(answer) => (answer.status().as_u16(), None),
        Err(error) => (error.code.parts().1.as_u16(), Some(error.message.as_str())),
    };
    let made = reply.as_ref().ok().and_then(|answer| answer.made());
    call.app.audit.end(entry, status, made, message);
    reply
}

/// Writes into the audit log that a change begins.
///
/// # Errors
/// The log cannot be written: the change must not be made.
pub fn begin_entry(call: &Call, what: &str, on: &str) -> Result<Entry, ApiError> {
    let event = Event {
        time: call.now(),
        who: who(call),
        what,
        on,
    };
    call.app.audit.begin(&event).map_err(|error| {
        tracing::error!(%error, "a change was refused: the audit log cannot be written");
        let message =
            format!("the change cannot be recorded in the audit log ({error}), so it was not made");
        ApiError::new(Code::Unavailable, message).retry_after(UNAVAILABLE_SECONDS)
    })
}

/// The caller as the audit log names them.
fn who(call: &Call) -> String {
    let Some(caller) = &call.caller else {
        return "nobody".to_owned();
    };
    let state = call.app.meta.read();
    let user = state.users.get(&caller.user);
    let name = user.map_or("", |user| user.name.as_str());
    let by = caller
        .token
        .map_or_else(|| "session".to_owned(), |token| format!("token {token}"));
    format!("{name} ({by})")
}

fn count(app: &App, method: &Method, route: &str, status: StatusCode, started: i64) {
    let seconds = (app.clock.now() - started).max(0) as f64 / 1e9;
    let method = known_method(method);
    app.metrics
        .requests
        .with(&[method, route, status.as_str()])
        .increment();
    app.metrics
        .request_seconds
        .with(&[method, route])
        .observe(seconds);
}

/// A method's name for a label: clients may make up methods, and each would be a series.
fn known_method(method: &Method) -> &str {
    const KNOWN: [Method; 7] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    match KNOWN.contains(method) {
        true => method.as_str(),
        false => "other",
    }
}
