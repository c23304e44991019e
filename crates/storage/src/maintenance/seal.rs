//! Sealing: the hot rows of a generation become segment files, pending deletes are carried out,
//! and then the generation's log goes. A crash at any step leaves the log, whose replay brings
//! the same rows again; rows that are in a segment already are replaced by themselves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use watchpost_core::point::SeriesKey;

use crate::damage::{Damage, Lost};
use crate::error::{Error, Result};
use crate::memory::bucket::{Bucket, Frozen, State};
use crate::memory::index::{FieldId, SeriesId};
use crate::memory::shard::Shards;
use crate::range::TimeRange;
use crate::segment::block::{self, BlockColumns};
use crate::segment::cut::{self, Columns, Cutter};
use crate::segment::encoding::Malformed;
use crate::segment::writer::SegmentWriter;
use crate::segment::{Origin, Segment};
use crate::store::Storage;
use crate::sync::{lock, read, write};

impl Storage {
    /// Moves all rows in memory into segments; gives how many.
    pub fn seal(&self) -> Result<usize> {
        let _one_at_a_time = lock(&self.maintenance);
        self.seal_all()
    }

    /// Seals; the caller holds the maintenance lock.
    pub(crate) fn seal_all(&self) -> Result<usize> {
        // What an earlier attempt could not finish (a full disk) comes first.
        let mut rows = self.seal_frozen(None)?;
        let idle = |state: &State| state.active.is_empty() && state.tombstones.is_empty();
        if self
            .all_buckets()
            .iter()
            .all(|bucket| idle(&read(&bucket.state)))
            && self.log.bytes() == 0
        {
            return Ok(rows);
        }
        let generation = self.freeze()?;
        rows += self.seal_frozen(Some(generation))?;
        Ok(rows)
    }

    /// Ends the generation: its rows are frozen, its log file is complete.
    fn freeze(&self) -> Result<u64> {
        let _gate = write(&self.gate);
        let generation = self.log.rotate()?;
        for bucket in self.all_buckets() {
            let mut state = write(&bucket.state);
            let mut rows = std::mem::take(&mut state.active);
            rows.sort();
            let rows = Arc::new(rows);
            state.frozen = Some(Frozen { generation, rows });
        }
        self.active_bytes.store(0, Ordering::Relaxed);
        self.active_since.store(i64::MAX, Ordering::Relaxed);
        Ok(generation)
    }

    /// Writes the segments of frozen rows, carries out the deletes of their generation, and
    /// removes its log (that of `sealed` even if no bucket has rows of it).
    fn seal_frozen(&self, mut sealed: Option<u64>) -> Result<usize> {
        let mut rows = 0;
        for bucket in self.all_buckets() {
            let frozen = read(&bucket.state).frozen.clone();
            let Some(frozen) = frozen else { continue };
            sealed = sealed.max(Some(frozen.generation));
            rows += frozen.rows.rows;
            self.seal_bucket(&bucket, &frozen)?;
        }
        if let Some(generation) = sealed {
            self.log.remove_through(generation)?;
        }
        Ok(rows)
    }

    fn seal_bucket(&self, bucket: &Bucket, frozen: &Frozen) -> Result<()> {
        let deleted = self.carry_out_deletes(bucket, frozen.generation)?;
        let written = self.write_frozen(bucket, frozen)?;
        let mut state = write(&bucket.state);
        for segment in written {
            state.add_segment(Arc::new(segment));
        }
        state.frozen = None;
        let pending = state.tombstones.len();
        state
            .tombstones
            .retain(|tombstone| tombstone.generation > frozen.generation);
        if deleted || state.tombstones.len() < pending {
            state.prune_index();
        }
        state.latest.clear();
        Ok(())
    }

    /// One segment for each shard that the rows touch.
    fn write_frozen(&self, bucket: &Bucket, frozen: &Frozen) -> Result<Vec<Segment>> {
        let mut segments = Vec::new();
        for ((start, stop), series) in series_by_shard(bucket, frozen) {
            let shard = TimeRange::new(start, stop);
            let origin = Origin {
                bucket: bucket.id,
                shard,
                first_generation: frozen.generation,
                last_generation: frozen.generation,
            };
            let mut writer = SegmentWriter::create(self.disk(), &self.layout().root, origin)?;
            for (id, key) in &series {
                let columns = read(&bucket.state).frozen_columns(frozen, *id, key, shard);
                write_blocks(&mut writer, key, columns, Remainder::Write)?;
            }
            if !writer.is_empty() {
                segments.push(writer.finish(&self.layout().root)?);
            }
        }
        Ok(segments)
    }
}

