//! ntfy: a message to a topic, as JSON (so that no value becomes a header).

use serde_json::{Value, json};

use super::http::{exchange, shown};
use super::markup::{self, bytes};
use super::settings::{ReceiverSettings, SecretSource};
use super::text::{self, REPEATED};
use super::{Delivered, Surroundings, http_client, message_key, secret};
use crate::alert::Severity;
use crate::pipeline::delivery::Failure;
use crate::pipeline::notification::Notification;
use crate::presentation::Presentation;
use crate::template::{AlertView, MessageView, plain};

/// ntfy turns longer messages into attachments (`message-size-limit`, 4 KiB).
const TEXT_LIMIT: usize = 4_000;
const TITLE_LIMIT: usize = 250;
/// ntfy takes three buttons.
const BUTTONS: usize = 3;

pub(super) async fn send(
    settings: &ReceiverSettings,
    (url, topic, token): (&str, &str, Option<&SecretSource>),
    message: &Notification,
    around: &Surroundings,
) -> Result<Delivered, Failure> {
    let (mut body, failed) = body(settings, message, &around.presentation);
    body["topic"] = json!(topic);
    let mut request = http_client(settings, around)?.post(url).json(&body);
    if let Some(token) = token {
        request = request.bearer_auth(secret(token, around)?.reveal());
    }
    let answer = shown(&exchange(request).await?);
    Ok(Delivered { answer, failed })
}

/// The message as ntfy takes it, without its topic, and which templates failed.
pub(super) fn body(
    settings: &ReceiverSettings,
    message: &Notification,
    presentation: &Presentation,
) -> (Value, Vec<String>) {
    let view = MessageView::new(message, presentation);
    let own = text::own(settings, &view, plain);
    let (priority, tag) = match (message.is_resolved(), message.severity()) {
        (true, _) => (2, "white_check_mark"),
        (false, Severity::Critical) => (5, "rotating_light"),
        (false, Severity::Warning) => (4, "warning"),
        (false, Severity::Info) => (3, "information_source"),
    };
    let mut text = own.text.unwrap_or_else(|| default_text(&view));
    if message.repeated {
        text = format!("{REPEATED}\n{text}");
    }
    let mut body = json!({
        "title": markup::cut(&own.title, TITLE_LIMIT, bytes),
        "message": markup::cut(&text, TEXT_LIMIT, bytes),
        "priority": priority,
        "tags": [tag],
        // The same for every attempt: a server of version 2.16 or later shows them as one.
        "sequence_id": message_key(message),
    });
    if let [only] = view.alerts.as_slice() {
        let links = &only.links;
        let click = [&links.alert, &links.runbook]
            .into_iter()
            .find(|url| !url.is_empty());
        if let Some(url) = click {
            body["click"] = json!(url);
        }
        body["actions"] = buttons(only);
    }
    (body, own.failed)
}

/// The default text; a phone shows the links as buttons.
fn default_text(view: &MessageView<'_>) -> String {
    match view.alerts.as_slice() {
        [only] => {
            let facts = super::facts::of(only);
            let lines = facts
                .iter()
                .map(|fact| format!("{}: {}", fact.name, fact.text));
            lines.chain(text::hint(only)).collect::<Vec<_>>().join("\n")
        }
        _ => text::plain_text(view),
    }
}

/// The alert itself opens with a tap.
fn buttons(alert: &AlertView<'_>) -> Value {
    let others = alert.links.named().filter(|(name, _)| *name != "Alert");
    let button = |(name, url)| json!({ "action": "view", "label": name, "url": url });
    others.take(BUTTONS).map(button).collect()
}
