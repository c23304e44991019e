//! The log: every change, appended and synced before it is acknowledged.
//!
//! fjall's journal was measured for this and left: it drops what follows a damaged place without
//! a word, and keeps 64 MB. This one is replayed strictly: a record that does not match its
//! checksum is reported with what its header tells, and the records after it are still found.
//!
//! ```text
//! "WPLOGv02" | number u64 | CRC | how far it was acknowledged, see `mark`          a file
//! "WREC" | kind u8 | bucket u64 | sequence u64 | rows u32 | first, stop i64
//!        | payload length u32 | payload CRC | header CRC | payload                 a record
//! ```
//!
//! Group commit: whoever waits for its record first becomes the leader and syncs the file once for
//! everybody who has appended by then; the others wait for the leader.

use std::fs::File;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};

use crate::disk::{self, AppendFile, Disk};
use crate::error::{Error, Result};
use crate::log::follow::Followed;
use crate::log::mark::{MARK, Mark, Marker};
use crate::log::record::Record;
use crate::segment::encoding::Malformed;
use crate::sync::{lock, wait};

pub(crate) const FILE_MAGIC: [u8; 8] = *b"WPLOGv02";
/// A file of the first version has no mark.
pub(crate) const UNMARKED_MAGIC: [u8; 8] = *b"WPLOGv01";
/// Magic, number and checksum.
pub(crate) const TITLE: usize = 8 + 8 + 4;
/// All that comes before the records.
pub(crate) const FILE_HEAD: usize = TITLE + MARK;
pub(crate) const MARKER: [u8; 4] = *b"WREC";
pub(crate) const RECORD_HEAD: usize = 4 + 1 + 8 + 8 + 4 + 8 + 8 + 4 + 4 + 4;
/// How often a head is read whose mark does not match its checksum: it may have been overwritten
/// at that very moment, though hardly each time.
const HEAD_READS: usize = 4;
/// The ending of the files.
pub(crate) const EXTENSION: &str = "wal";

/// Records whose sync failed: those after one, up to another.
#[derive(Debug)]
struct FailedSync {
    after: u64,
    through: u64,
    kind: std::io::ErrorKind,
    reason: String,
}

/// The log of a store.
#[derive(Debug)]
pub(crate) struct Log {
    disk: Disk,
    folder: PathBuf,
    appending: Mutex<Appending>,
    syncing: Mutex<Syncing>,
    synced: Condvar,
    pub(crate) followed: Followed,
}

#[derive(Debug)]
struct Appending {
    /// `None` until something is appended after a rotation.
    file: Option<OpenFile>,
    /// The number of the file, and the generation of the rows in memory.
    number: u64,
    /// The sequence number of the next record.
    sequence: u64,
    /// Bytes of the older files.
    older_bytes: u64,
}

#[derive(Debug)]
struct OpenFile {
    file: AppendFile,
    /// What it holds by now, durable or not.
    appended: Mark,
    marker: Arc<Marker>,
}

#[derive(Debug, Default)]
struct Syncing {
    /// Every record up to this one is durable, or counted among the failed.
    through: u64,
    leading: bool,
    /// Only the ones since the opening; a failing disk is replaced before the list is long.
    failed: Vec<FailedSync>,
}

impl FailedSync {
    fn reason_of(error: &Error) -> (std::io::ErrorKind, String) {
        let kind = match error {
            Error::DiskFull { .. } => std::io::ErrorKind::StorageFull,
            _ => std::io::ErrorKind::Other,
        };
        (kind, error.to_string())
    }
}

impl Appending {
    /// Goes on in a new file (of what a failed sync left, nobody knows what the kernel kept);
    /// gives the last sequence number in the old one.
    fn abandon_file(&mut self) -> u64 {
        self.older_bytes += self.length();
        self.number += 1;
        self.file = None;
        self.sequence - 1
    }

    fn length(&self) -> u64 {
        self.file.as_ref().map_or(0, |open| open.appended.end)
    }
}

