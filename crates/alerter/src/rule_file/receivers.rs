//! `[[receiver]]`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::reach;
use super::reader::Table;
use crate::alert::SECOND;
use crate::pipeline::delivery::{AfterCrash, DeliveryPolicy};
use crate::receivers::settings::{
    ChannelSettings, DEFAULT_TIMEOUT, EmailSettings, ReceiverSettings, SecretSource, SlackSettings,
    SmtpSecurity, WebhookSettings, WebhookUrl,
};
use crate::summary::STATES;
use crate::template::{is_control, trial};

/// Most receivers of a file.
const RECEIVERS_LIMIT: usize = 500;

/// Longest name: it is a label of metrics and history.
const NAME_LIMIT: usize = 100;

const KINDS: [(&str, &str); 10] = [
    ("slack", "slack"),
    ("email", "email"),
    ("webhook", "webhook"),
    ("pagerduty", "pagerduty"),
    ("teams", "teams"),
    ("discord", "discord"),
    ("telegram", "telegram"),
    ("ntfy", "ntfy"),
    ("command", "command"),
    ("file", "file"),
];

pub(super) fn read(root: &Table<'_, '_>) -> BTreeMap<String, ReceiverSettings> {
    let mut receivers = BTreeMap::new();
    for mut table in root.tables("receiver") {
        let name = table.string("name");
        let name = table.required("name", name).unwrap_or_default();
        let is_name =
            |name: &str| (1..=NAME_LIMIT).contains(&name.len()) && !name.chars().any(is_control);
        if table.has("name") && !is_name(&name) {
            let wrong = format!("a receiver's name is 1 to {NAME_LIMIT} bytes on one line");
            table.mistake("name", wrong);
        }
        table.what = format!("receiver {name:?}");
        if let Some(settings) = receiver(&table, &name)
            && receivers.insert(name.clone(), settings).is_some()
        {
            table.mistake("name", format!("there are two receivers named {name:?}"));
        }
        table.close();
    }
    if receivers.len() > RECEIVERS_LIMIT {
        root.mistake(
            "receiver",
            format!(
                "{} receivers; at most {RECEIVERS_LIMIT} are allowed",
                receivers.len()
            ),
        );
    }
    receivers
}

fn receiver(table: &Table<'_, '_>, name: &str) -> Option<ReceiverSettings> {
    let kind = table.choice("kind", &KINDS);
    let kind = table.required("kind", kind);
    let templates = [template(table, "title"), template(table, "text")];
    let [title, text] = templates;
    let policy = policy(table);
    let timeout = table
        .positive_duration("timeout")
        .unwrap_or(DEFAULT_TIMEOUT);
    let ca_file = table.string("ca_file").map(PathBuf::from);
    let kind = kind?;
    let policy = DeliveryPolicy {
        is_local: ["command", "file"].contains(&kind),
        ..policy
    };
    let takes_pictures = ["email", "discord", "telegram", "slack", "teams"].contains(&kind);
    let chart = takes_pictures && table.boolean("chart").unwrap_or(true);
    let channel = match kind {
        "slack" => slack(table),
        "email" => email(table),
        "webhook" => webhook(table),
        "pagerduty" => pagerduty(table),
        "teams" => secret(table, "url_file", "url_env").map(|url| ChannelSettings::Teams { url }),
        "discord" => {
            secret(table, "url_file", "url_env").map(|url| ChannelSettings::Discord { url })
        }
        "telegram" => telegram(table),
        "ntfy" => ntfy(table),
        "command" => command(table),
        _ => file(table),
    };
    let channel = channel?;
    if ca_file.is_some() && !channel.is_remote() {
        table.mistake(
            "ca_file",
            "ca_file has no effect: this receiver is not reached over TLS",
        );
    }
    Some(ReceiverSettings {
        name: name.to_owned(),
        policy,
        timeout,
        ca_file,
        title,
        text,
        chart,
        channel,
    })
}

