//! The way of a batch: checked against the bucket's fields, series and retention, appended to the
//! log, added to the hot rows, synced.

use std::ops::RangeInclusive;
use std::sync::atomic::Ordering;

use crate::batch::{Batch, MAX_BATCH_BYTES};
use crate::error::{Error, Result};
use crate::log::record::Record;
use crate::memory::bucket::State;
use crate::memory::index::{FieldId, SeriesId};
use crate::memory::resolve::{Bounds, Resolved};
use crate::request::WriteOutcome;
use crate::store::Storage;
use crate::sync::{read, write};

/// How many portions of [`crate::Options::memory_bytes`] may be filled before writers have to
/// seal by themselves. One is the size at which sealing begins; the other is what may come while
/// the background thread is at it.
const STALL_PORTIONS: usize = 2;

/// Most days that one write may add rows to: ten years of daily values. Each becomes a folder and a file when it is
/// sealed, which costs a hundred times as much as the line that asked for it.
const MAX_DAYS_PER_WRITE: usize = 4_000;

/// Batches that were stored and wait for [`Storage::sync`].
#[derive(Clone, Debug, Default)]
#[must_use = "what was not synced may not be acknowledged"]
pub struct Unsynced {
    /// The sequence numbers of the first and the last record; others' may lie between.
    records: Option<RangeInclusive<u64>>,
}

impl Unsynced {
    fn add(&mut self, sequence: u64) {
        let first = self
            .records
            .as_ref()
            .map_or(sequence, |records| *records.start());
        self.records = Some(first..=sequence);
    }
}

impl Storage {
    /// Stores a batch; on return its rows are durable (one sync serves many writers). Rows may be
    /// refused one by one, see [`WriteOutcome`]; an error means that none of the batch is
    /// acknowledged. A bucket comes to be when it is first written to.
    pub fn write(&self, bucket: u64, batch: Batch, now: i64) -> Result<WriteOutcome> {
        let mut unsynced = Unsynced::default();
        let outcome = self.write_unsynced(bucket, batch, now, &mut unsynced)?;
        self.sync(&unsynced)?;
        Ok(outcome)
    }

    /// Stores a batch as [`Storage::write`] does, but does not wait for the disk: whoever makes many small batches syncs
    /// them together. They may be acknowledged after [`Storage::sync`].
    pub fn write_unsynced(
        &self,
        bucket: u64,
        batch: Batch,
        now: i64,
        unsynced: &mut Unsynced,
    ) -> Result<WriteOutcome> {
        if batch.is_empty() {
            return Ok(WriteOutcome::default());
        }
        if batch.bytes() > MAX_BATCH_BYTES {
            return Err(Error::BatchTooLarge {
                bytes: batch.bytes(),
                limit: MAX_BATCH_BYTES,
            });
        }
        self.make_room()?;
        // Encoded before the lock, since most batches are taken whole.
        let record = Record::write(bucket, &batch);
        let (sequence, outcome) = self.append_and_apply(bucket, batch, record, now)?;
        if let Some(sequence) = sequence {
            unsynced.add(sequence);
        }
        Ok(outcome)
    }

    /// Waits until the batches are durable. An error means that none of them is acknowledged.
    pub fn sync(&self, unsynced: &Unsynced) -> Result<()> {
        unsynced
            .records
            .as_ref()
            .map_or(Ok(()), |records| self.log.wait_durable(records))
    }

    /// Gives the sequence number of the record, if any row was accepted.
    fn append_and_apply(
        &self,
        id: u64,
        batch: Batch,
        record: Record,
        now: i64,
    ) -> Result<(Option<u64>, WriteOutcome)> {
        let _gate = read(&self.gate);
        let bucket = loop {
            let bucket = self.bucket_or_new(id);
            if !read(&bucket.state).dropped {
                break bucket;
            }
            // The drop that marked it forgets it in a moment; do not wait for that.
            self.forget_bucket(&bucket);
        };
        let mut state = write(&bucket.state);
        let bounds = Bounds {
            lower: bucket.lower_bound(now),
            upper: self.options.max_future.map(|most| now.saturating_add(most)),
            series: self.options.max_series_per_bucket,
            fields: self.options.max_fields_per_bucket,
            days: self.options.max_days_per_bucket,
            days_of_write: MAX_DAYS_PER_WRITE,
        };
        let Resolved {
            series,
            layouts,
            rejected,
            outcome,
            ..
        } = Resolved::of(&batch, &mut state, &bounds);
        if outcome.written == 0 {
            return Ok((None, outcome));
        }
        let (batch, record) = if rejected.is_empty() {
            (batch, record)
        } else {
            let batch = batch.without(&rejected);
            let record = Record::write(id, &batch);
            (batch, record)
        };
        let sequence = match self.log.append(&record) {
            Ok(sequence) => sequence,
            Err(error) => {
                // Series and fields that only this batch has must not stay known.
                state.prune_index();
                return Err(error);
            }
        };
        let before = state.active.bytes;
        state.apply(batch, &series, layouts);
        let added = state.active.bytes - before;
        drop(state);
        self.active_since.fetch_min(now, Ordering::Relaxed);
        if self.active_bytes.fetch_add(added, Ordering::Relaxed) + added
            >= self.options.memory_bytes
        {
            self.announce_work();
        }
        Ok((Some(sequence), outcome))
    }

    /// Makes the writer itself seal when nobody else keeps up.
    fn make_room(&self) -> Result<()> {
        if self.active_bytes.load(Ordering::Relaxed) < self.options.memory_bytes * STALL_PORTIONS {
            return Ok(());
        }
        self.seal().map(|_| ())
    }
}

impl State {
    /// Adds the rows of a batch whose ids are known.
    fn apply(
        &mut self,
        batch: Batch,
        series: &[Option<SeriesId>],
        layouts: Vec<Option<Vec<FieldId>>>,
    ) {
        // Of a batch without its rejected rows no row points at a missing id.
        let series: Vec<SeriesId> = series
            .iter()
            .map(|id| id.unwrap_or(SeriesId::MAX))
            .collect();
        let layouts = layouts.into_iter().map(Option::unwrap_or_default).collect();
        self.active.apply(batch, &series, layouts);
    }

    /// Adds the rows of a batch from the log, which were checked when they were written; gives how
    /// many are in conflict with what is there all the same (none, unless something was lost).
    pub(crate) fn replay_batch(&mut self, batch: Batch) -> usize {
        let Resolved {
            series,
            layouts,
            rejected,
            ..
        } = Resolved::of(&batch, self, &Bounds::NONE);
        self.apply(batch.without(&rejected), &series, layouts);
        rejected.len()
    }
}
