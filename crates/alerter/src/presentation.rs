//! How messages show times and addresses: the zone of those who read them, and links to the page.

use jiff::tz::TimeZone;
use serde::Serialize;

use crate::alert::{Alert, Nanos, SECOND};

/// After a day a time alone would be read as one of today.
const DAY: Nanos = 24 * 3_600 * SECOND;

/// What a message cannot know of itself.
#[derive(Clone, Debug)]
pub struct Presentation {
    /// Base address of the page as people reach it, without a slash at its end; empty if unknown.
    public_url: String,
    zone: TimeZone,
}

/// Addresses that people open from a message; empty where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Links {
    /// The alert on the page, or where a pushed one came from.
    pub alert: String,
    pub runbook: String,
    pub silence: String,
    pub acknowledge: String,
}

impl Default for Presentation {
    /// UTC, no page.
    fn default() -> Presentation {
        Presentation::new("", TimeZone::UTC)
    }
}

impl Presentation {
    /// `public_url` is the address of the page, empty where there is none.
    pub fn new(public_url: &str, zone: TimeZone) -> Presentation {
        Presentation {
            public_url: public_url.trim_end_matches('/').to_owned(),
            zone,
        }
    }

    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// The zone of all times.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// `14:03 CET`, or `Nov 29 14:03 CET` if that was not within the day before `now`.
    pub fn moment(&self, time: Nanos, now: Nanos) -> String {
        let Ok(instant) = jiff::Timestamp::from_nanosecond(i128::from(time)) else {
            return String::new();
        };
        let local = instant.to_zoned(self.zone.clone());
        let age = now.saturating_sub(time);
        let format = match (0..DAY).contains(&age) {
            true => "%H:%M %Z",
            false => "%b %-d %H:%M %Z",
        };
        local.strftime(format).to_string()
    }

    /// What can be opened about an alert.
    pub fn links(&self, alert: &Alert, resolved: bool) -> Links {
        let address = |text: Option<&str>| {
            let text = text.filter(|text| is_address(text));
            text.unwrap_or_default().to_owned()
        };
        let runbook = address(alert.annotations.get("runbook_url").map(String::as_str));
        if self.public_url.is_empty() {
            return Links {
                alert: address(Some(&alert.generator_url)),
                runbook,
                ..Links::default()
            };
        }
        let open = |what: &str| {
            let (page, fingerprint) = (&self.public_url, alert.fingerprint);
            format!("{page}/alerts?alert={fingerprint}{what}")
        };
        Links {
            alert: open(""),
            runbook,
            silence: if resolved {
                String::new()
            } else {
                open("&do=silence")
            },
            acknowledge: if resolved {
                String::new()
            } else {
                open("&do=acknowledge")
            },
        }
    }
}

impl Links {
    /// Names and addresses of those that there are.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            ("Alert", &self.alert),
            ("Runbook", &self.runbook),
            ("Silence", &self.silence),
            ("Acknowledge", &self.acknowledge),
        ];
        let given = all.into_iter().filter(|(_, address)| !address.is_empty());
        given.map(|(name, address)| (name, address.as_str()))
    }
}

/// Longest address that is linked, in bytes; the channels refuse longer ones (Slack and Discord 3,000
/// and 2,048 characters).
const ADDRESS_LIMIT: usize = 2_000;

/// Whether a channel takes the text as an address: http or https, and no character that would end it
/// within a markup.
pub fn is_address(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let ends = |c: char| {
        c.is_whitespace()
            || crate::template::is_control(c)
            || matches!(
                c,
                '<' | '>' | '"' | '\'' | '|' | '(' | ')' | '[' | ']' | '\\' | '`'
            )
    };
    text.len() <= ADDRESS_LIMIT
        && rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        && !text.chars().any(ends)
}
