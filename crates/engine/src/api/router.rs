//! Requests to operations: the routes of [`crate::api::routes`], and what is answered where there is none.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any};

use crate::API_VERSION;
use crate::api::call::Query;
use crate::api::error::{ApiError, Code};
use crate::api::routes::{
    INFLUXDB_BACKUP, LABELLED, LABELS, LIVE, MANAGE, MEMBERS, NAMED_METHODS, NO_INFLUXDB_BACKUP,
    ONE_LABEL, ONE_MEMBER, OPEN, OWNED, PASSWORDS, QUERY_VERSION_ONE, SET_UP, SIGN_IN, Verb, WRITE,
    WRITE_VERSION_ONE,
};
use crate::api::serve::{self, Kind, Operation};
use crate::api::{cors, health, placeholders};
use crate::app::App;

/// How a route refuses a method that it does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// By the status alone.
    Bare,
    /// Naming the one that it has: POST.
    Named,
}

/// All routes of a server.
pub fn router(app: Arc<App>) -> Router {
    use Refusal::{Bare, Named};
    let mut routes = Router::new();
    let bare = [
        (Kind::Live, LIVE),
        (Kind::Open, OPEN),
        (Kind::SetUp, SET_UP),
        (Kind::SignIn, SIGN_IN),
        (Kind::Password, PASSWORDS),
        (Kind::Manage, MANAGE),
    ];
    for (kind, table) in bare {
        for (path, operations) in table {
            routes = add(routes, path, methods(operations, kind, Bare));
        }
    }
    for (path, operations) in NAMED_METHODS {
        routes = add(routes, path, methods(operations, Kind::Manage, Named));
    }
    for kind in LABELLED {
        let path = format!("/api/v2/{kind}/{{id}}/labels");
        routes = add(routes, &path, methods(LABELS, Kind::Manage, Bare));
        routes = add(
            routes,
            &format!("{path}/{{label}}"),
            methods(ONE_LABEL, Kind::Manage, Bare),
        );
    }
    for (kind, part) in OWNED
        .iter()
        .flat_map(|kind| [(kind, "members"), (kind, "owners")])
    {
        let path = format!("/api/v2/{kind}/{{id}}/{part}");
        routes = add(routes, &path, methods(MEMBERS, Kind::Manage, Bare));
        routes = add(
            routes,
            &format!("{path}/{{user}}"),
            methods(ONE_MEMBER, Kind::Manage, Bare),
        );
    }
    for path in INFLUXDB_BACKUP {
        routes = routes.route(path, methods(NO_INFLUXDB_BACKUP, Kind::Manage, Bare));
    }
    routes = add(routes, "/watchpost/backup", any(backup));
    routes = add(routes, "/api/v2/write", methods(WRITE, Kind::Write, Named));
    routes = add(routes, "/api/v2/query", any(flux_query));
    routes
        .route(
            "/health",
            any(|State(app), request| serve::operate(app, request, Kind::Live, health::health)),
        )
        .route("/ping", any(ping))
        .route(
            "/write",
            methods(WRITE_VERSION_ONE, Kind::WriteVersionOne, Named),
        )
        .route(
            "/query",
            methods(QUERY_VERSION_ONE, Kind::QueryVersionOne, Named),
        )
        .fallback(unknown)
        .with_state(app)
        .layer(middleware::from_fn(cors::allow))
        .layer(middleware::from_fn(common_headers))
}

/// Adds a path, with and without a slash at its end.
fn add(routes: Router<Arc<App>>, path: &str, methods: MethodRouter<Arc<App>>) -> Router<Arc<App>> {
    routes
        .route(path, methods.clone())
        .route(&format!("{path}/"), methods)
}

/// The operations of a path. (The framework's own choice by method would add an `Allow` header to refusals.)
fn methods(
    operations: &'static [(Verb, Operation)],
    kind: Kind,
    refusal: Refusal,
) -> MethodRouter<Arc<App>> {
    any(
        move |State(app): State<Arc<App>>, request: Request| async move {
            let verb = Verb::of(request.method());
            let operation = operations.iter().find(|(known, _)| Some(*known) == verb);
            let Some((_, operation)) = operation else {
                return match refusal {
                    Refusal::Bare => StatusCode::METHOD_NOT_ALLOWED.into_response(),
                    Refusal::Named => named_refusal(),
                };
            };
            let response = serve::operate(app, request, kind, *operation).await;
            let is_version_one = matches!(kind, Kind::WriteVersionOne | Kind::QueryVersionOne);
            let is_refused = response.status() == StatusCode::UNAUTHORIZED;
            if is_version_one && !is_refused {
                serve::varies(response)
            } else {
                response
            }
        },
    )
}

async fn flux_query(State(app): State<Arc<App>>, request: Request) -> Response {
    match *request.method() {
        Method::POST => serve::query(app, request).await,
        _ => named_refusal(),
    }
}

async fn backup(State(app): State<Arc<App>>, request: Request) -> Response {
    match *request.method() {
        Method::GET => serve::backup(app, request).await,
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

async fn ping(State(app): State<Arc<App>>, request: Request) -> Response {
    serve::varies(match *request.method() {
        Method::GET | Method::HEAD => serve::operate(app, request, Kind::Live, health::ping).await,
        _ => {
            let headers = [
                (header::ALLOW, "GET, HEAD, OPTIONS"),
                (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
            ];
            (
                StatusCode::METHOD_NOT_ALLOWED,
                headers,
                "Method Not Allowed\n",
            )
                .into_response()
        }
    })
}

/// A method that a data route does not have: all of these take POST alone.
fn named_refusal() -> Response {
    let mut response =
        ApiError::new(Code::MethodNotAllowed, "allow: OPTIONS, POST").into_response();
    response
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static("OPTIONS, POST"));
    response
}

/// A path that is no route: hidden behind credentials where the API is, a plain text elsewhere.
async fn unknown(State(app): State<Arc<App>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    if !path.starts_with("/api/v2") {
        return placeholders::no_assets_answer().into_response();
    }
    let (parts, _) = request.into_parts();
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    match serve::authenticate(&app, &parts, &query, Kind::Manage).await {
        Err(error) => error.into_response(),
        Ok(None) => ApiError::unauthorized().into_response(),
        Ok(Some(_)) if path.starts_with("/api/v2/orgs/") => placeholders::no_page().into_response(),
        Ok(Some(_)) => ApiError::not_found("path not found").into_response(),
    }
}

/// The headers that every answer carries.
async fn common_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(
        HeaderName::from_static("x-influxdb-build"),
        HeaderValue::from_static("OSS"),
    );
    headers.insert(
        HeaderName::from_static("x-influxdb-version"),
        HeaderValue::from_static(API_VERSION),
    );
    response
}
