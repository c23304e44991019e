//! Errors that the journal holds, by unit: messages of priority `err` and worse are counted, and none is kept.
//! `journalctl` reads them, for the journal's format is systemd's own.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::command;
use super::host_files::HostFiles;
use super::row::Row;
use super::{CollectError, Collector, Points};

/// systemd's journal writes here, for good or until the next start.
const FOLDERS: [&str; 2] = ["var/log/journal", "run/log/journal"];

/// How long journalctl may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// What it may say: 5,000 short messages.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Messages of one look, the newest: more than this in half a minute are a flood, whose size matters no more.
const MAX_MESSAGES: &str = "5000";

/// Units that have a count of their own: with more, those that were silent for longest begin again at zero.
const MAX_UNITS: usize = 50;

/// Asks journalctl with these arguments: JSON, a message a line.
pub type ReadJournal = Arc<dyn Fn(&[&str]) -> io::Result<String> + Send + Sync>;

/// `journalctl ARGUMENTS`.
///
/// Errors: there is none, it takes too long, or it fails.
pub fn journalctl(arguments: &[&str]) -> io::Result<String> {
    command::run("journalctl", arguments, DEADLINE, MAX_BYTES)?.of_success("journalctl")
}

const COMMON: [&str; 5] = [
    "--quiet",
    "--no-pager",
    "--output=json",
    "--output-fields=_SYSTEMD_UNIT,UNIT",
    "--lines",
];

/// Counts since the agent began.
pub struct Journal {
    read: ReadJournal,
    /// The message read last.
    cursor: Option<String>,
    errors: u64,
    units: BTreeMap<String, Errors>,
    looks: u64,
    failing: bool,
}

#[derive(Debug, Default)]
struct Errors {
    count: u64,
    /// The look that found the last.
    last: u64,
}

/// A field is a list of numbers where it is no text.
#[derive(Deserialize)]
struct Message {
    #[serde(rename = "__CURSOR")]
    cursor: String,
    #[serde(default, rename = "_SYSTEMD_UNIT")]
    sender: Value,
    /// Of a message of systemd, the unit that it is about.
    #[serde(default, rename = "UNIT")]
    about: Value,
}

impl Journal {
    /// Reads by `read`.
    pub fn new(read: ReadJournal) -> Self {
        Self {
            read,
            cursor: None,
            errors: 0,
            units: BTreeMap::new(),
            looks: 0,
            failing: false,
        }
    }

    /// Counts what came since the last look; the first finds where the journal ends.
    fn look(&mut self) -> io::Result<()> {
        let mut arguments = COMMON.to_vec();
        let after;
        match &self.cursor {
            Some(cursor) => {
                after = format!("--after-cursor={cursor}");
                arguments.extend([MAX_MESSAGES, "--priority=err", &after]);
            }
            None => arguments.push("1"),
        }
        let is_first = self.cursor.is_none();
        let text = (self.read)(&arguments)?;
        let messages = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Message>(line).ok());
        for message in messages {
            if !is_first {
                self.count(&message);
            }
            self.cursor = Some(message.cursor);
        }
        match &self.cursor {
            Some(_) => Ok(()),
            None => Err(io::Error::other(
                "it shows no message; add the user of the agent to the group systemd-journal",
            )),
        }
    }

    fn count(&mut self, message: &Message) {
        self.errors += 1;
        let text = |value: &Value| value.as_str().map(unit_name);
        let sender = text(&message.sender).filter(|unit| unit != "init.scope");
        let unit = sender
            .or_else(|| text(&message.about))
            .unwrap_or_else(|| "kernel".to_owned());
        if self.units.len() >= MAX_UNITS && !self.units.contains_key(&unit) {
            let oldest = self.units.iter().min_by_key(|(_, errors)| errors.last);
            let oldest = oldest.map(|(unit, _)| unit.clone());
            self.units.remove(&oldest.unwrap_or_default());
        }
        let errors = self.units.entry(unit).or_default();
        errors.count += 1;
        errors.last = self.looks;
    }
}

/// Units that are made for one run go by what they have in common: `session-12.scope` by `session.scope`.
fn unit_name(unit: &str) -> String {
    let (stem, kind) = unit.rsplit_once('.').unwrap_or((unit, "service"));
    for prefix in ["session-", "run-", "user@"] {
        let rest = stem.strip_prefix(prefix);
        let is_made = |rest: &str| {
            let mut bytes = rest.bytes();
            bytes.any(|byte| byte.is_ascii_digit())
        };
        if rest.is_some_and(is_made) {
            return format!("{}.{kind}", prefix.trim_end_matches(['-', '@']));
        }
    }
    super::cgroups::unescape_unit(unit)
}

impl Collector for Journal {
    fn name(&self) -> &'static str {
        "journal"
    }

    fn collect(
        &mut self,
        files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        if !FOLDERS.iter().any(|folder| files.exists(folder)) {
            return Ok(());
        }
        self.looks += 1;
        if let Err(error) = self.look() {
            if !std::mem::replace(&mut self.failing, true) {
                tracing::warn!(%error, "The journal is not read; its errors are not counted.");
            }
            return Ok(());
        }
        self.failing = false;
        points.push(Row::new("unit", at).integer("journal_errors", self.errors));
        for (unit, errors) in &self.units {
            points.push(
                Row::new("unit", at)
                    .tag("unit", unit)
                    .integer("unit_journal_errors", errors.count),
            );
        }
        Ok(())
    }
}
