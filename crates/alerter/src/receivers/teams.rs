//! Microsoft Teams: an adaptive card to a workflow's webhook, with a small chart within the card.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::facts;
use super::http::{exchange, shown};
use super::markup::{self, fit, json_bytes, markdown};
use super::settings::{ReceiverSettings, SecretSource};
use super::text::{self, REPEATED};
use super::{Delivered, Surroundings, drawn, http_client, secret};
use crate::alert::Severity;
use crate::pipeline::delivery::Failure;
use crate::pipeline::notification::Notification;
use crate::presentation::Presentation;
use crate::template::{AlertView, MessageView};

/// Teams refuses cards of more than 28 KB. What a text takes in JSON counts; the rest of the card, with
/// the facts and links of one alert, has 10 KB.
const TEXT_LIMIT: usize = 16_000;
const TITLE_LIMIT: usize = 1_000;
/// A card with its chart, in bytes: some senders found cards refused from 21 KB on. One that would be longer
/// has no chart.
const WITH_CHART_LIMIT: usize = 20_000;

pub(super) async fn send(
    settings: &ReceiverSettings,
    url: &SecretSource,
    message: &Notification,
    around: &Surroundings,
) -> Result<Delivered, Failure> {
    let (mut card, failed) = card(settings, message, &around.presentation);
    if let Some(chart) = drawn(settings, message, around).await {
        card = with_chart(card, &chart.small_png().unwrap_or_default());
    }
    let url = secret(url, around)?;
    let http = http_client(settings, around)?;
    let answer = shown(&exchange(http.post(url.reveal()).json(&card)).await?);
    Ok(Delivered { answer, failed })
}

/// The message as Teams takes it, and which templates failed.
pub(super) fn card(
    settings: &ReceiverSettings,
    message: &Notification,
    presentation: &Presentation,
) -> (Value, Vec<String>) {
    let view = MessageView::new(message, presentation);
    let own = text::own(settings, &view, escape);
    let title = fit(markdown::pieces(&own.title), TITLE_LIMIT, json_bytes);
    let mut body = vec![json!({
        "type": "TextBlock", "text": title, "wrap": true,
        "weight": "Bolder", "size": "Medium", "color": color(message),
    })];
    let mut actions = Value::Null;
    let repeated = message.repeated.then(|| format!("_{REPEATED}_"));
    body.extend(repeated.map(|text| block(&text)));
    match (own.text, view.alerts.as_slice()) {
        (Some(text), _) => body.push(block(&text)),
        (None, [only]) => {
            body.push(fact_set(only));
            body.extend(text::hint(only).map(|hint| block(&escape(&hint))));
            actions = open(only);
        }
        (None, _) => body.push(block(&list(&view))),
    }
    let mut content = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": { "width": "Full" },
        "body": body,
    });
    if !actions.is_null() {
        content["actions"] = actions;
    }
    let attachment = json!({
        "contentType": "application/vnd.microsoft.card.adaptive",
        "content": content,
    });
    let card = json!({ "type": "message", "attachments": [attachment] });
    (card, own.failed)
}

/// Teams shows no picture of an address that only this network knows, but one that is written out.
fn with_chart(card: Value, png: &[u8]) -> Value {
    let image = json!({
        "type": "Image",
        "url": format!("data:image/png;base64,{}", BASE64_STANDARD.encode(png)),
        "altText": "Chart of the series",
    });
    let length = card.to_string().len() + image.to_string().len();
    let mut with_chart = card.clone();
    let body = &mut with_chart["attachments"][0]["content"]["body"];
    match body.as_array_mut() {
        Some(body) if !png.is_empty() && length < WITH_CHART_LIMIT => body.push(image),
        _ => return card,
    }
    with_chart
}

fn block(text: &str) -> Value {
    // In a text block a single line break is none.
    let text = text.replace('\n', "\n\n");
    let text = fit(markdown::pieces(&text), TEXT_LIMIT, json_bytes);
    json!({ "type": "TextBlock", "text": text, "wrap": true })
}

fn fact_set(alert: &AlertView<'_>) -> Value {
    let facts = facts::of(alert);
    let fact = |fact: &facts::Fact| json!({ "title": fact.name, "value": escape(&fact.text) });
    let facts: Vec<Value> = facts.iter().map(fact).collect();
    json!({ "type": "FactSet", "facts": facts })
}

fn open(alert: &AlertView<'_>) -> Value {
    let action = |(name, url)| json!({ "type": "Action.OpenUrl", "title": name, "url": url });
    let actions: Vec<Value> = alert.links.named().map(action).collect();
    match actions.is_empty() {
        true => Value::Null,
        false => actions.into(),
    }
}

fn list(view: &MessageView<'_>) -> String {
    let line = |alert: &AlertView<'_>| {
        let text = escape(&text::alert_line(alert));
        match alert.links.alert.as_str() {
            "" => format!("- {text}"),
            url => format!("- {text} [open]({url})"),
        }
    };
    let shown = view.alerts.iter().take(text::ALERTS_SHOWN);
    let lines: Vec<String> = shown.map(line).chain(text::more(view)).collect();
    lines.join("\n")
}

fn color(message: &Notification) -> &'static str {
    match (message.is_resolved(), message.severity()) {
        (true, _) => "Good",
        (false, Severity::Critical) => "Attention",
        (false, Severity::Warning) => "Warning",
        (false, Severity::Info) => "Accent",
    }
}

/// The card's subset of Markdown, and `<at>` mentions. Line breaks stay.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for char in markup::lines(text).chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\\' | '*' | '_' | '[' | ']' | '`' | '#' => escaped.extend(['\\', char]),
            c => escaped.push(c),
        }
    }
    escaped
}
