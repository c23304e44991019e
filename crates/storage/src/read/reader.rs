//! The rows of one series, from the blocks of several segments and from memory, field by field.
//! Scans, aggregates, seals and merges all read through it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use watchpost_core::point::{FieldType, FieldValue, SeriesKey};

use crate::damage::Damage;
use crate::error::{Error, Result};
use crate::memory::hot::HotRows;
use crate::memory::index::FieldId;
use crate::range::TimeRange;
use crate::read::block_cache::{BlockCache, BlockId, OpenBlock};
use crate::read::cluster::{Cluster, clusters_of};
use crate::read::latest::Latest;
use crate::read::run::Run;
use crate::segment::block::{self, BlockHeader, FieldHeader};
use crate::segment::encoding::Malformed;
use crate::segment::{BlockPlace, Segment};

/// A series to read.
#[derive(Clone, Debug)]
pub(crate) struct SeriesReader {
    pub(crate) key: Arc<SeriesKey>,
    range: TimeRange,
    /// Later ones win.
    blocks: Vec<BlockSource>,
    /// Win over all blocks.
    hot: HotRows,
    /// Sorted.
    hot_fields: Vec<HotField>,
    /// In time order, apart from each other.
    clusters: Vec<Cluster>,
    /// `Some`: damaged chunks are noted here and left out. `None`: they are errors.
    losses: Option<Vec<Damage>>,
    /// The last sealed rows, if they are in the cache and only last rows are asked for.
    latest: Option<Arc<Vec<Latest>>>,
}

/// Where the fields of a series have rows.
type Fields = BTreeMap<(Arc<str>, FieldType), Rows>;

/// Where a field of one type has rows.
#[derive(Debug, Default)]
struct Rows {
    hot: Option<FieldId>,
    /// The time of the first row of its earliest block.
    sealed: Option<i64>,
}

/// A field of hot rows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HotField {
    pub(crate) name: Arc<str>,
    pub(crate) kind: FieldType,
    pub(crate) id: FieldId,
}

/// What the last-value cache says.
#[derive(Debug)]
pub(crate) enum Cached {
    /// The last row in the range, or that there is none.
    Known(Option<(i64, FieldValue)>),
    /// The blocks have to be read.
    Unknown,
}

/// A block of a segment, read as far as anybody asked.
#[derive(Clone, Debug)]
pub(crate) struct BlockSource {
    pub(crate) segment: Arc<Segment>,
    pub(crate) place: BlockPlace,
    /// Rows deleted since the segment was written.
    pub(crate) deleted: Vec<TimeRange>,
    open: Option<Arc<OpenBlock>>,
    cache: Option<Arc<BlockCache>>,
}

impl BlockSource {
    pub(crate) fn new(
        segment: Arc<Segment>,
        place: BlockPlace,
        deleted: Vec<TimeRange>,
    ) -> BlockSource {
        BlockSource {
            segment,
            place,
            deleted,
            open: None,
            cache: None,
        }
    }

    /// Lets the block be read only if it is not in a cache, and puts it there.
    pub(crate) fn cached_in(mut self, cache: &Arc<BlockCache>) -> BlockSource {
        self.cache = Some(Arc::clone(cache));
        self
    }

    fn id(&self) -> BlockId {
        (self.segment.number, self.place.offset)
    }
}

impl SeriesReader {
    /// Blocks and hot rows of a series; `hot` is already without deleted rows.
    pub(crate) fn new(
        key: Arc<SeriesKey>,
        range: TimeRange,
        blocks: Vec<BlockSource>,
        hot: HotRows,
        hot_fields: Vec<HotField>,
    ) -> SeriesReader {
        let clusters = clusters_of(&blocks);
        SeriesReader {
            key,
            range,
            blocks,
            hot,
            hot_fields,
            clusters,
            losses: None,
            latest: None,
        }
    }

    /// All rows of some blocks.
    pub(crate) fn of_blocks(key: &Arc<SeriesKey>, blocks: Vec<BlockSource>) -> SeriesReader {
        SeriesReader::new(
            key.clone(),
            TimeRange::ALL,
            blocks,
            HotRows::default(),
            Vec::new(),
        )
    }

    /// Leaves damaged chunks out instead of failing.
    pub(crate) fn tolerant(mut self) -> SeriesReader {
        self.losses = Some(Vec::new());
        self
    }

