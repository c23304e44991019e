//! The log: every change, appended and synced before it is acknowledged.
//!
//! fjall's journal was measured for this and left: it drops what follows a damaged place without
//! a word, and keeps 64 MB. This one is replayed strictly: a record that does not match its
//! checksum is reported with what its header tells, and the records after it are still found.
//!
//! ```text
//! "WPLOGv01" | number u64 | CRC                                                    a file
//! "WREC" | kind u8 | bucket u64 | sequence u64 | rows u32 | first, stop i64
//!        | payload length u32 | payload CRC | header CRC | payload                 a record
//! ```
//!
//! Group commit: whoever waits for its record first becomes the leader and syncs the file once for
//! everybody who has appended by then; the others wait for the leader.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex};

use crate::disk::{self, Disk, DiskFile};
use crate::error::{Error, Result};
use crate::record::Record;
use crate::sync::{lock, wait};

pub(crate) const FILE_MAGIC: [u8; 8] = *b"WPLOGv01";
pub(crate) const FILE_HEAD: usize = 8 + 8 + 4;
pub(crate) const MARKER: [u8; 4] = *b"WREC";
pub(crate) const RECORD_HEAD: usize = 4 + 1 + 8 + 8 + 4 + 8 + 8 + 4 + 4 + 4;
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
}

#[derive(Debug)]
struct Appending {
    /// `None` until something is appended after a rotation.
    file: Option<DiskFile>,
    /// The number of the file, and the generation of the rows in memory.
    number: u64,
    length: u64,
    /// The sequence number of the next record.
    sequence: u64,
    /// Bytes of the older files.
    older_bytes: u64,
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
        self.older_bytes += self.length;
        self.length = 0;
        self.number += 1;
        self.file = None;
        self.sequence - 1
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
            length: 0,
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
        }
    }

    /// The generation that rows written now belong to.
    pub(crate) fn generation(&self) -> u64 {
        lock(&self.appending).number
    }

    pub(crate) fn bytes(&self) -> u64 {
        let appending = lock(&self.appending);
        appending.older_bytes + appending.length
    }

    /// Appends a record (not durable yet); gives its sequence number. On an error nothing of it
    /// stays.
    pub(crate) fn append(&self, record: &Record) -> Result<u64> {
        let mut appending = lock(&self.appending);
        if appending.file.is_none() {
            self.begin_file(&mut appending)?;
        }
        let Appending {
            file: Some(file),
            length,
            sequence,
            ..
        } = &mut *appending
        else {
            unreachable!("the file was begun above");
        };
        let head = record_head(record, *sequence);
        if let Err(error) = file
            .append(&head)
            .and_then(|()| file.append(&record.payload))
        {
            if file.truncate(*length).is_err() {
                // The torn record stays at the end of this file, where replay expects one. What
                // came before it has to be durable before the file is left.
                let synced = file.sync();
                let target = appending.abandon_file();
                drop(appending);
                let failure = synced.as_ref().err().map(FailedSync::reason_of);
                self.conclude(&mut lock(&self.syncing), target, failure);
            }
            return Err(error);
        }
        *length += (head.len() + record.payload.len()) as u64;
        *sequence += 1;
        Ok(*sequence - 1)
    }

    fn begin_file(&self, appending: &mut Appending) -> Result<()> {
        let path = path_of(&self.folder, appending.number);
        let mut file = self.disk.create(&path)?;
        let head = file_head(appending.number);
        if let Err(error) = file
            .append(&head)
            .and_then(|()| self.disk.sync_folder(&self.folder))
        {
            // An empty or torn file must not be taken for a damaged one.
            let _ = self.disk.remove(&path);
            return Err(error);
        }
        appending.length = head.len() as u64;
        appending.file = Some(file);
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
        let (target, number, handle) = {
            let appending = lock(&self.appending);
            let handle = appending.file.as_ref().map(DiskFile::handle);
            (appending.sequence - 1, appending.number, handle)
        };
        let result = match handle {
            Some(handle) => handle.and_then(|file| file.sync()),
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
            let result = appending.file.as_ref().map_or(Ok(()), DiskFile::sync);
            (generation, appending.abandon_file(), result)
        };
        let failure = result.as_ref().err().map(FailedSync::reason_of);
        self.conclude(&mut lock(&self.syncing), target, failure);
        result.map(|()| generation)
    }

    /// Removes the files of all generations up to one.
    pub(crate) fn remove_through(&self, generation: u64) -> Result<()> {
        let mut removed = false;
        for (number, path) in files(&self.folder)? {
            if number <= generation {
                self.disk.remove(&path)?;
                removed = true;
            }
        }
        if removed {
            self.disk.sync_folder(&self.folder)?;
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

fn file_head(number: u64) -> Vec<u8> {
    let mut head = FILE_MAGIC.to_vec();
    head.extend_from_slice(&number.to_le_bytes());
    let crc = crc32fast::hash(&head);
    head.extend_from_slice(&crc.to_le_bytes());
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
