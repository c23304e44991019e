//! The HTTP API: `/metrics` as the older tool's scripts know it, and `/api/v1`.

mod alerts;
mod annotations;
mod boards;
mod hosts;
mod legacy;
mod live;
mod metrics;
mod preferences;
mod processes;
mod series;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::{delete, get, post};

use crate::state::App;
use crate::{ApiError, Result};

/// The description of the API (OpenAPI 3.1).
pub const OPENAPI: &str = include_str!("openapi.json");

pub(crate) fn routes() -> Router<App> {
    let openapi = || async { ([(CONTENT_TYPE, "application/json")], OPENAPI) };
    Router::new()
        .route("/metrics", get(legacy::rows))
        .route("/metrics/aggregate", get(legacy::aggregate))
        .route("/api/v1/openapi.json", get(openapi))
        .route("/api/v1/metrics", get(metrics::list))
        .route("/api/v1/tiers", get(metrics::tiers))
        .route("/api/v1/hosts", get(hosts::list))
        .route("/api/v1/hosts/{host}", get(hosts::show))
        .route("/api/v1/hosts/{host}/processes", get(processes::list))
        .route("/api/v1/processes", get(processes::list_named))
        .route("/api/v1/series", get(series::list))
        .route("/api/v1/series/batch", get(series::batch))
        .route("/api/v1/compare", get(series::compare))
        .route("/api/v1/live", get(live::follow))
        .route(
            "/api/v1/annotations",
            get(annotations::list).post(annotations::create),
        )
        .route("/api/v1/annotations/{id}", delete(annotations::delete))
        .route(
            "/api/v1/preferences",
            get(preferences::show).post(preferences::keep),
        )
        .route("/api/v1/boards", get(boards::list))
        .route(
            "/api/v1/boards/{name}",
            get(boards::show).post(boards::keep).delete(boards::remove),
        )
        .route("/api/v1/alerts", get(alerts::list))
        .route("/api/v1/alerts/history", get(alerts::history))
        .route("/api/v1/alerts/spans", get(alerts::spans))
        .route(
            "/api/v1/alerts/{fingerprint}/explanation",
            get(alerts::explain),
        )
        .route(
            "/api/v1/alerts/{fingerprint}/acknowledgement",
            post(alerts::acknowledge).delete(alerts::unacknowledge),
        )
        .route(
            "/api/v1/silences",
            get(alerts::silences).post(alerts::silence),
        )
        .route("/api/v1/silences/{id}", delete(alerts::expire))
        .route("/api/v1/rules", get(alerts::rules))
        .route("/api/v1/rules/{name}", get(alerts::rule))
        .route("/api/v1/rules/{name}/backtest", post(alerts::backtest))
        .route("/api/{*rest}", get(nothing))
}

async fn nothing(uri: axum::http::Uri) -> Result<()> {
    Err(ApiError::NotFound(format!("{} in this API", uri.path())))
}

/// A page of a list: what comes after `cursor`, at most `limit`, and the next cursor.
pub(crate) fn page<'i, T>(
    sorted: impl Iterator<Item = &'i T>,
    name: impl Fn(&T) -> &str,
    cursor: Option<&str>,
    limit: usize,
) -> (Vec<&'i T>, Option<String>) {
    let mut items: Vec<&T> = sorted
        .filter(|item| cursor.is_none_or(|cursor| name(item) > cursor))
        .take(limit + 1)
        .collect();
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items
        .last()
        .filter(|_| more)
        .map(|item| name(item).to_owned());
    (items, next)
}
