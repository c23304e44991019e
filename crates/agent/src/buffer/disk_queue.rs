//! The queue on disk: a folder of segments, written at the newest, read and dropped at the oldest.
//!
//! A segment is deleted when every record of it is forgotten (written to the server, or superseded). Which
//! records those are is known in memory alone: after a restart a segment begun is read again from its
//! start, which costs some duplicate writes and no correctness, since a write is idempotent.

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use watchpost_durable::{AppendFile, Disk, DiskFile};

use super::disk_work::SyncWork;
use super::reading::{Room, Taken, read_segment};
use super::segment::{self, Reader};
use crate::batch::Batch;

/// A queue is cut into about this many segments, so that dropping the oldest drops a small part.
const SEGMENTS: u64 = 16;
/// But a segment is no larger than this: what is read again after a restart stays small.
const MAX_SEGMENT_BYTES: u64 = 1024 * 1024;

/// About so many bytes of line protocol are read at one time, some 700 lines. A host must not pay for them
/// after it caught up, and the allocator gives memory back only where 2 MiB of it are free at its end.
const TAKEN_BYTES: usize = 128 * 1024;

const EXTENSION: &str = "segment";
const LOCK: &str = "lock";

/// Which record: the segment's number and the record's place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordId {
    pub(super) segment: u64,
    pub(super) index: u32,
}

/// Why a queue cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be used.
    #[error("cannot use the queue folder {}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has it.
    #[error("the queue folder {} is in use by another agent", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
}

#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u64,
    bytes: u64,
    /// Lines of each record.
    pub(super) lines: Vec<u32>,
    /// Lines of the records that are not forgotten: counted along, a long outage has many records.
    pending_lines: u64,
    /// Records that are done with.
    forgotten: BTreeSet<u32>,
}

impl Segment {
    fn new(number: u64, bytes: u64, lines: Vec<u32>) -> Self {
        let pending_lines = lines.iter().map(|count| u64::from(*count)).sum();
        Self {
            number,
            bytes,
            lines,
            pending_lines,
            forgotten: BTreeSet::new(),
        }
    }

    fn push(&mut self, lines: u32) {
        self.lines.push(lines);
        self.pending_lines += u64::from(lines);
    }

    fn forget(&mut self, index: u32) {
        let lines = self.lines.get(index as usize).copied().unwrap_or(0);
        if self.forgotten.insert(index) {
            self.pending_lines = self.pending_lines.saturating_sub(u64::from(lines));
        }
    }

    fn pending_records(&self) -> usize {
        self.lines.len() - self.forgotten.len()
    }
}

/// What [`DiskQueue::remove_oldest`] removed.
#[derive(Debug)]
pub(super) struct Removed {
    pub(super) segment: u64,
    pub(super) lines: u64,
}

/// Segments in a folder.
#[derive(Debug)]
pub struct DiskQueue {
    disk: Disk,
    folder: PathBuf,
    limit: u64,
    /// Oldest first; the writer appends to the last.
    segments: VecDeque<Segment>,
    next_number: u64,
    writer: Option<AppendFile>,
    /// Segments that were left before they were durable, and whether one of them is new in its folder.
    unsynced: Vec<DiskFile>,
    appended: bool,
    created: bool,
    /// Records handed out and neither forgotten nor given back.
    taken: BTreeSet<RecordId>,
    corrupt: u64,
    _lock: File,
}

impl DiskQueue {
    /// Opens the queue of a folder, which is made if need be, and locks it.
    ///
    /// Errors: the folder cannot be made, read or written, or another agent uses it.
    pub fn open(folder: &Path, limit: u64) -> Result<Self, OpenError> {
        Self::open_on(Disk::default(), folder, limit)
    }

    /// As [`DiskQueue::open`], on a disk that may fail.
    ///
    /// Errors: as there.
    pub fn open_on(disk: Disk, folder: &Path, limit: u64) -> Result<Self, OpenError> {
        let fail = |source| OpenError::Folder {
            path: folder.to_owned(),
            source,
        };
        let lock = disk
            .create_folder(folder)
            .and_then(|()| disk.lock(&folder.join(LOCK)))
            .map_err(|error| fail(error.into()))?;
        let Some(lock) = lock else {
            return Err(OpenError::InUse {
                path: folder.to_owned(),
            });
        };
        let mut queue = Self {
            disk,
            folder: folder.to_owned(),
            limit,
            segments: VecDeque::new(),
            next_number: 0,
            writer: None,
            unsynced: Vec::new(),
            appended: false,
            created: false,
            taken: BTreeSet::new(),
            corrupt: 0,
            _lock: lock,
        };
        queue.scan().map_err(fail)?;
        Ok(queue)
    }

