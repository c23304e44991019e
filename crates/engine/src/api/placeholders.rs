//! Resources of InfluxDB that this server does not keep: dashboards, scrapers and the like answer that there are none, so
//! that clients which list everything go on.

use axum::http::StatusCode;
use serde_json::json;

use crate::api::call::{Answer, Call, Reply};
use crate::auth::ResourceType;

const TEXT: &str = "text/plain; charset=utf-8";

/// `GET /api/v2`: where things are.
pub fn routes(_call: &Call) -> Reply {
    let mut routes = serde_json::Map::new();
    for name in [
        "authorizations",
        "backup",
        "buckets",
        "checks",
        "dashboards",
        "delete",
        "flags",
        "labels",
        "me",
        "notificationEndpoints",
        "notificationRules",
        "orgs",
        "restore",
        "scrapers",
        "setup",
        "signin",
        "signout",
        "sources",
        "tasks",
        "telegrafs",
        "users",
        "variables",
        "write",
    ] {
        routes.insert(name.to_owned(), json!(format!("/api/v2/{name}")));
    }
    routes.insert("plugins".to_owned(), json!("/api/v2/telegraf/plugins"));
    routes.insert("swagger".to_owned(), json!("/api/v2/swagger.json"));
    routes.insert(
        "external".to_owned(),
        json!({ "statusFeed": "https://www.influxdata.com/feed/json" }),
    );
    routes.insert(
        "system".to_owned(),
        json!({ "debug": "/debug/pprof", "health": "/health", "metrics": "/metrics" }),
    );
    routes.insert(
        "query".to_owned(),
        json!({
            "analyze": "/api/v2/query/analyze",
            "ast": "/api/v2/query/ast",
            "self": "/api/v2/query",
            "suggestions": "/api/v2/query/suggestions",
        }),
    );
    Ok(Answer::ok(routes.into()))
}

/// What a path outside of the API answers: there is no web interface in this binary.
pub fn no_assets_answer() -> Answer {
    Answer::text(
        StatusCode::NOT_FOUND,
        TEXT,
        "no assets included in binary\n",
    )
}

/// `GET /api/v2/swagger.json`.
pub fn no_assets(_call: &Call) -> Reply {
    Ok(no_assets_answer())
}

/// A path below an organization that is no route.
pub fn no_page() -> Answer {
    Answer::text(StatusCode::NOT_FOUND, TEXT, "404 page not found\n")
}

/// `GET /docs`.
pub fn docs(_call: &Call) -> Reply {
    let page = "<!DOCTYPE html>\n<html lang=\"en\"><head><title>API</title></head><body>\n\
        <h1>The HTTP API of InfluxDB 2.7</h1>\n\
        <p>It is described at <a href=\"https://docs.influxdata.com/influxdb/v2/api/\">docs.influxdata.com</a>; \
        <code>GET /api/v2</code> lists its routes.</p>\n</body></html>\n";
    Ok(Answer::text(
        StatusCode::OK,
        "text/html; charset=utf-8",
        page,
    ))
}

/// `GET /api/v2/dashboards`.
pub fn dashboards(_call: &Call) -> Reply {
    let links = json!({ "self": "/api/v2/dashboards?descending=false&limit=20&offset=0" });
    Ok(Answer::ok(json!({ "links": links, "dashboards": [] })))
}

/// `GET /api/v2/scrapers`.
pub fn scrapers(_call: &Call) -> Reply {
    Ok(Answer::ok(
        json!({ "links": { "self": "/api/v2/scrapers" }, "configurations": [] }),
    ))
}

/// `GET /api/v2/sources`: the server itself.
pub fn sources(_call: &Call) -> Reply {
    let id = "020f755c3c082000";
    let link = |part: &str| format!("/api/v2/sources/{id}{part}");
    Ok(Answer::ok(json!({
        "sources": [{
            "id": id,
            "orgID": "50616e67652c206c",
            "default": true,
            "name": "autogen",
            "type": "self",
            "url": "",
            "telegraf": "",
            "token": "",
            "defaultRP": "",
            "links": {
                "buckets": link("/buckets"),
                "health": link("/health"),
                "query": link("/query"),
                "self": link(""),
            },
        }],
        "links": { "self": "/api/v2/sources" },
    })))
}

/// `GET /api/v2/telegrafs`.
pub fn telegrafs(_call: &Call) -> Reply {
    Ok(Answer::ok(json!({ "configurations": [] })))
}

/// `GET /api/v2/telegraf/plugins`.
pub fn telegraf_plugins(_call: &Call) -> Reply {
    Ok(Answer::ok(json!({ "version": "", "plugins": [] })))
}

/// `GET /api/v2/flags`.
pub fn flags(_call: &Call) -> Reply {
    Ok(Answer::ok(json!({
        "appMetrics": false,
        "cursorAtEOF": false,
        "newAutoRefresh": true,
        "refreshSingleCell": true,
        "timeFilterFlags": false,
    })))
}

/// `GET /api/v2/resources`: the types that permissions name.
pub fn resources(_call: &Call) -> Reply {
    let names: Vec<&str> = ResourceType::ALL.iter().map(|kind| kind.name()).collect();
    Ok(Answer::text(
        StatusCode::OK,
        "application/json",
        json!(names).to_string(),
    ))
}

/// `GET /api/v2/config`: the limits in force, and the types of permissions that InfluxDB does not have.
pub fn config(call: &Call) -> Reply {
    let limits = &call.app.limits;
    let own: Vec<&str> = ResourceType::OWN.iter().map(|kind| kind.name()).collect();
    Ok(Answer::ok(json!({
        "config": {
            "max-body-bytes": limits.max_body_bytes,
            "max-concurrent-writes": limits.max_concurrent_writes,
            "max-line-bytes": limits.max_line_bytes,
            "max-series-per-bucket": limits.max_series_per_bucket,
            "query-concurrency": limits.max_concurrent_queries,
            "query-queue-size": limits.max_queued_queries,
            "query-memory-bytes": limits.max_query_bytes,
            "query-timeout-seconds": limits.query_timeout_seconds,
            "watchpost-permissions": own,
        }
    })))
}

/// `GET /api/v2/remotes`.
pub fn remotes(_call: &Call) -> Reply {
    Ok(Answer::ok(json!({ "remotes": null })))
}

/// `GET /api/v2/replications`.
pub fn replications(_call: &Call) -> Reply {
    Ok(Answer::ok(json!({ "replications": null })))
}

/// `GET /api/v2/stacks`.
pub fn stacks(_call: &Call) -> Reply {
    Ok(Answer::ok(json!({ "stacks": [] })))
}
