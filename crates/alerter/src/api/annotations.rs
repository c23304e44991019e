//! When alerts fired, for charts.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use watchpost_core::time::format_rfc3339;

use super::Server;
use super::error::ApiError;
use super::extract::Parameters;
use crate::alert::Nanos;
use crate::annotation::{self, Annotation, Wanted};
use crate::clock::{now, read_moment};

/// How far back one looks who says nothing.
const DEFAULT_FROM: &str = "-24h";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AnnotationFilter {
    /// A time, or a duration from now such as `-7d`.
    from: Option<String>,
    to: Option<String>,
    #[serde(default)]
    rule: String,
    #[serde(default)]
    host: String,
}

pub(super) async fn list(
    State(server): State<Server>,
    Parameters(filter): Parameters<AnnotationFilter>,
) -> Result<Json<Value>, ApiError> {
    let now = now();
    let moment = |text: Option<&str>, default: Nanos| match text {
        Some(text) => read_moment(text, now).map_err(ApiError::BadRequest),
        None => Ok(default),
    };
    let wanted = Wanted {
        start: moment(Some(filter.from.as_deref().unwrap_or(DEFAULT_FROM)), now)?,
        stop: moment(filter.to.as_deref(), now)?,
        rule: filter.rule,
        host: filter.host,
    };
    if wanted.start >= wanted.stop {
        return Err(ApiError::BadRequest("from must be before to".to_owned()));
    }
    let mut found = ended(&server, &wanted, now).await?;
    let firing = server.desk.ask(|alerting, _, now| {
        let alerts = alerting.dispatcher.alerts();
        let firing = alerts.filter(|alert| !alert.is_resolved(now));
        firing.map(Annotation::of_firing).collect::<Vec<_>>()
    });
    found.extend(firing.await?);
    let (annotations, truncated) = annotation::select(found, &wanted);
    Ok(Json(json!({
        "from": format_rfc3339(wanted.start),
        "to": format_rfc3339(wanted.stop),
        "truncated": truncated,
        "annotations": annotations.iter().map(view).collect::<Vec<_>>(),
    })))
}

/// What has ended: from the bucket, or from the store where there is none.
async fn ended(server: &Server, wanted: &Wanted, now: Nanos) -> Result<Vec<Annotation>, ApiError> {
    if let Some(bucket) = &server.history_bucket {
        let query = watchpost_client::query::Query::new(wanted.query(bucket, now));
        let tables = server.client.query(&query).await;
        let tables = tables.map_err(|error| ApiError::Database(error.to_string()))?;
        return Ok(annotation::read(&tables));
    }
    let (store, wanted) = (server.store.clone(), wanted.clone());
    let read = tokio::task::spawn_blocking(move || {
        let ends = |event: &crate::event::Event| {
            Annotation::of_event(event).is_some_and(|found| wanted.takes(&found))
        };
        store.events(annotation::LIMIT, ends)
    });
    let events = read
        .await
        .map_err(|error| ApiError::Database(error.to_string()))??;
    let found = events
        .iter()
        .filter_map(|(_, event)| Annotation::of_event(event));
    Ok(found.collect())
}

fn view(annotation: &Annotation) -> Value {
    json!({
        "rule": annotation.rule,
        "severity": annotation.severity,
        "host": annotation.host,
        "fingerprint": annotation.fingerprint,
        "startsAt": format_rfc3339(annotation.start),
        "endsAt": annotation.end.map(format_rfc3339),
        "value": annotation.value,
        "threshold": annotation.threshold,
        "text": annotation.text,
    })
}
