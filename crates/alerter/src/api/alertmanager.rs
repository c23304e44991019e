//! Alertmanager's API, version 2: what `amtool` and senders of alerts such as Prometheus use.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};
use watchpost_core::time::format_rfc3339;

use super::access::MayChange;
use super::error::ApiError;
use super::{Server, read_time, silences, views};
use crate::alert::{Alert, Nanos};
use crate::alerting::Alerting;
use crate::labels::{ALERT_NAME, Labels};
use crate::matcher::Matcher;
use crate::pipeline::Stage;
use crate::pipeline::dispatcher::accept_pushed;
use crate::pipeline::silence::Silence;

/// Most alerts of one request.
const PUSH_LIMIT: usize = 10_000;
/// Go's zero time stands for "no end".
const ZERO_TIME: &str = "0001-01-01T00:00:00";

pub(super) async fn alerts(State(server): State<Server>) -> Result<Json<Value>, ApiError> {
    let alerts = server.desk.ask(|alerting, _, now| {
        let firing = alerting
            .dispatcher
            .alerts()
            .filter(|alert| !alert.is_resolved(now));
        firing
            .map(|alert| gettable(alerting, alert, now))
            .collect::<Vec<_>>()
    });
    Ok(Json(json!(alerts.await?)))
}

fn gettable(alerting: &Alerting, alert: &Alert, now: Nanos) -> Value {
    let mut alert = alert.clone();
    alerting.annotate(&mut alert, now);
    let groups = alerting.dispatcher.groups_of(alert.fingerprint);
    let found: Vec<_> = groups
        .flat_map(|(_, group)| alerting.dispatcher.suppressions(&alert, group.route, now))
        .collect();
    let by = |stage: Stage| -> Vec<&str> {
        found
            .iter()
            .filter(|found| found.stage == stage)
            .map(|found| found.by.as_str())
            .collect()
    };
    let receivers = views::receivers(alerting, &alert);
    json!({
        "fingerprint": alert.fingerprint,
        "labels": *alert.labels,
        "annotations": alert.annotations,
        "startsAt": format_rfc3339(alert.starts_at),
        "endsAt": format_rfc3339(alert.ends_at.unwrap_or(now)),
        "updatedAt": format_rfc3339(alert.updated_at),
        "generatorURL": alert.generator_url,
        "receivers": receivers.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
        "status": {
            "state": if found.is_empty() { "active" } else { "suppressed" },
            "silencedBy": by(Stage::Silence),
            "inhibitedBy": by(Stage::Inhibition),
            "mutedBy": by(Stage::Mute),
        },
    })
}

