//! A bucket in memory: its index, hot rows, segments and pending deletes, under one lock.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, RwLock};

use hashbrown::HashSet;
use watchpost_core::point::SeriesKey;

use crate::log::record::{Condition, Deletion};
use crate::memory::hot::{Hot, HotRows};
use crate::memory::index::{FieldId, FieldWeeks, FieldWeeksOf, Index, SeriesId};
use crate::memory::shard::{day_of, week_of};
use crate::range::TimeRange;
use crate::read::block_cache::BlockCache;
use crate::read::latest::LatestCache;
use crate::read::reader::{BlockSource, HotField, SeriesReader};
use crate::segment::{BlockPlace, Segment};

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
    /// A delete came after the index was made: it may name series and fields without rows.
    pub(crate) index_is_stale: bool,
    /// The days with rows, or with rows that were deleted.
    pub(crate) days: BTreeSet<i32>,
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
        let generation = segment.origin.last_generation;
        let of_same = |other: &Arc<Segment>| other.origin.last_generation;
        let from = self
            .segments
            .partition_point(|other| of_same(other) < generation);
        let to = self
            .segments
            .partition_point(|other| of_same(other) <= generation);
        let same = |other: &Arc<Segment>| other.origin == segment.origin;
        self.days.insert(day_of(segment.origin.shard.start));
        match self.segments[from..to].iter().position(same) {
            Some(place) => self.segments[from + place] = segment,
            None => self.segments.insert(to, segment),
        }
        self.latest.clear();
    }

    /// Puts a segment in place of another one.
    pub(crate) fn replace_segment(&mut self, old: &Arc<Segment>, new: Option<Segment>) {
        self.segments.retain(|segment| !Arc::ptr_eq(segment, old));
        if let Some(new) = new {
            self.add_segment(Arc::new(new));
        }
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
            Some(earlier) if active.is_empty() => earlier,
            Some(earlier) => earlier.with(&active),
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
        let rows = frozen.rows.rows_of(id, range);
        Some(rows.without(&self.deleted_since(frozen.generation, key)))
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

    /// Forgets series and fields of which no row is left, deletes that are still to be carried out included.
    pub(crate) fn prune_index(&mut self) {
        let mut left = Left::default();
        for segment in &self.segments {
            self.left_in_segment(segment, &mut left);
        }
        let frozen = self.frozen.as_ref().map(|frozen| frozen.rows.as_ref());
        for hot in [Some(&self.active), frozen].into_iter().flatten() {
            for id in hot.series() {
                if let Some(key) = self.index.key_of(id) {
                    let rows = match frozen.is_some_and(|frozen| std::ptr::eq(frozen, hot)) {
                        true => self
                            .frozen_rows(id, key, TimeRange::ALL)
                            .unwrap_or_default(),
                        false => hot.rows_of(id, TimeRange::ALL),
                    };
                    self.left_in_memory(id, key, &rows, &mut left);
                }
            }
        }
        let Left {
            series,
            fields,
            days,
        } = left;
        self.index.retain(|id, _| series.contains(&id), &fields);
        self.days = days;
        self.index_is_stale = false;
        self.latest.clear();
    }

    /// Of a segment the series with a block that is not wholly deleted, and the fields of their measurements.
    fn left_in_segment(&self, segment: &Segment, left: &mut Left) {
        let week = week_of(segment.origin.shard.start);
        let is_masked = self
            .tombstones
            .iter()
            .any(|tombstone| tombstone.masks(segment));
        let mut measurement: Option<&str> = None;
        for series in &segment.index.series {
            if is_masked {
                let generation = segment.origin.last_generation;
                let deleted = self.deleted_since(generation, &series.key);
                let is_deleted =
                    |place: &BlockPlace| deleted.iter().any(|range| range.covers(place.range()));
                if series.blocks.iter().all(is_deleted) {
                    continue;
                }
            }
            left.series.extend(self.index.id_of(&series.key));
            if measurement == Some(series.key.measurement()) {
                continue;
            }
            measurement = Some(series.key.measurement());
            left.days.insert(day_of(segment.origin.shard.start));
            let known = left.of_measurement(series.key.measurement());
            let fields = segment.index.schema.get(series.key.measurement());
            for (name, kind) in fields.into_iter().flatten() {
                known.entry((name.clone(), *kind)).or_default().insert(week);
            }
        }
    }

    fn left_in_memory(&self, id: SeriesId, key: &SeriesKey, rows: &HotRows, left: &mut Left) {
        let Some(measurement) = self.index.measurement(key.measurement()) else {
            return;
        };
        if rows.is_empty() {
            return;
        }
        left.series.insert(id);
        left.days.extend(rows.times().map(day_of));
        let known = left.of_measurement(key.measurement());
        for (field, week) in rows.weeks_of_fields() {
            let field = &measurement.fields[field as usize];
            let key = (field.name.to_string(), field.kind);
            known.entry(key).or_default().insert(week);
        }
    }
}

/// What rows are left of.
#[derive(Default)]
struct Left {
    series: HashSet<SeriesId>,
    fields: FieldWeeks,
    days: BTreeSet<i32>,
}

impl Left {
    fn of_measurement(&mut self, name: &str) -> &mut FieldWeeksOf {
        self.fields.entry(name.to_owned()).or_default()
    }
}

impl Tombstone {
    /// Whether it may reach rows of a segment.
    pub(crate) fn masks(&self, segment: &Segment) -> bool {
        self.generation > segment.origin.last_generation
            && self.deletion.range.overlaps(segment.range)
    }
}