/// Series with their ids, by the start and stop of a shard.
type SeriesByShard = BTreeMap<(i64, i64), Vec<(SeriesId, Arc<SeriesKey>)>>;

/// The series that have frozen rows in each shard, sorted by key.
fn series_by_shard(bucket: &Bucket, frozen: &Frozen) -> SeriesByShard {
    let state = read(&bucket.state);
    let mut series: Vec<(SeriesId, Arc<SeriesKey>)> = frozen
        .rows
        .series()
        .filter_map(|id| Some((id, state.index.key_of(id)?.clone())))
        .collect();
    series.sort_unstable_by(|left, right| left.1.cmp(&right.1));
    let existing = state.segments.iter().map(|segment| segment.origin.shard);
    let mut shards = Shards::new(existing, bucket.retention());
    let mut found = SeriesByShard::new();
    for (id, key) in series {
        let mut latest: Option<TimeRange> = None;
        for time in frozen.rows.times_of(id) {
            if latest.is_some_and(|shard| shard.contains(time)) {
                continue;
            }
            let shard = shards.shard_of(time);
            latest = Some(shard);
            let of_shard = found.entry((shard.start, shard.stop)).or_default();
            if of_shard.last().is_none_or(|(last, _)| *last != id) {
                of_shard.push((id, key.clone()));
            }
        }
    }
    found
}

impl State {
    /// All fields of the frozen rows of a series, deleted rows included: the log says again that they are.
    fn frozen_columns(
        &self,
        frozen: &Frozen,
        id: SeriesId,
        key: &SeriesKey,
        range: TimeRange,
    ) -> Columns {
        let Some(measurement) = self.index.measurement(key.measurement()) else {
            return Columns::new();
        };
        let field = |id: FieldId| &measurement.fields[id as usize];
        let runs = frozen.rows.rows_of(id, range).runs(|id| field(id).kind);
        let named = runs
            .into_iter()
            .map(|(id, run)| (field(id).name.clone(), run));
        named.collect()
    }
}

/// What to do with rows that do not fill a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remainder {
    Write,
    /// More rows may follow.
    Keep,
}

/// Writes rows as blocks (see [`crate::segment::cut`]); gives those it kept back.
pub(crate) fn write_blocks(
    writer: &mut SegmentWriter<'_>,
    key: &Arc<SeriesKey>,
    columns: Columns,
    remainder: Remainder,
) -> Result<Columns> {
    let mut cutter = Cutter::new(columns);
    let next = |cutter: &mut Cutter| match remainder {
        Remainder::Write => cutter.next_block(),
        Remainder::Keep => cutter.next_full_block(),
    };
    while let Some(block) = next(&mut cutter) {
        let bytes = block::encode(key, &block);
        check_encoded(&bytes, &block).map_err(|error| encoding_bug(writer, key, &block, error))?;
        writer
            .append(key, &bytes)
            .map_err(|error| encoding_bug(writer, key, &block, error))?;
        writer.flush_if_due()?;
    }
    Ok(cutter.into_rest())
}

/// Decodes a block again and compares: nothing leaves the log before its copy was read once.
fn check_encoded(bytes: &[u8], block: &BlockColumns) -> Result<(), Malformed> {
    let different = Malformed("a block does not decode to what was encoded");
    let header = block::decode_header(bytes)?;
    let (header_length, _) = block::lengths(bytes)?;
    let body = &bytes[block::PREFIX + header_length..];
    let chunk = |place: block::ChunkPlace| &body[place.offset..place.offset + place.length];
    if block::decode_times(&header, chunk(header.time))? != block.times {
        return Err(different);
    }
    for (field, (name, run)) in header.fields.iter().zip(&block.fields) {
        let (_, values) = block::decode_field(header.rows, field, chunk(field.chunk))?;
        if field.name.as_ref() != name || !crate::segment::codec::same_bits(&values, &run.values) {
            return Err(different);
        }
    }
    Ok(())
}

/// Our own encoder failed: the rows stay in the log, and somebody has to be told.
fn encoding_bug(
    writer: &SegmentWriter<'_>,
    key: &SeriesKey,
    block: &BlockColumns,
    error: Malformed,
) -> Error {
    Error::Damaged(Box::new(Damage {
        file: writer.name(),
        offset: 0,
        bytes: 0,
        reason: format!("{}; the rows stay in the log", error.0),
        lost: Lost {
            bucket: None,
            series: Some(key.to_string()),
            field: None,
            range: cut::range_of(block),
            rows: Some(0),
        },
    }))
}
