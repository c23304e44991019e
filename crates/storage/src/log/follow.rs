//! Following the log: what was acknowledged since a place in it, for one who keeps a copy of the store elsewhere.
//!
//! A file goes when its rows are sealed. One who follows closely would then have lost its last bytes, so the newest few
//! files stay readable by their descriptors for as long as somebody follows. They take no name, nothing of them comes
//! back after a restart: whoever misses one takes the segments instead.

use std::collections::VecDeque;
use std::fs::File;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::disk;
use crate::error::Result;
use crate::log::{FILE_HEAD, Log, files, mark_of, path_of, read_head};
use crate::store::Storage;
use crate::sync::lock;

/// Files that are kept for followers after they were sealed: some hundred megabytes at most (`Options::memory_bytes` a
/// file), and at the fastest writes that this store takes some seconds.
const KEPT_FILES: usize = 8;

/// A place in the log: a file and an offset in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPlace {
    /// The number of the file.
    pub file: u64,
    /// Bytes from its beginning.
    pub offset: u64,
}

/// A piece of one file of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPiece {
    /// Where it begins.
    pub from: LogPlace,
    /// The head of the file as of now, which says how far it was acknowledged; empty if the file does not exist yet.
    pub head: Vec<u8>,
    /// The bytes from there.
    pub bytes: Vec<u8>,
    /// Whether they reach what the head says was acknowledged.
    pub is_whole: bool,
    /// Where the next piece begins.
    pub next: LogPlace,
}

/// Sealed files that followers may still want.
#[derive(Debug)]
pub(crate) struct Followed {
    kept: Mutex<VecDeque<(u64, File)>>,
    /// Files that were removed since somebody asked.
    unasked: AtomicUsize,
}

impl Default for Followed {
    fn default() -> Followed {
        Followed {
            kept: Mutex::default(),
            // Nobody follows yet.
            unasked: AtomicUsize::new(KEPT_FILES),
        }
    }
}

impl Followed {
    /// Keeps a file that is about to be removed, if anybody follows.
    pub(crate) fn keep(&self, number: u64, path: &Path) {
        let mut kept = lock(&self.kept);
        if self.unasked.load(Ordering::Relaxed) >= KEPT_FILES {
            kept.clear();
            return;
        }
        self.unasked.fetch_add(1, Ordering::Relaxed);
        // Without a descriptor for it a follower takes the segments instead.
        if let Ok(Some(file)) = disk::open_if_present(path) {
            kept.push_back((number, file));
        }
        while kept.len() > KEPT_FILES {
            kept.pop_front();
        }
    }

    fn reopen(&self, number: u64) -> Option<File> {
        let kept = lock(&self.kept);
        let (_, file) = kept.iter().find(|(kept, _)| *kept == number)?;
        file.try_clone().ok()
    }

    fn next_after(&self, number: u64) -> Option<u64> {
        let kept = lock(&self.kept);
        kept.iter()
            .map(|(kept, _)| *kept)
            .find(|kept| *kept > number)
    }
}

impl Log {
    /// The beginning of the oldest file that holds rows which are in no segment.
    pub(crate) fn beginning(&self) -> Result<LogPlace> {
        let current = self.generation();
        let oldest = files(self.folder())?.first().map(|(number, _)| *number);
        Ok(LogPlace {
            file: oldest.unwrap_or(current),
            offset: FILE_HEAD as u64,
        })
    }

    /// What was acknowledged from a place on, at most so many bytes of one file; `None` if that is gone.
    pub(crate) fn piece(&self, from: LogPlace, at_most: usize) -> Result<Option<LogPiece>> {
        self.followed.unasked.store(0, Ordering::Relaxed);
        // Before the file is read: what ends meanwhile is looked at again from the same place.
        let current = self.generation();
        let path = path_of(self.folder(), from.file);
        let file = match disk::open_if_present(&path)? {
            Some(file) => Some(file),
            None => self.followed.reopen(from.file),
        };
        let Some(file) = file else {
            let is_to_come = from.file == current && from.offset == FILE_HEAD as u64;
            return Ok(is_to_come.then(|| LogPiece {
                from,
                head: Vec::new(),
                bytes: Vec::new(),
                is_whole: true,
                next: from,
            }));
        };
        let head = read_head(&file, &path, from.file)?;
        let Ok(mark) = mark_of(&head, from.file) else {
            return Ok(None);
        };
        if from.offset < FILE_HEAD as u64 || from.offset > mark.end {
            return Ok(None);
        }
        let length = (mark.end - from.offset).min(at_most as u64);
        let bytes = disk::read_at(&file, &path, from.offset, length as usize)?;
        let reached = from.offset + length;
        let is_whole = reached == mark.end;
        let next = match is_whole && from.file < current {
            true => self.file_after(from.file, current)?,
            false => LogPlace {
                offset: reached,
                ..from
            },
        };
        Ok(Some(LogPiece {
            from,
            head,
            bytes,
            is_whole,
            next,
        }))
    }

    /// The beginning of the file after one that has ended.
    fn file_after(&self, number: u64, current: u64) -> Result<LogPlace> {
        let on_disk = files(self.folder())?;
        let on_disk = on_disk
            .into_iter()
            .map(|(other, _)| other)
            .find(|other| *other > number);
        let kept = self.followed.next_after(number);
        let next = kept.into_iter().chain(on_disk).min().unwrap_or(current);
        Ok(LogPlace {
            file: next,
            offset: FILE_HEAD as u64,
        })
    }
}

impl Storage {
    /// What was acknowledged from a place of the log on, at most so many bytes. `None` if that is gone: its rows are in
    /// segments, see [`crate::Storage::snapshot`].
    pub fn log_piece(&self, from: LogPlace, at_most: usize) -> Result<Option<LogPiece>> {
        self.log.piece(from, at_most)
    }
}
