//! Sealing: the hot rows of a generation become segment files, pending deletes are carried out,
//! and then the generation's log goes. A crash at any step leaves the log, whose replay brings
//! the same rows again; rows that are in a segment already are replaced by themselves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use watchpost_core::point::SeriesKey;

use crate::block::{self, BlockColumns, MAX_BLOCK_ROWS};
use crate::bucket::{Bucket, Frozen, State};
use crate::damage::{Damage, Lost};
use crate::encoding::Malformed;
use crate::error::{Error, Result};
use crate::hot::Hot;
use crate::range::TimeRange;
use crate::reader::SeriesReader;
use crate::run::Run;
use crate::segment::{Origin, Segment};
use crate::segment_writer::SegmentWriter;
use crate::shard;
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
            let rows = Arc::new(std::mem::take(&mut state.active));
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
        let rewritten = self.carry_out_deletes(bucket, frozen.generation)?;
        let written = self.write_frozen(bucket, frozen)?;
        let mut state = write(&bucket.state);
        let deleted = !rewritten.is_empty();
        for (old, new) in rewritten {
            state.segments.retain(|segment| !Arc::ptr_eq(segment, &old));
            if let Some(new) = new {
                state.add_segment(Arc::new(new));
            }
        }
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
        let Some(range) = frozen.rows.range().filter(|_| !frozen.rows.is_empty()) else {
            return Ok(Vec::new());
        };
        let (series, shards) = {
            let state = read(&bucket.state);
            let mut series: Vec<(u32, Arc<SeriesKey>)> = frozen
                .rows
                .series()
                .filter_map(|id| Some((id, state.index.key_of(id)?.clone())))
                .collect();
            series.sort_unstable_by(|left, right| left.1.cmp(&right.1));
            let existing: Vec<TimeRange> = state
                .segments
                .iter()
                .map(|segment| segment.origin.shard)
                .collect();
            let times = series
                .iter()
                .flat_map(|(id, _)| times_of(&frozen.rows, *id, range));
            let shards = shard::shards_for(times, existing, bucket.retention());
            (series, shards)
        };
        let mut segments = Vec::new();
        for shard in shards {
            let origin = Origin {
                bucket: bucket.id,
                shard,
                first_generation: frozen.generation,
                last_generation: frozen.generation,
            };
            let mut writer = SegmentWriter::create(self.disk(), &self.layout().root, origin)?;
            for (id, key) in &series {
                let mut reader = {
                    let state = read(&bucket.state);
                    state.frozen_reader(frozen, *id, key, shard)
                };
                let columns = read_columns(&mut reader, 0)?;
                write_blocks(&mut writer, key, columns, Remainder::Write)?;
            }
            if !writer.is_empty() {
                segments.push(writer.finish(&self.layout().root)?);
            }
        }
        Ok(segments)
    }
}

fn times_of(rows: &Hot, id: u32, range: TimeRange) -> Vec<i64> {
    rows.rows_of(id, range).times().collect()
}

impl State {
    /// A reader of frozen rows alone, deleted ones included: the log says again that they are.
    fn frozen_reader(
        &self,
        frozen: &Frozen,
        id: u32,
        key: &Arc<SeriesKey>,
        range: TimeRange,
    ) -> SeriesReader {
        let hot = frozen.rows.rows_of(id, range);
        let fields = self.hot_fields(key, &hot);
        SeriesReader::new(key.clone(), range, Vec::new(), hot, fields)
    }
}

/// Columns by field name.
pub(crate) type Columns = BTreeMap<Arc<str>, Run>;

/// All fields of a cluster.
pub(crate) fn read_columns(reader: &mut SeriesReader, cluster: usize) -> Result<Columns> {
    let mut columns = Columns::new();
    for (name, kind) in reader.fields()? {
        let run = reader.run(cluster, &name, kind)?;
        if !run.is_empty() {
            columns.insert(name, run);
        }
    }
    Ok(columns)
}

/// What to do with rows that do not fill a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remainder {
    Write,
    /// More rows may follow.
    Keep,
}

/// Writes rows as blocks of at most [`MAX_BLOCK_ROWS`]; gives those it kept back.
pub(crate) fn write_blocks(
    writer: &mut SegmentWriter<'_>,
    key: &Arc<SeriesKey>,
    mut columns: Columns,
    remainder: Remainder,
) -> Result<Columns> {
    let times = union_of_times(&columns);
    for times in times.chunks(MAX_BLOCK_ROWS) {
        if times.len() < MAX_BLOCK_ROWS && remainder == Remainder::Keep {
            return Ok(columns);
        }
        let Some(last) = times.last().copied() else {
            break;
        };
        let mut fields = Vec::with_capacity(columns.len());
        for (name, run) in &mut columns {
            let rows = run.times.partition_point(|time| *time <= last);
            if rows > 0 {
                fields.push((name.to_string(), run.split_front(rows)));
            }
        }
        let block = BlockColumns {
            times: times.to_vec(),
            fields,
        };
        let bytes = block::encode(key, &block);
        check_encoded(&bytes, &block).map_err(|error| encoding_bug(writer, key, &block, error))?;
        writer
            .append(key, &bytes)
            .map_err(|error| encoding_bug(writer, key, &block, error))?;
        writer.flush_if_due()?;
    }
    Ok(Columns::new())
}

/// The times of all fields together.
fn union_of_times(columns: &Columns) -> Vec<i64> {
    let mut times: Vec<i64> = Vec::new();
    let mut in_order = true;
    for run in columns.values() {
        if run.times != times {
            in_order &= times.is_empty();
            times.extend_from_slice(&run.times);
        }
    }
    if !in_order {
        times.sort_unstable();
        times.dedup();
    }
    times
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
        if field.name.as_ref() != name || !crate::codec::same_bits(&values, &run.values) {
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
    let range = block.times.first().zip(block.times.last());
    Error::Damaged(Box::new(Damage {
        file: writer.name(),
        offset: 0,
        bytes: 0,
        reason: format!("{}; the rows stay in the log", error.0),
        lost: Lost {
            bucket: None,
            series: Some(key.to_string()),
            field: None,
            range: range.map(|(first, last)| TimeRange::new(*first, last.saturating_add(1))),
            rows: Some(0),
        },
    }))
}
