//! The audit log: who did what and when, and how it ended. A line of JSON each in `audit.log`, and never a secret:
//! what is written are the route, the caller and the ids of what was made.
//!
//! A change is written down before it is made, with room for how it will have ended, which is put there after it: a disk
//! that is full refuses the change, not the line. An entry whose status is null was begun and not ended: the server died
//! in it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use crate::clock::rfc3339;

/// The file is renamed to `audit.log.1` when it reaches this, so that two such files are the most there is.
const ROTATE_BYTES: u64 = 64 << 20;

/// Room for an entry's end: an id and the beginning of an error's message.
const END_BYTES: usize = 256;

/// The log.
#[derive(Debug)]
pub struct Audit {
    path: PathBuf,
    file: Mutex<Handles>,
}

/// The log, opened twice: what is opened to append cannot be written elsewhere.
#[derive(Debug)]
struct Handles {
    append: File,
    overwrite: Arc<File>,
}

/// What happens.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// When, nanoseconds since 1970.
    pub time: i64,
    /// The user's name and the token's id, as far as known.
    pub who: String,
    /// The method and route, or the command.
    pub what: &'a str,
    /// The path, without its query.
    pub on: &'a str,
}

/// A line whose end is to be written.
#[derive(Debug)]
#[must_use = "an entry is to be ended"]
pub struct Entry {
    file: Arc<File>,
    /// Where the line's end is to go.
    offset: u64,
}

impl Audit {
    /// Opens or makes the log in a folder.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join("audit.log");
        let file = Mutex::new(Handles::open(&path)?);
        Ok(Self { path, file })
    }

    /// Writes that something begins.
    ///
    /// # Errors
    /// It cannot be written: what was to begin must not.
    pub fn begin(&self, event: &Event<'_>) -> io::Result<Entry> {
        let mut line = json!({
            "time": rfc3339(event.time),
            "who": event.who,
            "what": event.what,
            "on": event.on,
        })
        .to_string();
        line.pop();
        let begun = line.len();
        line.push_str(&padded(&end_of(None, None, None)));
        line.push('\n');
        let mut handles = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        self.rotate(&mut handles)?;
        let start = handles.append.metadata()?.len();
        if let Err(error) = handles.append.write_all(line.as_bytes()) {
            // What was written of it must not stand before the next line.
            let _ = handles.append.set_len(start);
            return Err(error);
        }
        Ok(Entry {
            file: Arc::clone(&handles.overwrite),
            offset: start + begun as u64,
        })
    }

    /// Writes how it ended: a status of HTTP, the id of what was made, the message of an error.
    pub fn end(&self, entry: Entry, status: u16, made: Option<&str>, message: Option<&str>) {
        let end = padded(&end_of(made, Some(status), message));
        if let Err(error) = entry.file.write_all_at(end.as_bytes(), entry.offset) {
            tracing::error!(%error, path = %self.path.display(), "the end of an entry of the audit log cannot be written");
        }
    }

    fn rotate(&self, handles: &mut Handles) -> io::Result<()> {
        if handles.append.metadata()?.len() >= ROTATE_BYTES {
            std::fs::rename(&self.path, self.path.with_extension("log.1"))?;
            *handles = Handles::open(&self.path)?;
        }
        Ok(())
    }
}

impl Handles {
    fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.create(true).mode(0o600);
        let append = options.clone().append(true).open(path)?;
        let overwrite = Arc::new(options.write(true).open(path)?);
        Ok(Self { append, overwrite })
    }
}

/// The members of a line that say how it ended, with the comma before them and the brace behind; the message is cut to
/// what there is room for.
fn end_of(made: Option<&str>, status: Option<u16>, message: Option<&str>) -> String {
    let mut message = message.map(str::to_owned);
    loop {
        let members = json!({ "made": made, "status": status, "message": message });
        let text = format!(",{}", &members.to_string()[1..]);
        match &mut message {
            Some(message) if text.len() > END_BYTES && !message.is_empty() => {
                let over = (text.len() - END_BYTES).div_ceil(6).max(1);
                let keep = message.chars().count().saturating_sub(over);
                *message = message.chars().take(keep).collect();
            }
            _ => return text,
        }
    }
}

/// A line is as long when it is ended as when it was begun.
fn padded(end: &str) -> String {
    format!("{end:<END_BYTES$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(what: &str) -> Event<'_> {
        Event {
            time: 0,
            who: "ada (session)".to_owned(),
            what,
            on: "/api/v2/buckets",
        }
    }

    fn lines(folder: &Path) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(folder.join("audit.log")).expect("the log");
        let lines = text.lines().map(serde_json::from_str);
        lines.map(|line| line.expect("JSON")).collect()
    }

    #[test]
    fn an_entry_is_there_before_what_it_records_and_ended_after() {
        let folder = tempfile::tempdir().expect("a folder");
        let audit = Audit::open(folder.path()).expect("opens");
        let first = audit.begin(&event("POST")).expect("is written");
        let second = audit.begin(&event("DELETE")).expect("is written");
        assert_eq!(lines(folder.path())[1]["status"], json!(null));
        audit.end(first, 201, Some("0000000000000a01"), None);
        audit.end(second, 404, None, Some(&"\"long\u{7}\" ".repeat(1_000)));
        let lines = lines(folder.path());
        assert_eq!(lines[0]["status"], 201);
        assert_eq!(lines[0]["made"], "0000000000000a01");
        assert_eq!(lines[1]["what"], "DELETE");
        assert_eq!(lines[1]["status"], 404);
        let message = lines[1]["message"].as_str().expect("a text");
        assert!(message.starts_with("\"long"), "{message}");
    }

    #[test]
    fn without_room_nothing_begins() {
        let folder = tempfile::tempdir().expect("a folder");
        std::os::unix::fs::symlink("/dev/full", folder.path().join("audit.log")).expect("links");
        let audit = Audit::open(folder.path()).expect("opens");
        assert!(audit.begin(&event("POST")).is_err());
    }
}