    /// Gives the reader what the last-value cache knows of its series.
    pub(crate) fn with_latest(mut self, latest: Arc<Vec<Latest>>) -> SeriesReader {
        self.latest = Some(latest);
        self
    }

    /// The last row of a field without reading blocks, if the cache allows.
    pub(crate) fn cached_last(&self, name: &str) -> Cached {
        let Some(latest) = &self.latest else {
            return Cached::Unknown;
        };
        // A bucket with fields of several types has no cache.
        let hot = self.hot_field(name, None).and_then(|field| {
            let run = self.hot.run(field.id, field.kind, self.range);
            let last = run.len().checked_sub(1)?;
            Some((run.times[last], run.values.value(last)))
        });
        let sealed = latest
            .binary_search_by(|entry| entry.field.as_ref().cmp(name))
            .map(|place| &latest[place]);
        match sealed {
            // The row before it is asked for.
            Ok(sealed) if sealed.time >= self.range.stop => Cached::Unknown,
            Ok(sealed)
                if sealed.time >= self.range.start
                    && hot.as_ref().is_none_or(|hot| hot.0 < sealed.time) =>
            {
                Cached::Known(Some((sealed.time, sealed.value.clone())))
            }
            _ => Cached::Known(hot),
        }
    }

    /// The field of hot rows that has a name and a type.
    fn hot_field(&self, name: &str, kind: Option<FieldType>) -> Option<&HotField> {
        let from = self
            .hot_fields
            .partition_point(|field| field.name.as_ref() < name);
        let named = self.hot_fields[from..].iter();
        named
            .take_while(|field| field.name.as_ref() == name)
            .find(|field| kind.is_none_or(|kind| kind == field.kind))
    }

