//! PagerDuty, Events API v2: one event an alert. The fingerprint is the deduplication key, so an
//! event that is sent twice is one incident.

use serde_json::{Value, json};

use super::http::{exchange, shown};
use super::settings::{ReceiverSettings, SecretSource};
use super::{Surroundings, cut, http_client, secret};
use crate::alert::Alert;
use crate::pipeline::delivery::Failure;
use crate::pipeline::notification::Notification;
use crate::template::{AlertView, plain};

/// PagerDuty refuses longer summaries.
const SUMMARY_LIMIT: usize = 1_024;

pub(super) async fn send(
    settings: &ReceiverSettings,
    (url, routing_key): (&str, &SecretSource),
    message: &Notification,
    around: &Surroundings,
) -> Result<String, Failure> {
    let key = secret(routing_key, around)?;
    let http = http_client(settings, around)?;
    let mut answer = String::new();
    for alert in &message.alerts {
        let event = event(alert, message, key.reveal());
        answer = exchange(http.post(url).json(&event)).await?;
    }
    Ok(shown(&answer))
}

fn event(alert: &Alert, message: &Notification, routing_key: &str) -> Value {
    let view = AlertView::new(alert, message.created_at);
    let resolved = alert.is_resolved(message.created_at);
    let source = if view.host.is_empty() {
        "watchpost"
    } else {
        view.host
    };
    json!({
        "routing_key": routing_key,
        "event_action": if resolved { "resolve" } else { "trigger" },
        "dedup_key": view.fingerprint,
        "payload": {
            "summary": cut(&plain(&view.summary), SUMMARY_LIMIT),
            "source": source,
            "severity": view.severity,
            "timestamp": view.starts_at,
            "component": view.name,
            "custom_details": {
                "labels": view.labels,
                "value": view.value,
                "threshold": view.threshold,
                "reason": view.reason,
            },
        },
    })
}
