//! A bucket in memory: its index, hot rows, segments and pending deletes, under one lock.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, RwLock};

use watchpost_core::point::SeriesKey;

use crate::block_cache::BlockCache;
use crate::hot::{Hot, HotRows};
use crate::index::{FieldId, FieldWeeks, Index, SeriesId};
use crate::latest::LatestCache;
use crate::range::TimeRange;
use crate::reader::{BlockSource, HotField, SeriesReader};
use crate::record::{Condition, Deletion};
use crate::segment::Segment;
use crate::shard::week_of;

/// A bucket.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) id: u64,
    /// Nanoseconds; 0 for ever.
    retention: AtomicI64,
    /// Rows before it are not shown any more, though their shard is still there.
    horizon: AtomicI64,
    pub(crate) state: RwLock<State>,
}

/// What changes.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) index: Index,
    /// The rows of the current generation.
    pub(crate) active: Hot,
    /// The rows of an earlier generation, on their way into segments.
    pub(crate) frozen: Option<Frozen>,
    /// By last generation, so that later ones win.
    pub(crate) segments: Vec<Arc<Segment>>,
    /// Deletes that segments of earlier generations do not contain yet.
    pub(crate) tombstones: Vec<Tombstone>,
    /// The bucket was dropped; whoever still holds it looks it up again.
    pub(crate) dropped: bool,
    /// Last values of sealed rows.
    pub(crate) latest: LatestCache,
    /// Headers and times of sealed blocks.
    pub(crate) blocks: Arc<BlockCache>,
}

/// Rows that are being sealed.
#[derive(Clone, Debug)]
pub(crate) struct Frozen {
    pub(crate) generation: u64,
    pub(crate) rows: Arc<Hot>,
}

/// A delete, and the generation whose log holds it.
#[derive(Clone, Debug)]
pub(crate) struct Tombstone {
    pub(crate) generation: u64,
    pub(crate) deletion: Deletion,
}

impl Bucket {
    pub(crate) fn new(id: u64) -> Bucket {
        Bucket {
            id,
            retention: AtomicI64::new(0),
            horizon: AtomicI64::new(i64::MIN),
            state: RwLock::default(),
        }
    }

    pub(crate) fn set_retention(&self, retention: Option<i64>) {
        self.retention
            .store(retention.unwrap_or(0).max(0), Ordering::Relaxed);
    }

    /// How long rows are kept, in nanoseconds.
    pub(crate) fn retention(&self) -> Option<i64> {
        Some(self.retention.load(Ordering::Relaxed)).filter(|retention| *retention > 0)
    }

    /// Hides the rows that are older than the bucket keeps.
    pub(crate) fn hide_expired(&self, now: i64) {
        let bound = self.lower_bound(now).unwrap_or(i64::MIN);
        self.horizon.store(bound, Ordering::Relaxed);
    }

    /// What is shown of a range.
    pub(crate) fn visible(&self, range: TimeRange) -> TimeRange {
        let start = range.start.max(self.horizon.load(Ordering::Relaxed));
        TimeRange::new(start, range.stop.max(start))
    }

    /// The earliest time that is kept.
    pub(crate) fn lower_bound(&self, now: i64) -> Option<i64> {
        Some(now.saturating_sub(self.retention()?))
    }
}

impl Deletion {
    pub(crate) fn matches(&self, key: &SeriesKey) -> bool {
        self.conditions
            .iter()
            .all(|Condition { tag, equal, text }| {
                let actual = match tag {
                    None => key.measurement(),
                    Some(tag) => key.tag(tag).unwrap_or_default(),
                };
                (actual == text) == *equal
            })
    }
}

impl State {
    /// Adds a segment in its place among the others, in place of an older one of the same origin.
    pub(crate) fn add_segment(&mut self, segment: Arc<Segment>) {
        self.segments.retain(|other| other.origin != segment.origin);
        let generation = segment.origin.last_generation;
        let place = self
            .segments
            .partition_point(|other| other.origin.last_generation <= generation);
        self.segments.insert(place, segment);
        self.latest.clear();
    }

    /// The ranges of a series that were deleted after a generation was written.
    pub(crate) fn deleted_since(&self, generation: u64, key: &SeriesKey) -> Vec<TimeRange> {
        let masks = |tombstone: &&Tombstone| {
            tombstone.generation > generation && tombstone.deletion.matches(key)
        };
        self.tombstones
            .iter()
            .filter(masks)
            .map(|tombstone| tombstone.deletion.range)
            .collect()
    }

