//! The audit log: who did what and when, and how it ended. A line of JSON each in `audit.log`, and never a secret:
//! what is written are the route, the caller and the ids of what was made.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::json;

use crate::clock::rfc3339;

/// The file is renamed to `audit.log.1` when it reaches this, so that two such files are the most there is.
const ROTATE_BYTES: u64 = 64 << 20;

/// The log.
#[derive(Debug)]
pub struct Audit {
    path: PathBuf,
    file: Mutex<File>,
}

/// What happened.
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
    /// The id of what was made.
    pub made: Option<&'a str>,
    /// The HTTP status.
    pub status: u16,
    /// The error's message.
    pub message: Option<&'a str>,
}

impl Audit {
    /// Opens or makes the log in a folder.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join("audit.log");
        let file = open(&path)?;
        Ok(Self {
            path,
            file: Mutex::new(file),
        })
    }

    /// Writes an event. A log that cannot be written is said in the server's log; the request goes on.
    pub fn record(&self, event: &Event<'_>) {
        // Said by `require`.
        let _ = self.require(event);
    }

    /// Writes an event that has to be there before what it speaks of is done.
    ///
    /// # Errors
    /// The log cannot be written.
    pub fn require(&self, event: &Event<'_>) -> io::Result<()> {
        let line = json!({
            "time": rfc3339(event.time),
            "who": event.who,
            "what": event.what,
            "on": event.on,
            "made": event.made,
            "status": event.status,
            "message": event.message,
        });
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let written = self
            .rotate(&mut file)
            .and_then(|()| file.write_all(format!("{line}\n").as_bytes()));
        written.inspect_err(|error| {
            tracing::error!(%error, path = %self.path.display(), "the audit log cannot be written");
        })
    }

    fn rotate(&self, file: &mut File) -> io::Result<()> {
        if file.metadata()?.len() >= ROTATE_BYTES {
            std::fs::rename(&self.path, self.path.with_extension("log.1"))?;
            *file = open(&self.path)?;
        }
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}
