//! What did not fit: counted by reason, and appended to a text file where one is configured.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use crate::batch::Batch;

/// What was lost, since it was asked for last.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Lines dropped, by reason (`disk_limit`, `disk_full`, `memory_full`, `corrupt`).
    pub lines: BTreeMap<&'static str, u64>,
    /// Lines that went to the overflow log instead.
    pub logged: u64,
    /// Damaged segments or records that were skipped; how many lines they held nobody knows.
    pub corrupt: u64,
    /// Why the overflow log could not be written.
    pub log_error: Option<String>,
}

impl Dropped {
    /// Adds what was dropped elsewhere.
    pub(super) fn add(&mut self, other: Self) {
        for (reason, lines) in other.lines {
            *self.lines.entry(reason).or_default() += lines;
        }
        self.logged += other.logged;
        self.corrupt += other.corrupt;
        self.log_error = other.log_error.or(self.log_error.take());
    }
}

/// Counts what is dropped and writes the overflow log.
#[derive(Debug)]
pub struct Overflow {
    log: Option<PathBuf>,
    dropped: Dropped,
}

impl Overflow {
    /// Appends to `log`, if there is one.
    pub fn new(log: Option<PathBuf>) -> Self {
        Self {
            log,
            dropped: Dropped::default(),
        }
    }

    /// Drops a batch whose text is at hand.
    pub fn drop_batch(&mut self, reason: &'static str, batch: &Batch) {
        let lines = u64::from(batch.lines());
        if self.append(batch) {
            self.dropped.logged += lines;
        } else {
            self.count(reason, lines);
        }
    }

    /// Counts lines that were dropped and whose text is not at hand.
    pub fn count(&mut self, reason: &'static str, lines: u64) {
        if lines > 0 {
            *self.dropped.lines.entry(reason).or_default() += lines;
        }
    }

    /// Counts damaged segments or records.
    pub fn add_corrupt(&mut self, count: u64) {
        self.dropped.corrupt += count;
    }

    /// Gives the counts and starts over.
    pub fn take(&mut self) -> Dropped {
        std::mem::take(&mut self.dropped)
    }

    fn append(&mut self, batch: &Batch) -> bool {
        let Some(path) = &self.log else { return false };
        let appended = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .and_then(|mut file| file.write_all(batch.text().as_bytes()));
        if let Err(error) = &appended {
            self.dropped.log_error = Some(format!("cannot append to {}: {error}", path.display()));
        }
        appended.is_ok()
    }
}
