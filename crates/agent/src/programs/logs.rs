//! Files of logs: new lines are counted, and those that match a pattern. No line is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchpost_core::point::Point;

use crate::collectors::{CollectError, Collector, HostFiles, Points};

/// Logs of the configuration at most.
pub const MAX_LOGS: usize = 20;

/// Patterns of one log at most: each is looked for in every line.
pub const MAX_PATTERNS: usize = 20;

/// Files of one log at most, the first by name: each is held open.
const MAX_FILES: usize = 16;

/// Bytes of a file that one look reads: beyond it the next look goes on.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// A look that is further behind than this passes over the rest, and counts it as bytes alone.
const MAX_BEHIND: u64 = 64 * 1024 * 1024;

/// Bytes of a line that are looked at.
const MAX_LINE: usize = 16 * 1024;

/// Bytes read at a time.
const PIECE: usize = 64 * 1024;

/// The measurement of the counts.
const MEASUREMENT: &str = "log";

/// One log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogFileConfig {
    /// The file, or several as a glob: `/var/log/shop/*.log`.
    pub path: String,
    /// What is counted, by name: text that a line holds, where `*` stands for any text between:
    /// `errors = "ERROR"`, `timeouts = "upstream*timed out"`.
    pub patterns: BTreeMap<String, String>,
}

/// Counts the lines of logs.
pub struct Logs {
    logs: BTreeMap<String, Log>,
}

struct Log {
    pattern: String,
    patterns: Vec<(String, Pattern)>,
    counts: Counts,
    files: BTreeMap<PathBuf, Tail>,
    /// Files that are there at the first look are read from their end, later ones from their beginning.
    is_new: bool,
    failing: bool,
}

/// Since the agent began.
#[derive(Default)]
struct Counts {
    lines: u64,
    bytes: u64,
    matches: Vec<u64>,
}

impl Logs {
    /// The logs by name.
    pub fn new(logs: &BTreeMap<String, LogFileConfig>) -> Self {
        let log = |config: &LogFileConfig| Log {
            pattern: config.path.clone(),
            patterns: config
                .patterns
                .iter()
                .map(|(name, text)| (name.clone(), Pattern::new(text)))
                .collect(),
            counts: Counts {
                matches: vec![0; config.patterns.len()],
                ..Counts::default()
            },
            files: BTreeMap::new(),
            is_new: true,
            failing: false,
        };
        let logs = logs
            .iter()
            .map(|(name, config)| (name.clone(), log(config)));
        Self {
            logs: logs.collect(),
        }
    }
}

impl Log {
    fn look(&mut self, root: &Path) -> io::Result<()> {
        let at_end = std::mem::take(&mut self.is_new);
        let found = files(root, &self.pattern)?;
        let known: BTreeSet<&PathBuf> = found.iter().collect();
        // The end of one that was rotated away is read below, by its name; of one that was removed it is lost.
        self.files.retain(|path, _| known.contains(path));
        let mut failure = None;
        for path in &found {
            let read = self.look_at(path, at_end);
            failure = read.err().or(failure);
        }
        failure.map_or(Ok(()), Err)
    }

    fn look_at(&mut self, path: &Path, at_end: bool) -> io::Result<()> {
        let (patterns, counts) = (&self.patterns, &mut self.counts);
        let mut line = |line: &[u8]| {
            counts.lines += 1;
            let text = String::from_utf8_lossy(line);
            for ((_, pattern), count) in patterns.iter().zip(&mut counts.matches) {
                *count += u64::from(pattern.is_in(&text));
            }
        };
        let mut bytes = 0;
        if let Some(tail) = self.files.get_mut(path) {
            bytes += tail.read(&mut line)?;
        }
        let is_other = self.files.get(path).is_none_or(|tail| !tail.is(path));
        if is_other {
            let mut tail = Tail::open(path, at_end)?;
            bytes += tail.read(&mut line)?;
            self.files.insert(path.to_owned(), tail);
        }
        self.counts.bytes += bytes;
        Ok(())
    }

