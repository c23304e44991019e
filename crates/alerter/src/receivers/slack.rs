//! Slack: an incoming webhook, or the bot API, which edits the message of a group in place.

use serde_json::{Value, json};
use watchpost_service::secret::Secret;

use super::http::{exchange, shown};
use super::posted::{Posted, PostedMessages};
use super::settings::{ReceiverSettings, SlackSettings};
use super::text::REPEATED;
use super::{Surroundings, cut, http_client, message_key, permanent, secret, transient};
use crate::alert::{Alert, SECOND};
use crate::pipeline::delivery::Failure;
use crate::pipeline::notification::Notification;
use crate::template::{AlertView, MessageView, is_control, render};

/// Attachments of one message; Slack shows no more than this well.
const ATTACHMENTS_LIMIT: usize = 20;
/// Slack cuts longer texts of a field.
const TEXT_LIMIT: usize = 3_000;
/// Messages of a channel among which a message that may have arrived is looked for, the newest.
const HISTORY_LIMIT: &str = "20";
/// Slack's clock may be behind ours by this.
const CLOCK_TOLERANCE_SECONDS: i64 = 60;

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
            let request = http_client(settings, around)?
                .post(url.reveal())
                .json(&content);
            exchange(request).await.map(|answer| shown(&answer))
        }
        SlackSettings::Bot {
            api_url,
            token,
            channel,
        } => {
            let bot = Bot {
                http: http_client(settings, around)?,
                api_url,
                token: secret(token, around)?,
                channel,
                posted: &around.posted,
            };
            if message.repeated && bot.was_posted(message).await {
                return Ok("was posted before".to_owned());
            }
            bot.post_or_edit(content, message).await
        }
    }
}

/// The bot API for one message.
struct Bot<'a> {
    http: reqwest::Client,
    api_url: &'a str,
    token: Secret,
    channel: &'a str,
    posted: &'a PostedMessages,
}

impl Bot<'_> {
    fn request(&self, method: &str) -> reqwest::RequestBuilder {
        self.http
            .post(format!("{}/{method}", self.api_url))
            .bearer_auth(self.token.reveal())
    }

    /// Edits the group's message if it is known (a firing one that is now resolved, or a repeat),
    /// otherwise posts a new one.
    async fn post_or_edit(
        &self,
        mut content: Value,
        message: &Notification,
    ) -> Result<String, Failure> {
        let posted = self.posted.get(&PostedMessages::key(message));
        let method = match &posted {
            Some(posted) => {
                content["channel"] = json!(posted.channel);
                content["ts"] = json!(posted.ts);
                "chat.update"
            }
            None => {
                content["channel"] = json!(self.channel);
                "chat.postMessage"
            }
        };
        content["metadata"] = json!({
            "event_type": "watchpost_message", "event_payload": { "key": message_key(message) },
        });
        let body = exchange(self.request(method).json(&content)).await?;
        let answer: Value = serde_json::from_str(&body).map_err(|_| transient(shown(&body)))?;
        if answer["ok"] != json!(true) {
            let error = answer["error"].as_str().unwrap_or("unknown error");
            return Err(self.refused(method, error, message));
        }
        let place = (answer["channel"].as_str(), answer["ts"].as_str());
        if message.is_resolved() {
            self.posted.remove(&PostedMessages::key(message));
        } else if let (Some(channel), Some(ts)) = place {
            self.remember(message, channel, ts);
        }
        Ok(format!("{method}: ok"))
    }

    fn refused(&self, method: &str, error: &str, message: &Notification) -> Failure {
        match error {
            // The message was deleted or is too old: the next attempt posts a new one.
            "message_not_found" | "cant_update_message" | "edit_window_closed" => {
                self.posted.remove(&PostedMessages::key(message));
                transient(error)
            }
            "ratelimited" | "internal_error" | "fatal_error" | "service_unavailable" => {
                transient(error)
            }
            _ => permanent(format!("{method}: {error}")),
        }
    }

    /// Whether the first attempt arrived: its key is looked for in the channel. Who does not permit
    /// that (scope `channels:history`, and the channel given by its id) gets the message again.
    async fn was_posted(&self, message: &Notification) -> bool {
        let oldest = message.created_at / SECOND - CLOCK_TOLERANCE_SECONDS;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("channel", self.channel)
            .append_pair("oldest", &oldest.to_string())
            .append_pair("limit", HISTORY_LIMIT)
            .append_pair("include_all_metadata", "true")
            .finish();
        let request = self
            .request("conversations.history")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(form);
        let Ok(body) = exchange(request).await else {
            return false;
        };
        let answer: Value = serde_json::from_str(&body).unwrap_or_default();
        let wanted = json!(message_key(message));
        let mut messages = answer["messages"].as_array().into_iter().flatten();
        let found = messages.find(|known| known["metadata"]["event_payload"]["key"] == wanted);
        if let Some(ts) = found.and_then(|known| known["ts"].as_str()) {
            self.remember(message, self.channel, ts);
        }
        found.is_some()
    }

    /// A digest is no group's message, and is never edited.
    fn remember(&self, message: &Notification, channel: &str, ts: &str) {
        if message.digest_of == 0 && !message.is_resolved() {
            self.posted.put(Posted {
                key: PostedMessages::key(message),
                channel: channel.to_owned(),
                ts: ts.to_owned(),
            });
        }
    }
}

pub(super) fn content(
    settings: &ReceiverSettings,
    message: &Notification,
) -> Result<Value, crate::template::TemplateError> {
    let view = MessageView::new(message);
    let mut title = match &settings.title {
        Some(template) => render(template, &view, escape)?,
        None => title(&view),
    };
    if message.repeated {
        title = format!("{title}\n_{REPEATED}_");
    }
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
        "ts": message.created_at / SECOND,
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
            c if is_control(c) => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
