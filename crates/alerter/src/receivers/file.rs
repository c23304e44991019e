//! A file: one line an alert, for people, `tail` and log shippers.

use std::io::Write as _;
use std::path::Path;

use super::settings::ReceiverSettings;
use super::transient;
use crate::pipeline::delivery::Failure;
use crate::pipeline::notification::Notification;
use crate::template::{AlertView, MessageView, TemplateError, plain, render};

/// Appends and flushes to disk: a line that was written is not lost in a crash.
pub(super) fn send(
    settings: &ReceiverSettings,
    path: &Path,
    message: &Notification,
) -> Result<String, Failure> {
    let text = text(settings, message).map_err(|error| super::permanent(error.to_string()))?;
    append(path, &text).map_err(|error| transient(format!("{}: {error}", path.display())))?;
    Ok(format!("{} bytes appended", text.len()))
}

/// What is appended.
pub(super) fn text(
    settings: &ReceiverSettings,
    message: &Notification,
) -> Result<String, TemplateError> {
    Ok(match &settings.text {
        Some(template) => format!(
            "{}\n",
            render(template, MessageView::new(message), plain)?.trim_end()
        ),
        None => lines(message),
    })
}

fn append(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_data()
}

/// `time STATUS severity rule labels value=… threshold=… summary`
fn lines(message: &Notification) -> String {
    let time = watchpost_core::time::format_rfc3339(message.created_at);
    let line = |alert: &crate::alert::Alert| {
        let view = AlertView::new(alert, message.created_at);
        let value = alert
            .value
            .map(|_| format!(" value={}", view.value_text))
            .unwrap_or_default();
        let threshold = alert
            .threshold
            .map(|_| format!(" threshold={}", view.threshold_text))
            .unwrap_or_default();
        let labels = single_line(&alert.labels.to_string());
        let summary = single_line(&view.summary);
        let status = view.status.to_uppercase();
        format!(
            "{time} {status} {} {} {labels}{value}{threshold} {summary}\n",
            view.severity, view.name
        )
    };
    message.alerts.iter().map(line).collect()
}

/// A value with a line break must not look like another alert.
fn single_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