impl Log {
    /// A log that goes on after what was replayed.
    pub(crate) fn new(
        disk: Disk,
        folder: PathBuf,
        number: u64,
        sequence: u64,
        older_bytes: u64,
    ) -> Log {
        let appending = Appending {
            file: None,
            number,
            sequence,
            older_bytes,
        };
        Log {
            disk,
            folder,
            appending: Mutex::new(appending),
            syncing: Mutex::new(Syncing {
                through: sequence.saturating_sub(1),
                ..Syncing::default()
            }),
            synced: Condvar::new(),
            followed: Followed::default(),
        }
    }

    /// The generation that rows written now belong to.
    pub(crate) fn generation(&self) -> u64 {
        lock(&self.appending).number
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn bytes(&self) -> u64 {
        let appending = lock(&self.appending);
        appending.older_bytes + appending.length()
    }

    /// Appends a record (not durable yet); gives its sequence number. On an error nothing of it
    /// stays.
    pub(crate) fn append(&self, record: &Record) -> Result<u64> {
        let mut appending = lock(&self.appending);
        if appending.file.is_none() {
            self.begin_file(&mut appending)?;
        }
        let Appending {
            file: Some(open),
            sequence,
            ..
        } = &mut *appending
        else {
            unreachable!("the file was begun above");
        };
        let head = record_head(record, *sequence);
        if let Err(error) = open.file.append(&[&head, &record.payload]) {
            if open.file.is_distrusted() {
                // The torn record stays at the end of this file, where replay expects one. What
                // came before it has to be durable before the file is left.
                let synced = open.marker.sync(&open.appended);
                let target = appending.abandon_file();
                drop(appending);
                let failure = synced.as_ref().err().map(FailedSync::reason_of);
                self.conclude(&mut lock(&self.syncing), target, failure);
            }
            return Err(error.into());
        }
        open.appended = open
            .appended
            .with(record, head.len() + record.payload.len());
        *sequence += 1;
        Ok(*sequence - 1)
    }

    /// A file comes to be with its whole head, durable: a shorter one was cut.
    fn begin_file(&self, appending: &mut Appending) -> Result<()> {
        let path = path_of(&self.folder, appending.number);
        let mark = Mark::of_empty(appending.sequence, FILE_HEAD as u64);
        let head = file_head(appending.number, &mark);
        let file = AppendFile::create(&self.disk, &path, &head)?;
        let marker = Marker::new(file.file().reopen()?, appending.number, TITLE, &mark);
        appending.file = Some(OpenFile {
            file,
            appended: mark,
            marker: Arc::new(marker),
        });
        Ok(())
    }

    /// Waits until some records are durable; the error if the sync of one failed.
    pub(crate) fn wait_durable(&self, records: &RangeInclusive<u64>) -> Result<()> {
        let mut syncing = lock(&self.syncing);
        loop {
            let failed = |failed: &&FailedSync| {
                failed.after < *records.end() && *records.start() <= failed.through
            };
            if let Some(failed) = syncing.failed.iter().find(failed) {
                let source = std::io::Error::new(failed.kind, failed.reason.clone());
                return Err(Error::io("sync", &self.folder, source));
            }
            if *records.end() <= syncing.through {
                return Ok(());
            }
            if syncing.leading {
                syncing = wait(&self.synced, syncing);
                continue;
            }
            syncing.leading = true;
            drop(syncing);
            let (target, result) = self.sync_appended();
            syncing = lock(&self.syncing);
            syncing.leading = false;
            let failure = result.as_ref().err().map(FailedSync::reason_of);
            self.conclude(&mut syncing, target, failure);
        }
    }

    /// Syncs what is appended by now; gives the last sequence number that the result is about.
    fn sync_appended(&self) -> (u64, Result<()>) {
        let (target, number, file) = {
            let appending = lock(&self.appending);
            let file = appending
                .file
                .as_ref()
                .map(|open| (open.marker.clone(), open.appended));
            (appending.sequence - 1, appending.number, file)
        };
        let result = match file {
            Some((marker, appended)) => marker.sync(&appended),
            // A rotation came first, and synced.
            None => Ok(()),
        };
        if result.is_err() {
            let mut appending = lock(&self.appending);
            if appending.number == number {
                return (appending.abandon_file(), result);
            }
        }
        (target, result)
    }

    fn conclude(
        &self,
        syncing: &mut Syncing,
        target: u64,
        failure: Option<(std::io::ErrorKind, String)>,
    ) {
        if target > syncing.through {
            if let Some((kind, reason)) = failure {
                let after = syncing.through;
                syncing.failed.push(FailedSync {
                    after,
                    through: target,
                    kind,
                    reason,
                });
            }
            syncing.through = target;
        }
        self.synced.notify_all();
    }

    /// Ends the file durably and begins a new generation; gives the old one. Nobody may append
    /// meanwhile (the store's gate sees to it).
    pub(crate) fn rotate(&self) -> Result<u64> {
        let (generation, target, result) = {
            let mut appending = lock(&self.appending);
            let generation = appending.number;
            let result = appending
                .file
                .as_ref()
                .map_or(Ok(()), |open| open.marker.sync(&open.appended));
            (generation, appending.abandon_file(), result)
        };
        let failure = result.as_ref().err().map(FailedSync::reason_of);
        self.conclude(&mut lock(&self.syncing), target, failure);
        result.map(|()| generation)
    }

    /// Removes the files of all generations up to one.
    pub(crate) fn remove_through(&self, generation: u64) -> Result<()> {
        for (number, path) in files(&self.folder)? {
            if number <= generation {
                // One after the other: an older file that came back without a newer one would bring back the rows
                // that the newer one deleted.
                self.followed.keep(number, &path);
                self.disk.remove_durably(&path)?;
            }
        }
        let current = lock(&self.appending).number;
        let mut older_bytes = 0;
        for (number, path) in files(&self.folder)? {
            if number != current {
                older_bytes += std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
            }
        }
        lock(&self.appending).older_bytes = older_bytes;
        Ok(())
    }
}

/// The files of a log, by number.
pub(crate) fn files(folder: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    for path in disk::list(folder)? {
        if path
            .extension()
            .is_some_and(|extension| extension == EXTENSION)
            && let Some(number) = path
                .file_stem()
                .and_then(|stem| stem.to_str()?.parse().ok())
        {
            files.push((number, path));
        }
    }
    files.sort();
    Ok(files)
}

pub(crate) fn path_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:012}.{EXTENSION}"))
}

