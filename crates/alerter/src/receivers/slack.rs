//! Slack: an incoming webhook, or the bot API, which edits the message of a group in place.

use serde_json::{Value, json};
use watchpost_service::secret::Secret;

use super::facts::{self, Fact};
use super::http::{exchange, shown};
use super::markup::{self, characters, fit, mrkdwn};
use super::posted::{Posted, PostedMessages};
use super::settings::{ReceiverSettings, SlackSettings};
use super::slack_upload::Thread;
use super::text::{self, REPEATED};
use super::{
    Delivered, Surroundings, chart_of, http_client, message_key, permanent, secret, transient,
};
use crate::alert::SECOND;
use crate::pipeline::delivery::Failure;
use crate::pipeline::notification::Notification;
use crate::presentation::Presentation;
use crate::template::{AlertView, MessageView};

/// Attachments of one message; Slack shows no more than this well.
const ATTACHMENTS_LIMIT: usize = 19;
/// Slack cuts longer texts anywhere, and longer titles are not read.
const TEXT_LIMIT: usize = 3_000;
const TITLE_LIMIT: usize = 1_000;
const SUMMARY_LIMIT: usize = 300;
/// Messages of a channel among which a message that may have arrived is looked for, the newest.
const HISTORY_LIMIT: &str = "20";
/// Slack's clock may be behind ours by this.
const CLOCK_TOLERANCE_SECONDS: i64 = 60;

pub(super) async fn send(
    settings: &ReceiverSettings,
    slack: &SlackSettings,
    message: &Notification,
    around: &Surroundings,
) -> Result<Delivered, Failure> {
    let (content, failed) = content(settings, message, &around.presentation);
    let answer = post(settings, slack, (content, message), around).await?;
    Ok(Delivered { answer, failed })
}

async fn post(
    settings: &ReceiverSettings,
    slack: &SlackSettings,
    (content, message): (Value, &Notification),
    around: &Surroundings,
) -> Result<String, Failure> {
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
            let is_edit = around.posted.get(&PostedMessages::key(message)).is_some();
            let (answer, thread) = bot.post_or_edit(content, message).await?;
            if let (Some(thread), false) = (thread, is_edit || message.is_resolved()) {
                let (settings, message) = (settings.clone(), message.clone());
                let around = around.clone();
                // Beside the delivery, which is over.
                tokio::spawn(async move {
                    if let Some(png) = chart_of(&settings, &message, &around).await {
                        thread.share(png).await;
                    }
                });
            }
            Ok(answer)
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
    /// otherwise posts a new one. Gives the answer, and the thread of the message.
    async fn post_or_edit(
        &self,
        mut content: Value,
        message: &Notification,
    ) -> Result<(String, Option<Thread>), Failure> {
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
        let thread = place.0.zip(place.1).map(|(channel, ts)| Thread {
            http: self.http.clone(),
            api_url: self.api_url.to_owned(),
            token: self.token.clone(),
            channel: channel.to_owned(),
            ts: ts.to_owned(),
        });
        Ok((format!("{method}: ok"), thread))
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

/// The message as Slack takes it, and which templates failed.
pub(super) fn content(
    settings: &ReceiverSettings,
    message: &Notification,
    presentation: &Presentation,
) -> (Value, Vec<String>) {
    let view = MessageView::new(message, presentation);
    let own = text::own(settings, &view, escape);
    let mut title = fit(mrkdwn::pieces(&own.title), TITLE_LIMIT, characters);
    if message.repeated {
        title = format!("{title}\n_{REPEATED}_");
    }
    let attachments = match own.text {
        Some(text) => vec![json!({
            "color": color(message.status(), view.severity),
            "text": fit(mrkdwn::pieces(&text), TEXT_LIMIT, characters),
            "fallback": title,
            "mrkdwn_in": ["text"],
        })],
        None => attachments(&view, message.created_at / SECOND),
    };
    (
        json!({ "text": title, "attachments": attachments }),
        own.failed,
    )
}

/// One for each alert. The title has the summary of the only one already.
fn attachments(view: &MessageView<'_>, seconds: i64) -> Vec<Value> {
    let is_only = view.alerts.len() == 1;
    let shown = view.alerts.iter().take(ATTACHMENTS_LIMIT);
    let mut attachments: Vec<Value> = shown
        .map(|alert| attachment(alert, is_only, seconds))
        .collect();
    let more = view.alerts.len().saturating_sub(ATTACHMENTS_LIMIT);
    if more > 0 {
        attachments.push(json!({ "text": format!("… and {more} more"), "fallback": "" }));
    }
    attachments
}

fn attachment(alert: &AlertView<'_>, is_only: bool, seconds: i64) -> Value {
    let field =
        |fact: &Fact| json!({ "title": fact.name, "value": escape(&fact.text), "short": true });
    let facts: Vec<Value> = facts::of(alert).iter().map(field).collect();
    let links = alert
        .links
        .named()
        .map(|(name, url)| format!("<{}|{name}>", address(url)));
    let links: Vec<String> = links.collect();
    let links = Some(links.join(" · ")).filter(|links| !links.is_empty());
    let lines = text::hint(alert)
        .map(|hint| escape(&hint))
        .into_iter()
        .chain(links);
    let lines: Vec<String> = lines.collect();
    let summary = escape(&text::single_line(&alert.summary));
    let summary = fit(mrkdwn::pieces(&summary), SUMMARY_LIMIT, characters);
    let mut attachment = json!({
        "color": color(alert.status, alert.severity),
        "fields": facts,
        "text": lines.join("\n"),
        "mrkdwn_in": ["text", "fields"],
        "fallback": summary,
        "ts": seconds,
    });
    if !is_only {
        attachment["title"] = json!(format!("[{}] {summary}", alert.state_title));
        attachment["title_link"] = json!(alert.links.alert);
    }
    attachment
}

fn address(url: &str) -> String {
    url.replace('&', "&amp;")
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
/// marks of its markup are broken by a zero-width space; within a word `_` is none. Line breaks stay.
fn escape(text: &str) -> String {
    let text = markup::lines(text);
    let mut escaped = String::with_capacity(text.len());
    let mut before = ' ';
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        let in_word = before.is_alphanumeric() && chars.peek().is_some_and(|c| c.is_alphanumeric());
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '_' if in_word => escaped.push('_'),
            '*' | '~' | '`' | '_' => escaped.extend(['\u{200b}', char, '\u{200b}']),
            '@' => escaped.push_str("@\u{200b}"),
            c => escaped.push(c),
        }
        before = char;
    }
    escaped
}
