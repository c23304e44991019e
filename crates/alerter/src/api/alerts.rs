//! Alerts, groups, acknowledgements, history and `explain`.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};
use watchpost_core::time::format_rfc3339;
use watchpost_query::Kind;

use super::access::MayChange;
use super::error::ApiError;
use super::extract::{Body, Parameters};
use super::{Server, views};
use crate::alert::Nanos;
use crate::alerting::Alerting;
use crate::event::{Event, EventKind};
use crate::labels::Fingerprint;
use crate::matcher::{Matcher, all_match};
use crate::pipeline::acknowledgement::Acknowledgement;

/// Most events of one answer.
const HISTORY_LIMIT: usize = 10_000;
const HISTORY_DEFAULT: usize = 100;

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum AlertState {
    Firing,
    Resolved,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AlertFilter {
    state: Option<AlertState>,
    /// Matchers, separated by commas: `severity="critical",host=~"web.*"`.
    filter: Option<String>,
}

pub(super) async fn list(
    State(server): State<Server>,
    Parameters(filter): Parameters<AlertFilter>,
) -> Result<Json<Value>, ApiError> {
    let matchers = matchers(filter.filter.as_deref().unwrap_or_default())?;
    let state = filter.state;
    let alerts = server.desk.ask(move |alerting, _, now| {
        let wanted = |alert: &&crate::alert::Alert| {
            let resolved = alert.is_resolved(now);
            state.is_none_or(|state| (state == AlertState::Resolved) == resolved)
                && all_match(&matchers, &alert.labels)
        };
        let mut found: Vec<_> = alerting.dispatcher.alerts().filter(wanted).collect();
        found.sort_by(|a, b| (b.severity, &a.labels).cmp(&(a.severity, &b.labels)));
        found
            .into_iter()
            .map(|alert| views::alert(alerting, alert, now))
            .collect::<Vec<_>>()
    });
    Ok(Json(json!({ "alerts": alerts.await? })))
}

/// Matchers separated by commas; none at all are taken, too.
pub(super) fn matchers(text: &str) -> Result<Vec<Matcher>, ApiError> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    Matcher::list(text).map_err(|error| ApiError::BadRequest(error.to_string()))
}

