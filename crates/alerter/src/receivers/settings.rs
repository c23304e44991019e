//! What the rule file says about a receiver.

use std::path::PathBuf;

use crate::alert::{Nanos, SECOND};
use crate::pipeline::delivery::DeliveryPolicy;

/// One attempt may take this long.
pub const DEFAULT_TIMEOUT: Nanos = 10 * SECOND;

/// Where a secret comes from; it is read at each use, so that it can be rotated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    File(PathBuf),
    Environment(String),
}

#[derive(Clone, Debug, PartialEq)]
pub struct ReceiverSettings {
    pub name: String,
    pub policy: DeliveryPolicy,
    pub timeout: Nanos,
    /// The certificate authorities to trust (PEM) instead of the machine's.
    pub ca_file: Option<PathBuf>,
    /// Templates; the channel's own when empty.
    pub title: Option<String>,
    pub text: Option<String>,
    /// Show a chart of the series, where the channel takes pictures.
    pub chart: bool,
    pub channel: ChannelSettings,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ChannelSettings {
    Slack(SlackSettings),
    Email(EmailSettings),
    Webhook(WebhookSettings),
    PagerDuty {
        url: String,
        routing_key: SecretSource,
    },
    Teams {
        url: SecretSource,
    },
    Discord {
        url: SecretSource,
    },
    Telegram {
        api_url: String,
        token: SecretSource,
        chat: String,
    },
    Ntfy {
        url: String,
        topic: String,
        token: Option<SecretSource>,
    },
    Command {
        program: PathBuf,
        arguments: Vec<String>,
    },
    File {
        path: PathBuf,
    },
}

impl ChannelSettings {
    /// Whether it is reached over TLS, or could be.
    pub fn is_remote(&self) -> bool {
        match self {
            ChannelSettings::Command { .. } | ChannelSettings::File { .. } => false,
            ChannelSettings::Email(email) => email.security != SmtpSecurity::None,
            _ => true,
        }
    }

    /// The secrets that it needs to send anything.
    pub fn secrets(&self) -> Vec<&SecretSource> {
        match self {
            ChannelSettings::Slack(SlackSettings::Webhook { url: secret })
            | ChannelSettings::Slack(SlackSettings::Bot { token: secret, .. })
            | ChannelSettings::PagerDuty {
                routing_key: secret,
                ..
            }
            | ChannelSettings::Teams { url: secret }
            | ChannelSettings::Discord { url: secret }
            | ChannelSettings::Telegram { token: secret, .. } => vec![secret],
            ChannelSettings::Email(email) => email.password.iter().collect(),
            ChannelSettings::Ntfy { token, .. } => token.iter().collect(),
            ChannelSettings::Webhook(webhook) => {
                let url = match &webhook.url {
                    WebhookUrl::Plain(_) => None,
                    WebhookUrl::Secret(url) => Some(url),
                };
                let others = webhook.hmac.iter().chain(&webhook.bearer);
                url.into_iter().chain(others).collect()
            }
            ChannelSettings::Command { .. } | ChannelSettings::File { .. } => Vec::new(),
        }
    }

    pub fn kind(&self) -> &'static str {
        match self {
            ChannelSettings::Slack(_) => "slack",
            ChannelSettings::Email(_) => "email",
            ChannelSettings::Webhook(_) => "webhook",
            ChannelSettings::PagerDuty { .. } => "pagerduty",
            ChannelSettings::Teams { .. } => "teams",
            ChannelSettings::Discord { .. } => "discord",
            ChannelSettings::Telegram { .. } => "telegram",
            ChannelSettings::Ntfy { .. } => "ntfy",
            ChannelSettings::Command { .. } => "command",
            ChannelSettings::File { .. } => "file",
        }
    }
}

/// Slack by incoming webhook, or by the bot API, which can edit a message in place.
#[derive(Clone, Debug, PartialEq)]
pub enum SlackSettings {
    Webhook {
        url: SecretSource,
    },
    Bot {
        api_url: String,
        token: SecretSource,
        channel: String,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct WebhookSettings {
    pub url: WebhookUrl,
    /// Signs the body: `X-Watchpost-Signature: sha256=…` (HMAC-SHA256, hexadecimal).
    pub hmac: Option<SecretSource>,
    pub bearer: Option<SecretSource>,
    /// Alerts beyond this are left out and counted in `truncatedAlerts`.
    pub max_alerts: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub enum WebhookUrl {
    Plain(String),
    Secret(SecretSource),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// STARTTLS is required.
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// For a relay on this machine.
    None,
}

#[derive(Clone, Debug, PartialEq)]
pub struct EmailSettings {
    pub host: String,
    pub port: u16,
    pub security: SmtpSecurity,
    pub username: Option<String>,
    pub password: Option<SecretSource>,
    pub from: String,
    pub to: Vec<String>,
}
