//! A file: one line an alert, for people, `tail` and log shippers.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use super::markup::{bytes, cut};
use super::settings::ReceiverSettings;
use super::{Delivered, text, transient};
use crate::pipeline::delivery::Failure;
use crate::pipeline::notification::Notification;
use crate::presentation::Presentation;
use crate::template::{AlertView, MessageView, single_line};

/// Longest labels and longest summary of a line, in bytes.
const LINE_LIMIT: usize = 4_096;

/// How far from the end a message is looked for: few others are written between a crash and the
/// next attempt.
const WRITTEN_SINCE: u64 = 64 * 1024;

/// Appends and flushes to disk: a line that was written is not lost in a crash. Lines that a first
/// attempt wrote before the crash are not written again.
pub(super) fn send(
    settings: &ReceiverSettings,
    path: &Path,
    message: &Notification,
    presentation: &Presentation,
) -> Result<Delivered, Failure> {
    let (text, failed) = text(settings, message, presentation);
    // Lines of our own hold the time of the message; those of a template may recur.
    let recognisable = message.repeated && settings.text.is_none();
    let appended = append(path, &text, recognisable);
    let appended = appended.map_err(|error| transient(format!("{}: {error}", path.display())))?;
    let answer = match appended {
        true => format!("{} bytes appended", text.len()),
        false => "was written before".to_owned(),
    };
    Ok(Delivered { answer, failed })
}

/// What is appended, and which template failed.
pub(super) fn text(
    settings: &ReceiverSettings,
    message: &Notification,
    presentation: &Presentation,
) -> (String, Vec<String>) {
    let view = MessageView::new(message, presentation);
    let own = text::own(settings, &view, single_line);
    let text = match own.text {
        Some(text) => format!("{}\n", text.trim_end()),
        None => lines(message, &view),
    };
    (text, own.failed)
}

/// Whether it was appended: not if it is at the end of the file already and `unless_there`.
fn append(path: &Path, text: &str, unless_there: bool) -> std::io::Result<bool> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .read(true)
        .append(true)
        .open(path)?;
    if unless_there {
        let end = end_of(&mut file, text.len() as u64)?;
        if end.contains(text) {
            return Ok(false);
        }
        // A line that the crash cut off stays a line of its own.
        if !end.is_empty() && !end.ends_with('\n') {
            file.write_all(b"\n")?;
        }
    }
    file.write_all(text.as_bytes())?;
    file.sync_data()?;
    Ok(true)
}

/// The last bytes of the file: so many, and what others wrote after them.
fn end_of(file: &mut std::fs::File, length: u64) -> std::io::Result<String> {
    let back = (length + WRITTEN_SINCE).min(file.metadata()?.len());
    file.seek(SeekFrom::End(-i64::try_from(back).unwrap_or(0)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// `time STATUS severity rule labels value=… threshold=… summary`
fn lines(message: &Notification, view: &MessageView<'_>) -> String {
    let time = watchpost_core::time::format_rfc3339(message.created_at);
    let line = |alert: &AlertView<'_>| {
        let number = |name: &str, text: &str| match text {
            "" => String::new(),
            text => format!(" {name}={text}"),
        };
        let (value, threshold) = (
            number("value", &alert.value_text),
            number("threshold", &alert.threshold_text),
        );
        let labels = cut(&single_line(&alert.labels.to_string()), LINE_LIMIT, bytes);
        let summary = cut(&single_line(&alert.summary), LINE_LIMIT, bytes);
        let (status, name) = (alert.status.to_uppercase(), single_line(alert.name));
        let severity = alert.severity;
        format!("{time} {status} {severity} {name} {labels}{value}{threshold} {summary}\n")
    };
    view.alerts.iter().map(line).collect()
}
