//! Discord: an embed to a webhook. Mentions are switched off for the whole message.

use serde_json::json;

use super::http::{exchange, shown};
use super::settings::{ReceiverSettings, SecretSource};
use super::text::render_message;
use super::{Surroundings, cut, http_client, permanent, secret};
use crate::pipeline::delivery::Failure;
use crate::pipeline::notification::Notification;
use crate::template::is_control;

/// Discord's limits count characters; bytes are never fewer.
const TITLE_LIMIT: usize = 256;
const TEXT_LIMIT: usize = 4_096;

const RED: u32 = 0x00d9_3025;
const YELLOW: u32 = 0x00f2_9900;
const GREEN: u32 = 0x001e_8e3e;

pub(super) async fn send(
    settings: &ReceiverSettings,
    url: &SecretSource,
    message: &Notification,
    around: &Surroundings,
) -> Result<String, Failure> {
    let (title, text) =
        render_message(settings, message, escape).map_err(|error| permanent(error.to_string()))?;
    let color = match (message.is_resolved(), message.severity()) {
        (true, _) => GREEN,
        (false, crate::alert::Severity::Critical) => RED,
        (false, _) => YELLOW,
    };
    let body = json!({
        "allowed_mentions": { "parse": [] },
        "embeds": [{
            "title": cut(&title, TITLE_LIMIT),
            "description": cut(&text, TEXT_LIMIT),
            "color": color,
            "timestamp": watchpost_core::time::format_rfc3339(message.created_at),
        }],
    });
    let url = secret(url, around)?;
    let http = http_client(settings, around)?;
    exchange(http.post(url.reveal()).json(&body))
        .await
        .map(|answer| shown(&answer))
}

/// Discord's Markdown and mentions.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for char in text.chars() {
        match char {
            '\\' | '*' | '_' | '~' | '`' | '|' | '>' | '[' | ']' | '#' => {
                escaped.extend(['\\', char])
            }
            '<' => escaped.push_str("\\<"),
            '@' => escaped.push_str("@\u{200b}"),
            c if is_control(c) => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
