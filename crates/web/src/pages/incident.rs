//! One alert: its span on the chart of its metric, what else changed on its host, its rule, and who was
//! notified and why.

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use minijinja::context;
use minijinja::value::Serde;
use serde_json::{Value, json};
use watchpost_core::catalogue;
use watchpost_core::time::{
    NANOS_PER_DAY, NANOS_PER_MILLI, NANOS_PER_MINUTE, format_rfc3339, parse_rfc3339,
};

use super::{Here, page, shown};
use crate::alert_span::{self, AlertSpan, Wanted};
use crate::alerter::segment;
use crate::parameters::Parameters;
use crate::sign_in::Who;
use crate::state::App;
use crate::time_range::TimeRange;
use crate::{ApiError, Result};

/// How far back the history is searched for an alert that the alerter has forgotten.
const LOOK_BACK: i64 = 30 * NANOS_PER_DAY;

/// Least time that is shown before an alert and after its end.
const MARGIN: i64 = 15 * NANOS_PER_MINUTE;

const PARAMETERS: [&str; 6] = ["alert", "do", "range", "start", "stop", "zone"];

/// The alert that the query of `/alerts` names, if it names one.
pub(super) fn linked(query: Option<&str>) -> Result<Option<String>> {
    Ok(Parameters::read(query, &PARAMETERS)?
        .one("alert")?
        .map(str::to_owned))
}

pub(super) async fn show(
    who: Who,
    here: Here,
    State(app): State<App>,
    Path(fingerprint): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let rendered = render(&app, &here, &who, &fingerprint, query.as_deref()).await;
    shown(app, here, who, rendered)
}

async fn render(
    app: &App,
    here: &Here,
    who: &Who,
    fingerprint: &str,
    query: Option<&str>,
) -> Result<Response> {
    let parameters = Parameters::read(query, &PARAMETERS)?;
    let now = crate::now();
    let Known {
        found,
        rule,
        spans,
        name,
        problem,
    } = read(app, fingerprint, now).await?;
    let last = spans.last();
    let alert = &found["alert"];
    let labels = match &alert["labels"] {
        Value::Object(_) => &alert["labels"],
        _ => &found["series"]["labels"],
    };
    let host = labels["host"]
        .as_str()
        .or(last.map(|span| span.host.as_str()))
        .unwrap_or_default();
    let is_firing = alert["state"] == "firing";
    let time = |member: &str| {
        alert[member]
            .as_str()
            .and_then(|text| parse_rfc3339(text).ok())
    };
    let start = time("startsAt").or(last.map(|span| span.start_ms * NANOS_PER_MILLI));
    let start = start.unwrap_or(now);
    let end = match is_firing {
        true => None,
        false => time("endsAt").or(last
            .and_then(|span| span.stop_ms)
            .map(|end| end * NANOS_PER_MILLI)),
    };
    let range = around(start, end, now);
    let own = context! {
        title => if host.is_empty() { name.clone() } else { format!("{name} on {host}") },
        active => "alerts",
        name, host, fingerprint, problem,
        alert => Serde(alert),
        is_firing,
        severity => alert["severity"].as_str().or(last.map(|span| span.severity.as_str())),
        value => alert["value"].as_f64().or(last.and_then(|span| span.value)),
        threshold => alert["threshold"].as_f64().or(last.and_then(|span| span.threshold)),
        labels => Serde(others(labels)),
        begun => format_rfc3339(start), begun_ms => start / NANOS_PER_MILLI,
        ended => end.map(format_rfc3339), ended_ms => end.map(|end| end / NANOS_PER_MILLI),
        lasted => (end.unwrap_or(now) - start).max(0) as f64 / 1e9,
        times => spans.len(),
        metric => rule["field"].as_str().filter(|field| catalogue::metric(field).is_some()),
        thresholds => super::rule::thresholds(&rule).to_string(),
        unit => super::alerts::unit_name(rule["unit"].as_str().unwrap_or_default()),
        rule => Serde(&rule),
        receivers => Serde(&found["receivers"]),
        held => found["dispatching"] == json!(false),
        history => Serde(&found["history"]),
        range => "1h", ranges => super::host::RANGES.to_vec(),
        start => parameters.one("start")?.map_or_else(|| format_rfc3339(range.start), str::to_owned),
        stop => parameters.one("stop")?.map_or_else(|| format_rfc3339(range.stop), str::to_owned),
    };
    page(app, here, Some(who), "incident.html", own)
}

/// What is known of an alert.
struct Known {
    /// The alerter's explanation; null for one that it has forgotten.
    found: Value,
    rule: Value,
    spans: Vec<AlertSpan>,
    name: String,
    /// Why the alerter says nothing, if it could.
    problem: Option<String>,
}

/// Asks the alerter, and the history in the database, which knows an alert for longer.
///
/// Errors: neither knows it.
async fn read(app: &App, fingerprint: &str, now: i64) -> Result<Known> {
    let path = format!("/api/v1/explain/{}", segment(fingerprint));
    let (found, spans) = tokio::join!(app.alerter.get(&path), spans(app, fingerprint, now));
    let spans = spans.unwrap_or_default();
    let (found, problem) = match found {
        Ok(found) => (found, None),
        Err(ApiError::Alerter { status: 404, .. }) if !spans.is_empty() => (Value::Null, None),
        Err(error) if !spans.is_empty() => (Value::Null, Some(error.to_string())),
        Err(error) => return Err(error),
    };
    let told = found["alert"]["name"]
        .as_str()
        .or(found["rule"]["name"].as_str());
    let name = told.or(spans.last().map(|span| span.rule.as_str()));
    let name = name.unwrap_or(fingerprint).to_owned();
    let rule = match &found["rule"] {
        Value::Null => {
            let path = format!("/api/v1/rules/{}", segment(&name));
            app.alerter.get(&path).await.unwrap_or_default()
        }
        rule => rule.clone(),
    };
    Ok(Known {
        found,
        rule,
        spans,
        name,
        problem,
    })
}

/// The alert's spans in the history, the oldest first.
async fn spans(app: &App, fingerprint: &str, now: i64) -> Result<Vec<AlertSpan>> {
    let range = TimeRange {
        start: now - LOOK_BACK,
        stop: now,
    };
    let wanted = Wanted {
        range,
        host: None,
        rule: None,
    };
    let mut spans = alert_span::list(&app.database, &wanted, now).await?;
    spans.retain(|span| span.fingerprint == fingerprint);
    Ok(spans)
}

/// The alert with as much before it as after, for the eye to see what changed.
fn around(start: i64, end: Option<i64>, now: i64) -> TimeRange {
    let end = end.unwrap_or(now);
    let margin = ((end - start) / 2).clamp(MARGIN, NANOS_PER_DAY);
    TimeRange {
        start: start - margin,
        stop: (end + margin).min(now),
    }
}

/// Labels beside those that have a place of their own.
fn others(labels: &Value) -> Value {
    let labels = labels.as_object().into_iter().flatten();
    let others = labels.filter(|(name, _)| {
        !["alertname", "host", "metric_type", "severity"].contains(&name.as_str())
    });
    others
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