fn template(table: &Table<'_, '_>, name: &'static str) -> Option<String> {
    let text = table.string(name)?;
    if let Err(error) = crate::template::check(&text) {
        table.mistake(name, error.to_string());
        return Some(text);
    }
    let failed = STATES.iter().find_map(|state| {
        let message = crate::receivers::test_message("example", 0);
        let error = trial::of_message(&text, message, *state).err()?;
        Some(format!("{error}, where an alert is {}", state.as_str()))
    });
    if let Some(failed) = failed {
        table.mistake(name, failed);
    }
    Some(text)
}

fn policy(table: &Table<'_, '_>) -> DeliveryPolicy {
    let default = DeliveryPolicy::default();
    let small = |name: &'static str| {
        table
            .integer(name, 1..100_001)
            .and_then(|n| u32::try_from(n).ok())
    };
    DeliveryPolicy {
        send_resolved: table
            .boolean("send_resolved")
            .unwrap_or(default.send_resolved),
        rate_limit: small("rate_limit").unwrap_or(default.rate_limit),
        rate_window: table
            .positive_duration("rate_window")
            .unwrap_or(60 * SECOND),
        digest_over: small("digest_over").map_or(default.digest_over, |n| n as usize),
        after_crash: table
            .choice(
                "after_crash",
                &[("resend", AfterCrash::Resend), ("drop", AfterCrash::Drop)],
            )
            .unwrap_or(default.after_crash),
        is_local: default.is_local,
    }
}

/// A secret is never written into the file itself.
fn optional_secret(
    table: &Table<'_, '_>,
    file: &'static str,
    env: &'static str,
) -> Option<SecretSource> {
    match (table.string(file), table.string(env)) {
        (Some(path), None) => Some(SecretSource::File(PathBuf::from(path))),
        (None, Some(variable)) => Some(SecretSource::Environment(variable)),
        (None, None) => None,
        (Some(_), Some(_)) => {
            table.mistake(env, format!("give either {file} or {env}"));
            None
        }
    }
}

fn secret(table: &Table<'_, '_>, file: &'static str, env: &'static str) -> Option<SecretSource> {
    let found = optional_secret(table, file, env);
    if found.is_none() && !table.has(file) && !table.has(env) {
        table.mistake(
            file,
            format!(
                "{} needs {file} (a file of mode 0600) or {env} (a variable)",
                table.what
            ),
        );
    }
    found
}

fn path(table: &Table<'_, '_>, name: &'static str) -> Option<PathBuf> {
    let path = table.string(name);
    table.required(name, path).map(PathBuf::from)
}

fn http_url(table: &Table<'_, '_>, name: &'static str, url: Option<String>) -> Option<String> {
    let url = url?;
    reached(table, name, reach::url(&url));
    Some(url)
}

/// Says why nothing could be sent.
fn reached(table: &Table<'_, '_>, name: &'static str, reached: Result<(), String>) {
    if let Err(why) = reached {
        table.mistake(name, why);
    }
}

fn url_or(table: &Table<'_, '_>, name: &'static str, default: &str) -> String {
    http_url(table, name, table.string(name)).unwrap_or_else(|| default.to_owned())
}

fn slack(table: &Table<'_, '_>) -> Option<ChannelSettings> {
    let channel = table.string("channel");
    let api_url = url_or(table, "api_url", "https://slack.com/api");
    let (url, token) = (
        optional_secret(table, "url_file", "url_env"),
        optional_secret(table, "token_file", "token_env"),
    );
    let settings = match (url, token) {
        (Some(url), None) => SlackSettings::Webhook { url },
        (None, Some(token)) => SlackSettings::Bot {
            api_url,
            token,
            channel: table.required("channel", channel)?,
        },
        _ => {
            table.mistake(
                "kind",
                "slack needs url_file (incoming webhook), or token_file and channel (bot)",
            );
            return None;
        }
    };
    Some(ChannelSettings::Slack(settings))
}

