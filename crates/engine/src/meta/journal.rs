//! The journal of the management state: a line a change set, each with its checksum, synced before it counts.
//!
//! A line is `CRC32 JSON`. A line that the machine did not finish writing (the last one, without its newline) is cut off:
//! it was never acknowledged. One whose checksum holds lacks only its newline, which is put back: it may have been
//! acknowledged, and the newline damaged later. Any other line that does not check is refused, with its number: a lost deletion would
//! bring a revoked token back, so the file is never read around the damage.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use watchpost_durable::{AppendFile, Disk};

use crate::meta::{Id, Kind, Record};

/// The first line: what the file is, and the version of its layout.
const HEADER: &str = "watchpost-meta 1\n";

/// A journal shorter than this is never rewritten; longer ones are when most of it is history.
const COMPACT_BYTES: u64 = 1 << 20;

/// A change of one record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(clippy::large_enum_variant)] // Deletions are few; a box would cost every record an allocation.
pub(super) enum Change {
    /// Put a record in place of the one with its id.
    Put(Record),
    /// Remove one.
    Delete(Kind, Id),
}

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system refused.
    #[error(transparent)]
    File(#[from] watchpost_durable::Error),
    /// Not a journal, or of a version that this program does not know.
    #[error(
        "{path}: not a management journal of a known version (it begins {found:?}); it was left as it is"
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its first bytes.
        found: String,
    },
    /// The file is not there, or holds nothing, though there are points.
    #[error(
        "{path}: missing or cut off, though {} holds points; none was touched. Put the file back from a copy, or restore a \
         backup into a new folder (`restore FILE --data-dir NEW`). To begin anew, move {} away first", points.display(), points.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
        /// The folder of the points.
        points: PathBuf,
    },
    /// A restore did not come to its end.
    #[error(
        "{path}: a restore into this folder was interrupted; run it again with the same --data-dir, which begins it anew"
    )]
    Unfinished {
        /// What it left.
        path: PathBuf,
    },
    /// A line does not match its checksum or cannot be understood.
    #[error(
        "{path}, line {line}: damaged ({reason}); nothing was changed: restore the file from a backup"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

/// The open journal.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    disk: Disk,
    file: AppendFile,
}

impl Journal {
    /// Whether the file is there with its first line.
    pub(super) fn is_there(path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|found| found.len() >= HEADER.len() as u64)
    }

    /// Opens or makes the journal and hands back what it holds, oldest first.
    pub(super) fn open(disk: &Disk, path: &Path) -> Result<(Self, Vec<Change>), JournalError> {
        let content = watchpost_durable::read_if_present(path)?.unwrap_or_default();
        let journal = |file| Self {
            path: path.to_owned(),
            disk: disk.clone(),
            file,
        };
        if content.len() < HEADER.len() && HEADER.as_bytes().starts_with(&content) {
            let file = AppendFile::create(disk, path, HEADER.as_bytes())?;
            return Ok((journal(file), Vec::new()));
        }
        if !content.starts_with(HEADER.as_bytes()) {
            let found = String::from_utf8_lossy(&content[..content.len().min(24)]).into_owned();
            return Err(JournalError::Version {
                path: path.to_owned(),
                found,
            });
        }
        let whole = content
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(HEADER.len(), |last| last + 1);
        let mut changes = parse(path, &content[HEADER.len()..whole])?;
        let mut file = AppendFile::open(disk, path)?;
        match unended(&content[whole..]) {
            _ if whole == content.len() => {}
            Some((bytes, last)) => {
                tracing::warn!(path = %path.display(), "the end of the last change was damaged; it is whole otherwise");
                changes.extend(last);
                file.truncate((whole + bytes) as u64)?;
                file.append(&[b"\n"])?;
                file.sync()?;
            }
            None => {
                tracing::warn!(path = %path.display(), bytes = content.len() - whole, "cut off an unfinished change");
                file.truncate(whole as u64)?;
                file.sync()?;
            }
        }
        Ok((journal(file), changes))
    }

    /// Appends changes as one: after a crash all of them are there, or none. Returns when they are on disk. If that
    /// fails the journal may have to be written anew ([`Journal::is_distrusted`]).
    pub(super) fn append(&mut self, changes: &[Change]) -> io::Result<()> {
        let line = encode(changes)?;
        let before = self.file.length();
        self.file.append(&[&line])?;
        if let Err(error) = self.file.sync() {
            // A change that was refused must not stand there when the server starts again, if it can be helped.
            let _ = self.file.truncate(before);
            return Err(error.into());
        }
        Ok(())
    }

    /// Whether the file has to be written anew before anything is appended: a sync failed, and what the system kept of
    /// the file is unknown.
    pub(super) fn is_distrusted(&self) -> bool {
        self.file.is_distrusted()
    }

    /// Whether the file is mostly history.
    pub(super) fn wants_compaction(&self, live_bytes: u64) -> bool {
        self.file.length() > COMPACT_BYTES && self.file.length() > 4 * live_bytes
    }

    /// Rewrites the file to hold only these records, by a rename, so that there is always a whole one. If it fails
    /// half-way nothing is appended to either of the two.
    pub(super) fn compact(&mut self, records: &[Record]) -> io::Result<()> {
        let content = snapshot(records)?;
        match AppendFile::create(&self.disk, &self.path, &content) {
            Ok(file) => {
                self.file = file;
                Ok(())
            }
            Err(error) => {
                // The name may be that of the new file by now, with the old one open.
                self.file.distrust();
                Err(error.into())
            }
        }
    }
}

/// A whole journal that holds these records and no history: also the form that a backup has.
pub(super) fn snapshot(records: &[Record]) -> io::Result<Vec<u8>> {
    let mut content = HEADER.as_bytes().to_vec();
    for record in records {
        content.extend(encode(&[Change::Put(record.clone())])?);
    }
    Ok(content)
}

fn encode(changes: &[Change]) -> io::Result<Vec<u8>> {
    let json = serde_json::to_string(changes)?;
    Ok(format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes())).into_bytes())
}

fn parse(path: &Path, content: &[u8]) -> Result<Vec<Change>, JournalError> {
    let mut changes = Vec::new();
    for (index, line) in content.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let parsed = decode(line).map_err(|reason| JournalError::Damaged {
            path: path.to_owned(),
            line: index + 2,
            reason,
        })?;
        changes.extend(parsed);
    }
    Ok(changes)
}

fn decode(line: &[u8]) -> Result<Vec<Change>, String> {
    let text = std::str::from_utf8(line)
        .map_err(|error| error.to_string())?
        .trim_end_matches('\n');
    let (checksum, json) = text.split_once(' ').ok_or("no checksum")?;
    if checksum != format!("{:08x}", crc32fast::hash(json.as_bytes())) {
        return Err("the checksum does not match".to_owned());
    }
    serde_json::from_str(json).map_err(|error| error.to_string())
}

/// The last line if it lacks nothing but its newline, or has another byte in its place: its bytes, and what it says.
fn unended(line: &[u8]) -> Option<(usize, Vec<Change>)> {
    let ends = [line.len(), line.len().saturating_sub(1)];
    ends.into_iter()
        .find_map(|end| Some((end, decode(&line[..end]).ok()?)))
}
