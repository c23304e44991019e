//! The way of a batch: checked against the bucket's fields, series and retention, appended to the
//! log, added to the hot rows, synced.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hashbrown::{HashMap, HashSet};
use watchpost_core::point::SeriesKey;

use crate::batch::{Batch, MAX_BATCH_BYTES};
use crate::bucket::State;
use crate::error::{Error, Result};
use crate::index::{FieldId, SeriesId};
use crate::record::Record;
use crate::request::{BeyondRetention, Rejection, RejectionReason, WriteOutcome};
use crate::shard::week_of;
use crate::store::Storage;
use crate::sync::{read, write};

/// How many portions of [`crate::Options::memory_bytes`] may be filled before writers have to
/// seal by themselves. One is the size at which sealing begins; the other is what may come while
/// the background thread is at it.
const STALL_PORTIONS: usize = 2;

/// The ids of a batch in a bucket.
#[derive(Debug, Default)]
struct Resolved {
    /// By the batch's number of the series; `None` of rejected ones.
    series: Vec<Option<SeriesId>>,
    /// By the batch's number of the layout.
    layouts: Vec<Option<Vec<FieldId>>>,
    /// Layouts and weeks of which a row was taken, so that their types hold.
    settled: HashSet<(u32, i32)>,
    /// Positions of rows that are not stored, ascending.
    rejected: Vec<usize>,
    outcome: WriteOutcome,
}

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
        let mut resolved = Resolved::default();
        let limit = self.options.max_series_per_bucket;
        resolved.check(&batch, &mut state, bucket.lower_bound(now), limit);
        let Resolved {
            series,
            layouts,
            rejected,
            outcome,
            ..
        } = resolved;
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

impl Resolved {
    /// Decides row by row, in their order, and looks up (or adds) series and fields.
    fn check(&mut self, batch: &Batch, state: &mut State, lower_bound: Option<i64>, limit: usize) {
        self.series = vec![None; batch.series.len()];
        self.layouts = vec![None; batch.layouts.len()];
        let mut refusals: HashMap<(u32, i32), RejectionReason> = HashMap::new();
        let mut full: Option<RejectionReason> = None;
        for (position, row) in batch.rows.iter().enumerate() {
            if lower_bound.is_some_and(|bound| row.time < bound) {
                let key = &batch.series[row.series as usize];
                self.beyond_retention(key, row.time, lower_bound.unwrap_or_default());
                self.rejected.push(position);
                continue;
            }
            let place = (row.layout, week_of(row.time));
            let settled = self.settled.contains(&place);
            if !settled
                && !refusals.contains_key(&place)
                && let Some(conflict) = conflict_of(batch, place, state)
            {
                refusals.insert(place, conflict);
            }
            let mut refusal = refusals.get(&place).cloned();
            if refusal.is_none() && self.series[row.series as usize].is_none() {
                match resolve_series(&batch.series[row.series as usize], state, limit) {
                    Some(id) => self.series[row.series as usize] = Some(id),
                    None => {
                        refusal = Some(full.get_or_insert_with(|| too_many(state, limit)).clone())
                    }
                }
            }
            // Fields come to be with the first row that is taken, so that a refused one leaves
            // nothing behind.
            if refusal.is_none() && !settled {
                self.layouts[row.layout as usize] = Some(add_fields(batch, place, state));
                self.settled.insert(place);
            }
            match refusal {
                None => self.outcome.written += 1,
                Some(reason) => {
                    self.rejected.push(position);
                    self.outcome.rejected.push(Rejection {
                        line: row.line as usize,
                        reason,
                    });
                }
            }
        }
    }

    fn beyond_retention(&mut self, key: &SeriesKey, time: i64, lower_bound: i64) {
        let beyond = self
            .outcome
            .beyond_retention
            .get_or_insert_with(|| BeyondRetention {
                count: 0,
                oldest: (key.clone(), time),
                newest: (key.clone(), time),
                lower_bound,
            });
        beyond.count += 1;
        if time < beyond.oldest.1 {
            beyond.oldest = (key.clone(), time);
        }
        if time > beyond.newest.1 {
            beyond.newest = (key.clone(), time);
        }
    }
}

/// The first field of a layout that has another type in the week already.
fn conflict_of(
    batch: &Batch,
    (number, week): (u32, i32),
    state: &State,
) -> Option<RejectionReason> {
    let layout = &batch.layouts[number as usize];
    layout.fields.iter().find_map(|(name, kind)| {
        let existing = state
            .index
            .other_type(&layout.measurement, name, *kind, week)?;
        Some(RejectionReason::FieldTypeConflict {
            measurement: layout.measurement.clone(),
            field: name.clone(),
            given: *kind,
            existing,
        })
    })
}

/// The ids of a layout's fields, of which none is in conflict in the week.
fn add_fields(batch: &Batch, (number, week): (u32, i32), state: &mut State) -> Vec<FieldId> {
    let layout = &batch.layouts[number as usize];
    let (measurement, index) = (&layout.measurement, &mut state.index);
    let add = |(name, kind): &(String, _)| index.add_field(measurement, name, *kind, week);
    layout.fields.iter().map(add).collect()
}

/// The id of a series; `None` if it is new and the bucket is full.
fn resolve_series(key: &SeriesKey, state: &mut State, limit: usize) -> Option<SeriesId> {
    if let Some(id) = state.index.id_of(key) {
        return Some(id);
    }
    (state.index.len() < limit).then(|| state.index.add_series(&Arc::new(key.clone())))
}

fn too_many(state: &State, limit: usize) -> RejectionReason {
    let (tag, values) = state
        .index
        .widest_tag()
        .map_or((None, 0), |(tag, values)| (Some(tag), values));
    RejectionReason::TooManySeries { limit, tag, values }
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
        let mut resolved = Resolved::default();
        resolved.check(&batch, self, None, usize::MAX);
        if !resolved.rejected.is_empty() {
            // A type may have become free when this was written, by a delete that came before.
            self.prune_index();
            resolved = Resolved::default();
            resolved.check(&batch, self, None, usize::MAX);
        }
        let Resolved {
            series,
            layouts,
            rejected,
            ..
        } = resolved;
        self.apply(batch.without(&rejected), &series, layouts);
        rejected.len()
    }
}
