//! What every request passes: whose page sent it, who asks, and the headers that keep a browser
//! from doing more than these pages need.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use crate::sign_in::{Who, sessions};
use crate::state::App;
use crate::{ApiError, Result, address};

/// Nothing but our own scripts, styles and data; no inline script, no frame, no plugin.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data: blob:; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";

/// Paths anybody may see, signed in or not.
const PUBLIC: [&str; 3] = ["/health", "/ready", "/sign-in"];

/// Adds the security headers and counts the request.
pub(crate) async fn headers(State(app): State<App>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("other", MatchedPath::as_str)
        .to_owned();
    let mut response = next.run(request).await;
    let fixed: [(HeaderName, &'static str); 6] = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ];
    let headers = response.headers_mut();
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if app.config.http.is_secure() {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    let status = response.status();
    app.requests.with(&[&route, status.as_str()]).increment();
    app.seconds
        .with(&[&route])
        .observe(begun.elapsed().as_secs_f64());
    response
}

/// Refuses what other sites send, and asks who it is.
pub(crate) async fn guard(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let public = is_public(request.uri().path());
    if let Err(error) = same_site(&app, &request) {
        return error.into_response();
    }
    match identify(&app, request.headers()) {
        Some(who) => {
            request.extensions_mut().insert(who);
            next.run(request).await
        }
        None if public => next.run(request).await,
        None => sign_in_first(request.uri()),
    }
}

fn is_public(path: &str) -> bool {
    PUBLIC.contains(&path) || path.starts_with("/assets/")
}

/// Scripts get an error, people the page to sign in on.
fn sign_in_first(uri: &Uri) -> Response {
    let path = uri.path();
    if path.starts_with("/api/") || path.starts_with("/metrics") {
        return ApiError::Unauthorized.into_response();
    }
    let asked = uri.path_and_query().map_or("/", |asked| asked.as_str());
    let base = address::base(path);
    let to = address::with_query(&["sign-in"], &[("to", asked)]);
    Redirect::to(&format!("{base}{to}")).into_response()
}

/// Who sent the request: everybody where there are no users; else whoever the token or the session
/// belongs to.
pub(crate) fn identify(app: &App, headers: &HeaderMap) -> Option<Who> {
    let Some(users) = &app.users else {
        return Some(Who::anonymous());
    };
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(given) = text(header::AUTHORIZATION) {
        let (scheme, token) = given.split_once(' ')?;
        let known = scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token");
        return users.get().bearer(token.trim()).filter(|_| known);
    }
    let id = sessions::id_in(text(header::COOKIE)?)?;
    let (who, stamp) = app.sessions.find(id)?;
    (users.get().stamp(&who.name) == Some(stamp)).then_some(who)
}

/// Refuses requests that a page of another site made a browser send. A browser tells the page's
/// origin; scripts send neither header.
fn same_site(app: &App, request: &Request) -> Result<()> {
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    let known = app.hosts.check(uri, headers);
    known.map_err(|unknown| ApiError::CrossSite(unknown.to_string()))?;
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let from = text(HeaderName::from_static("sec-fetch-site"));
    if let Some(site) = from.filter(|site| !matches!(*site, "same-origin" | "none")) {
        return Err(ApiError::CrossSite(format!("Sec-Fetch-Site is {site}")));
    }
    match text(header::ORIGIN) {
        Some(origin) if !app.is_own_origin(origin, host) => {
            Err(ApiError::CrossSite(format!("Origin is {origin}")))
        }
        _ => Ok(()),
    }
}
