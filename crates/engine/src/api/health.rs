//! What tells that the server lives: `/health`, `/ready`, `/ping`, `/metrics`.

use axum::http::StatusCode;
use serde_json::json;

use crate::api::call::{Answer, Call, Reply};
use crate::clock::rfc3339;
use crate::{API_VERSION, write::go_duration};

/// `/health`, with any method.
pub fn health(_call: &Call) -> Reply {
    Ok(Answer::ok(json!({
        "name": "influxdb",
        "message": "ready for queries and writes",
        "status": "pass",
        "checks": [],
        "version": API_VERSION,
        "commit": env!("CARGO_PKG_VERSION"),
    })))
}

/// `GET /ready`.
pub fn ready(call: &Call) -> Reply {
    let up = (call.now() - call.app.started).max(0) / 1_000_000_000;
    Ok(Answer::ok(json!({
        "status": "ready",
        "started": rfc3339(call.app.started),
        "up": go_duration(up),
    })))
}

/// `GET` and `HEAD /ping`.
pub fn ping(_call: &Call) -> Reply {
    Ok(Answer::no_content())
}

/// `GET /metrics`.
pub fn metrics(call: &Call) -> Reply {
    let content_type = "text/plain; version=0.0.4; charset=utf-8; escaping=values";
    Ok(Answer::text(
        StatusCode::OK,
        content_type,
        call.app.metrics.render(&call.app),
    ))
}
