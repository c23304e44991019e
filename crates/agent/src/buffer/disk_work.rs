//! What the disk is asked to do, as a value that goes to another thread and comes back: a disk may take its
//! time, or hang, while collecting and sending go on.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use watchpost_durable::{Disk, DiskFile};

use super::disk_queue::{DiskQueue, RecordId};
use super::overflow::{Dropped, Overflow};
use super::reading::Taken;
use crate::batch::Batch;

/// A batch of the buffer by number, so that it is found again when the work is done.
pub(super) type EntryId = u64;

/// Work for the disk. [`DiskWork::run`] blocks; hand what it gives to [`super::Buffer::finish_work`].
#[derive(Debug)]
pub struct DiskWork {
    /// It travels with the work; none if there is no folder, and only the overflow log is written.
    pub(super) queue: Option<DiskQueue>,
    /// Records that are done with.
    pub(super) forget: Vec<RecordId>,
    /// Records that were taken and are to be taken again.
    pub(super) give_back: Vec<RecordId>,
    /// Batches to append.
    pub(super) append: Vec<(EntryId, Arc<Batch>)>,
    /// Memory is short: the oldest of a disk that is full goes, so that what is newer is kept.
    pub(super) pressing: bool,
    /// Lines of the backlog to read.
    pub(super) take: Option<u32>,
    /// Records that memory holds as well: they are not backlog.
    pub(super) held: Vec<RecordId>,
    /// Where what is dropped is appended.
    pub(super) overflow_log: Option<PathBuf>,
    /// What memory dropped meanwhile, by reason.
    pub(super) dropped: Vec<(&'static str, Arc<Batch>)>,
}

/// What became of a [`DiskWork`].
#[derive(Debug)]
pub struct DiskDone {
    pub(super) queue: Option<DiskQueue>,
    /// What was to be appended, and its record if it was.
    pub(super) appended: Vec<(EntryId, Arc<Batch>, Option<RecordId>)>,
    /// Segments that were dropped.
    pub(super) removed: BTreeSet<u64>,
    /// The backlog that was read.
    pub(super) taken: Taken,
    pub(super) dropped: Dropped,
    pub(super) error: Option<io::Error>,
}

impl DiskWork {
    /// Does it. Blocks as long as the disk does.
    pub fn run(mut self) -> DiskDone {
        let mut running = Running {
            keep_text: self.overflow_log.is_some(),
            overflow: Overflow::new(self.overflow_log),
            removed: BTreeSet::new(),
            error: None,
        };
        for (reason, batch) in &self.dropped {
            running.overflow.drop_batch(reason, batch);
        }
        let mut appended = Vec::with_capacity(self.append.len());
        let mut taken = Taken::default();
        if let Some(queue) = &mut self.queue {
            queue.give_back(&self.give_back);
            if let Err(error) = queue.forget(self.forget) {
                running.error = Some(error);
            }
            for (id, batch) in self.append {
                let record = running.append(queue, &batch, self.pressing);
                self.held.extend(record);
                appended.push((id, batch, record));
            }
            if let Some(lines) = self.take {
                taken = queue.take(lines, &self.held);
            }
            running.overflow.add_corrupt(queue.take_corrupt());
        }
        DiskDone {
            queue: self.queue,
            appended,
            removed: running.removed,
            taken,
            dropped: running.overflow.take(),
            error: running.error,
        }
    }
}

/// A work under way.
struct Running {
    keep_text: bool,
    overflow: Overflow,
    removed: BTreeSet<u64>,
    error: Option<io::Error>,
}

impl Running {
    /// Appends one batch, dropping the oldest segments where the queue's limit asks for it.
    fn append(&mut self, queue: &mut DiskQueue, batch: &Batch, pressing: bool) -> Option<RecordId> {
        let record = match queue.encode(batch) {
            Ok(record) => record,
            Err(error) => {
                self.error = Some(error);
                return None;
            }
        };
        while !queue.fits(&record) {
            if !self.remove_oldest(queue, "disk_limit") {
                return None;
            }
        }
        let first = queue.append(&record);
        let last = match first {
            // Its own oldest data is older than this: it goes instead, if that makes room.
            Err(_) if pressing && self.remove_oldest(queue, "disk_full") => queue.append(&record),
            other => other,
        };
        match last {
            Ok(id) => Some(id),
            Err(error) => {
                self.error = Some(error);
                None
            }
        }
    }

    /// False if there was none, or it could not be removed.
    fn remove_oldest(&mut self, queue: &mut DiskQueue, reason: &'static str) -> bool {
        let (overflow, mut readable) = (&mut self.overflow, 0);
        let mut save = |batch: &Batch| {
            readable += u64::from(batch.lines());
            overflow.drop_batch(reason, batch);
        };
        let save: Option<&mut dyn FnMut(&Batch)> = if self.keep_text {
            Some(&mut save)
        } else {
            None
        };
        match queue.remove_oldest(save) {
            Ok(Some(removed)) => {
                let unreadable = removed.lines.saturating_sub(readable);
                self.overflow.count(reason, unreadable);
                self.removed.insert(removed.segment);
                true
            }
            Ok(None) => false,
            Err(error) => {
                self.error = Some(error);
                false
            }
        }
    }
}

/// Files to make durable: what was appended survives a kill at once, and a power cut after this. It is work
/// of its own, since it is what disks take longest for, and appending must not wait for it.
#[derive(Debug)]
pub struct SyncWork {
    pub(super) disk: Disk,
    pub(super) files: Vec<DiskFile>,
    /// The queue's folder, if it has a new file.
    pub(super) folder: Option<PathBuf>,
}

impl SyncWork {
    /// Does it. Blocks as long as the disk does.
    ///
    /// Errors: what the disk says.
    pub fn run(self) -> io::Result<()> {
        for file in &self.files {
            file.sync()?;
        }
        // The name of a new file is durable when its folder is (fsync(2)).
        if let Some(folder) = &self.folder {
            self.disk.sync_folder(folder)?;
        }
        Ok(())
    }
}
