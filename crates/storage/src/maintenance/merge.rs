//! Merging: several segments of a shard become one with fuller blocks and one copy of each row.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use watchpost_core::point::{FieldType, SeriesKey};

use crate::damage::Damage;
use crate::error::{Error, Result};
use crate::maintenance::seal::{Remainder, write_blocks};
use crate::memory::bucket::Bucket;
use crate::range::TimeRange;
use crate::read::reader::{BlockSource, SeriesReader};
use crate::request::MaintenanceReport;
use crate::segment::block::{self, MAX_BLOCK_ROWS};
use crate::segment::cut::{Columns, MAX_BLOCK_CELLS};
use crate::segment::writer::SegmentWriter;
use crate::segment::{BlockPlace, Origin, Segment};
use crate::store::Storage;
use crate::sync::{lock, read, write};

/// So many segments of about one size are merged: each row is then rewritten about four times
/// until its shard is closed.
const MERGE_WIDTH: usize = 4;

/// A segment joins a merge if it is at most so many times as large as the newer ones together.
const MERGE_RATIO: u64 = 2;

/// A lone block with at least so many rows is copied as it is.
const FULL_BLOCK_ROWS: usize = MAX_BLOCK_ROWS / 2;

/// A value with its time, in memory.
const CELL_BYTES: usize = 16;

/// About the bytes that a field takes in the header of a block.
const FIELD_HEADER_BYTES: usize = 32;

impl Storage {
    /// One round of background work: seals what is due (by size, by age, after deletes), merges
    /// segments. Call it about once a second (see [`Storage::wait_for_work`]) from one thread.
    pub fn maintain(&self, now: i64) -> Result<MaintenanceReport> {
        let _one_at_a_time = lock(&self.maintenance);
        let mut report = MaintenanceReport::default();
        if self.is_seal_due(now) {
            report.rows_sealed = self.seal_all()?;
        }
        for bucket in self.all_buckets() {
            report.segments_merged += self.merge_bucket(&bucket, Urgency::Due { now })?;
        }
        Ok(report)
    }

    /// Seals all rows and merges every shard to its final form.
    pub fn compact(&self) -> Result<MaintenanceReport> {
        let _one_at_a_time = lock(&self.maintenance);
        let mut report = MaintenanceReport {
            rows_sealed: self.seal_all()?,
            segments_merged: 0,
        };
        for bucket in self.all_buckets() {
            report.segments_merged += self.merge_bucket(&bucket, Urgency::All)?;
        }
        Ok(report)
    }

    fn is_seal_due(&self, now: i64) -> bool {
        let since = self.active_since.load(Ordering::Relaxed);
        self.active_bytes.load(Ordering::Relaxed) >= self.options.memory_bytes
            || now.saturating_sub(since) >= self.options.seal_after
            || self.all_buckets().iter().any(|bucket| {
                let state = read(&bucket.state);
                !state.tombstones.is_empty() || state.frozen.is_some()
            })
    }

    /// Merges what is to be merged; gives how many segments went.
    fn merge_bucket(&self, bucket: &Bucket, urgency: Urgency) -> Result<usize> {
        let mut merged = 0;
        loop {
            let group = {
                let state = read(&bucket.state);
                // A pending delete reaches segments by their generation, which a merge changes.
                if !state.tombstones.is_empty() {
                    return Ok(merged);
                }
                let generation = self.log.generation();
                choose(
                    &state.segments,
                    urgency,
                    generation,
                    self.options.seal_after,
                )
            };
            let Some(group) = group else {
                return Ok(merged);
            };
            let new = self.merge(&group)?;
            merged += group.len();
            self.replace_segments(bucket, &group, new)?;
        }
    }

    /// Puts a segment in place of those it was made from.
    pub(crate) fn replace_segments(
        &self,
        bucket: &Bucket,
        old: &[Arc<Segment>],
        new: Option<Segment>,
    ) -> Result<()> {
        let kept = new.as_ref().map(|segment| segment.path.clone());
        {
            let mut state = write(&bucket.state);
            state
                .segments
                .retain(|segment| !old.iter().any(|gone| Arc::ptr_eq(gone, segment)));
            if let Some(new) = new {
                state.add_segment(Arc::new(new));
            }
            state.latest.clear();
        }
        for segment in old
            .iter()
            .filter(|segment| Some(&segment.path) != kept.as_ref())
        {
            segment.keep_if_shared();
            self.disk().remove(&segment.path)?;
        }
        Ok(())
    }

