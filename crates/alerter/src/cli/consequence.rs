//! What a change does to the alerts that fire now: commands answer with it.

use serde_json::{Value, json};

use super::remote::Api;
use super::table::{cell, moment};

/// More alerts than fit a screen are counted.
const ALERTS_SHOWN: usize = 20;

/// What a silence does: until when, and which firing alerts it keeps back now. Empty if the alerter does
/// not say; the silence holds all the same.
pub(super) async fn kept_back(api: &Api, id: &str) -> String {
    let silences = api.get("/api/v1/silences", &[]).await.unwrap_or_default();
    let mut silences = silences["silences"].as_array().into_iter().flatten();
    let Some(silence) = silences.find(|silence| silence["id"] == json!(id)) else {
        return String::new();
    };
    let matchers = silence["matchers"].as_array().into_iter().flatten();
    let matchers: Vec<&str> = matchers.filter_map(Value::as_str).collect();
    let query = [
        ("state", "firing".to_owned()),
        ("filter", matchers.join(",")),
    ];
    let firing = api.get("/api/v1/alerts", &query).await.unwrap_or_default();
    let firing: Vec<String> = firing["alerts"]
        .as_array()
        .into_iter()
        .flatten()
        .map(labels)
        .collect();
    let windows = windows(silence);
    let only = match windows.is_empty() {
        true => String::new(),
        false => format!(", at {windows}"),
    };
    let matched = match firing.len() {
        0 => "matches no alert that fires now".to_owned(),
        1 => format!("matches 1 alert that fires now:\n  {}", firing[0]),
        count => {
            let rest = count.saturating_sub(ALERTS_SHOWN);
            let more = if rest > 0 {
                format!("\n  and {rest} more")
            } else {
                String::new()
            };
            let shown = &firing[..count.min(ALERTS_SHOWN)];
            let shown = shown.join("\n  ");
            format!("matches {count} alerts that fire now:\n  {shown}{more}")
        }
    };
    let (matchers, until) = (matchers.join(" "), moment(silence, "endsAt"));
    format!("{matchers} is silenced until {until}{only}; it {matched}\n")
}

/// By whom an alert is acknowledged.
pub(super) async fn owner_of(api: &Api, fingerprint: &str) -> Option<String> {
    let alerts = api.get("/api/v1/alerts", &[]).await.ok()?;
    let mut alerts = alerts["alerts"].as_array()?.iter();
    let alert = alerts.find(|alert| alert["fingerprint"] == json!(fingerprint))?;
    let owner = cell(&alert["acknowledgement"], "owner");
    Some(owner).filter(|owner| !owner.is_empty())
}

/// `host=web-1,interface=eth0`.
pub(super) fn labels(alert: &Value) -> String {
    let labels = alert["labels"].as_object().into_iter().flatten();
    let pairs = labels.map(|(name, _)| format!("{name}={}", cell(&alert["labels"], name)));
    pairs.collect::<Vec<_>>().join(",")
}

/// When a recurring silence holds: `22:00-06:00 monday:friday Europe/Berlin`.
pub(super) fn windows(silence: &Value) -> String {
    let windows = silence["recurring"].as_array().into_iter().flatten();
    let window = |window: &Value| {
        let texts = ["times", "weekdays"].map(|name| {
            let list = window[name].as_array().into_iter().flatten();
            list.filter_map(Value::as_str).collect::<Vec<_>>().join(",")
        });
        let parts = texts.into_iter().chain([cell(window, "location")]);
        let parts: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
        parts.join(" ")
    };
    let texts: Vec<String> = windows.map(window).collect();
    texts.join("; ")
}
