//! Templates of messages and annotations (minijinja), with values escaped for their channel.
//!
//! A template sees the alert (`labels`, `value`, `threshold`, `severity`, …) or the message
//! (`alerts`, `status`, …), the filters of minijinja, and `round`, `bytes`, `duration`. It cannot
//! read files or the environment, and its work is limited.

use std::collections::BTreeMap;

use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Output, State};
use serde::Serialize;

use crate::alert::{Alert, Nanos, SECOND};
use crate::pipeline::notification::Notification;

/// Steps that one rendering may take: a digest of 1,000 alerts needs some 50,000.
const FUEL: u64 = 500_000;
/// Longest text that a template may give, in bytes. The channels cut further.
const OUTPUT_LIMIT: usize = 64 * 1024;

/// How values are made harmless before they enter a channel's markup.
pub type Escape = fn(&str) -> String;

/// Characters that do something instead of being shown: controls, line separators, and those that
/// turn the order of the text around them (Unicode Technical Report 36, 2.4).
pub fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text that has no markup: control characters would still break lines of logs and mails.
pub fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| !is_control(*c) || *c == '\n' || *c == '\t')
        .collect()
}

/// A value inside of a line: no line break of it makes a line of its own.
pub fn single_line(text: &str) -> String {
    text.chars()
        .map(|c| if is_control(c) { ' ' } else { c })
        .collect()
}

#[derive(Debug, thiserror::Error)]
#[error("template: {0}")]
pub struct TemplateError(String);

fn environment(escape: Escape) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(|_| AutoEscape::Custom("channel".into()));
    environment.set_formatter(
        move |output: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value| {
            let text = if value.is_undefined() || value.is_none() {
                String::new()
            } else {
                value.to_string()
            };
            if value.is_safe() || matches!(value.kind(), minijinja::value::ValueKind::Number) {
                output.write_str(&text)?;
            } else {
                output.write_str(&escape(&text))?;
            }
            Ok(())
        },
    );
    environment.add_filter("bytes", bytes);
    environment.add_filter("duration", duration);
    environment.add_filter("time", |nanos: i64| {
        watchpost_core::time::format_rfc3339(nanos)
    });
    environment
}

/// `1536 | bytes` is `1.5 KiB`.
fn bytes(value: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut scaled = value;
    let mut unit = 0;
    while scaled.abs() >= 1024.0 && unit < units.len() - 1 {
        scaled /= 1024.0;
        unit += 1;
    }
    format!("{} {}", short(scaled), units[unit])
}

/// `5400 | duration` (seconds) is `1h30m`.
pub fn duration(seconds: f64) -> String {
    let total = seconds.max(0.0) as u64;
    let parts = [
        (total / 86_400, "d"),
        (total / 3_600 % 24, "h"),
        (total / 60 % 60, "m"),
        (total % 60, "s"),
    ];
    // The two largest units say enough.
    let text: String = parts
        .iter()
        .filter(|(n, _)| *n > 0)
        .take(2)
        .map(|(n, unit)| format!("{n}{unit}"))
        .collect();
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}

/// A number for people: at most two decimals, none that are zero.
pub fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Whether the text is a template at all.
pub fn check(text: &str) -> Result<(), TemplateError> {
    environment(plain)
        .template_from_str(text)
        .map(drop)
        .map_err(|error| TemplateError(describe(&error)))
}

fn describe(error: &minijinja::Error) -> String {
    let line = error
        .line()
        .map(|line| format!(" (line {line} of the template)"))
        .unwrap_or_default();
    format!(
        "{}{line}",
        error
            .detail()
            .map_or_else(|| error.kind().to_string(), str::to_owned)
    )
}

/// Renders a template; values are escaped, the template's own text is not.
pub fn render(
    text: &str,
    context: impl Serialize,
    escape: Escape,
) -> Result<String, TemplateError> {
    let environment = environment(escape);
    let mut rendered = environment
        .render_str(text, Value::from(minijinja::value::Serde(&context)))
        .map_err(|error| TemplateError(describe(&error)))?;
    if rendered.len() > OUTPUT_LIMIT {
        rendered.truncate(rendered.floor_char_boundary(OUTPUT_LIMIT));
        rendered.push('…');
    }
    Ok(rendered)
}

