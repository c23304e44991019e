//! Hosts with their last values, their age and their state.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};

use super::page;
use crate::csv::{Format, Rows};
use crate::fleet::{FIELDS, Host};
use crate::parameters::Parameters;
use crate::state::App;
use crate::{ApiError, Result};

/// Most hosts of one answer.
const LIMIT: usize = 1_000;

pub(super) async fn list(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response> {
    let known = [
        "region",
        "environment",
        "service",
        "state",
        "limit",
        "cursor",
        "format",
        "spark",
    ];
    let parameters = Parameters::read(query.as_deref(), &known)?;
    let format = Format::read(&parameters, &headers)?;
    let limit = parameters.integer("limit", 1..=LIMIT, LIMIT)?;
    let cursor = parameters.one("cursor")?;
    let spark = parameters.truth("spark", false)?;
    let state = match parameters.one("state")? {
        Some(_) => Some(parameters.choice("state", &["online", "late", "offline", "unknown"])?),
        None => None,
    };
    let tags = ["region", "environment", "service"].map(|tag| (tag, parameters.many(tag)));
    if let (Some(error), true) = (
        app.live.problem(),
        app.live.fleet(|fleet| fleet.hosts().len() == 0),
    ) {
        return Err(unavailable(error));
    }
    let (now, ages) = (crate::now(), app.live.ages());
    let (hosts, next) = app.live.fleet(|fleet| {
        let wanted = |host: &&Host| {
            state.is_none_or(|state| host.state(now, ages).name() == state)
                && tags.iter().all(|(tag, values)| {
                    values.is_empty()
                        || host
                            .tags
                            .get(*tag)
                            .is_some_and(|value| values.contains(value))
                })
        };
        let (hosts, next) = page(
            fleet.hosts().filter(wanted),
            |host| &host.name,
            cursor,
            limit,
        );
        let hosts: Vec<Value> = hosts
            .into_iter()
            .map(|host| document(&app, host, now, spark))
            .collect();
        (hosts, next)
    });
    let database = match app.live.problem() {
        None => json!({ "state": "up" }),
        Some(error) => json!({ "state": "down", "code": error.code, "message": error.message }),
    };
    Ok(format.respond(
        || json!({ "hosts": hosts, "next_cursor": next, "database": database }),
        || rows(&hosts),
    ))
}

/// A host with its alerts, and with the CPU of the last minutes where that is asked for.
fn document(app: &App, host: &Host, now: i64, spark: bool) -> Value {
    let mut document = app.live.document(host, now);
    if spark {
        let rounded = host.spark().into_iter().map(|value| value.round());
        document["spark"] = rounded.collect();
    }
    document
}

/// An error that the watch of the fleet met, for those who ask for what it would have seen.
pub(super) fn unavailable(error: crate::live::ApiErrorText) -> ApiError {
    use crate::error::DatabaseFailure as Failure;
    let failure = match error.code {
        "database_down" => Failure::Down,
        "database_refused" => Failure::Refused,
        "database_too_slow" => Failure::TooSlow,
        "over_limit" => Failure::OverLimit,
        _ => Failure::Failed,
    };
    ApiError::Database {
        failure,
        message: error.message,
    }
}

fn rows(hosts: &[Value]) -> Rows {
    let fixed = [
        "host",
        "region",
        "environment",
        "service",
        "state",
        "last_seen",
        "age_seconds",
    ];
    let mut rows = Rows::new(fixed.into_iter().chain(FIELDS));
    for host in hosts {
        let own = fixed.iter().map(|name| host[*name].clone());
        let values = FIELDS.iter().map(|name| host["values"][*name].clone());
        rows.rows.push(own.chain(values).collect());
    }
    rows
}

pub(super) async fn show(State(app): State<App>, Path(host): Path<String>) -> Result<Json<Value>> {
    let now = crate::now();
    let found = app
        .live
        .fleet(|fleet| fleet.host(&host).map(|host| app.live.document(host, now)));
    match (found, app.live.problem()) {
        (Some(found), _) => Ok(Json(found)),
        (None, Some(error)) => Err(unavailable(error)),
        (None, None) => Err(ApiError::NotFound(format!("host {host:?}"))),
    }
}
