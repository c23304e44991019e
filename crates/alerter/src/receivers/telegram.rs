//! Telegram: `sendMessage` of the bot API, as HTML.

use serde_json::{Value, json};

use super::http::{exchange, shown};
use super::settings::{ReceiverSettings, SecretSource};
use super::text::render_message;
use super::{Surroundings, cut, http_client, permanent, secret};
use crate::pipeline::delivery::Failure;
use crate::pipeline::notification::Notification;
use crate::template::single_line;

/// Telegram refuses longer texts. Half of it leaves room for entities.
const TEXT_LIMIT: usize = 3_500;

pub(super) async fn send(
    settings: &ReceiverSettings,
    (api_url, token, chat): (&str, &SecretSource, &str),
    message: &Notification,
    around: &Surroundings,
) -> Result<String, Failure> {
    let (title, text) =
        render_message(settings, message, escape).map_err(|error| permanent(error.to_string()))?;
    let body = json!({
        "chat_id": chat,
        "parse_mode": "HTML",
        "link_preview_options": { "is_disabled": true },
        "text": format!("<b>{}</b>\n{}", cut_entity(&title, 300), cut_entity(&text, TEXT_LIMIT)),
    });
    let token = secret(token, around)?;
    let url = format!("{api_url}/bot{}/sendMessage", token.reveal());
    let answer = exchange(http_client(settings, around)?.post(url).json(&body)).await?;
    match serde_json::from_str::<Value>(&answer) {
        Ok(answer) if answer["ok"] == json!(true) => Ok("ok".to_owned()),
        _ => Err(permanent(shown(&answer))),
    }
}

/// Cuts, but not inside an entity, which Telegram would refuse.
fn cut_entity(text: &str, limit: usize) -> String {
    let mut short = cut(text, limit);
    if let Some(at) = short.rfind('&').filter(|at| !short[*at..].contains(';')) {
        short.truncate(at);
    }
    short
}

/// HTML, and `@name`, which notifies whoever bears it.
fn escape(text: &str) -> String {
    single_line(text)
        .replace('@', "@\u{200b}")
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
