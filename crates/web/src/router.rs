//! Which path goes where.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde_json::json;
use tower_http::compression::CompressionLayer;

use crate::state::App;
use crate::{ApiError, api, assets, pages, security};

/// Largest body: a silence with long matchers.
const BODY_LIMIT: usize = 64 * 1024;

/// All routes, with everything a request passes.
pub(crate) fn routes(app: App) -> Router {
    Router::new()
        .merge(api::routes())
        .merge(pages::routes())
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/metrics/self", get(metrics))
        .route("/assets/{name}", get(assets::serve))
        .route(
            "/sign-in",
            get(pages::sign_in::show).post(pages::sign_in::begin),
        )
        .route("/sign-out", post(pages::sign_in::end))
        .fallback(pages::not_found)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(app.clone(), security::guard))
        .layer(CompressionLayer::new())
        .layer(from_fn_with_state(app.clone(), security::headers))
        .layer(from_fn(plain_errors))
        .with_state(app)
}

/// axum's own refusals (a body that is too large, a path that is not UTF-8) become ours.
async fn plain_errors(request: Request, next: Next) -> Response {
    let field = match *request.method() {
        Method::GET | Method::HEAD => "path",
        _ => "body",
    };
    let response = next.run(request).await;
    let text = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    match response.status() {
        status if text && status == StatusCode::PAYLOAD_TOO_LARGE => {
            let message = format!("a body may be at most {BODY_LIMIT} bytes long");
            (status, Json(json!({ "error": { "code": "too_large", "field": "body", "message": message } }))).into_response()
        }
        status if text && status.is_client_error() => {
            ApiError::invalid(field, "cannot be read as what this path takes").into_response()
        }
        _ => response,
    }
}

async fn wrong_method() -> Response {
    let error =
        json!({ "code": "method_not_allowed", "message": "this path does not allow this method" });
    (
        StatusCode::METHOD_NOT_ALLOWED,
        Json(json!({ "error": error })),
    )
        .into_response()
}

async fn health() -> Response {
    Json(json!({
        "name": "watchpost-web", "message": "up", "status": "pass", "version": env!("CARGO_PKG_VERSION"),
    }))
    .into_response()
}

/// Whether the database answers: what a load balancer wants to know.
async fn ready(State(app): State<App>) -> Response {
    match app.live.problem() {
        None => Json(json!({ "status": "ready" })).into_response(),
        Some(error) => {
            let body =
                json!({ "status": "not ready", "waiting_for": { "database": error.message } });
            (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
        }
    }
}

/// Our own metrics; `/metrics` is the older tool's contract.
async fn metrics(State(app): State<App>) -> Response {
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        app.registry.render(),
    )
        .into_response()
}
