//! Templates of messages and annotations (minijinja), with values escaped for their channel.
//!
//! A template sees the alert (`labels`, `value`, `threshold`, `severity`, …) or the message
//! (`alerts`, `status`, …), the filters of minijinja, and `round`, `bytes`, `duration`. It cannot
//! read files or the environment, and its work is limited.

pub mod trial;

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};

use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, ErrorKind, Output, State};
use serde::Serialize;

use crate::alert::{Alert, AlertState, Nanos, SECOND};
use crate::pipeline::notification::Notification;
use crate::pipeline::silence_notice::SILENCE_ENDS;
use crate::presentation::{Links, Presentation};
use crate::quantity::{bytes, duration, quantity, short};
use crate::rules::definition::Rule;
use crate::summary::{self, Wording};
use crate::trouble::{SELF_ALERT, SELF_JOB};

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

/// Longest text that a template may write in all, in bytes: what it keeps in variables (`set` with a body) among it.
const WRITTEN_LIMIT: usize = 4 * 1024 * 1024;

/// A value's text, or its end where it is longer than a limit: a list of a list twice, and so on, has no end.
struct Limited {
    text: String,
    limit: usize,
}

impl fmt::Write for Limited {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        if self.text.len() + more.len() > self.limit {
            return Err(fmt::Error);
        }
        self.text.push_str(more);
        Ok(())
    }
}

/// A value's text, of at most so many bytes.
fn shown(value: &Value, limit: usize) -> Result<String, minijinja::Error> {
    let text = String::new();
    let mut limited = Limited { text, limit };
    write!(limited, "{value}").map_err(|_| {
        let message = format!("it writes more than {WRITTEN_LIMIT} bytes");
        minijinja::Error::new(ErrorKind::InvalidOperation, message)
    })?;
    Ok(limited.text)
}

