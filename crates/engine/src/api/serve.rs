//! What stands around every operation: the body's limit, credentials, the blocking thread, the audit log, metrics.

use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::api::call::{Call, Departure, Query, Reply};
use crate::api::error::{ApiError, Code};
use crate::api::{compression, operations, query};
use crate::app::App;
use crate::audit::Event;
use crate::auth::authenticate::of_authorization;
use crate::auth::{Caller, Credentials};
use crate::limits::MANAGEMENT_BODY_BYTES;

/// A function that answers a request.
pub type Operation = fn(&Call) -> Reply;

/// How an operation is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Without credentials.
    Open,
    /// With a token or a session; what it changes goes into the audit log.
    Manage,
    /// A write of points: with a token, a large body and a turn.
    Write,
    /// The same, with version 1's credentials.
    WriteVersionOne,
    /// With version 1's credentials and a form for a body.
    QueryVersionOne,
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
        Ok(call) => match turn(&call, kind).await {
            Err(error) => error.into_response(),
            Ok(turn) => {
                // Dropped with this future when the client closes its connection.
                let _waiting = call.departure.waiting();
                let done = tokio::task::spawn_blocking(move || {
                    let reply = operation(&call);
                    drop(turn);
                    audit(&call, kind, &reply);
                    reply
                });
                match done.await {
                    Ok(reply) => reply.into_response(),
                    Err(panic) => ApiError::internal(panic).into_response(),
                }
            }
        },
    };
    count(&app, &parts.method, &route, answer.status(), started);
    answer
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
            let who = who(&call);
            let answer = operations::backup(call);
            let status = answer
                .as_ref()
                .map_or_else(|error| error.code.parts().1, Response::status);
            app.audit.record(&Event {
                time: app.clock.now(),
                who,
                what: "GET",
                on: "/watchpost/backup",
                made: None,
                status: status.as_u16(),
                message: answer.as_ref().err().map(|error| error.message.as_str()),
            });
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
    let mut query = Query::parse(parts.uri.query().unwrap_or_default());
    let caller = match kind {
        Kind::Open => None,
        _ => {
            let caller = authenticate(app, parts, &query, kind).await;
            Some(caller.ok_or_else(ApiError::unauthorized)?)
        }
    };
    let limit = match kind {
        Kind::Write | Kind::WriteVersionOne => app.limits.max_body_bytes,
        _ => MANAGEMENT_BODY_BYTES.min(app.limits.max_body_bytes),
    };
    let body = to_bytes(body, limit)
        .await
        .map_err(|error| unreadable(&error, limit))?;
    let body = compression::decoded(&parts.headers, body, limit)?;
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
        departure: Departure::default(),
    })
}

fn unreadable(error: &axum::Error, limit: usize) -> ApiError {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = source {
        if error.is::<http_body_util::LengthLimitError>() {
            return compression::too_large(limit);
        }
        source = error.source();
    }
    ApiError::invalid(format!("the request body could not be read: {error}"))
}

fn is_form(parts: &Parts) -> bool {
    let content_type = parts
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    content_type.is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"))
}

/// Who makes the request.
pub async fn authenticate(app: &App, parts: &Parts, query: &Query, kind: Kind) -> Option<Caller> {
    let header = |name| {
        parts
            .headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let authorization = header(header::AUTHORIZATION);
    let is_password_change = parts.uri.path() == "/api/v2/me/password";
    let credentials = match kind {
        Kind::WriteVersionOne | Kind::QueryVersionOne => {
            Credentials::from_version_one(authorization, query.get("u"), query.get("p"))?
        }
        // There the header carries the old password, beside the session's cookie.
        _ if is_password_change => Credentials::from_headers(None, header(header::COOKIE))?,
        _ => Credentials::from_headers(authorization, header(header::COOKIE))?,
    };
    if let Credentials::Password { name, password } = &credentials {
        let found = app.meta.read().authorization_by_legacy_name(name).cloned();
        if let Some(authorization) = found
            && app.legacy_passwords.matches(&authorization, password).await
        {
            return Some(of_authorization(&app.meta.read(), &authorization));
        }
    }
    credentials.caller(&app.meta.read(), &app.sessions, app.clock.now())
}

/// Waits for a write's turn.
async fn turn(
    call: &Call,
    kind: Kind,
) -> Result<Option<tokio::sync::OwnedSemaphorePermit>, ApiError> {
    if !matches!(kind, Kind::Write | Kind::WriteVersionOne) {
        return Ok(None);
    }
    call.app.memory.check()?;
    let waited = tokio::time::timeout(
        call.app.limits.write_wait(),
        Arc::clone(&call.app.write_turns).acquire_owned(),
    );
    match waited.await {
        Ok(Ok(turn)) => Ok(Some(turn)),
        _ => {
            call.app.metrics.write_timeouts.increment();
            let message = "too many writes at once (--max-concurrent-writes); try again later";
            Err(ApiError::new(Code::Unavailable, message).retry_after(1))
        }
    }
}

/// Writes what changes something into the audit log; points are too many for it, their deletion is not.
fn audit(call: &Call, kind: Kind, reply: &Reply) {
    let is_change = !matches!(call.method, Method::GET | Method::HEAD | Method::OPTIONS);
    let is_analysis = call.path.starts_with("/api/v2/query");
    if !is_change
        || is_analysis
        || !matches!(kind, Kind::Manage | Kind::Open)
        || call.path == "/health"
    {
        return;
    }
    let (status, message) = match reply {
        Ok(answer) => (answer.status().as_u16(), None),
        Err(error) => (error.code.parts().1.as_u16(), Some(error.message.as_str())),
    };
    call.app.audit.record(&Event {
        time: call.now(),
        who: who(call),
        what: call.method.as_str(),
        on: &call.path,
        made: reply.as_ref().ok().and_then(|answer| answer.made()),
        status,
        message,
    });
}

/// The caller as the audit log names them.
pub(super) fn who(call: &Call) -> String {
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
    app.metrics
        .requests
        .with(&[method.as_str(), route, status.as_str()])
        .increment();
    app.metrics
        .request_seconds
        .with(&[method.as_str(), route])
        .observe(seconds);
}
