//! Messages that were given up, kept for people to read: `dead-letters.jsonl`.

use std::io::Write as _;

use crate::clock::now;
use crate::pipeline::notification::Notification;
use crate::receivers::Surroundings;

/// Appends a message that was given up to `dead-letters.jsonl`.
///
/// Errors: the file cannot be written.
pub(super) fn keep(
    around: &Surroundings,
    message: &Notification,
    reason: &str,
) -> Result<(), String> {
    let path = around.folder.join("dead-letters.jsonl");
    let line = serde_json::json!({
        "at": watchpost_core::time::format_rfc3339(now()), "reason": reason, "notification": message,
    });
    let append = || -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)?;
        writeln!(file, "{line}")?;
        file.sync_data()
    };
    tracing::error!(
        receiver = message.receiver,
        reason,
        "a notification was given up"
    );
    append()
        .inspect_err(|error| tracing::error!(%error, path = %path.display(), "the dead letter could not be kept"))
        .map_err(|error| format!("{}: {error}", path.display()))
}