fn environment(escape: Escape) -> Environment<'static> {
    let left = AtomicUsize::new(WRITTEN_LIMIT);
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(|_| AutoEscape::Custom("channel".into()));
    environment.set_formatter(
        move |output: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value| {
            let limit = left.load(Ordering::Relaxed);
            let text = if value.is_undefined() || value.is_none() {
                String::new()
            } else {
                shown(value, limit)?
            };
            left.store(limit - text.len(), Ordering::Relaxed);
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
    environment.add_filter("quantity", |value: f64, unit: &str| quantity(value, unit));
    environment.add_filter("time", |nanos: i64| {
        watchpost_core::time::format_rfc3339(nanos)
    });
    environment
}

/// How deep brackets may be nested in a tag. (The library bounds expressions itself, but not the names that `set` and
/// `for` give.)
const MAX_DEPTH: usize = 64;

/// Fails where brackets in a tag are nested too deep; those in quotes count, too.
fn check_depth(text: &str) -> Result<(), TemplateError> {
    for tag in text.split(['%', '{']) {
        let mut depth = 0_usize;
        for byte in tag.bytes() {
            match byte {
                b'(' | b'[' => depth += 1,
                b')' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > MAX_DEPTH {
                let message = format!("brackets are nested deeper than {MAX_DEPTH}");
                return Err(TemplateError(message));
            }
        }
    }
    Ok(())
}

/// Whether the text is a template at all.
pub fn check(text: &str) -> Result<(), TemplateError> {
    check_depth(text)?;
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
    render_value(text, Value::from(minijinja::value::Serde(&context)), escape)
}

fn render_value(text: &str, context: Value, escape: Escape) -> Result<String, TemplateError> {
    check_depth(text)?;
    let environment = environment(escape);
    let template = environment.template_from_str(text);
    let template = template.map_err(|error| TemplateError(describe(&error)))?;
    let mut output = Beginning(Vec::new());
    let rendered = template.render_captured_to(context, &mut output);
    let is_whole = output.0.len() <= OUTPUT_LIMIT;
    if is_whole {
        rendered.map_err(|error| TemplateError(describe(&error)))?;
    }
    output.0.truncate(OUTPUT_LIMIT);
    let text = String::from_utf8_lossy(&output.0);
    // A character that the limit parts is left out.
    let text = text.trim_end_matches('\u{fffd}');
    Ok(match is_whole {
        true => text.to_owned(),
        false => format!("{text}…"),
    })
}

/// Takes a text up to [`OUTPUT_LIMIT`]. Then rendering ends: a loop in a loop over a thousand alerts would
/// fill the memory before its steps are used up.
struct Beginning(Vec<u8>);

impl std::io::Write for Beginning {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() > OUTPUT_LIMIT {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What a template sees of an alert.
#[derive(Debug, Clone, Serialize)]
pub struct AlertView<'a> {
    pub name: &'a str,
    pub host: &'a str,
    pub status: &'static str,
    /// Finer than the status: `worse`, `recovering`, …
    pub state: &'static str,
    /// The state as titles show it: `WORSE`.
    #[serde(skip)]
    pub state_title: String,
    pub severity: &'static str,
    pub labels: &'a crate::labels::Labels,
    pub annotations: &'a BTreeMap<String, String>,
    pub value: Option<f64>,
    /// The value for people: at most two decimals, without its unit.
    pub value_text: String,
    pub value_with_unit: String,
    pub threshold: Option<f64>,
    pub threshold_text: String,
    /// What was passed, with its unit: `above 95 %`.
    pub level: String,
    /// The worst value so far, with its unit.
    pub worst: String,
    pub reason: &'a str,
    /// What people read first: the summary annotation, else name and host.
    pub summary: String,
    pub starts_at: String,
    pub ends_at: Option<String>,
    /// When it began and ended, short and in local time.
    pub since: String,
    pub until: String,
    pub lasted: String,
    pub fingerprint: String,
    pub url: &'a str,
    pub links: Links,
    /// It comes and goes; its end is told only after a calm.
    pub flapping: bool,
    /// That its host sends nothing is what it is about.
    #[serde(skip)]
    pub is_silence: bool,
}

impl<'a> AlertView<'a> {
    pub fn new(alert: &'a Alert, now: Nanos, presentation: &Presentation) -> AlertView<'a> {
        let resolved = alert.is_resolved(now);
        let end = alert.ends_at.filter(|_| resolved);
        let lasted = end.unwrap_or(now).saturating_sub(alert.starts_at);
        let state = match resolved && !alert.state.is_over() {
            true => AlertState::Resolved,
            false => alert.state,
        };
        let shown = |number: Option<f64>| number.map(short).unwrap_or_default();
        let Wording {
            value,
            level,
            worst,
            is_silence,
        } = alert
            .wording
            .clone()
            .unwrap_or_else(|| Wording::plain(alert));
        AlertView {
            name: alert.name(),
            host: alert.labels.get("host"),
            status: if resolved { "resolved" } else { "firing" },
            state: state.as_str(),
            state_title: summary::title(state),
            severity: alert.severity.as_str(),
            labels: &alert.labels,
            annotations: &alert.annotations,
            value: alert.value,
            value_text: shown(alert.value),
            value_with_unit: value,
            threshold: alert.threshold,
            threshold_text: shown(alert.threshold),
            level,
            worst,
            reason: &alert.reason,
            summary: summary_of(alert, resolved, &duration(lasted as f64 / SECOND as f64)),
            starts_at: watchpost_core::time::format_rfc3339(alert.starts_at),
            ends_at: end.map(watchpost_core::time::format_rfc3339),
            since: presentation.moment(alert.starts_at, now),
            until: end
                .map(|end| presentation.moment(end, now))
                .unwrap_or_default(),
            lasted: duration(lasted as f64 / SECOND as f64),
            fingerprint: alert.fingerprint.to_string(),
            url: &alert.generator_url,
            links: presentation.links(alert, resolved),
            flapping: alert.flapping,
            is_silence,
        }
    }
}

fn summary_of(alert: &Alert, resolved: bool, lasted: &str) -> String {
    if let Some(over) = over_of_its_own(alert, lasted).filter(|_| resolved) {
        return over;
    }
    let (name, host) = (alert.name(), alert.labels.get("host"));
    let own = alert.annotations.get("summary").map(String::as_str);
    let own = own.filter(|text| is_visible(text));
    let summary = match (own, name.is_empty(), host.is_empty()) {
        (Some(own), ..) => own.to_owned(),
        (None, true, _) => alert.labels.to_string(),
        (None, false, true) => name.to_owned(),
        (None, false, false) => format!("{name} on {host}"),
    };
    match alert.flapping && !resolved {
        true => format!("{summary} (flapping)"),
        false => summary,
    }
}

/// The end of an alert about the alerter itself, which was written for its beginning.
fn over_of_its_own(alert: &Alert, lasted: &str) -> Option<String> {
    if alert.labels.get("job") != SELF_JOB {
        return None;
    }
    let component = alert.labels.get("component");
    Some(match (alert.name(), component) {
        (SILENCE_ENDS, _) => "The silence that was about to end has ended".to_owned(),
        (SELF_ALERT, _) if alert.state == AlertState::Removed => {
            format!("The alerter no longer watches its {component}")
        }
        (SELF_ALERT, "database") => format!("The database answers again after {lasted}"),
        (SELF_ALERT, "network") => format!("Receivers can be reached again after {lasted}"),
        (SELF_ALERT, "clock") => "The clock of the alerter's host is steady again".to_owned(),
        (SELF_ALERT, "rule file") => format!("The rule file is valid again after {lasted}"),
        (SELF_ALERT, "dead letters") => {
            format!("Messages that were given up are kept again after {lasted}")
        }
        (SELF_ALERT, "history") => format!("The history is written again after {lasted}"),
        (SELF_ALERT, "heartbeat") => format!("Heartbeats are sent again after {lasted}"),
        (SELF_ALERT, limit) if limit.starts_with("series limit") => {
            let rule = alert.labels.get("rule");
            format!("All series of rule {rule} are watched again after {lasted}")
        }
        (SELF_ALERT, _) => format!("The alerter's {component} works again after {lasted}"),
        _ => return None,
    })
}

/// Whether there is anything to see of a text.
pub fn is_visible(text: &str) -> bool {
    let shows = |c: char| {
        !c.is_whitespace()
            && !is_control(c)
            && !matches!(c, '\u{200b}'..='\u{200d}' | '\u{feff}' | '\u{ad}')
    };
    text.chars().any(shows)
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
    pub fn new(message: &'a Notification, presentation: &Presentation) -> MessageView<'a> {
        let at = message.created_at;
        let view = |alert| AlertView::new(alert, at, presentation);
        MessageView {
            status: message.status(),
            severity: message.severity().as_str(),
            receiver: &message.receiver,
            reason: message.news.to_string(),
            labels: &message.group_labels,
            group: message.group_labels.to_string(),
            alerts: message.alerts.iter().map(view).collect(),
            firing: message.firing().count(),
            resolved: message.resolved().count(),
            digest_of: message.digest_of,
            repeated: message.repeated,
            time: watchpost_core::time::format_rfc3339(at),
        }
    }
}

/// Fills the annotations of a rule's alert, the summary that fits its state among them, and says how its
/// numbers are written. Returns what could not be rendered: a summary of its own then gives way to the
/// default one, another annotation says why it is missing.
pub fn annotate(rule: &Rule, alert: &mut Alert, now: Nanos) -> Vec<String> {
    alert.wording = Some(Wording::of_rule(rule, alert));
    let view = AlertView::new(alert, now, &Presentation::default());
    let mut failed = Vec::new();
    let mut fill = |name: &str, text: &str| {
        let rendered = render(text, &view, plain);
        rendered.inspect_err(|error| failed.push(format!("{name} of rule {}: {error}", rule.name)))
    };
    let summary = rule
        .summary_of(alert.state)
        .map(|text| fill("summary", text));
    let summary = summary.and_then(Result::ok).filter(|text| is_visible(text));
    let annotations = rule.annotations.iter();
    let mut annotations: BTreeMap<String, String> = annotations
        .map(|(name, text)| {
            let rendered = fill(name, text).unwrap_or_else(|error| error.to_string());
            (name.clone(), rendered)
        })
        .collect();
    let summary = summary.unwrap_or_else(|| summary::default(rule, alert, now));
    annotations.insert("summary".to_owned(), summary);
    alert.annotations = annotations;
    failed
}