    /// Another limit from now on: the next append keeps it.
    pub(super) fn set_limit(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// Learns what segments a previous process left. Contents are verified when they are read.
    fn scan(&mut self) -> io::Result<()> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == EXTENSION)
            {
                let stem = path.file_stem().unwrap_or_default().to_string_lossy();
                numbers.extend(u64::from_str_radix(&stem, 16).ok());
            }
        }
        numbers.sort_unstable();
        for number in numbers {
            self.next_number = number + 1;
            let path = self.path(number);
            let mut lines = Vec::new();
            if let Some(mut reader) = Reader::open(&path)? {
                while let Some(count) = reader.skip()? {
                    lines.push(count);
                }
            } else {
                self.corrupt += 1;
            }
            if lines.is_empty() {
                self.disk.remove(&path)?;
                continue;
            }
            let bytes = fs::metadata(&path)?.len();
            self.segments.push_back(Segment::new(number, bytes, lines));
        }
        Ok(())
    }

    /// Compresses a batch into what [`DiskQueue::append`] takes.
    pub(super) fn encode(&self, batch: &Batch) -> io::Result<EncodedRecord> {
        Ok(EncodedRecord {
            bytes: segment::encode(batch)?,
            lines: batch.lines(),
        })
    }

    /// Whether a record can be appended within the limit. A record above the limit fits an empty queue.
    pub(super) fn fits(&self, record: &EncodedRecord) -> bool {
        self.segments.is_empty() || self.bytes() + record.bytes.len() as u64 <= self.limit
    }

    /// Appends a record; it is in the kernel's hands afterwards, and durable when the work that
    /// [`DiskQueue::begin_sync`] gives is done.
    pub(super) fn append(&mut self, record: &EncodedRecord) -> io::Result<RecordId> {
        let segment_bytes = (self.limit / SEGMENTS).min(MAX_SEGMENT_BYTES);
        if self
            .writer
            .as_ref()
            .is_some_and(|writer| writer.length() >= segment_bytes || writer.is_distrusted())
        {
            self.unsynced
                .extend(self.writer.take().map(AppendFile::into_file));
        }
        if self.writer.is_none() {
            let number = self.next_number;
            self.writer = Some(segment::begin(&self.disk, &self.path(number))?);
            self.next_number += 1;
            self.created = true;
            self.segments
                .push_back(Segment::new(number, segment::HEADER_BYTES, Vec::new()));
        }
        let (Some(writer), Some(segment)) = (&mut self.writer, self.segments.back_mut()) else {
            return Err(io::Error::other("the newest segment is gone"));
        };
        writer.append(&[&record.bytes])?;
        self.appended = true;
        segment.bytes = writer.length();
        segment.push(record.lines);
        Ok(RecordId {
            segment: segment.number,
            index: segment.lines.len() as u32 - 1,
        })
    }

    /// What makes everything that was appended survive a power cut; `None` if it does already.
    pub(super) fn begin_sync(&mut self) -> Option<SyncWork> {
        if !std::mem::take(&mut self.appended) {
            return None;
        }
        let mut files = std::mem::take(&mut self.unsynced);
        // A file that cannot be had twice is durable when the system writes it on its own.
        files.extend(
            self.writer
                .as_ref()
                .and_then(|writer| writer.file().reopen().ok()),
        );
        let folder = std::mem::take(&mut self.created).then(|| self.folder.clone());
        Some(SyncWork {
            disk: self.disk.clone(),
            files,
            folder,
        })
    }

    /// Reads the oldest records that are neither forgotten, taken nor `held` elsewhere: about `max_lines`
    /// lines and [`TAKEN_BYTES`], at least one record. Damaged ones are skipped, forgotten and counted.
    pub(super) fn take(&mut self, max_lines: u32, held: &[RecordId]) -> Taken {
        let mut taken = Taken {
            records: Vec::new(),
            // The last record may go beyond; the text is not to be moved for it.
            batch: Batch::with_capacity(TAKEN_BYTES + TAKEN_BYTES / 4),
        };
        let room = Room {
            lines: max_lines,
            bytes: TAKEN_BYTES,
        };
        let mut damaged = Vec::new();
        for segment in &self.segments {
            let wanted = |index: u32| {
                let id = RecordId {
                    segment: segment.number,
                    index,
                };
                !segment.forgotten.contains(&index)
                    && !self.taken.contains(&id)
                    && !held.contains(&id)
            };
            if room.is_used_up(&taken.batch) {
                break;
            }
            if !(0..segment.lines.len() as u32).any(&wanted) {
                continue;
            }
            let full = read_segment(
                &self.path(segment.number),
                segment,
                &wanted,
                &room,
                &mut taken,
            );
            damaged.extend(full);
        }
        self.corrupt += damaged.len() as u64;
        // A segment that cannot be deleted now is tried again when the next one is.
        let _ = self.forget(damaged);
        self.taken.extend(&taken.records);
        taken
    }

    /// Records are done with; segments without pending records are deleted.
    pub(super) fn forget(&mut self, records: impl IntoIterator<Item = RecordId>) -> io::Result<()> {
        for id in records {
            self.taken.remove(&id);
            if let Some(segment) = self
                .segments
                .iter_mut()
                .find(|segment| segment.number == id.segment)
            {
                segment.forget(id.index);
            }
        }
        let done: Vec<u64> = self
            .segments
            .iter()
            .filter(|segment| segment.pending_records() == 0)
            .map(|segment| segment.number)
            .collect();
        for number in done {
            self.delete(number)?;
        }
        Ok(())
    }

    /// Records that were taken are there to be taken again.
    pub(super) fn give_back(&mut self, records: &[RecordId]) {
        for id in records {
            self.taken.remove(id);
        }
    }

    /// Deletes the oldest segment, once `save` had its pending text, piece by piece, where that is asked for.
    pub(super) fn remove_oldest(
        &mut self,
        save: Option<&mut dyn FnMut(&Batch)>,
    ) -> io::Result<Option<Removed>> {
        let Some(oldest) = self.segments.front() else {
            return Ok(None);
        };
        let (number, lines) = (oldest.number, oldest.pending_lines);
        if let Some(save) = save {
            self.read_in_pieces(oldest, save);
        }
        self.delete(number)?;
        Ok(Some(Removed {
            segment: number,
            lines,
        }))
    }

    /// Gives the pending text of a segment; what is damaged is left out.
    fn read_in_pieces(&self, segment: &Segment, save: &mut dyn FnMut(&Batch)) {
        let room = Room {
            lines: u32::MAX,
            bytes: TAKEN_BYTES,
        };
        let mut first = 0;
        loop {
            let mut piece = Taken::default();
            let wanted = |index: u32| index >= first && !segment.forgotten.contains(&index);
            let path = self.path(segment.number);
            read_segment(&path, segment, &wanted, &room, &mut piece);
            let Some(last) = piece.records.last() else {
                return;
            };
            first = last.index + 1;
            save(&piece.batch);
        }
    }

    fn delete(&mut self, number: u64) -> io::Result<()> {
        self.disk.remove(&self.path(number))?;
        if self
            .segments
            .back()
            .is_some_and(|newest| newest.number == number)
        {
            self.writer = None;
        }
        self.segments.retain(|segment| segment.number != number);
        self.taken.retain(|id| id.segment != number);
        Ok(())
    }

    /// Records that are not forgotten.
    pub fn records(&self) -> usize {
        self.segments.iter().map(Segment::pending_records).sum()
    }

    /// Records that can be taken.
    pub(super) fn available(&self) -> usize {
        self.records().saturating_sub(self.taken.len())
    }

    /// Lines of the records that are not forgotten.
    pub fn lines(&self) -> u64 {
        self.segments
            .iter()
            .map(|segment| segment.pending_lines)
            .sum()
    }

    /// Bytes of all segments.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Damaged segments and records met since this was asked last.
    pub(super) fn take_corrupt(&mut self) -> u64 {
        std::mem::take(&mut self.corrupt)
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:016x}.{EXTENSION}"))
    }
}

/// A batch as a record of a segment.
#[derive(Debug)]
pub(super) struct EncodedRecord {
    bytes: Vec<u8>,
    lines: u32,
}
