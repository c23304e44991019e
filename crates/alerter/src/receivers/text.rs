//! Title and text of a message for channels that show text: the user's templates or the defaults.

use super::settings::ReceiverSettings;
use crate::pipeline::notification::Notification;
use crate::template::{AlertView, Escape, MessageView, TemplateError, render};

/// Alerts shown in a text; the rest is a number.
const ALERTS_SHOWN: usize = 20;

/// Said where a message comes again whose first attempt may have arrived.
pub(super) const REPEATED: &str =
    "This may have been sent before: no answer came to the first attempt.";

/// Title (one line) and text, with values escaped for the channel.
pub(super) fn render_message(
    settings: &ReceiverSettings,
    message: &Notification,
    escape: Escape,
) -> Result<(String, String), TemplateError> {
    let view = MessageView::new(message);
    let title = match &settings.title {
        Some(template) => render(template, &view, escape)?,
        None => title(&view, escape),
    };
    let mut text = match &settings.text {
        Some(template) => render(template, &view, escape)?,
        None => text(&view, escape),
    };
    if message.repeated {
        text = format!("{REPEATED}\n{text}");
    }
    Ok((single_line(&title), text))
}

/// `[FIRING] CPU of web-1 at 97 %`, or `[FIRING:3] alertname=cpu_high`.
fn title(view: &MessageView<'_>, escape: Escape) -> String {
    let status = view.status.to_uppercase();
    if let [only] = view.alerts.as_slice() {
        return format!("[{status}] {}", escape(&only.summary));
    }
    let count = if view.firing > 0 {
        view.firing
    } else {
        view.resolved
    };
    let digest = if view.digest_of > 0 {
        format!(" ({} groups)", view.digest_of)
    } else {
        String::new()
    };
    format!("[{status}:{count}] {}{digest}", escape(&view.group))
}

fn text(view: &MessageView<'_>, escape: Escape) -> String {
    let mut lines: Vec<String> = view
        .alerts
        .iter()
        .take(ALERTS_SHOWN)
        .map(|alert| line(alert, escape))
        .collect();
    if let Some(more @ 1..) = view.alerts.len().checked_sub(ALERTS_SHOWN) {
        lines.push(format!("… and {more} more"));
    }
    lines.join("\n")
}

fn line(alert: &AlertView<'_>, escape: Escape) -> String {
    let status = alert.status.to_uppercase();
    let value = if alert.value_text.is_empty() {
        String::new()
    } else {
        format!(", value {}", alert.value_text)
    };
    let threshold = if alert.threshold_text.is_empty() {
        String::new()
    } else {
        format!(", threshold {}", alert.threshold_text)
    };
    let time = match &alert.ends_at {
        Some(end) => format!("ended {end} after {}", alert.lasted),
        None => format!("since {}", alert.starts_at),
    };
    let host = if alert.host.is_empty() {
        String::new()
    } else {
        format!(" on {}", escape(alert.host))
    };
    format!(
        "{status} {} {}{host}: {}{value}{threshold}, {time}",
        alert.severity,
        escape(alert.name),
        escape(&alert.summary),
    )
}

/// No line break of a value reaches a header or a title.
pub(super) fn single_line(text: &str) -> String {
    crate::template::single_line(text).trim().to_owned()
}
