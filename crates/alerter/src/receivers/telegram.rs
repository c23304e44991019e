//! Telegram: `sendMessage` of the bot API, as HTML, or `sendPhoto` where there is a chart.

use serde_json::{Value, json};

use super::facts;
use super::http::{Part, exchange, multipart, shown};
use super::markup::{self, characters, fit, html};
use super::settings::{ReceiverSettings, SecretSource};
use super::text::{self, REPEATED};
use super::{Delivered, Surroundings, chart_of, http_client, permanent, secret};
use crate::pipeline::delivery::Failure;
use crate::pipeline::notification::Notification;
use crate::presentation::Presentation;
use crate::template::{AlertView, MessageView};

/// Telegram refuses longer texts, and longer captions of photos.
const TEXT_LIMIT: usize = 4_096;
const CAPTION_LIMIT: usize = 1_024;
const TITLE_LIMIT: usize = 500;

pub(super) async fn send(
    settings: &ReceiverSettings,
    (api_url, token, chat): (&str, &SecretSource, &str),
    message: &Notification,
    around: &Surroundings,
) -> Result<Delivered, Failure> {
    let (text, failed) = text(settings, message, &around.presentation);
    let token = secret(token, around)?;
    let http = http_client(settings, around)?;
    let url = |method: &str| format!("{api_url}/bot{}/{method}", token.reveal());
    if characters(&text) <= CAPTION_LIMIT
        && let Some(png) = chart_of(settings, message, around).await
    {
        let (kind, body) = multipart(&[
            Part::field("chat_id", chat),
            Part::field("parse_mode", "HTML"),
            Part::field("caption", &text),
            Part::png("photo", png),
        ]);
        let request = http.post(url("sendPhoto")).header("Content-Type", kind);
        match exchange(request.body(body))
            .await
            .and_then(|answer| verdict(&answer))
        {
            // A chat that takes no photos takes the text.
            Err(failure) if !failure.retry => {}
            answered => return answered.map(|answer| Delivered { answer, failed }),
        }
    }
    let body = json!({
        "chat_id": chat,
        "parse_mode": "HTML",
        "link_preview_options": { "is_disabled": true },
        "text": text,
    });
    let answer = exchange(http.post(url("sendMessage")).json(&body)).await?;
    verdict(&answer).map(|answer| Delivered { answer, failed })
}

fn verdict(answer: &str) -> Result<String, Failure> {
    match serde_json::from_str::<Value>(answer) {
        Ok(answer) if answer["ok"] == json!(true) => Ok("ok".to_owned()),
        _ => Err(permanent(shown(answer))),
    }
}

/// The text as it is sent, and which templates failed.
pub(super) fn text(
    settings: &ReceiverSettings,
    message: &Notification,
    presentation: &Presentation,
) -> (String, Vec<String>) {
    let view = MessageView::new(message, presentation);
    let own = text::own(settings, &view, escape);
    let title = fit(html::pieces(&own.title), TITLE_LIMIT, characters);
    let repeated = if view.repeated {
        format!("<i>{REPEATED}</i>\n")
    } else {
        String::new()
    };
    let text = own.text.unwrap_or_else(|| default_text(&view));
    let whole = format!("<b>{title}</b>\n{repeated}{text}");
    (
        fit(html::pieces(&whole), TEXT_LIMIT, characters),
        own.failed,
    )
}

fn default_text(view: &MessageView<'_>) -> String {
    if let [only] = view.alerts.as_slice() {
        let facts = facts::of(only);
        let lines = facts
            .iter()
            .map(|fact| format!("{}: {}", fact.name, escape(&fact.text)));
        let lines = lines.chain(text::hint(only).map(|hint| escape(&hint)));
        return lines.chain(links(only)).collect::<Vec<_>>().join("\n");
    }
    let line = |alert: &AlertView<'_>| {
        let text = escape(&text::alert_line(alert));
        match alert.links.alert.as_str() {
            "" => format!("• {text}"),
            url => format!("• {text} <a href=\"{}\">open</a>", address(url)),
        }
    };
    let shown = view.alerts.iter().take(text::ALERTS_SHOWN);
    let lines = shown.map(line).chain(text::more(view));
    lines.collect::<Vec<_>>().join("\n")
}

fn links(alert: &AlertView<'_>) -> Option<String> {
    let link = |(name, url): (&str, &str)| format!("<a href=\"{}\">{name}</a>", address(url));
    let links: Vec<String> = alert.links.named().map(link).collect();
    (!links.is_empty()).then(|| links.join(" · "))
}

/// Within the quotes of an attribute; other characters of markup are in no address.
fn address(url: &str) -> String {
    url.replace('&', "&amp;")
}

/// HTML, and `@name`, which would notify its bearer. Line breaks stay.
fn escape(text: &str) -> String {
    markup::lines(text)
        .replace('@', "@\u{200b}")
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
