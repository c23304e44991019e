//! PagerDuty, Events API v2: one event an alert. The fingerprint is the deduplication key, so an
//! event that is sent twice is one incident.

use serde_json::{Value, json};

use super::facts;
use super::http::{exchange, shown};
use super::markup::{self, characters};
use super::settings::{ReceiverSettings, SecretSource};
use super::text::single_line;
use super::{Delivered, Surroundings, http_client, secret};
use crate::pipeline::delivery::Failure;
use crate::pipeline::notification::Notification;
use crate::presentation::Presentation;
use crate::template::{AlertView, MessageView, is_visible, plain};

/// PagerDuty refuses longer summaries, other fields, and events of more than 512 KB.
const SUMMARY_LIMIT: usize = 1_024;
const FIELD_LIMIT: usize = 255;
const DETAIL_LIMIT: usize = 4_000;
const LABELS_LIMIT: usize = 50;

/// Sends all events; one that is refused costs itself.
pub(super) async fn send(
    settings: &ReceiverSettings,
    (url, routing_key): (&str, &SecretSource),
    message: &Notification,
    around: &Surroundings,
) -> Result<Delivered, Failure> {
    let key = secret(routing_key, around)?;
    let http = http_client(settings, around)?;
    let mut delivered = Delivered::default();
    let mut refused = None;
    let mut taken = 0;
    for mut event in events(message, &around.presentation) {
        event["routing_key"] = json!(key.reveal());
        match exchange(http.post(url).json(&event)).await {
            Ok(answer) => {
                taken += 1;
                delivered.answer = shown(&answer);
            }
            // Those before are one incident with their repeats.
            Err(failure) if failure.retry => return Err(failure),
            Err(failure) => {
                let name = event["dedup_key"].as_str().unwrap_or_default();
                let said = format!("the event of alert {name} was refused: {}", failure.reason);
                delivered.failed.push(said);
                refused = Some(failure);
            }
        }
    }
    match refused.filter(|_| taken == 0) {
        Some(failure) => Err(failure),
        None => Ok(delivered),
    }
}

/// The events without the routing key.
pub(super) fn events(message: &Notification, presentation: &Presentation) -> Vec<Value> {
    let view = MessageView::new(message, presentation);
    view.alerts
        .iter()
        .map(|alert| event(alert, presentation))
        .collect()
}

fn event(alert: &AlertView<'_>, presentation: &Presentation) -> Value {
    let field = |text: &str| markup::cut(&single_line(text), FIELD_LIMIT, characters);
    let source = Some(field(alert.host)).filter(|host| is_visible(host));
    let mut event = json!({
        "event_action": if alert.ends_at.is_some() { "resolve" } else { "trigger" },
        "dedup_key": alert.fingerprint,
        "client": "Watchpost",
        "payload": {
            "summary": markup::cut(&single_line(&alert.summary), SUMMARY_LIMIT, characters),
            "source": source.unwrap_or_else(|| "watchpost".to_owned()),
            "severity": alert.severity,
            "timestamp": alert.starts_at,
            "component": field(alert.name),
            "custom_details": details(alert),
        },
    });
    if !presentation.public_url().is_empty() {
        event["client_url"] = json!(alert.links.alert);
    }
    let links = alert.links.named();
    let links: Vec<Value> = links
        .map(|(name, url)| json!({ "href": url, "text": name }))
        .collect();
    if !links.is_empty() {
        event["links"] = links.into();
    }
    event
}

fn details(alert: &AlertView<'_>) -> Value {
    let text = |text: &str| markup::cut(&plain(text), DETAIL_LIMIT, characters);
    let labels = alert.labels.iter().take(LABELS_LIMIT);
    let labels: serde_json::Map<String, Value> = labels
        .map(|(name, value)| {
            (
                markup::cut(name, FIELD_LIMIT, characters),
                text(value).into(),
            )
        })
        .collect();
    let mut details = json!({
        "labels": labels,
        "value": alert.value,
        "threshold": alert.threshold,
        "reason": text(alert.reason),
    });
    for fact in facts::of(alert) {
        details[fact.name] = json!(fact.text);
    }
    details
}
