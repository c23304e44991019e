//! The table of routes.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, any, on};

use crate::API_VERSION;
use crate::api::call::Query;
use crate::api::error::{ApiError, Code};
use crate::api::serve::{self, Kind, Operation};
use crate::api::{
    authorizations, buckets, cors, dbrps, delete, flux, health, labels, members, orgs,
    placeholders, query, runs,
    secrets, session, setup, tasks, users, variables, write,
};
use crate::app::App;

const GET: MethodFilter = MethodFilter::GET;
const POST: MethodFilter = MethodFilter::POST;
const PUT: MethodFilter = MethodFilter::PUT;
const PATCH: MethodFilter = MethodFilter::PATCH;
const DELETE: MethodFilter = MethodFilter::DELETE;

/// The operations of a path, by method.
type Route = (&'static str, &'static [(MethodFilter, Operation)]);

/// Routes that need no credentials.
const OPEN: &[Route] = &[
    ("/ready", &[(GET, health::ready)]),
    ("/metrics", &[(GET, health::metrics)]),
    ("/docs", &[(GET, placeholders::docs)]),
    (
        "/api/v2/setup",
        &[(GET, setup::allowed), (POST, setup::create)],
    ),
    ("/api/v2/signin", &[(POST, session::sign_in)]),
    ("/api/v2/signout", &[(POST, session::sign_out)]),
    ("/api/v2/swagger.json", &[(GET, placeholders::no_assets)]),
];

/// Management.
const MANAGE: &[Route] = &[
    ("/api/v2", &[(GET, placeholders::routes)]),
    ("/api/v2/me", &[(GET, users::me)]),
    (
        "/api/v2/me/password",
        &[
            (PUT, users::change_my_password),
            (POST, users::change_my_password),
        ],
    ),
    (
        "/api/v2/users",
        &[(GET, users::list), (POST, users::create)],
    ),
    (
        "/api/v2/users/{id}",
        &[
            (GET, users::get),
            (PATCH, users::change),
            (DELETE, users::delete),
        ],
    ),
    (
        "/api/v2/users/{id}/password",
        &[(POST, users::set_password), (PUT, users::set_password)],
    ),
    ("/api/v2/orgs", &[(GET, orgs::list), (POST, orgs::create)]),
    (
        "/api/v2/orgs/{id}",
        &[
            (GET, orgs::get),
            (PATCH, orgs::change),
            (DELETE, orgs::delete),
        ],
    ),
    (
        "/api/v2/orgs/{id}/secrets",
        &[(GET, secrets::list), (PATCH, secrets::set)],
    ),
    (
        "/api/v2/orgs/{id}/secrets/delete",
        &[(POST, secrets::delete_many)],
    ),
    (
        "/api/v2/orgs/{id}/secrets/{key}",
        &[(DELETE, secrets::delete)],
    ),
    (
        "/api/v2/buckets",
        &[(GET, buckets::list), (POST, buckets::create)],
    ),
    (
        "/api/v2/buckets/{id}",
        &[
            (GET, buckets::get),
            (PATCH, buckets::change),
            (DELETE, buckets::delete),
        ],
    ),
    (
        "/api/v2/authorizations",
        &[(GET, authorizations::list), (POST, authorizations::create)],
    ),
    (
        "/api/v2/authorizations/{id}",
        &[
            (GET, authorizations::get),
            (PATCH, authorizations::change),
            (DELETE, authorizations::delete),
        ],
    ),
    (
        "/api/v2/labels",
        &[(GET, labels::list), (POST, labels::create)],
    ),
    (
        "/api/v2/labels/{id}",
        &[
            (GET, labels::get),
            (PATCH, labels::change),
            (DELETE, labels::delete),
        ],
    ),
    (
        "/api/v2/dbrps",
        &[(GET, dbrps::list), (POST, dbrps::create)],
    ),
    (
        "/api/v2/dbrps/{id}",
        &[
            (GET, dbrps::get),
            (PATCH, dbrps::change),
            (DELETE, dbrps::delete),
        ],
    ),
    (
        "/api/v2/variables",
        &[(GET, variables::list), (POST, variables::create)],
    ),
    (
        "/api/v2/variables/{id}",
        &[
            (GET, variables::get),
            (PATCH, variables::change),
            (PUT, variables::change),
            (DELETE, variables::delete),
        ],
    ),
    ("/api/v2/tasks", &[(GET, tasks::list), (POST, tasks::create)]),
    ("/api/v2/tasks/{id}", &[(GET, tasks::get), (PATCH, tasks::change), (DELETE, tasks::delete)]),
    ("/api/v2/tasks/{id}/runs", &[(GET, runs::list), (POST, runs::create)]),
    ("/api/v2/tasks/{id}/runs/{run}", &[(GET, runs::get), (DELETE, runs::cancel)]),
    ("/api/v2/tasks/{id}/runs/{run}/retry", &[(POST, runs::retry)]),
    ("/api/v2/tasks/{id}/runs/{run}/logs", &[(GET, runs::logs)]),
    ("/api/v2/tasks/{id}/logs", &[(GET, runs::all_logs)]),
    ("/api/v2/query/suggestions", &[(GET, flux::suggestions)]),
    (
        "/api/v2/query/suggestions/{name}",
        &[(GET, flux::suggestion)],
    ),
    ("/api/v2/queries", &[(GET, query::running)]),
    ("/api/v2/queries/{id}", &[(DELETE, query::kill)]),
    ("/api/v2/dashboards", &[(GET, placeholders::dashboards)]),
    ("/api/v2/scrapers", &[(GET, placeholders::scrapers)]),
    ("/api/v2/sources", &[(GET, placeholders::sources)]),
    ("/api/v2/telegrafs", &[(GET, placeholders::telegrafs)]),
    (
        "/api/v2/telegraf/plugins",
        &[(GET, placeholders::telegraf_plugins)],
    ),
    ("/api/v2/flags", &[(GET, placeholders::flags)]),
    ("/api/v2/resources", &[(GET, placeholders::resources)]),
    ("/api/v2/config", &[(GET, placeholders::config)]),
    ("/api/v2/remotes", &[(GET, placeholders::remotes)]),
    ("/api/v2/replications", &[(GET, placeholders::replications)]),
    ("/api/v2/stacks", &[(GET, placeholders::stacks)]),
];