    /// What a tolerant reader left out.
    pub(crate) fn take_losses(&mut self) -> Vec<Damage> {
        self.losses.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The fields with their types, sorted by name. Of a name that has had several types it is the one of
    /// the earliest rows, as InfluxDB answers; the others' rows are not shown.
    pub(crate) fn fields(&mut self) -> Result<Vec<(Arc<str>, FieldType)>> {
        self.fields_that(|_| true)
    }

    /// As [`SeriesReader::fields`], those with some names.
    pub(crate) fn fields_that(
        &mut self,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<(Arc<str>, FieldType)>> {
        let mut fields = Fields::new();
        for field in self.hot_fields.iter().filter(|field| wanted(&field.name)) {
            let rows = fields.entry((field.name.clone(), field.kind)).or_default();
            rows.hot = Some(field.id);
        }
        if let Some(latest) = &self.latest {
            for entry in latest.iter().filter(|entry| wanted(&entry.field)) {
                fields.entry((entry.field.clone(), entry.kind)).or_default();
            }
            return Ok(self.earliest_types(fields));
        }
        if fields.is_empty() && self.blocks.len() == 1 {
            let open = self.open(0)?;
            let all = open.iter().flat_map(|block| &block.header.fields);
            let chosen = all.filter(|field| wanted(&field.name));
            return Ok(chosen
                .map(|field| (field.name.clone(), field.kind))
                .collect());
        }
        for number in 0..self.blocks.len() {
            let Some(block) = self.open(number)? else {
                continue;
            };
            let first = self.blocks[number].place.first;
            if self.losses.is_some() {
                // A merge goes through all blocks of the series, and comes back for a few of them at a time.
                self.blocks[number].open = None;
            }
            let of_block = block.header.fields.iter();
            for field in of_block.filter(|field| wanted(&field.name)) {
                let rows = fields.entry((field.name.clone(), field.kind)).or_default();
                rows.sealed = Some(rows.sealed.map_or(first, |other| other.min(first)));
            }
        }
        Ok(self.earliest_types(fields))
    }

    /// Those of the fields that the blocks of a part of a cluster have (`fields`, sorted by name, of a reader without hot
    /// rows).
    pub(crate) fn fields_of_part(
        &mut self,
        cluster: usize,
        part: TimeRange,
        fields: &[(Arc<str>, FieldType)],
    ) -> Result<Vec<(Arc<str>, FieldType)>> {
        let mut found = BTreeSet::new();
        for number in self.blocks_of_part(cluster, part) {
            let Some(block) = self.open(number)? else {
                continue;
            };
            for field in &block.header.fields {
                let place = fields.binary_search_by(|(name, _)| name.cmp(&field.name));
                found.extend(place.ok());
            }
        }
        Ok(found
            .into_iter()
            .map(|place| fields[place].clone())
            .collect())
    }

    /// The blocks that reach into a part of a cluster.
    pub(crate) fn places_of_part(
        &self,
        cluster: usize,
        part: TimeRange,
    ) -> impl Iterator<Item = &BlockPlace> {
        let blocks = self.blocks_of_part(cluster, part).into_iter();
        blocks.map(|number| &self.blocks[number].place)
    }

    /// A part of a cluster in two, with about as many blocks each; `None` where all of its blocks overlap.
    pub(crate) fn halved(&self, cluster: usize, part: TimeRange) -> Option<[TimeRange; 2]> {
        let starts = self.places_of_part(cluster, part).map(|place| place.first);
        let mut starts: Vec<i64> = starts.filter(|start| *start > part.start).collect();
        starts.sort_unstable();
        let middle = *starts.get(starts.len() / 2)?;
        Some([
            TimeRange::new(part.start, middle),
            TimeRange::new(middle, part.stop),
        ])
    }

    fn blocks_of_part(&self, cluster: usize, part: TimeRange) -> Vec<usize> {
        let reaches = |number: &usize| self.blocks[*number].place.range().overlaps(part);
        let blocks = self.clusters[cluster].blocks.iter().copied();
        blocks.filter(reaches).collect()
    }

    /// Lets go of the headers and times of the blocks of a cluster that end before a time.
    pub(crate) fn close_before(&mut self, cluster: usize, time: i64) {
        for position in 0..self.clusters[cluster].blocks.len() {
            let block = &mut self.blocks[self.clusters[cluster].blocks[position]];
            if block.place.last < time {
                block.open = None;
            }
        }
    }

    /// One type a name.
    fn earliest_types(&self, fields: Fields) -> Vec<(Arc<str>, FieldType)> {
        let first = |rows: &Rows| {
            let hot = rows.hot.and_then(|id| self.hot.first_of(id));
            rows.sealed.into_iter().chain(hot).min()
        };
        let mut types: Vec<(Arc<str>, FieldType)> = Vec::with_capacity(fields.len());
        let mut of_last: Option<Rows> = None;
        for ((name, kind), rows) in fields {
            match (types.last_mut(), &of_last) {
                (Some(last), Some(others)) if last.0 == name => {
                    if first(&rows) >= first(others) {
                        continue;
                    }
                    last.1 = kind;
                }
                _ => types.push((name, kind)),
            }
            of_last = Some(rows);
        }
        types
    }

    /// How many rows there are at most, also outside of the range.
    pub(crate) fn rows(&self) -> usize {
        let sealed = self.blocks.iter().map(|block| block.place.rows as usize);
        sealed.sum::<usize>() + self.hot.len()
    }

    pub(crate) fn clusters(&self) -> usize {
        self.clusters.len()
    }

    /// The only source of a cluster, if no other block and no hot row is in it and nothing of it
    /// was deleted: then its statistics hold.
    pub(crate) fn lone_block(&self, cluster: usize) -> Option<usize> {
        let Cluster { blocks, hot } = &self.clusters[cluster];
        let [block] = blocks[..] else { return None };
        let has_hot = self.hot.has_rows_in(*hot);
        (!has_hot && self.blocks[block].deleted.is_empty()).then_some(block)
    }

    pub(crate) fn block(&self, number: usize) -> &BlockSource {
        &self.blocks[number]
    }

    /// Whether the range of the request covers the whole block.
    pub(crate) fn is_covered(&self, number: usize) -> bool {
        self.range.covers(self.blocks[number].place.range())
    }

    /// The rows of one field in a part of a cluster (of a reader without hot rows).
    pub(crate) fn run_of_part(
        &mut self,
        cluster: usize,
        part: TimeRange,
        (name, kind): (&str, FieldType),
    ) -> Result<Run> {
        let mut runs = Vec::new();
        for number in self.blocks_of_part(cluster, part) {
            let run = self.block_run(number, name, kind)?;
            runs.extend(run.map(|run| run.clip(part)));
        }
        Ok(Run::merge(kind, runs))
    }

    /// The rows of one field in a cluster.
    pub(crate) fn run(&mut self, cluster: usize, name: &str, kind: FieldType) -> Result<Run> {
        let mut runs = Vec::new();
        for position in 0..self.clusters[cluster].blocks.len() {
            let number = self.clusters[cluster].blocks[position];
            runs.extend(self.block_run(number, name, kind)?);
        }
        if let Some(field) = self.hot_field(name, Some(kind)) {
            let range = self.range.intersection(self.clusters[cluster].hot);
            runs.push(self.hot.run(field.id, kind, range));
        }
        Ok(Run::merge(kind, runs))
    }

    /// The rows of one field in a block; `None` if it has none of the type.
    fn block_run(&mut self, number: usize, name: &str, kind: FieldType) -> Result<Option<Run>> {
        let Some(open) = self.open(number)? else {
            return Ok(None);
        };
        let header = &open.header;
        let Some(field) = field_of(header, name).filter(|field| field.kind == kind) else {
            return Ok(None);
        };
        let Some(times) = self.times(number)? else {
            return Ok(None);
        };
        let source = &self.blocks[number];
        let chunk = source.segment.chunk(&source.place, field.chunk)?;
        let (positions, values) = match block::decode_field(header.rows, field, &chunk) {
            Ok(decoded) => decoded,
            Err(error) => {
                let damage = source
                    .segment
                    .field_damage(&self.key, &source.place, field, error.0);
                return self.lose(damage).map(|()| None);
            }
        };
        let times = match positions {
            None => times.to_vec(),
            Some(positions) => positions.into_iter().map(|row| times[row]).collect(),
        };
        Ok(Some(
            Run { times, values }
                .clip(self.range)
                .without(&source.deleted),
        ))
    }

    /// A block with its header; `None` if it is damaged and that is tolerated.
    pub(crate) fn open(&mut self, number: usize) -> Result<Option<Arc<OpenBlock>>> {
        let source = &self.blocks[number];
        if let Some(open) = &source.open {
            return Ok(Some(open.clone()));
        }
        let cached = source
            .cache
            .as_ref()
            .and_then(|cache| cache.get(source.id()));
        if let Some(open) = cached {
            self.blocks[number].open = Some(open.clone());
            return Ok(Some(open));
        }
        match source.segment.header(&self.key, &source.place) {
            Ok(header) if header.series == *self.key => {
                let open = Arc::new(OpenBlock::new(header));
                if let Some(cache) = &source.cache {
                    cache.put(source.id(), &open);
                }
                self.blocks[number].open = Some(open.clone());
                Ok(Some(open))
            }
            Ok(_) => {
                let reason = "the block belongs to another series";
                let damage = source
                    .segment
                    .block_damage(&self.key, &source.place, reason);
                self.lose(damage).map(|()| None)
            }
            Err(Error::Damaged(damage)) => self.lose(*damage).map(|()| None),
            Err(error) => Err(error),
        }
    }

    /// The times of a block; `None` if they are damaged and that is tolerated.
    pub(crate) fn times(&mut self, number: usize) -> Result<Option<Arc<Vec<i64>>>> {
        let Some(open) = self.open(number)? else {
            return Ok(None);
        };
        if let Some(times) = open.times.get() {
            return Ok(Some(times.clone()));
        }
        let source = &self.blocks[number];
        let chunk = source.segment.chunk(&source.place, open.header.time)?;
        match block::decode_times(&open.header, &chunk) {
            Ok(times) => Ok(Some(open.times.get_or_init(|| Arc::new(times)).clone())),
            Err(Malformed(reason)) => {
                let damage = source
                    .segment
                    .block_damage(&self.key, &source.place, reason);
                self.lose(damage).map(|()| None)
            }
        }
    }

    fn lose(&mut self, damage: Damage) -> Result<()> {
        match &mut self.losses {
            Some(losses) => {
                if !losses.contains(&damage) {
                    losses.push(damage);
                }
                Ok(())
            }
            None => Err(Error::Damaged(Box::new(damage))),
        }
    }
}

/// The field of that name in a block.
pub(crate) fn field_of<'a>(header: &'a BlockHeader, name: &str) -> Option<&'a FieldHeader> {
    let position = header
        .fields
        .binary_search_by(|field| field.name.as_ref().cmp(name))
        .ok()?;
    Some(&header.fields[position])
}