/// What comes before the records, as much of it as there is.
pub(crate) fn read_head(file: &File, path: &Path, number: u64) -> Result<Vec<u8>> {
    let length = disk::length(file, path)?.min(FILE_HEAD as u64) as usize;
    let mut head = disk::read_at(file, path, 0, length)?;
    for _ in 1..HEAD_READS {
        if mark_of(&head, number).is_ok() {
            break;
        }
        head = disk::read_at(file, path, 0, length)?;
    }
    Ok(head)
}

/// The mark in the head of a file.
pub(crate) fn mark_of(head: &[u8], number: u64) -> Result<Mark, Malformed> {
    let mark = head.get(TITLE..FILE_HEAD).and_then(<[u8]>::as_array);
    Mark::decode(number, mark.ok_or(Malformed("the head is cut off"))?)
}

fn file_head(number: u64, mark: &Mark) -> Vec<u8> {
    let mut head = FILE_MAGIC.to_vec();
    head.extend_from_slice(&number.to_le_bytes());
    let crc = crc32fast::hash(&head);
    head.extend_from_slice(&crc.to_le_bytes());
    head.extend_from_slice(&mark.encode(number));
    head
}

fn record_head(record: &Record, sequence: u64) -> Vec<u8> {
    let mut head = MARKER.to_vec();
    head.push(record.kind as u8);
    head.extend_from_slice(&record.bucket.to_le_bytes());
    head.extend_from_slice(&sequence.to_le_bytes());
    head.extend_from_slice(&record.rows.to_le_bytes());
    head.extend_from_slice(&record.range.start.to_le_bytes());
    head.extend_from_slice(&record.range.stop.to_le_bytes());
    head.extend_from_slice(&(record.payload.len() as u32).to_le_bytes());
    head.extend_from_slice(&record.payload_crc.to_le_bytes());
    let crc = crc32fast::hash(&head);
    head.extend_from_slice(&crc.to_le_bytes());
    head
}
