//! Slack: an incoming webhook, or the bot API, which edits the message of a group in place.

use serde_json::{Value, json};

use super::http::{exchange, shown};
use super::posted::{Posted, PostedMessages};
use super::settings::{ReceiverSettings, SlackSettings};
use super::{Surroundings, cut, permanent, secret, transient};
use crate::alert::Alert;
use crate::pipeline::delivery::Failure;
use crate::pipeline::notification::Notification;
use crate::template::{AlertView, MessageView, render};

/// Attachments of one message; Slack shows no more than this well.
const ATTACHMENTS_LIMIT: usize = 20;
/// Slack cuts longer texts of a field.
const TEXT_LIMIT: usize = 3_000;
pub(super) async fn send(
    settings: &ReceiverSettings,
    slack: &SlackSettings,
    message: &Notification,
    around: &Surroundings,
) -> Result<String, Failure> {
    let content = content(settings, message).map_err(|error| permanent(error.to_string()))?;
    match slack {
        SlackSettings::Webhook { url } => {
            let url = secret(url, around)?;
            let request = around.http.post(url.reveal()).json(&content);
            exchange(request).await.map(|answer| shown(&answer))
        }
        SlackSettings::Bot {
            api_url,
            token,
            channel,
        } => {
            let token = secret(token, around)?;
            post_or_edit(api_url, token.reveal(), channel, content, message, around).await
        }
    }
}

/// Edits the group's message if it is known (a firing one that is now resolved, or a repeat),
/// otherwise posts a new one.
async fn post_or_edit(
    api_url: &str,
    token: &str,
    channel: &str,
    mut content: Value,
    message: &Notification,
    around: &Surroundings,
) -> Result<String, Failure> {
    let key = PostedMessages::key(message);
    let posted = around.posted.get(&key);
    let method = if posted.is_some() {
        "chat.update"
    } else {
        "chat.postMessage"
    };
    let (channel, ts) = posted.map_or((channel.to_owned(), None), |posted| {
        (posted.channel, Some(posted.ts))
    });
    content["channel"] = json!(channel);
    if let Some(ts) = ts {
        content["ts"] = json!(ts);
    }
    let request = around
        .http
        .post(format!("{api_url}/{method}"))
        .bearer_auth(token)
        .json(&content);
    let body = exchange(request).await?;
    let answer: Value = serde_json::from_str(&body).map_err(|_| transient(shown(&body)))?;
    if answer["ok"] == json!(true) {
        if message.is_resolved() {
            around.posted.remove(&key);
        } else if let (Some(channel), Some(ts)) =
            (answer["channel"].as_str(), answer["ts"].as_str())
        {
            around.posted.put(Posted {
                key,
                channel: channel.to_owned(),
                ts: ts.to_owned(),
            });
        }
        return Ok(format!("{method}: ok"));
    }
    let error = answer["error"]
        .as_str()
        .unwrap_or("unknown error")
        .to_owned();
    // The message was deleted or is too old: the next attempt posts a new one.
    if matches!(
        error.as_str(),
        "message_not_found" | "cant_update_message" | "edit_window_closed"
    ) {
        around.posted.remove(&key);
        return Err(transient(error));
    }
    if matches!(
        error.as_str(),
        "ratelimited" | "internal_error" | "fatal_error" | "service_unavailable"
    ) {
        return Err(transient(error));
    }
    Err(permanent(format!("{method}: {error}")))
}

pub(super) fn content(
    settings: &ReceiverSettings,
    message: &Notification,
) -> Result<Value, crate::template::TemplateError> {
    let view = MessageView::new(message);
    let title = match &settings.title {
        Some(template) => render(template, &view, escape)?,
        None => title(&view),
    };
    let text = settings
        .text
        .as_ref()
        .map(|template| render(template, &view, escape))
        .transpose()?;
    let attachments: Vec<Value> = match text {
        Some(text) => vec![json!({
            "color": color(message.status(), view.severity),
            "text": cut(&text, TEXT_LIMIT),
            "mrkdwn_in": ["text"],
        })],
        None => message
            .alerts
            .iter()
            .take(ATTACHMENTS_LIMIT)
            .map(|a| attachment(a, message))
            .collect(),
    };
    Ok(json!({ "text": cut(&title, TEXT_LIMIT), "attachments": attachments }))
}

fn title(view: &MessageView<'_>) -> String {
    let status = view.status.to_uppercase();
    let digest = if view.digest_of > 0 {
        format!(" ({} groups)", view.digest_of)
    } else {
        String::new()
    };
    match view.alerts.as_slice() {
        [only] => format!("[{status}] {}", escape(&only.summary)),
        _ if view.firing > 0 => {
            format!("[{status}:{}] {}{digest}", view.firing, escape(&view.group))
        }
        _ => format!(
            "[{status}:{}] {}{digest}",
            view.resolved,
            escape(&view.group)
        ),
    }
}

fn attachment(alert: &Alert, message: &Notification) -> Value {
    let view = AlertView::new(alert, message.created_at);
    let field =
        |title: &str, value: &str| json!({ "title": title, "value": escape(value), "short": true });
    let fields = [
        ("Host", view.host),
        ("Metric", view.name),
        ("Value", &view.value_text),
        ("Threshold", &view.threshold_text),
        ("Severity", view.severity),
        ("Time", view.ends_at.as_deref().unwrap_or(&view.starts_at)),
    ];
    let fields: Vec<Value> = fields
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(title, value)| field(title, value))
        .collect();
    json!({
        "color": color(view.status, view.severity),
        "title": cut(&escape(&view.summary), TEXT_LIMIT),
        "text": cut(&escape(&alert.labels.to_string()), TEXT_LIMIT),
        "fields": fields,
        "fallback": cut(&escape(&view.summary), TEXT_LIMIT),
        "ts": message.created_at / crate::alert::SECOND,
    })
}

fn color(status: &str, severity: &str) -> &'static str {
    match (status, severity) {
        ("resolved", _) => "good",
        (_, "critical") => "danger",
        (_, "warning") => "warning",
        _ => "#439fe0",
    }
}

/// Slack's control characters: without `<` there is no mention, no link, no `<!channel>`. The
/// marks of its markup are broken by a zero-width space.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '*' | '~' | '`' => escaped.extend([char, '\u{200b}']),
            '@' => escaped.push_str("@\u{200b}"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