/// What a template sees of an alert.
#[derive(Debug, Clone, Serialize)]
pub struct AlertView<'a> {
    pub name: &'a str,
    pub host: &'a str,
    pub status: &'static str,
    pub severity: &'static str,
    pub labels: &'a crate::labels::Labels,
    pub annotations: &'a BTreeMap<String, String>,
    pub value: Option<f64>,
    /// The value for people: at most two decimals.
    pub value_text: String,
    pub threshold: Option<f64>,
    pub threshold_text: String,
    pub reason: &'a str,
    /// What people read first: the summary annotation, else name and host.
    pub summary: String,
    pub starts_at: String,
    pub ends_at: Option<String>,
    pub lasted: String,
    pub fingerprint: String,
    pub url: &'a str,
    /// It comes and goes; its end is told only after a calm.
    pub flapping: bool,
}

impl<'a> AlertView<'a> {
    pub fn new(alert: &'a Alert, now: Nanos) -> AlertView<'a> {
        let resolved = alert.is_resolved(now);
        let end = alert.ends_at.filter(|_| resolved);
        let flaps = alert.flapping && !resolved;
        let host = alert.labels.get("host");
        let summary = alert
            .annotations
            .get("summary")
            .cloned()
            .unwrap_or_else(|| {
                if alert.name().is_empty() {
                    alert.labels.to_string()
                } else if host.is_empty() {
                    alert.name().to_owned()
                } else {
                    format!("{} on {host}", alert.name())
                }
            });
        AlertView {
            name: alert.name(),
            host,
            status: if resolved { "resolved" } else { "firing" },
            severity: alert.severity.as_str(),
            labels: &alert.labels,
            annotations: &alert.annotations,
            value: alert.value,
            value_text: alert.value.map(short).unwrap_or_default(),
            threshold: alert.threshold,
            threshold_text: alert.threshold.map(short).unwrap_or_default(),
            reason: &alert.reason,
            summary: if flaps {
                format!("{summary} (flapping)")
            } else {
                summary
            },
            starts_at: watchpost_core::time::format_rfc3339(alert.starts_at),
            ends_at: end.map(watchpost_core::time::format_rfc3339),
            lasted: duration(
                end.unwrap_or(now).saturating_sub(alert.starts_at) as f64 / SECOND as f64,
            ),
            fingerprint: alert.fingerprint.to_string(),
            url: &alert.generator_url,
            flapping: alert.flapping,
        }
    }
}

/// What a template sees of a message.
#[derive(Debug, Clone, Serialize)]
pub struct MessageView<'a> {
    pub status: &'static str,
    pub severity: &'static str,
    pub receiver: &'a str,
    pub reason: String,
    pub labels: &'a crate::labels::Labels,
    pub group: String,
    pub alerts: Vec<AlertView<'a>>,
    pub firing: usize,
    pub resolved: usize,
    /// Messages that this digest stands for; 0 for an ordinary one.
    pub digest_of: usize,
    /// The receiver may have it already.
    pub repeated: bool,
    pub time: String,
}

impl<'a> MessageView<'a> {
    pub fn new(message: &'a Notification) -> MessageView<'a> {
        let at = message.created_at;
        MessageView {
            status: message.status(),
            severity: message.severity().as_str(),
            receiver: &message.receiver,
            reason: message.news.to_string(),
            labels: &message.group_labels,
            group: message.group_labels.to_string(),
            alerts: message
                .alerts
                .iter()
                .map(|alert| AlertView::new(alert, at))
                .collect(),
            firing: message.firing().count(),
            resolved: message.resolved().count(),
            digest_of: message.digest_of,
            repeated: message.repeated,
            time: watchpost_core::time::format_rfc3339(at),
        }
    }
}

/// Fills the annotations of a rule for one alert. An annotation that cannot be rendered says so:
/// a page without its summary is better than no page.
pub fn annotate(annotations: &BTreeMap<String, String>, alert: &mut Alert, now: Nanos) {
    let view = AlertView::new(alert, now);
    let rendered = annotations
        .iter()
        .map(|(name, text)| {
            (
                name.clone(),
                render(text, &view, single_line).unwrap_or_else(|error| error.to_string()),
            )
        })
        .collect();
    alert.annotations = rendered;
}
