//! ntfy: a message to a topic, as JSON (so that no value becomes a header).

use serde_json::json;

use super::http::{exchange, shown};
use super::settings::{ReceiverSettings, SecretSource};
use super::text::render_message;
use super::{Surroundings, cut, http_client, message_key, permanent, secret};
use crate::alert::Severity;
use crate::pipeline::delivery::Failure;
use crate::pipeline::notification::Notification;
use crate::template::plain;

/// ntfy turns longer messages into attachments.
const TEXT_LIMIT: usize = 4_000;

pub(super) async fn send(
    settings: &ReceiverSettings,
    (url, topic, token): (&str, &str, Option<&SecretSource>),
    message: &Notification,
    around: &Surroundings,
) -> Result<String, Failure> {
    let (title, text) =
        render_message(settings, message, plain).map_err(|error| permanent(error.to_string()))?;
    let (priority, tag) = match (message.is_resolved(), message.severity()) {
        (true, _) => (2, "white_check_mark"),
        (false, Severity::Critical) => (5, "rotating_light"),
        (false, Severity::Warning) => (4, "warning"),
        (false, Severity::Info) => (3, "information_source"),
    };
    let body = json!({
        "topic": topic,
        "title": cut(&title, 250),
        "message": cut(&text, TEXT_LIMIT),
        "priority": priority,
        "tags": [tag],
        // The same for every attempt: a server of version 2.16 or later shows them as one.
        "sequence_id": message_key(message),
    });
    let mut request = http_client(settings, around)?.post(url).json(&body);
    if let Some(token) = token {
        request = request.bearer_auth(secret(token, around)?.reveal());
    }
    exchange(request).await.map(|answer| shown(&answer))
}