    /// The blocks of a series that overlap a range and are not wholly deleted.
    pub(crate) fn blocks_of(&self, key: &SeriesKey, range: TimeRange) -> Vec<BlockSource> {
        let mut blocks = Vec::new();
        for segment in self
            .segments
            .iter()
            .filter(|segment| segment.range.overlaps(range))
        {
            let places = segment.blocks_of(key);
            if places.is_empty() {
                continue;
            }
            let deleted = self.deleted_since(segment.origin.last_generation, key);
            for place in places {
                let within = place.range();
                if within.overlaps(range) && !deleted.iter().any(|deleted| deleted.covers(within)) {
                    let deleted = deleted
                        .iter()
                        .filter(|deleted| deleted.overlaps(within))
                        .copied();
                    let source = BlockSource::new(segment.clone(), *place, deleted.collect());
                    blocks.push(source.cached_in(&self.blocks));
                }
            }
        }
        blocks
    }

    /// A reader of a series as it is now.
    pub(crate) fn reader(
        &self,
        id: SeriesId,
        key: &Arc<SeriesKey>,
        range: TimeRange,
    ) -> SeriesReader {
        let active = self.active.rows_of(id, range);
        let hot = match self.frozen_rows(id, key, range) {
            Some(mut earlier) => {
                earlier.extend(active);
                earlier
            }
            None => active,
        };
        let fields = self.hot_fields(key, &hot);
        SeriesReader::new(key.clone(), range, self.blocks_of(key, range), hot, fields)
    }

    /// The fields that hot rows of a series have.
    pub(crate) fn hot_fields(&self, key: &SeriesKey, hot: &HotRows) -> Vec<HotField> {
        let Some(measurement) = self.index.measurement(key.measurement()) else {
            return Vec::new();
        };
        let of_id = |id: FieldId| {
            let field = &measurement.fields[id as usize];
            HotField {
                name: field.name.clone(),
                kind: field.kind,
                id,
            }
        };
        let mut fields: Vec<HotField> = hot.fields().into_iter().map(of_id).collect();
        fields.sort_unstable();
        fields
    }

    fn frozen_rows(&self, id: SeriesId, key: &SeriesKey, range: TimeRange) -> Option<HotRows> {
        let frozen = self.frozen.as_ref()?;
        let mut rows = frozen.rows.rows_of(id, range);
        for deleted in self.deleted_since(frozen.generation, key) {
            rows.delete(deleted);
        }
        Some(rows)
    }

    /// Whether the series has a row in the range. Exact in memory; of a block only its first and
    /// last time are looked at.
    pub(crate) fn has_rows(&self, id: SeriesId, key: &SeriesKey, range: TimeRange) -> bool {
        self.blocks_of(key, range)
            .into_iter()
            .any(|block| !block.place.range().intersection(range).is_empty())
            || self
                .active
                .range_of(id)
                .is_some_and(|within| within.overlaps(range))
                && !self.active.rows_of(id, range).is_empty()
            || self
                .frozen_rows(id, key, range)
                .is_some_and(|rows| !rows.is_empty())
    }

    /// Forgets series and fields of which no row is left.
    pub(crate) fn prune_index(&mut self) {
        let mut fields = FieldWeeks::new();
        let mut in_segments: BTreeSet<SeriesId> = BTreeSet::new();
        for segment in &self.segments {
            let week = week_of(segment.origin.shard.start);
            for (measurement, of_segment) in &segment.index.schema {
                let known = fields.entry(measurement.clone()).or_default();
                for (name, kind) in of_segment {
                    known.entry((name.clone(), *kind)).or_default().insert(week);
                }
            }
            in_segments.extend(
                segment
                    .index
                    .series
                    .iter()
                    .filter_map(|series| self.index.id_of(&series.key)),
            );
        }
        let hots = [
            Some(&self.active),
            self.frozen.as_ref().map(|frozen| frozen.rows.as_ref()),
        ];
        let mut in_memory: BTreeSet<SeriesId> = BTreeSet::new();
        for hot in hots.into_iter().flatten() {
            for id in hot.series() {
                in_memory.insert(id);
                let Some(key) = self.index.key_of(id) else {
                    continue;
                };
                let Some(measurement) = self.index.measurement(key.measurement()) else {
                    continue;
                };
                let known = fields.entry(key.measurement().to_owned()).or_default();
                for (field, week) in hot.rows_of(id, TimeRange::ALL).weeks_of_fields() {
                    let field = &measurement.fields[field as usize];
                    let key = (field.name.to_string(), field.kind);
                    known.entry(key).or_default().insert(week);
                }
            }
        }
        self.index.retain(
            |id, _| in_segments.contains(&id) || in_memory.contains(&id),
            &fields,
        );
        self.latest.clear();
    }
}
