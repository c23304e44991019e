//! Batches in memory, and those a writer took to write.

use std::sync::Arc;
use std::time::Duration;

use super::disk_queue::RecordId;
use super::disk_work::EntryId;
use crate::batch::Batch;

/// Whether a batch in memory is on disk too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Copy {
    No,
    /// Work under way appends it.
    UnderWay,
    Record(RecordId),
}

/// A batch in memory.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) id: EntryId,
    pub(super) batch: Arc<Batch>,
    /// When it came, since the start of the process.
    pub(super) arrived: Duration,
    pub(super) copy: Copy,
}

impl Entry {
    pub(super) fn record(&self) -> Option<RecordId> {
        match self.copy {
            Copy::Record(record) => Some(record),
            Copy::No | Copy::UnderWay => None,
        }
    }
}

/// What a writer took to write. Hand it back by [`super::Buffer::written`] or [`super::Buffer::failed`].
#[derive(Debug)]
pub struct Delivery {
    /// The lines.
    pub batch: Arc<Batch>,
    /// From memory.
    pub(super) entries: Vec<Entry>,
    /// From the disk queue.
    pub(super) backlog: Vec<RecordId>,
}

impl Delivery {
    /// Whether it was taken from the disk queue.
    pub fn is_backlog(&self) -> bool {
        !self.backlog.is_empty()
    }
}

/// The batches as one.
pub(super) fn merge<'a>(
    batches: impl ExactSizeIterator<Item = &'a Arc<Batch>> + Clone,
) -> Arc<Batch> {
    if batches.len() == 1
        && let Some(only) = batches.clone().next()
    {
        return Arc::clone(only);
    }
    let mut merged = Batch::with_capacity(batches.clone().map(|batch| batch.bytes()).sum());
    for batch in batches {
        merged.append(batch);
    }
    Arc::new(merged)
}
