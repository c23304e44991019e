//! Deleting: by predicate, and whole buckets.
//!
//! A delete is a record in the log and a *tombstone* in memory, which hides rows of older
//! generations from readers at once. When the generation is sealed, the segments it reaches are
//! rewritten without those rows, and only then does the log, and the tombstone with it, go.

use std::collections::BTreeSet;
use std::sync::Arc;

use watchpost_core::point::SeriesKey;

use crate::error::{Error, Result};
use crate::log::record::{Condition, Deletion, Record};
use crate::maintenance::merge::{copy_series, reader_of};
use crate::memory::bucket::{Bucket, State, Tombstone};
use crate::predicate::{Comparison, Literal, Predicate, Subject};
use crate::range::TimeRange;
use crate::read::reader::{BlockSource, SeriesReader};
use crate::segment::writer::SegmentWriter;
use crate::segment::{Segment, bucket_folder};
use crate::store::Storage;
use crate::sync::{lock, read, write};

impl Storage {
    /// Deletes the rows of a range whose series match: `_measurement` and tags, equal or not equal
    /// to texts, joined by AND (the text of a tag that a series lacks is empty). Readers see it at once; durable on return.
    pub fn delete(&self, bucket: u64, range: TimeRange, predicate: &Predicate) -> Result<()> {
        let deletion = deletion_of(range, predicate)?;
        let Some(bucket) = self.bucket(bucket).filter(|_| !range.is_empty()) else {
            return Ok(());
        };
        let sequence = {
            let _gate = read(&self.gate);
            let mut state = write(&bucket.state);
            if state.dropped {
                return Ok(());
            }
            let generation = self.log.generation();
            let sequence = self.log.append(&Record::delete(bucket.id, &deletion))?;
            state.apply_deletion(Tombstone {
                generation,
                deletion,
            });
            sequence
        };
        self.log.wait_durable(&(sequence..=sequence))?;
        self.recount_active();
        self.announce_work();
        Ok(())
    }

    /// Removes a bucket with all its rows; durable on return.
    pub fn drop_bucket(&self, id: u64) -> Result<()> {
        let _one_at_a_time = lock(&self.maintenance);
        let Some(bucket) = self.bucket(id) else {
            return Ok(());
        };
        let sequence = {
            let _gate = read(&self.gate);
            let mut state = write(&bucket.state);
            let sequence = self.log.append(&Record::drop_bucket(id))?;
            let empty = State {
                dropped: true,
                ..State::default()
            };
            let State { segments, .. } = std::mem::replace(&mut *state, empty);
            segments.iter().for_each(Segment::keep_if_shared);
            sequence
        };
        self.forget_bucket(&bucket);
        self.log.wait_durable(&(sequence..=sequence))?;
        self.recount_active();
        self.layout()
            .discard_folder(self.disk(), &self.layout().data().join(bucket_folder(id)))
    }

    /// Rewrites the segments that deletes of a generation reach; gives whether there were any.
    pub(crate) fn carry_out_deletes(&self, bucket: &Bucket, generation: u64) -> Result<bool> {
        let (tombstones, segments) = {
            let state = read(&bucket.state);
            let due = |tombstone: &&Tombstone| tombstone.generation <= generation;
            (
                state
                    .tombstones
                    .iter()
                    .filter(due)
                    .cloned()
                    .collect::<Vec<_>>(),
                state.segments.clone(),
            )
        };
        let mut rewritten = false;
        for segment in segments {
            let reaches = |tombstone: &&Tombstone| {
                tombstone.masks(&segment)
                    && segment
                        .index
                        .series
                        .iter()
                        .any(|series| tombstone.deletion.matches(&series.key))
            };
            let deletions: Vec<&Deletion> = tombstones
                .iter()
                .filter(reaches)
                .map(|tombstone| &tombstone.deletion)
                .collect();
            if !deletions.is_empty() {
                segment.keep_for_readers();
                let new = self.rewrite_without(&segment, &deletions)?;
                if new.is_none() {
                    // Before the log goes, which alone says that the rows were deleted.
                    self.disk().remove_durably(&segment.path)?;
                }
                // The tombstone is there until all are rewritten; that it hides nothing of the new one does no harm.
                write(&bucket.state).replace_segment(&segment, new);
                rewritten = true;
            }
        }
        Ok(rewritten)
    }