pub(super) async fn groups(State(server): State<Server>) -> Result<Json<Value>, ApiError> {
    let groups = server.desk.ask(|alerting, _, now| {
        let view = |(id, group): (&crate::pipeline::grouping::GroupId, &crate::pipeline::grouping::Group)| {
            let alerts = group.members.iter().filter_map(|id| alerting.dispatcher.alert(*id));
            json!({
                "receiver": group.name.receiver,
                "route": group.name.route_key,
                "labels": group.name.labels,
                "nextLookAt": format_rfc3339(group.next_flush),
                "lastMessageAt": alerting.dispatcher.log_entry(id).map(|entry| format_rfc3339(entry.at)),
                "alerts": alerts.map(|alert| views::alert(alerting, alert, now)).collect::<Vec<_>>(),
            })
        };
        alerting.dispatcher.groups().map(view).collect::<Vec<_>>()
    });
    Ok(Json(json!({ "groups": groups.await? })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AcknowledgeBody {
    owner: String,
    #[serde(default)]
    comment: String,
    /// `2h`; without it the acknowledgement ends with the alert.
    #[serde(default, rename = "for")]
    length: Option<String>,
}

pub(super) async fn acknowledge(
    _: MayChange,
    State(server): State<Server>,
    Path(fingerprint): Path<String>,
    Body(body): Body<AcknowledgeBody>,
) -> Result<Json<Value>, ApiError> {
    let fingerprint = read_fingerprint(&fingerprint)?;
    if body.owner.trim().is_empty() {
        return Err(ApiError::BadRequest(
            "an acknowledgement needs an owner".to_owned(),
        ));
    }
    let length = body
        .length
        .as_deref()
        .map(super::read_duration)
        .transpose()?;
    let found = server.desk.ask(move |alerting, _, now| {
        let alert = alerting.dispatcher.alert(fingerprint).cloned()?;
        let acknowledgement = Acknowledgement {
            fingerprint,
            owner: body.owner,
            comment: body.comment,
            at: now,
            expires_at: length.map(|length| now.saturating_add(length)),
            severity: alert.severity,
        };
        let view = views::acknowledgement(&acknowledgement);
        let event = Event::acknowledgement(&acknowledgement, "acknowledged", &alert, now);
        let taken = alerting.dispatcher.acknowledge(acknowledgement, now);
        taken.then(|| {
            alerting.record(event);
            view
        })
    });
    found
        .await?
        .map(Json)
        .ok_or_else(|| ApiError::NotFound(format!("firing alert {fingerprint}")))
}

pub(super) async fn unacknowledge(
    _: MayChange,
    State(server): State<Server>,
    Path(fingerprint): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let fingerprint = read_fingerprint(&fingerprint)?;
    let removed = server.desk.ask(move |alerting, _, now| {
        let removed = alerting.dispatcher.unacknowledge(fingerprint);
        if let (true, Some(alert)) = (removed, alerting.dispatcher.alert(fingerprint).cloned()) {
            alerting.record(Event::of_alert(
                now,
                EventKind::Acknowledgement,
                "withdrawn",
                &alert,
            ));
        }
        removed
    });
    if removed.await? {
        return Ok(Json(json!({ "removed": fingerprint })));
    }
    Err(ApiError::NotFound(format!(
        "acknowledgement of {fingerprint}"
    )))
}

pub(super) fn read_fingerprint(text: &str) -> Result<Fingerprint, ApiError> {
    text.parse().map_err(ApiError::BadRequest)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HistoryFilter {
    limit: Option<usize>,
    rule: Option<String>,
    host: Option<String>,
    event: Option<String>,
    fingerprint: Option<String>,
}

pub(super) async fn history(
    State(server): State<Server>,
    Parameters(filter): Parameters<HistoryFilter>,
) -> Result<Json<Value>, ApiError> {
    let limit = filter.limit.unwrap_or(HISTORY_DEFAULT).min(HISTORY_LIMIT);
    let store = server.store.clone();
    let read = tokio::task::spawn_blocking(move || {
        let is = |wanted: &Option<String>, value: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == value)
        };
        store.events(limit, |event| {
            is(&filter.rule, &event.rule)
                && is(&filter.host, &event.host)
                && is(&filter.event, event.event.as_str())
                && is(&filter.fingerprint, &event.fingerprint)
        })
    });
    let events = read
        .await
        .map_err(|error| ApiError::BadRequest(error.to_string()))??;
    let events: Vec<Value> = events
        .iter()
        .map(|(sequence, event)| views::event(*sequence, event))
        .collect();
    Ok(Json(json!({ "events": events })))
}

/// Why an alert was or was not told: its series, each stage for each receiver, what is next, and
/// what happened before.
pub(super) async fn explain(
    State(server): State<Server>,
    Path(fingerprint): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let id = read_fingerprint(&fingerprint)?;
    let kind = server.client.config().kind;
    let found = server
        .desk
        .ask(move |alerting, _, now| explain_now(alerting, id, kind, now))
        .await?;
    let mut found = found.ok_or_else(|| ApiError::NotFound(format!("alert or series {id}")))?;
    let store = server.store.clone();
    let wanted = id.to_string();
    let read =
        tokio::task::spawn_blocking(move || store.events(50, |event| event.fingerprint == wanted));
    let events = read
        .await
        .map_err(|error| ApiError::BadRequest(error.to_string()))??;
    found["history"] = events
        .iter()
        .map(|(sequence, event)| views::event(*sequence, event))
        .collect();
    Ok(Json(found))
}

fn explain_now(alerting: &Alerting, id: Fingerprint, server: Kind, now: Nanos) -> Option<Value> {
    let rules = alerting.evaluator.rules();
    let series = rules.iter().find_map(|rule| {
        let (_, series) = alerting
            .evaluator
            .series(&rule.name)
            .find(|(_, s)| s.labels.fingerprint() == id)?;
        Some((rule, series))
    });
    let alert = alerting.dispatcher.alert(id);
    if series.is_none() && alert.is_none() {
        return None;
    }
    let receivers = alerting.dispatcher.explain(id, now);
    Some(json!({
        "now": format_rfc3339(now),
        "dispatching": alerting.may_dispatch(),
        "alert": alert.map(|alert| views::alert(alerting, alert, now)),
        "rule": series.map(|(rule, _)| views::rule(alerting, rule, server, now)),
        "series": series.map(|(_, series)| views::series(series)),
        "receivers": receivers.iter().map(views::explanation).collect::<Vec<_>>(),
    }))
}