    fn report(&mut self, log: &str, result: io::Result<()>) {
        match result {
            Ok(()) if std::mem::take(&mut self.failing) => {
                tracing::info!(log, "The log is read again.");
            }
            Err(error) if !std::mem::replace(&mut self.failing, true) => {
                tracing::warn!(
                    log,
                    %error,
                    "The log cannot be read; allow the agent to, by a group that may."
                );
            }
            _ => {}
        }
    }
}

/// The files of a pattern below a root, sorted.
fn files(root: &Path, pattern: &str) -> io::Result<Vec<PathBuf>> {
    let whole = root.join(pattern.trim_start_matches('/'));
    let whole = whole
        .to_str()
        .ok_or_else(|| io::Error::other("the path is not UTF-8"))?;
    let found = glob::glob(whole).map_err(io::Error::other)?;
    let is_file = |path: &PathBuf| path.metadata().is_ok_and(|found| found.is_file());
    let found: Vec<PathBuf> = found.flatten().filter(is_file).take(MAX_FILES).collect();
    match found.is_empty() {
        true => Err(io::Error::other("there is no such file")),
        false => Ok(found),
    }
}

/// A file and how far it was read.
struct Tail {
    file: File,
    at: u64,
    line: Vec<u8>,
}

impl Tail {
    fn open(path: &Path, at_end: bool) -> io::Result<Self> {
        let file = File::open(path)?;
        let at = if at_end { file.metadata()?.len() } else { 0 };
        Ok(Self {
            file,
            at,
            line: Vec::new(),
        })
    }

    /// Whether the path still leads to this file; where it leads to none, it was not replaced yet.
    fn is(&self, path: &Path) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            let (own, other) = (self.file.metadata(), path.metadata());
            let same = own.and_then(|own| {
                other.map(|other| (own.dev(), own.ino()) == (other.dev(), other.ino()))
            });
            same.unwrap_or(true)
        }
        #[cfg(not(unix))]
        {
            let _ = path;
            true
        }
    }

    /// Gives each new line to `each`; the bytes that were new.
    fn read(&mut self, each: &mut impl FnMut(&[u8])) -> io::Result<u64> {
        let length = self.file.metadata()?.len();
        if length < self.at {
            self.at = 0; // It was truncated.
            self.line.clear();
        }
        let began = self.at;
        if length - self.at > MAX_BEHIND {
            self.at = length - MAX_BYTES;
            self.line.clear();
        }
        self.file.seek(SeekFrom::Start(self.at))?;
        let end = length.min(self.at + MAX_BYTES);
        let mut piece = vec![0; PIECE];
        while self.at < end {
            let length = self.file.read(&mut piece)?;
            if length == 0 {
                break;
            }
            self.at += length as u64;
            self.take(&piece[..length], each);
        }
        Ok(self.at - began)
    }

    fn take(&mut self, piece: &[u8], each: &mut impl FnMut(&[u8])) {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            let room = MAX_LINE - self.line.len();
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            if part.ends_with(b"\n") {
                each(&self.line);
                self.line.clear();
            }
        }
    }
}

/// Parts of a text that follow each other.
struct Pattern(Vec<String>);

impl Pattern {
    fn new(text: &str) -> Self {
        let parts = text.split('*').filter(|part| !part.is_empty());
        Self(parts.map(str::to_owned).collect())
    }

    fn is_in(&self, text: &str) -> bool {
        let mut rest = Some(text);
        for part in &self.0 {
            rest = rest.and_then(|rest| rest.split_once(part.as_str()).map(|(_, behind)| behind));
        }
        rest.is_some()
    }
}

impl Collector for Logs {
    fn name(&self) -> &'static str {
        "logs"
    }

    fn collect(
        &mut self,
        files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        for (name, log) in &mut self.logs {
            let result = log.look(files.root());
            log.report(name, result);
            let point = || Point::new(MEASUREMENT, at).tag("log", name.as_str());
            points.push_point(
                point()
                    .field("lines", log.counts.lines as f64)
                    .field("bytes", log.counts.bytes as f64),
            );
            for ((pattern, _), count) in log.patterns.iter().zip(&log.counts.matches) {
                let counted = point().tag("pattern", pattern.as_str());
                points.push_point(counted.field("matches", *count as f64));
            }
        }
        Ok(())
    }
}