    fn rewrite_without(
        &self,
        segment: &Arc<Segment>,
        deletions: &[&Deletion],
    ) -> Result<Option<Segment>> {
        let mut writer = SegmentWriter::create(self.disk(), &self.layout().root, segment.origin)?;
        let mut losses = Vec::new();
        for series in &segment.index.series {
            let ranges: Vec<TimeRange> = deletions
                .iter()
                .filter(|deletion| deletion.matches(&series.key))
                .map(|deletion| deletion.range)
                .collect();
            let mut reader = reader_without(segment, &series.key, &ranges).tolerant();
            copy_series(&mut reader, &mut writer, self.options.memory_bytes)?;
            losses.append(&mut reader.take_losses());
        }
        self.keep_damaged(losses)?;
        if writer.is_empty() {
            return Ok(None);
        }
        writer.finish(&self.layout().root).map(Some)
    }
}

/// A reader of one series of a segment without the rows of some ranges.
fn reader_without(
    segment: &Arc<Segment>,
    key: &Arc<SeriesKey>,
    ranges: &[TimeRange],
) -> SeriesReader {
    let segments = std::slice::from_ref(segment);
    if ranges.is_empty() {
        return reader_of(segments, key);
    }
    let mut blocks = Vec::new();
    for place in segment.blocks_of(key) {
        let within = place.range();
        if !ranges.iter().any(|deleted| deleted.covers(within)) {
            let deleted = ranges
                .iter()
                .filter(|deleted| deleted.overlaps(within))
                .copied()
                .collect();
            blocks.push(BlockSource::new(segment.clone(), *place, deleted));
        }
    }
    SeriesReader::of_blocks(key, blocks)
}

impl State {
    /// Deletes active rows, hides older ones.
    pub(crate) fn apply_deletion(&mut self, tombstone: Tombstone) {
        let matching: BTreeSet<u32> = self
            .active
            .series()
            .filter(|id| self.matches(*id, &tombstone.deletion))
            .collect();
        self.active.delete(&matching, tombstone.deletion.range);
        self.tombstones.push(tombstone);
        self.index_is_stale = true;
        self.latest.clear();
    }

    fn matches(&self, id: u32, deletion: &Deletion) -> bool {
        self.index
            .key_of(id)
            .is_some_and(|key: &Arc<SeriesKey>| deletion.matches(key))
    }
}

/// The conjunction of comparisons that a delete may be.
fn deletion_of(range: TimeRange, predicate: &Predicate) -> Result<Deletion> {
    let mut conditions = Vec::new();
    collect(predicate, &mut conditions)?;
    Ok(Deletion { range, conditions })
}

fn collect(predicate: &Predicate, conditions: &mut Vec<Condition>) -> Result<()> {
    let refused = |reason: &str| {
        Err(Error::UnsupportedPredicate {
            reason: reason.to_owned(),
        })
    };
    match predicate {
        Predicate::And(parts) => parts.iter().try_for_each(|part| collect(part, conditions)),
        Predicate::Compare(
            subject,
            comparison @ (Comparison::Equal | Comparison::NotEqual),
            Literal::String(text),
        ) => {
            let tag = match subject {
                Subject::Measurement => None,
                Subject::Tag(key) => Some(key.to_string()),
                Subject::Field => return refused("a field cannot be deleted alone"),
                Subject::Value => return refused("values are not looked at"),
            };
            let equal = *comparison == Comparison::Equal;
            conditions.push(Condition {
                tag,
                equal,
                text: text.to_string(),
            });
            Ok(())
        }
        Predicate::Compare(..) => refused("only = and != with a text are possible"),
        Predicate::Or(_) => refused("OR is not possible"),
        Predicate::Not(_) => refused("NOT is not possible"),
        Predicate::Matches { .. } => refused("patterns are not possible"),
        Predicate::Exists(_) => refused("existence is not looked at"),
    }
}
