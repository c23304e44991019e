//! Alerts as the alerter knows them: active and silenced ones, silences, rules, history.

use std::collections::BTreeMap;

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use minijinja::context;
use minijinja::value::Serde;
use serde_json::{Value, json};

use super::{Here, page, shown};
use crate::Result;
use crate::alerter::Alerter;
use crate::sign_in::Who;
use crate::state::App;

/// Events that the page shows; the API has more.
const EVENTS: usize = 100;

pub(super) async fn show(
    who: Who,
    here: Here,
    State(app): State<App>,
    RawQuery(query): RawQuery,
) -> Response {
    // The link of a message names its alert.
    match super::incident::linked(query.as_deref()) {
        Ok(None) => {}
        Ok(Some(alert)) => {
            return super::incident::show(who, here, State(app), Path(alert), RawQuery(query))
                .await;
        }
        Err(error) => return shown(app, here, who, Err(error)),
    }
    let rendered = render(&app, &here, &who).await;
    shown(app, here, who, rendered)
}

async fn render(app: &App, here: &Here, who: &Who) -> Result<Response> {
    let lists = match app.alerter.is_configured() {
        true => Lists::read(&app.alerter).await,
        false => Lists::default(),
    };
    let fingerprints: Vec<String> = lists
        .alerts
        .iter()
        .filter_map(|alert| alert["fingerprint"].as_str().map(str::to_owned))
        .collect();
    let own = context! {
        title => "Alerts",
        active => "alerts",
        alerts => Serde(lists.alerts),
        fingerprints,
        silences => Serde(lists.silences),
        rules => Serde(lists.rules),
        history => Serde(lists.history),
        problem => lists.problem,
    };
    page(app, here, Some(who), "alerts.html", own)
}

/// What the alerter answers; what it does not is empty.
#[derive(Default)]
struct Lists {
    alerts: Vec<Value>,
    silences: Vec<Value>,
    rules: Vec<Value>,
    history: Vec<Value>,
    problem: Option<String>,
}

impl Lists {
    async fn read(alerter: &Alerter) -> Lists {
        let history = format!("/api/v1/history?limit={EVENTS}");
        let (alerts, silences, rules, history) = tokio::join!(
            list(alerter, "/api/v1/alerts?state=firing", "alerts"),
            list(alerter, "/api/v1/silences?expired=false", "silences"),
            list(alerter, "/api/v1/rules", "rules"),
            list(alerter, &history, "events"),
        );
        let mut lists = Lists::default();
        let mut take = |answer: Result<Vec<Value>>| {
            answer.unwrap_or_else(|error| {
                lists.problem = Some(error.to_string());
                Vec::new()
            })
        };
        let (mut alerts, silences, mut rules, history) =
            (take(alerts), take(silences), take(rules), take(history));
        for rule in &mut rules {
            let unit = unit_name(rule["unit"].as_str().unwrap_or_default()).to_owned();
            rule["unit"] = json!(unit);
        }
        with_units(&mut alerts, &rules);
        Lists {
            alerts,
            silences,
            rules,
            history: history.into_iter().map(plain).collect(),
            problem: lists.problem,
        }
    }
}

async fn list(alerter: &Alerter, path: &str, member: &str) -> Result<Vec<Value>> {
    let mut document = alerter.get(path).await?;
    Ok(match document[member].take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    })
}

/// An alert's value is in the unit of its rule.
fn with_units(alerts: &mut [Value], rules: &[Value]) {
    let units: BTreeMap<&str, &Value> = rules
        .iter()
        .filter_map(|rule| Some((rule["name"].as_str()?, &rule["unit"])))
        .collect();
    for alert in alerts {
        let unit = alert["name"].as_str().and_then(|name| units.get(name));
        let unit = unit.and_then(|unit| unit.as_str()).unwrap_or_default();
        alert["unit"] = json!(unit);
    }
}

/// The alerter's symbol of a unit by the name that pages write values with.
pub(super) fn unit_name(symbol: &str) -> &str {
    match symbol {
        "%" => "percent",
        "B" => "bytes",
        "B/s" => "bytes/s",
        "s" => "seconds",
        "MHz" => "megahertz",
        other => other,
    }
}

/// An event's message without the labels: rule and host have columns of their own.
fn plain(mut event: Value) -> Value {
    let message = event["message"].as_str().unwrap_or_default();
    let words = message.split(' ').filter(|word| {
        let pairs = word.split(',').all(|pair| pair.contains('='));
        !pairs || word.is_empty()
    });
    event["message"] = json!(words.collect::<Vec<_>>().join(" "));
    event
}