fn webhook(table: &Table<'_, '_>) -> Option<ChannelSettings> {
    let plain = http_url(table, "url", table.string("url"));
    let hidden = optional_secret(table, "url_file", "url_env");
    let hmac = optional_secret(table, "hmac_file", "hmac_env");
    let bearer = optional_secret(table, "bearer_file", "bearer_env");
    let max_alerts = table.integer("max_alerts", 1..100_001).unwrap_or(1_000) as usize;
    let url = match (plain, hidden) {
        (Some(url), None) => WebhookUrl::Plain(url),
        (None, Some(url)) => WebhookUrl::Secret(url),
        _ => {
            table.mistake(
                "url",
                "webhook needs url, or url_file when the URL itself is a secret",
            );
            return None;
        }
    };
    Some(ChannelSettings::Webhook(WebhookSettings {
        url,
        hmac,
        bearer,
        max_alerts,
    }))
}

fn pagerduty(table: &Table<'_, '_>) -> Option<ChannelSettings> {
    let url = url_or(table, "url", "https://events.pagerduty.com/v2/enqueue");
    let routing_key = secret(table, "routing_key_file", "routing_key_env")?;
    Some(ChannelSettings::PagerDuty { url, routing_key })
}

fn telegram(table: &Table<'_, '_>) -> Option<ChannelSettings> {
    let api_url = url_or(table, "api_url", "https://api.telegram.org");
    let token = secret(table, "token_file", "token_env");
    let chat = table.string("chat");
    let chat = table.required("chat", chat);
    Some(ChannelSettings::Telegram {
        api_url,
        token: token?,
        chat: chat?,
    })
}

fn ntfy(table: &Table<'_, '_>) -> Option<ChannelSettings> {
    let url = url_or(table, "url", "https://ntfy.sh");
    let token = optional_secret(table, "token_file", "token_env");
    let topic = table.string("topic");
    let topic = table.required("topic", topic)?;
    reached(table, "topic", reach::topic(&topic));
    Some(ChannelSettings::Ntfy { url, topic, token })
}

fn file(table: &Table<'_, '_>) -> Option<ChannelSettings> {
    let path = path(table, "path")?;
    reached(table, "path", reach::file(&path));
    Some(ChannelSettings::File { path })
}

fn command(table: &Table<'_, '_>) -> Option<ChannelSettings> {
    let program = path(table, "program")?;
    if program.is_absolute() {
        reached(table, "program", reach::program(&program));
    } else {
        table.mistake(
            "program",
            "program must be an absolute path: no shell and no PATH are used",
        );
    }
    let arguments = table.strings("arguments").unwrap_or_default();
    if arguments.iter().any(|argument| argument.contains('\0')) {
        table.mistake("arguments", "no argument of a program holds a NUL");
    }
    Some(ChannelSettings::Command { program, arguments })
}

fn email(table: &Table<'_, '_>) -> Option<ChannelSettings> {
    let security = table
        .choice(
            "security",
            &[
                ("starttls", SmtpSecurity::StartTls),
                ("tls", SmtpSecurity::Tls),
                ("none", SmtpSecurity::None),
            ],
        )
        .unwrap_or(SmtpSecurity::StartTls);
    let default_port = match security {
        SmtpSecurity::StartTls => 587,
        SmtpSecurity::Tls => 465,
        SmtpSecurity::None => 25,
    };
    let port = table
        .integer("port", 1..65_536)
        .and_then(|port| u16::try_from(port).ok());
    let password = optional_secret(table, "password_file", "password_env");
    let username = table.string("username");
    if username.is_some() != password.is_some() {
        table.mistake(
            "username",
            "email needs both username and password_file (or password_env), or neither",
        );
    }
    let (host, from, to) = (
        table.string("host"),
        table.string("from"),
        table.strings("to"),
    );
    let host = table.required("host", host);
    if let Some(host) = &host {
        reached(table, "host", reach::host(host));
    }
    let from = table.required("from", from);
    let to = table.required("to", to);
    if to.as_ref().is_some_and(Vec::is_empty) {
        table.mistake("to", "to must name at least one address");
    }
    for (name, address) in from
        .iter()
        .map(|a| ("from", a))
        .chain(to.iter().flatten().map(|a| ("to", a)))
    {
        if address.parse::<lettre::message::Mailbox>().is_err() {
            table.mistake(name, format!("{address:?} is not a mail address"));
        }
    }
    Some(ChannelSettings::Email(EmailSettings {
        host: host?,
        port: port.unwrap_or(default_port),
        security,
        username,
        password,
        from: from?,
        to: to?,
    }))
}
