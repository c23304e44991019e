//! Alerts and groups: listed, and taken from those who push them.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use watchpost_core::time::format_rfc3339;

use super::filter::Filter;
use super::{Answer, Body, MayChange, Refusal};
use crate::alert::{Alert, Nanos};
use crate::alerting::Alerting;
use crate::api::error::ApiError;
use crate::api::{Server, read_time, views};
use crate::labels::Labels;
use crate::pipeline::dispatcher::{RESOLVE_TIMEOUT, accept_pushed};
use crate::pipeline::grouping::Group;
use crate::pipeline::{Stage, Suppression};

/// Most alerts of one request.
const PUSH_LIMIT: usize = 10_000;
/// Go's zero time stands for "no end".
const ZERO_TIME: &str = "0001-01-01T00:00:00";

pub(in crate::api) async fn list(State(server): State<Server>, filter: Filter) -> Answer {
    let alerts = server.desk.ask(move |alerting, _, now| {
        let firing = alerting
            .dispatcher
            .alerts()
            .filter(|alert| !alert.is_resolved(now));
        firing
            .filter_map(|alert| gettable(alerting, alert, &filter, now))
            .collect::<Vec<_>>()
    });
    Ok(Json(json!(alerts.await?)))
}

/// The alert as clients read it, if the filter takes it.
fn gettable(alerting: &Alerting, alert: &Alert, filter: &Filter, now: Nanos) -> Option<Value> {
    let groups = alerting.dispatcher.groups_of(alert.fingerprint);
    let found: Vec<Suppression> = groups
        .flat_map(|(_, group)| alerting.dispatcher.suppressions(alert, group.route, now))
        .collect();
    let stages: Vec<Stage> = found.iter().map(|found| found.stage).collect();
    let receivers = views::receivers(alerting, alert);
    let wanted = filter.takes_alert(&alert.labels, &stages)
        && receivers.iter().any(|name| filter.takes_receiver(name));
    wanted.then(|| view(alerting, alert.clone(), &found, &receivers, now))
}

fn view(
    alerting: &Alerting,
    mut alert: Alert,
    found: &[Suppression],
    receivers: &[String],
    now: Nanos,
) -> Value {
    alerting.annotate(&mut alert, now);
    let by = |stage: Stage| -> BTreeSet<&str> {
        let of_stage = found.iter().filter(|found| found.stage == stage);
        of_stage.map(|found| found.by.as_str()).collect()
    };
    // An alert of a rule has no end yet; clients want one that is to come.
    let end = alert.ends_at.unwrap_or(now.saturating_add(RESOLVE_TIMEOUT));
    json!({
        "fingerprint": alert.fingerprint,
        "labels": *alert.labels,
        "annotations": alert.annotations,
        "startsAt": format_rfc3339(alert.starts_at),
        "endsAt": format_rfc3339(end),
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

/// Groups as dashboards read them.
pub(in crate::api) async fn groups(State(server): State<Server>, filter: Filter) -> Answer {
    let groups = server.desk.ask(move |alerting, _, now| {
        let view = |group: &Group| {
            let members = group.members.iter();
            let members = members.filter_map(|id| alerting.dispatcher.alert(*id));
            let alerts: Vec<Value> = members
                .filter_map(|alert| gettable(alerting, alert, &filter, now))
                .collect();
            let wanted = !alerts.is_empty() && filter.takes_receiver(&group.name.receiver);
            wanted.then(|| {
                json!({
                    "labels": group.name.labels,
                    "receiver": { "name": group.name.receiver },
                    "alerts": alerts,
                })
            })
        };
        let groups = alerting.dispatcher.groups();
        groups
            .filter_map(|(_, group)| view(group))
            .collect::<Vec<_>>()
    });
    Ok(Json(json!(groups.await?)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct PostableAlert {
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    starts_at: Option<String>,
    ends_at: Option<String>,
    #[serde(default, rename = "generatorURL")]
    generator_url: String,
}

/// Takes alerts of others. One bad alert refuses all, as in Alertmanager.
pub(in crate::api) async fn push(
    _: MayChange,
    State(server): State<Server>,
    Body(alerts): Body<Vec<PostableAlert>>,
) -> Answer {
    if alerts.len() > PUSH_LIMIT {
        return Err(Refusal::from(ApiError::BadRequest(format!(
            "at most {PUSH_LIMIT} alerts in one request"
        ))));
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
    if posted.labels.keys().any(String::is_empty) {
        return Err(ApiError::BadRequest(
            "a label of an alert has no name".to_owned(),
        ));
    }
    let labels: Labels = posted.labels.into_iter().collect();
    if labels.is_empty() {
        return Err(ApiError::BadRequest(
            "an alert needs at least one label".to_owned(),
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
