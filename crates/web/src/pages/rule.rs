//! One rule: its levels over its series, who is past them, and a backtest.

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use minijinja::context;
use minijinja::value::Serde;
use serde_json::{Value, json};
use watchpost_core::catalogue;

use super::{Here, page, shown};
use crate::Result;
use crate::alerter::segment;
use crate::metric::Choice;
use crate::parameters::Parameters;
use crate::sign_in::Who;
use crate::state::App;

/// Series in the chart, those nearest to firing first: more lines than that nobody tells apart.
const CHARTED: usize = 10;

/// Series in the table.
const LISTED: usize = 200;

/// Ranges the page offers.
const RANGES: [&str; 6] = ["1h", "6h", "24h", "7d", "30d", "90d"];

pub(super) async fn show(
    who: Who,
    here: Here,
    State(app): State<App>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let rendered = render(&app, &here, &who, &name, query.as_deref()).await;
    shown(app, here, who, rendered)
}

/// A rule whose name browsers or proxies would change in a path.
pub(super) async fn show_named(
    who: Who,
    here: Here,
    State(app): State<App>,
    RawQuery(query): RawQuery,
) -> Response {
    match super::named(query.as_deref()) {
        Ok(name) => show(who, here, State(app), Path(name), RawQuery(query)).await,
        Err(error) => shown(app, here, who, Err(error)),
    }
}

async fn render(
    app: &App,
    here: &Here,
    who: &Who,
    name: &str,
    query: Option<&str>,
) -> Result<Response> {
    let parameters = Parameters::read(query, &["name", "range", "start", "stop", "zone"])?;
    let range = parameters.one("range")?.unwrap_or("6h");
    crate::time_range::length("range", range)?;
    let rule = app
        .alerter
        .get(&format!("/api/v1/rules/{}", segment(name)))
        .await?;
    let mut series = match &rule["seriesList"] {
        Value::Array(series) => series.clone(),
        _ => Vec::new(),
    };
    let worst = |series: &Value| match series["state"].as_str() {
        Some("firing") => 0,
        Some("pending") => 1,
        Some("ok") => 3,
        _ => 2,
    };
    let value = |series: &Value| series["value"].as_f64().unwrap_or(f64::MIN);
    let sign = if rule["levels"]["direction"] == "below" {
        -1.0
    } else {
        1.0
    };
    series.sort_by(|a, b| {
        let by_value = (sign * value(b)).total_cmp(&(sign * value(a)));
        worst(a).cmp(&worst(b)).then(by_value)
    });
    let mut hosts: Vec<&str> = Vec::new();
    for host in series
        .iter()
        .filter_map(|one| one["labels"]["host"].as_str())
    {
        if hosts.len() < CHARTED && !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    let metric = rule["field"].as_str().filter(|field| {
        // Names with a comma would be two; the chart is left out.
        catalogue::metric(field).is_some() && !hosts.iter().any(|host| host.contains(','))
    });
    let unit = metric.map(|field| Choice::find("metric", field, false).map(|choice| choice.unit()));
    let own = context! {
        value_unit => super::alerts::unit_name(rule["unit"].as_str().unwrap_or_default()).to_owned(),
        title => name,
        active => "alerts",
        name,
        thresholds => thresholds(&rule).to_string(),
        hosts => hosts.join(","),
        metric,
        unit => unit.transpose()?.unwrap_or_default(),
        total => series.len(),
        series => Serde(series.into_iter().take(LISTED).map(labelled).collect::<Vec<_>>()),
        rule => Serde(&rule),
        range, ranges => RANGES.to_vec(),
        may_backtest => who.may_change() && app.alerter.may_change(),
    };
    page(app, here, Some(who), "rule.html", own)
}

/// The levels that stand on the axis of the series: of values and rates, and what a forecast waits for.
pub(super) fn thresholds(rule: &Value) -> Value {
    let mut found = Vec::new();
    if matches!(rule["levelsOf"].as_str(), Some("value" | "rate")) {
        for name in ["warn", "critical", "recover"] {
            if let Some(value) = rule["levels"][name].as_f64() {
                found.push(json!({ "value": value, "label": name, "severity": name }));
            }
        }
    }
    if let Some(value) = rule["target"].as_f64() {
        found.push(json!({ "value": value, "label": "target", "severity": "critical" }));
    }
    Value::Array(found)
}

/// A series with the labels that tell it from others, without the rule's name and the host.
fn labelled(mut series: Value) -> Value {
    let labels = series["labels"].as_object().into_iter().flatten();
    let shown =
        labels.filter(|(name, _)| !["alertname", "host", "metric_type"].contains(&name.as_str()));
    let shown: Vec<String> = shown
        .filter_map(|(name, value)| Some(format!("{name} {}", value.as_str()?)))
        .collect();
    series["of"] = json!(shown.join(", "));
    series
}