/// Routes whose refusal of a method names those they have.
const NAMED_METHODS: &[Route] = &[
    ("/api/v2/delete", &[(POST, delete::delete)]),
    ("/api/v2/query/analyze", &[(POST, flux::analyze)]),
    ("/api/v2/query/ast", &[(POST, flux::ast)]),
];

/// Types of resources that labels, members and owners hang on.
const LABELLED: &[&str] = &[
    "buckets",
    "tasks",
    "variables",
    "checks",
    "notificationRules",
    "notificationEndpoints",
];
const OWNED: &[&str] = &[
    "orgs",
    "buckets",
    "tasks",
    "checks",
    "notificationRules",
    "notificationEndpoints",
];

/// All routes of a server.
pub fn router(app: Arc<App>) -> Router {
    let mut routes = Router::new();
    for (path, operations) in OPEN {
        routes = add(
            routes,
            path,
            methods(operations, Kind::Open).fallback(bare_refusal),
        );
    }
    for (path, operations) in MANAGE {
        routes = add(
            routes,
            path,
            methods(operations, Kind::Manage).fallback(bare_refusal),
        );
    }
    for (path, operations) in NAMED_METHODS {
        routes = add(
            routes,
            path,
            methods(operations, Kind::Manage).fallback(named_refusal),
        );
    }
    for kind in LABELLED {
        let of_resource = methods(
            &[(GET, labels::of_resource), (POST, labels::put_on)],
            Kind::Manage,
        );
        let one = methods(&[(DELETE, labels::take_off)], Kind::Manage);
        routes = add(
            routes,
            &format!("/api/v2/{kind}/{{id}}/labels"),
            of_resource.fallback(bare_refusal),
        );
        routes = add(
            routes,
            &format!("/api/v2/{kind}/{{id}}/labels/{{label}}"),
            one.fallback(bare_refusal),
        );
    }
    for (kind, part) in OWNED
        .iter()
        .flat_map(|kind| [(kind, "members"), (kind, "owners")])
    {
        let all = methods(&[(GET, members::list), (POST, members::add)], Kind::Manage);
        let one = methods(&[(DELETE, members::remove)], Kind::Manage);
        routes = add(
            routes,
            &format!("/api/v2/{kind}/{{id}}/{part}"),
            all.fallback(bare_refusal),
        );
        routes = add(
            routes,
            &format!("/api/v2/{kind}/{{id}}/{part}/{{user}}"),
            one.fallback(bare_refusal),
        );
    }
    let write = methods(&[(POST, write::write)], Kind::Write).fallback(named_refusal);
    let write_version_one = methods(&[(POST, write::write_version_one)], Kind::WriteVersionOne);
    routes = add(routes, "/api/v2/write", write);
    routes = add(
        routes,
        "/api/v2/query",
        on(POST, flux_query).fallback(named_refusal),
    );
    routes
        .route(
            "/health",
            any(|State(app), request| serve::operate(app, request, Kind::Open, health::health)),
        )
        .route("/ping", any(ping))
        .route("/write", write_version_one.fallback(named_refusal))
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

fn methods(operations: &[(MethodFilter, Operation)], kind: Kind) -> MethodRouter<Arc<App>> {
    let mut methods = MethodRouter::new();
    for (method, operation) in operations.iter().copied() {
        methods = methods.on(
            method,
            move |State(app): State<Arc<App>>, request: Request| async move {
                if request.method() == Method::HEAD {
                    return StatusCode::METHOD_NOT_ALLOWED.into_response();
                }
                let response = serve::operate(app, request, kind, operation).await;
                let is_version_one = matches!(kind, Kind::WriteVersionOne | Kind::QueryVersionOne);
                let is_refused = response.status() == StatusCode::UNAUTHORIZED;
                if is_version_one && !is_refused {
                    serve::varies(response)
                } else {
                    response
                }
            },
        );
    }
    methods
}

async fn flux_query(State(app): State<Arc<App>>, request: Request) -> Response {
    serve::query(app, request).await
}

async fn ping(State(app): State<Arc<App>>, request: Request) -> Response {
    serve::varies(match *request.method() {
        Method::GET | Method::HEAD => serve::operate(app, request, Kind::Open, health::ping).await,
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

/// A method that a management route does not have.
async fn bare_refusal() -> Response {
    let mut response = StatusCode::METHOD_NOT_ALLOWED.into_response();
    response.extensions_mut().insert(Bare);
    response
}

/// Marks an answer that carries no `Allow`, which the framework would add.
#[derive(Clone)]
struct Bare;

/// A method that a data route does not have: all of these take POST alone.
async fn named_refusal() -> Response {
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
    match serve::authenticate(&app, &parts, &query, Kind::Manage) {
        None => ApiError::unauthorized().into_response(),
        Some(_) if path.starts_with("/api/v2/orgs/") => placeholders::no_page().into_response(),
        Some(_) => ApiError::not_found("path not found").into_response(),
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
