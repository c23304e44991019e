//! Discord: an embed to a webhook, with the chart as its image. Mentions are switched off for the whole
//! message.

use serde_json::{Value, json};

use super::facts;
use super::http::{Part, exchange, multipart, shown};
use super::markup::{self, characters, fit, markdown};
use super::settings::{ReceiverSettings, SecretSource};
use super::text::{self, REPEATED};
use super::{Delivered, Surroundings, chart_of, http_client, secret};
use crate::alert::Severity;
use crate::pipeline::delivery::Failure;
use crate::pipeline::notification::Notification;
use crate::presentation::Presentation;
use crate::template::{AlertView, MessageView};

/// Discord's limits of an embed; all its texts together may have 6,000 characters.
const TITLE_LIMIT: usize = 256;
const TEXT_LIMIT: usize = 4_096;
const FIELD_LIMIT: usize = 1_024;

const RED: u32 = 0x00d9_3025;
const YELLOW: u32 = 0x00f2_9900;
const BLUE: u32 = 0x001f_66c1;
const GREEN: u32 = 0x001e_8e3e;

pub(super) async fn send(
    settings: &ReceiverSettings,
    url: &SecretSource,
    message: &Notification,
    around: &Surroundings,
) -> Result<Delivered, Failure> {
    let (mut body, failed) = body(settings, message, &around.presentation);
    let chart = chart_of(settings, message, around).await;
    let url = secret(url, around)?;
    let request = http_client(settings, around)?.post(url.reveal());
    let request = match chart {
        None => request.json(&body),
        Some(png) => {
            body["embeds"][0]["image"] = json!({ "url": "attachment://chart.png" });
            let parts = [
                Part::field("payload_json", &body.to_string()),
                Part::png("files[0]", png),
            ];
            let (kind, form) = multipart(&parts);
            request.header("Content-Type", kind).body(form)
        }
    };
    let answer = shown(&exchange(request).await?);
    Ok(Delivered { answer, failed })
}

/// The message as Discord takes it, and which templates failed.
pub(super) fn body(
    settings: &ReceiverSettings,
    message: &Notification,
    presentation: &Presentation,
) -> (Value, Vec<String>) {
    let view = MessageView::new(message, presentation);
    let own = text::own(settings, &view, escape);
    let mut embed = json!({
        "title": fit(markdown::pieces(&own.title), TITLE_LIMIT, characters),
        "color": color(message),
        "timestamp": watchpost_core::time::format_rfc3339(message.created_at),
    });
    let mut text = match (own.text, view.alerts.as_slice()) {
        (Some(text), _) => text,
        (None, [only]) => {
            embed["fields"] = fields(only);
            if !only.links.alert.is_empty() {
                embed["url"] = json!(only.links.alert);
            }
            let hint = text::hint(only).map(|hint| escape(&hint));
            let lines: Vec<String> = hint.into_iter().chain(links(only)).collect();
            lines.join("\n")
        }
        (None, _) => list(&view),
    };
    if message.repeated {
        text = format!("*{REPEATED}*\n{text}");
    }
    embed["description"] = json!(fit(markdown::pieces(&text), TEXT_LIMIT, characters));
    let body = json!({ "allowed_mentions": { "parse": [] }, "embeds": [embed] });
    (body, own.failed)
}

fn fields(alert: &AlertView<'_>) -> Value {
    let facts = facts::of(alert);
    let field = |fact: &facts::Fact| {
        let text = escape(&fact.text);
        let text = fit(markdown::pieces(&text), FIELD_LIMIT, characters);
        json!({ "name": fact.name, "value": text, "inline": true })
    };
    facts.iter().map(field).collect()
}

fn list(view: &MessageView<'_>) -> String {
    let line = |alert: &AlertView<'_>| {
        let text = escape(&text::alert_line(alert));
        match alert.links.alert.as_str() {
            "" => format!("• {text}"),
            url => format!("• {text} [open]({url})"),
        }
    };
    let shown = view.alerts.iter().take(text::ALERTS_SHOWN);
    let lines: Vec<String> = shown.map(line).chain(text::more(view)).collect();
    lines.join("\n")
}

fn links(alert: &AlertView<'_>) -> Option<String> {
    let links = alert
        .links
        .named()
        .map(|(name, url)| format!("[{name}]({url})"));
    let links: Vec<String> = links.collect();
    (!links.is_empty()).then(|| links.join(" · "))
}

fn color(message: &Notification) -> u32 {
    match (message.is_resolved(), message.severity()) {
        (true, _) => GREEN,
        (false, Severity::Critical) => RED,
        (false, Severity::Warning) => YELLOW,
        (false, Severity::Info) => BLUE,
    }
}

/// Discord's Markdown and mentions. Line breaks stay.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for char in markup::lines(text).chars() {
        match char {
            // Within a code block a backslash breaks nothing.
            '`' => escaped.push_str("\\`\u{200b}"),
            '\\' | '*' | '_' | '~' | '|' | '>' | '[' | ']' | '#' | '<' => {
                escaped.extend(['\\', char]);
            }
            '@' => escaped.push_str("@\u{200b}"),
            c => escaped.push(c),
        }
    }
    escaped
}
