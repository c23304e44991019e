//! The channels that carry messages: one file each.
//!
//! A channel makes a request of a message and says whether it was taken, and, if not, whether
//! trying again can help. Waiting, retrying and limiting are the pipeline's (`delivery`).

mod chart;
mod command;
mod discord;
mod email;
mod facts;
mod file;
mod http;
mod markup;
mod ntfy;
mod pagerduty;
mod posted;
mod series_history;
pub mod settings;
mod slack;
mod slack_upload;
mod teams;
mod telegram;
mod text;
mod webhook;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use watchpost_service::secret::Secret;

use crate::alert::{Alert, Nanos, SECOND, Severity};
use crate::labels::{ALERT_NAME, Labels};
use crate::pipeline::dedup::News;
use crate::pipeline::delivery::Failure;
use crate::pipeline::notification::Notification;
use crate::presentation::Presentation;
use settings::{ChannelSettings, ReceiverSettings, SecretSource};

pub use email::PartlyTaken;
pub use http::client;
pub use posted::{Posted, PostedMessages};
pub use series_history::SeriesHistory;

/// Longest part of a receiver's answer that is kept, in bytes.
const ANSWER_LIMIT: usize = 500;

/// What the channels need of the process around them.
#[derive(Clone, Debug)]
pub struct Surroundings {
    pub http: reqwest::Client,
    /// Relative paths of file receivers begin here.
    pub folder: PathBuf,
    /// Variables that secrets may come from.
    pub environment: std::collections::BTreeMap<String, String>,
    /// Data for charts, where there is a server to ask.
    pub history: Option<SeriesHistory>,
    /// Messages that can be edited in place.
    pub posted: PostedMessages,
    /// Mails that some of their addresses have.
    pub partly: PartlyTaken,
    /// How times and addresses are shown.
    pub presentation: Presentation,
}

/// The receiver has the message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// What it said, for the log and `receiver test`.
    pub answer: String,
    /// What of the message it does not have: addresses that were refused, templates that failed.
    pub failed: Vec<String>,
}

impl Delivered {
    fn whole(answer: String) -> Delivered {
        Delivered {
            answer,
            failed: Vec::new(),
        }
    }
}

/// Sends a message.
pub async fn send(
    settings: &ReceiverSettings,
    message: &Notification,
    surroundings: &Surroundings,
) -> Result<Delivered, Failure> {
    let limit = Duration::from_nanos(settings.timeout.unsigned_abs());
    match tokio::time::timeout(limit, dispatch(settings, message, surroundings)).await {
        Ok(result) => result,
        Err(_) => Err(unanswered(format!(
            "no answer within {} s",
            settings.timeout / SECOND
        ))),
    }
}

async fn dispatch(
    settings: &ReceiverSettings,
    message: &Notification,
    around: &Surroundings,
) -> Result<Delivered, Failure> {
    let presentation = &around.presentation;
    match &settings.channel {
        ChannelSettings::Slack(slack) => slack::send(settings, slack, message, around).await,
        ChannelSettings::Webhook(webhook) => {
            webhook::send(settings, webhook, message, around).await
        }
        ChannelSettings::Command { program, arguments } => {
            command::send(settings, program, arguments, message, presentation).await
        }
        ChannelSettings::File { path } => {
            file::send(settings, &around.folder.join(path), message, presentation)
        }
        ChannelSettings::Email(email) => email::send(settings, email, message, around).await,
        ChannelSettings::PagerDuty { url, routing_key } => {
            pagerduty::send(settings, (url, routing_key), message, around).await
        }
        ChannelSettings::Teams { url } => teams::send(settings, url, message, around).await,
        ChannelSettings::Discord { url } => discord::send(settings, url, message, around).await,
        ChannelSettings::Telegram {
            api_url,
            token,
            chat,
        } => telegram::send(settings, (api_url, token, chat), message, around).await,
        ChannelSettings::Ntfy { url, topic, token } => {
            ntfy::send(settings, (url, topic, token.as_ref()), message, around).await
        }
    }
}

/// Trying again can help.
fn transient(reason: impl Into<String>) -> Failure {
    Failure {
        reason: reason.into(),
        retry: true,
        retry_after: None,
        unanswered: false,
        unreachable: false,
    }
}

/// Trying again can help, but the receiver may have the message.
fn unanswered(reason: impl Into<String>) -> Failure {
    Failure {
        unanswered: true,
        ..unreachable(reason)
    }
}

/// Trying again can help: nothing was heard of the receiver.
fn unreachable(reason: impl Into<String>) -> Failure {
    Failure {
        unreachable: true,
        ..transient(reason)
    }
}

/// Trying again cannot help.
fn permanent(reason: impl Into<String>) -> Failure {
    Failure {
        retry: false,
        ..transient(reason)
    }
}

/// The client for a receiver: the shared one, or one that trusts the receiver's own authorities. That
/// one is made for each message, so that the file can be rotated; messages are rare.
fn http_client(
    settings: &ReceiverSettings,
    around: &Surroundings,
) -> Result<reqwest::Client, Failure> {
    match &settings.ca_file {
        None => Ok(around.http.clone()),
        Some(file) => http::client(Some(&resolve(file, around))).map_err(transient),
    }
}

/// Reads a secret. A missing one is transient: it may be being rotated.
fn secret(source: &SecretSource, around: &Surroundings) -> Result<Secret, Failure> {
    match source {
        SecretSource::File(path) => {
            Secret::from_file(&resolve(path, around)).map_err(|error| transient(error.to_string()))
        }
        SecretSource::Environment(name) => match around.environment.get(name) {
            Some(value) if !value.is_empty() => Ok(Secret::new(value.clone())),
            _ => Err(transient(format!("the variable {name} is not set"))),
        },
    }
}

