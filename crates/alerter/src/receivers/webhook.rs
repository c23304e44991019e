//! A generic webhook: the JSON of Alertmanager (version 4), so that what listens to one works here.

use serde_json::{Value, json};

use super::http::{exchange, shown};
use super::settings::{ReceiverSettings, WebhookSettings, WebhookUrl};
use super::{Delivered, Surroundings, hex, http_client, message_key, secret};
use crate::alert::{Alert, Nanos};
use crate::pipeline::delivery::Failure;
use crate::pipeline::notification::Notification;
use crate::presentation::Presentation;

/// The end of an alert that has none yet, as Go writes its zero time.
const NO_END: &str = "0001-01-01T00:00:00Z";

pub(super) async fn send(
    settings: &ReceiverSettings,
    webhook: &WebhookSettings,
    message: &Notification,
    around: &Surroundings,
) -> Result<Delivered, Failure> {
    let url = match &webhook.url {
        WebhookUrl::Plain(url) => url.clone(),
        WebhookUrl::Secret(source) => secret(source, around)?.reveal().to_owned(),
    };
    let body = body(message, webhook.max_alerts, &around.presentation).to_string();
    let mut request = http_client(settings, around)?
        .post(url)
        .header("Content-Type", "application/json")
        .header("Idempotency-Key", message_key(message));
    if let Some(source) = &webhook.hmac {
        let key = secret(source, around)?;
        request = request.header(
            "X-Watchpost-Signature",
            signature(key.reveal(), body.as_bytes()),
        );
    }
    if let Some(source) = &webhook.bearer {
        request = request.bearer_auth(secret(source, around)?.reveal());
    }
    let answer = shown(&exchange(request.body(body)).await?);
    Ok(Delivered::whole(answer))
}

/// `sha256=` and the HMAC-SHA256 of the body in hexadecimal digits.
fn signature(key: &str, body: &[u8]) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.as_bytes());
    format!("sha256={}", hex(ring::hmac::sign(&key, body).as_ref()))
}

/// Alertmanager's `webhook_config` body.
pub(super) fn body(
    message: &Notification,
    max_alerts: usize,
    presentation: &Presentation,
) -> Value {
    let shown = &message.alerts[..message.alerts.len().min(max_alerts)];
    let annotations = common_annotations(&message.alerts);
    let alert = |alert: &Alert| alert_json(alert, message.created_at, presentation);
    json!({
        "version": "4",
        "groupKey": &*message.group,
        "truncatedAlerts": message.alerts.len() - shown.len(),
        "status": message.status(),
        "receiver": message.receiver,
        "groupLabels": message.group_labels,
        "commonLabels": message.common_labels(),
        "commonAnnotations": annotations,
        "externalURL": presentation.public_url(),
        "alerts": shown.iter().map(alert).collect::<Vec<_>>(),
    })
}

fn alert_json(alert: &Alert, now: Nanos, presentation: &Presentation) -> Value {
    let resolved = alert.is_resolved(now);
    let end = alert
        .ends_at
        .filter(|_| resolved)
        .map(watchpost_core::time::format_rfc3339);
    json!({
        "status": if resolved { "resolved" } else { "firing" },
        "labels": *alert.labels,
        "annotations": alert.annotations,
        "startsAt": watchpost_core::time::format_rfc3339(alert.starts_at),
        "endsAt": end.unwrap_or_else(|| NO_END.to_owned()),
        "generatorURL": generator_url(alert, resolved, presentation),
        "fingerprint": alert.fingerprint,
        "value": alert.value,
        "threshold": alert.threshold,
    })
}

/// Where the alert came from: as it was pushed, or its place on the page.
fn generator_url(alert: &Alert, resolved: bool, presentation: &Presentation) -> String {
    match alert.generator_url.as_str() {
        "" => presentation.links(alert, resolved).alert,
        url => url.to_owned(),
    }
}

fn common_annotations(alerts: &[Alert]) -> std::collections::BTreeMap<&str, &str> {
    let Some((first, rest)) = alerts.split_first() else {
        return Default::default();
    };
    first
        .annotations
        .iter()
        .filter(|(name, value)| {
            rest.iter()
                .all(|alert| alert.annotations.get(*name) == Some(value))
        })
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}
