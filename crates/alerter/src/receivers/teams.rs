//! Microsoft Teams: an adaptive card to a workflow's webhook.

use serde_json::{Value, json};

use super::http::{exchange, shown};
use super::settings::{ReceiverSettings, SecretSource};
use super::text::render_message;
use super::{Surroundings, cut, http_client, permanent, secret};
use crate::pipeline::delivery::Failure;
use crate::pipeline::notification::Notification;
use crate::template::is_control;

/// Teams refuses cards of more than 28 KB.
const TEXT_LIMIT: usize = 20_000;

pub(super) async fn send(
    settings: &ReceiverSettings,
    url: &SecretSource,
    message: &Notification,
    around: &Surroundings,
) -> Result<String, Failure> {
    let card = card(settings, message).map_err(|error| permanent(error.to_string()))?;
    let url = secret(url, around)?;
    let http = http_client(settings, around)?;
    exchange(http.post(url.reveal()).json(&card))
        .await
        .map(|answer| shown(&answer))
}

fn card(
    settings: &ReceiverSettings,
    message: &Notification,
) -> Result<Value, crate::template::TemplateError> {
    let (title, text) = render_message(settings, message, escape)?;
    let color = match (message.is_resolved(), message.severity()) {
        (true, _) => "Good",
        (false, crate::alert::Severity::Critical) => "Attention",
        (false, _) => "Warning",
    };
    let block = |text: &str, extra: Value| {
        let mut block = json!({ "type": "TextBlock", "text": text, "wrap": true });
        for (name, value) in extra.as_object().into_iter().flatten() {
            block[name] = value.clone();
        }
        block
    };
    // In a text block a single line break is none.
    let text = cut(&text, TEXT_LIMIT).replace('\n', "\n\n");
    let title = block(
        &cut(&title, 500),
        json!({ "weight": "Bolder", "size": "Medium", "color": color }),
    );
    Ok(json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": [title, block(&text, json!({}))],
            },
        }],
    }))
}

/// The card's subset of Markdown, and `<at>` mentions.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\\' | '*' | '_' | '[' | ']' | '`' | '#' => escaped.extend(['\\', char]),
            c if is_control(c) => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