fn resolve(path: &Path, around: &Surroundings) -> PathBuf {
    around.folder.join(path)
}

/// Finds what a receiver would miss when it is to send: secrets, authorities, its program. Each is reported with
/// whether it is an error: a variable may be set for the alerter alone.
pub fn check_use(
    settings: &ReceiverSettings,
    folder: &Path,
    environment: &BTreeMap<String, String>,
    report: &mut dyn FnMut(String, bool),
) {
    for source in settings.channel.secrets() {
        match source {
            SecretSource::File(path) => {
                if let Err(error) = Secret::from_file(&folder.join(path)) {
                    report(error.to_string(), true);
                }
            }
            SecretSource::Environment(name)
                if environment.get(name).is_none_or(String::is_empty) =>
            {
                report(format!("the variable {name} is not set here"), false);
            }
            SecretSource::Environment(_) => {}
        }
    }
    if let Some(file) = &settings.ca_file
        && let Err(error) = http::client(Some(&folder.join(file)))
    {
        report(error, true);
    }
    if let ChannelSettings::Command { program, .. } = &settings.channel
        && !program.is_file()
    {
        report(format!("there is no program {}", program.display()), true);
    }
}

/// Cuts a text to so many bytes, at a character, with an ellipsis.
fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    format!(
        "{}…",
        &text[..text.floor_char_boundary(limit.saturating_sub(3))]
    )
}

/// The name of a message: the same for every attempt at it, over restarts, too, and for no other.
fn message_key(message: &Notification) -> String {
    let name = format!("{} {} {}", message.group, message.id, message.created_at);
    let digest = ring::digest::digest(&ring::digest::SHA256, name.as_bytes());
    hex(&digest.as_ref()[..16])
}

/// A short hash of the group, stable while the message is about the same thing.
fn group_key(message: &Notification) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, message.group.as_bytes());
    hex(&digest.as_ref()[..16])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What `receiver test` sends: a firing alert that is plainly a test.
pub fn test_message(receiver: &str, now: Nanos) -> Notification {
    let labels = Labels::from([(ALERT_NAME, "test"), ("host", "example")]);
    let mut alert = Alert::of_rule(labels, Severity::Info, now);
    let summary = format!("This is a test of receiver {receiver}; nothing is wrong");
    alert.annotations.insert("summary".to_owned(), summary);
    alert.value = Some(42.0);
    alert.threshold = Some(40.0);
    Notification {
        id: now.unsigned_abs(),
        group: format!("test|{receiver}").into(),
        receiver: receiver.to_owned(),
        group_labels: Labels::from([(ALERT_NAME, "test")]),
        news: News::FirstFiring,
        alerts: vec![alert],
        created_at: now,
        digest_of: 0,
        repeated: false,
    }
}

/// The chart of the only alert of a message, where the receiver takes one and its data can be had.
async fn chart_of(
    settings: &ReceiverSettings,
    message: &Notification,
    around: &Surroundings,
) -> Option<Vec<u8>> {
    drawn(settings, message, around).await?.png()
}

async fn drawn(
    settings: &ReceiverSettings,
    message: &Notification,
    around: &Surroundings,
) -> Option<chart::Canvas> {
    let history = around.history.as_ref().filter(|_| settings.chart)?;
    let [alert] = message.alerts.as_slice() else {
        return None;
    };
    let data = history.of(alert, message.created_at).await?;
    chart::draw(&data, around.presentation.zone())
}

/// What a message looks like in the receiver's channel: what is sent, or title and text of a mail.
///
/// Errors: its templates fail, which a delivery gets over.
pub fn preview(
    settings: &ReceiverSettings,
    message: &Notification,
    presentation: &Presentation,
) -> Result<String, String> {
    let pretty =
        |value: &serde_json::Value| serde_json::to_string_pretty(value).unwrap_or_default();
    let (text, failed) = match &settings.channel {
        ChannelSettings::Slack(_) => {
            let (content, failed) = slack::content(settings, message, presentation);
            (pretty(&content), failed)
        }
        ChannelSettings::Discord { .. } => {
            let (body, failed) = discord::body(settings, message, presentation);
            (pretty(&body), failed)
        }
        ChannelSettings::Teams { .. } => {
            let (card, failed) = teams::card(settings, message, presentation);
            (pretty(&card), failed)
        }
        ChannelSettings::Ntfy { .. } => {
            let (body, failed) = ntfy::body(settings, message, presentation);
            (pretty(&body), failed)
        }
        ChannelSettings::PagerDuty { .. } => {
            let events = pagerduty::events(message, presentation);
            (pretty(&events.into()), Vec::new())
        }
        ChannelSettings::Webhook(webhook) => {
            let body = webhook::body(message, webhook.max_alerts, presentation);
            (pretty(&body), Vec::new())
        }
        ChannelSettings::Command { .. } => {
            let body = webhook::body(message, usize::MAX, presentation);
            (pretty(&body), Vec::new())
        }
        ChannelSettings::Telegram { .. } => telegram::text(settings, message, presentation),
        ChannelSettings::File { .. } => file::text(settings, message, presentation),
        ChannelSettings::Email(_) => email::preview(settings, message, presentation),
    };
    match failed.is_empty() {
        true => Ok(text),
        false => Err(failed.join("; ")),
    }
}
