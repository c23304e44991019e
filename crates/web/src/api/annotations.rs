//! Notes on the charts: made, listed, deleted.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use watchpost_core::time::NANOS_PER_DAY;

use crate::annotation::{LIMIT, SHORTEST, TEXT_LIMIT};
use crate::csv::{Format, Rows};
use crate::parameters::Parameters;
use crate::sign_in::Operator;
use crate::state::App;
use crate::time_range::{TimeRange, instant};
use crate::{ApiError, Result};

/// Longest host name: DNS allows 253.
const HOST_LIMIT: usize = 253;

pub(super) async fn list(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response> {
    let known = [
        "start", "stop", "range", "host", "limit", "cursor", "format",
    ];
    let parameters = Parameters::read(query.as_deref(), &known)?;
    let format = Format::read(&parameters, &headers)?;
    let limit = parameters.integer("limit", 1..=LIMIT, 100)?;
    let mut range = TimeRange::read(&parameters, crate::now(), 7 * NANOS_PER_DAY)?;
    if let Some(cursor) = parameters.one("cursor")? {
        let before = cursor
            .parse::<i64>()
            .ok()
            .filter(|time| *time > range.start);
        let before = before
            .ok_or_else(|| ApiError::invalid("cursor", "is not the next_cursor of an answer"))?;
        range.stop = range.stop.min(before);
    }
    let mut notes = app
        .annotations
        .list(&app.database, range, parameters.one("host")?)
        .await?;
    let more = notes.len() > limit;
    notes.truncate(limit);
    let next = notes.last().filter(|_| more).map(|note| note.id.clone());
    Ok(format.respond(
        || json!({ "annotations": notes, "next_cursor": next }),
        || {
            let mut rows = Rows::new(["id", "time", "stop", "host", "text", "author"]);
            let cells = |note: &crate::annotation::Annotation| {
                vec![
                    json!(note.id),
                    json!(note.time),
                    json!(note.stop),
                    json!(note.host),
                    json!(note.text),
                    json!(note.author),
                ]
            };
            rows.rows = notes.iter().map(cells).collect();
            rows
        },
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAnnotation {
    text: String,
    time: Option<String>,
    stop: Option<String>,
    host: Option<String>,
}

pub(super) async fn create(
    Operator(who): Operator,
    State(app): State<App>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>)> {
    let new: NewAnnotation = super::alerts::body(&body)?;
    let text = new.text.trim();
    if text.is_empty() || text.len() > TEXT_LIMIT {
        return Err(ApiError::invalid(
            "text",
            format!("has {} bytes; a note has 1 to {TEXT_LIMIT}", text.len()),
        ));
    }
    let now = crate::now();
    let time = instant("time", new.time.as_deref().unwrap_or("now"), now)?;
    let stop = new
        .stop
        .as_deref()
        .map(|stop| instant("stop", stop, now))
        .transpose()?;
    if stop.is_some_and(|stop| stop - time < SHORTEST) {
        return Err(ApiError::invalid("stop", "is not after time"));
    }
    let host = new.host.as_deref().filter(|host| !host.is_empty());
    if host.is_some_and(|host| host.len() > HOST_LIMIT || host.contains(['\n', '\r', '\\'])) {
        return Err(ApiError::invalid("host", "is not the name of a host"));
    }
    let note = app
        .annotations
        .create(time, stop, host, text, &who.name)
        .await?;
    Ok((StatusCode::CREATED, Json(json!(note))))
}

pub(super) async fn delete(
    _: Operator,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    app.annotations.delete(&app.database, &id).await?;
    Ok(Json(json!({ "deleted": id })))
}
