//! Lines a server will never take, kept in a file a person can read, mend and write again: line protocol
//! with the reason of each line as a comment above it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

use watchpost_core::time::format_rfc3339;

use super::delivery::DeadLetter;

/// A file of this size is set aside as `.1`, replacing the one before: bad lines are to be looked at, not
/// to fill a disk.
const MAX_FILE_BYTES: u64 = 8 * 1024 * 1024;

/// The dead-letter file of one output; without a folder the letters are told in the log alone.
#[derive(Clone, Debug)]
pub struct DeadLetterFile {
    path: Option<PathBuf>,
}

impl DeadLetterFile {
    /// Appends to `path`.
    pub fn new(path: Option<PathBuf>) -> Self {
        Self { path }
    }

    /// The file.
    pub fn path(&self) -> Option<&PathBuf> {
        self.path.as_ref()
    }

    /// Appends letters refused at `at` (nanoseconds since 1970).
    ///
    /// Errors: the file cannot be written; the letters are lost then.
    pub fn append(&self, letters: &[DeadLetter], at: i64) -> io::Result<()> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        if fs::metadata(path).is_ok_and(|metadata| metadata.len() >= MAX_FILE_BYTES) {
            fs::rename(path, path.with_extension("lp.1"))?;
        }
        let mut text = String::new();
        for letter in letters {
            // A comment ends with its line; a reason that has several must not become data.
            let reason = letter.reason.replace(['\n', '\r'], " ");
            text.push_str(&format!(
                "# {} {reason}\n{}",
                format_rfc3339(at),
                letter.lines.text()
            ));
        }
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        file.write_all(text.as_bytes())
    }
}