/// Groups as `amtool alert query --group` and dashboards read them.
pub(super) async fn groups(State(server): State<Server>) -> Result<Json<Value>, ApiError> {
    let groups = server.desk.ask(|alerting, _, now| {
        let view = |group: &crate::pipeline::grouping::Group| {
            let members = group
                .members
                .iter()
                .filter_map(|id| alerting.dispatcher.alert(*id));
            json!({
                "labels": group.name.labels,
                "receiver": { "name": group.name.receiver },
                "alerts": members.map(|alert| gettable(alerting, alert, now)).collect::<Vec<_>>(),
            })
        };
        alerting
            .dispatcher
            .groups()
            .map(|(_, group)| view(group))
            .collect::<Vec<_>>()
    });
    Ok(Json(json!(groups.await?)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PostableAlert {
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    starts_at: Option<String>,
    ends_at: Option<String>,
    #[serde(default, rename = "generatorURL")]
    generator_url: String,
}

/// Takes alerts of others. One bad alert refuses all, as in Alertmanager.
pub(super) async fn push(
    _: MayChange,
    State(server): State<Server>,
    Json(alerts): Json<Vec<PostableAlert>>,
) -> Result<Json<Value>, ApiError> {
    if alerts.len() > PUSH_LIMIT {
        return Err(ApiError::BadRequest(format!(
            "at most {PUSH_LIMIT} alerts in one request"
        )));
    }
    let now = crate::clock::now();
    let alerts = alerts
        .into_iter()
        .map(|alert| accept(alert, now))
        .collect::<Result<Vec<_>, _>>()?;
    server
        .desk
        .ask(move |alerting, _, now| {
            alerts
                .into_iter()
                .for_each(|alert| alerting.push(alert, now))
        })
        .await?;
    Ok(Json(json!({})))
}

fn accept(posted: PostableAlert, now: Nanos) -> Result<Alert, ApiError> {
    let given = |text: Option<String>| match text {
        Some(text) if !text.is_empty() && !text.starts_with(ZERO_TIME) => {
            read_time(&text).map(Some)
        }
        _ => Ok(None),
    };
    let labels: Labels = posted.labels.into_iter().collect();
    if labels.get(ALERT_NAME).is_empty() {
        return Err(ApiError::BadRequest(
            "an alert needs the label alertname".to_owned(),
        ));
    }
    let (starts_at, ends_at) = (given(posted.starts_at)?, given(posted.ends_at)?);
    let mut alert = Alert::pushed(labels, starts_at.or(ends_at).unwrap_or(now).min(now));
    if ends_at.is_some_and(|end| end < alert.starts_at) {
        return Err(ApiError::BadRequest("endsAt is before startsAt".to_owned()));
    }
    alert.ends_at = ends_at;
    alert.annotations = posted.annotations;
    alert.generator_url = posted.generator_url;
    Ok(accept_pushed(alert, now))
}

pub(super) async fn list_silences(State(server): State<Server>) -> Result<Json<Value>, ApiError> {
    let silences = server.desk.ask(|alerting, _, now| {
        alerting
            .dispatcher
            .silences()
            .iter()
            .map(|found| gettable_silence(found, now))
            .collect::<Vec<_>>()
    });
    Ok(Json(json!(silences.await?)))
}

fn gettable_silence(silence: &Silence, now: Nanos) -> Value {
    json!({
        "id": silence.id,
        "status": { "state": silence.state(now) },
        "matchers": silence.matchers,
        "startsAt": format_rfc3339(silence.starts_at),
        "endsAt": format_rfc3339(silence.ends_at),
        "updatedAt": format_rfc3339(silence.updated_at),
        "createdBy": silence.created_by,
        "comment": silence.comment,
    })
}

pub(super) async fn show_silence(
    State(server): State<Server>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let wanted = id.clone();
    let found = server.desk.ask(move |alerting, _, now| {
        alerting
            .dispatcher
            .silences()
            .get(&wanted)
            .map(|found| gettable_silence(found, now))
    });
    found
        .await?
        .map(Json)
        .ok_or_else(|| ApiError::NotFound(format!("silence {id}")))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PostableSilence {
    #[serde(default)]
    id: String,
    matchers: Vec<Matcher>,
    starts_at: String,
    ends_at: String,
    created_by: String,
    comment: String,
}

pub(super) async fn set_silence(
    _: MayChange,
    State(server): State<Server>,
    Json(posted): Json<PostableSilence>,
) -> Result<Json<Value>, ApiError> {
    let silence = Silence {
        id: posted.id,
        matchers: posted.matchers,
        starts_at: read_time(&posted.starts_at)?,
        ends_at: read_time(&posted.ends_at)?,
        created_by: posted.created_by,
        comment: posted.comment,
        updated_at: 0,
        recurring: Vec::new(),
    };
    Ok(Json(
        json!({ "silenceID": silences::set(&server, silence).await? }),
    ))
}

pub(super) async fn status(State(server): State<Server>) -> Result<Json<Value>, ApiError> {
    let loaded = server.desk.ask(|_, file, _| file.loaded_at).await?;
    Ok(Json(json!({
        "cluster": { "status": "disabled", "peers": [] },
        "config": { "original": "" },
        "uptime": format_rfc3339(loaded),
        "versionInfo": {
            "version": env!("CARGO_PKG_VERSION"),
            "branch": "", "buildDate": "", "buildUser": "", "goVersion": "", "revision": "",
        },
    })))
}