    /// Reports what a rewritten segment will not hold any more, and keeps the original.
    pub(crate) fn keep_damaged(&self, losses: Vec<Damage>) -> Result<()> {
        let files: BTreeSet<&PathBuf> = losses.iter().map(|damage| &damage.file).collect();
        for file in files {
            self.layout()
                .keep_original(self.disk(), &self.layout().root.join(file))?;
        }
        losses.into_iter().for_each(|damage| self.report(damage));
        Ok(())
    }

    /// One segment with the rows of several of a shard, which follow each other by generation.
    /// Damaged chunks are left out.
    fn merge(&self, group: &[Arc<Segment>]) -> Result<Option<Segment>> {
        let origin = Origin {
            first_generation: group
                .iter()
                .map(|segment| segment.origin.first_generation)
                .min()
                .unwrap_or(0),
            last_generation: group
                .iter()
                .map(|segment| segment.origin.last_generation)
                .max()
                .unwrap_or(0),
            ..group[0].origin
        };
        let mut writer = SegmentWriter::create(self.disk(), &self.layout().root, origin)?;
        let mut keys: BTreeSet<&Arc<SeriesKey>> = BTreeSet::new();
        for segment in group {
            keys.extend(segment.index.series.iter().map(|series| &series.key));
        }
        let mut losses = Vec::new();
        for key in keys {
            let mut reader = reader_of(group, key).tolerant();
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

/// Which merges to do.
#[derive(Clone, Copy, Debug)]
enum Urgency {
    /// Those that pay now.
    Due { now: i64 },
    /// All.
    All,
}

/// Segments of one shard to merge next; `None` if nothing is to be done.
fn choose(
    segments: &[Arc<Segment>],
    urgency: Urgency,
    generation: u64,
    seal_after: i64,
) -> Option<Vec<Arc<Segment>>> {
    let mut shards: BTreeMap<(i64, i64), Vec<Arc<Segment>>> = BTreeMap::new();
    for segment in segments {
        let TimeRange { start, stop } = segment.origin.shard;
        shards
            .entry((start, stop))
            .or_default()
            .push(segment.clone());
    }
    for ((_, stop), of_shard) in shards {
        let newest = of_shard
            .last()
            .map_or(0, |segment| segment.origin.last_generation);
        let whole = match urgency {
            Urgency::All => true,
            // Closed, and the latest portion brought nothing more for it.
            Urgency::Due { now } => {
                now.saturating_sub(stop) >= seal_after && newest + 1 < generation
            }
        };
        if whole && of_shard.len() > 1 {
            return Some(of_shard);
        }
        let tail = newest_of_one_size(&of_shard);
        if tail.len() >= MERGE_WIDTH {
            return Some(tail.to_vec());
        }
    }
    None
}

/// The longest run of newest segments none of which dwarfs the ones after it.
fn newest_of_one_size(segments: &[Arc<Segment>]) -> &[Arc<Segment>] {
    let mut start = segments.len();
    let mut bytes = 0;
    while let Some(segment) = start.checked_sub(1).map(|before| &segments[before]) {
        if bytes > 0 && segment.bytes > bytes * MERGE_RATIO {
            break;
        }
        bytes += segment.bytes;
        start -= 1;
    }
    &segments[start..]
}

/// A reader of one series over some segments and nothing else.
pub(crate) fn reader_of(segments: &[Arc<Segment>], key: &Arc<SeriesKey>) -> SeriesReader {
    let mut blocks = Vec::new();
    for segment in segments {
        let places = segment.blocks_of(key).iter();
        blocks.extend(places.map(|place| BlockSource::new(segment.clone(), *place, Vec::new())));
    }
    SeriesReader::of_blocks(key, blocks)
}

/// Writes all rows of a series: full blocks as they are, the others joined to fuller ones. However many rows overlap,
/// about `limit` bytes of them are in memory at a time, or one block of each segment.
pub(crate) fn copy_series(
    reader: &mut SeriesReader,
    writer: &mut SegmentWriter<'_>,
    limit: usize,
) -> Result<()> {
    let key = reader.key.clone();
    let types = reader.fields()?;
    let mut pending = Columns::new();
    for cluster in 0..reader.clusters() {
        if let Some(number) = reader.lone_block(cluster)
            && is_full(&reader.block(number).place)
            && let Some(bytes) = intact_block(reader.block(number), &key)?
        {
            write_blocks(writer, &key, std::mem::take(&mut pending), Remainder::Write)?;
            let refused = |reason| damaged(reader.block(number), &key, reason);
            writer
                .append(&key, &bytes)
                .map_err(|error| refused(error.0))?;
            writer.flush_if_due()?;
            continue;
        }
        pending = join_cluster(reader, (cluster, limit), &types, (writer, pending))?;
    }
    write_blocks(writer, &key, pending, Remainder::Write)?;
    Ok(())
}

/// Joins the blocks of a cluster to what is pending, about `limit` bytes of rows at a time, and writes what became full.
fn join_cluster(
    reader: &mut SeriesReader,
    (cluster, limit): (usize, usize),
    types: &[(Arc<str>, FieldType)],
    (writer, mut pending): (&mut SegmentWriter<'_>, Columns),
) -> Result<Columns> {
    let key = reader.key.clone();
    let mut parts = vec![TimeRange::ALL];
    while let Some(part) = parts.pop() {
        let halves = reader.halved(cluster, part);
        let limit = halves.map_or(usize::MAX, |_| limit);
        match (read_part(reader, (cluster, part), types, limit)?, halves) {
            (None, Some([first, rest])) => parts.extend([rest, first]),
            (columns, _) => {
                for (name, run) in columns.into_iter().flatten() {
                    match pending.get_mut(&name) {
                        Some(before) => before.append(run),
                        None => {
                            pending.insert(name, run);
                        }
                    }
                }
                pending = write_blocks(writer, &key, pending, Remainder::Keep)?;
                reader.close_before(cluster, part.stop);
            }
        }
    }
    Ok(pending)
}

/// All fields of a part of a cluster; `None` if they take more bytes than a limit. `types` are those of the whole reader,
/// sorted by name.
fn read_part(
    reader: &mut SeriesReader,
    (cluster, part): (usize, TimeRange),
    types: &[(Arc<str>, FieldType)],
    limit: usize,
) -> Result<Option<Columns>> {
    let mut bytes: usize = reader.places_of_part(cluster, part).map(cells).sum();
    bytes = bytes.saturating_mul(CELL_BYTES);
    let mut columns = Columns::new();
    if bytes > limit {
        return Ok(None);
    }
    for (name, kind) in reader.fields_of_part(cluster, part, types)? {
        let run = reader.run_of_part(cluster, part, (&name, kind))?;
        bytes = bytes.saturating_add(run.text_bytes());
        if bytes > limit {
            return Ok(None);
        }
        if !run.is_empty() {
            columns.insert(name, run);
        }
    }
    Ok(Some(columns))
}

/// Whether joining the block with others would hardly make it fuller: by its rows, or because of its many fields.
fn is_full(place: &BlockPlace) -> bool {
    place.rows as usize >= FULL_BLOCK_ROWS || cells(place) >= MAX_BLOCK_CELLS / 2
}

/// About how many rows times fields a block has.
fn cells(place: &BlockPlace) -> usize {
    let fields = place.header_length as usize / FIELD_HEADER_BYTES;
    place.rows as usize * fields.max(1)
}

/// The bytes of a block if all of its checksums hold; `None` if a tolerant reader has to go
/// through it chunk by chunk.
fn intact_block(source: &BlockSource, key: &SeriesKey) -> Result<Option<Vec<u8>>> {
    let bytes = source.segment.block(&source.place)?;
    let Ok(header) = block::decode_header(&bytes) else {
        return Ok(None);
    };
    let body = &bytes[block::PREFIX + source.place.header_length as usize..];
    let intact = |place: block::ChunkPlace| {
        let chunk = body.get(place.offset..place.offset + place.length);
        chunk.is_some_and(|chunk| crc32fast::hash(chunk) == place.crc)
    };
    let whole = header.series == *key
        && intact(header.time)
        && header.fields.iter().all(|field| intact(field.chunk));
    Ok(whole.then_some(bytes))
}

fn damaged(source: &BlockSource, key: &SeriesKey, reason: &str) -> Error {
    Error::Damaged(Box::new(source.segment.block_damage(
        key,
        &source.place,
        reason,
    )))
}
