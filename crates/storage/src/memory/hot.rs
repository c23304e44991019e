//! Hot rows: acknowledged, in the log, not yet in a segment. Batches are kept as they came; each
//! series lists its rows in them. A column is gathered when somebody reads it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use hashbrown::HashMap;
use watchpost_core::point::FieldType;

use crate::batch::{Batch, Row, text_of};
use crate::column::Column;
use crate::memory::index::{FieldId, SeriesId};
use crate::memory::shard::week_of;
use crate::range::TimeRange;
use crate::read::run::Run;

/// Bytes a batch costs beyond its rows and values: its vectors and their bookkeeping. It keeps
/// the count honest when a site sends thousands of one-line writes.
const BATCH_OVERHEAD: usize = 256;

/// Bytes the entry of a row in its series takes.
const ROW_ENTRY: usize = size_of::<RowPlace>();

/// After so many searches for a field the rows get an index by field. A search goes through all rows, so that a series
/// with as many fields as rows would cost their product; for the forty fields of a host the index would cost more.
const SEARCHES_BEFORE_INDEX: usize = 256;

/// The hot rows of a bucket.
#[derive(Debug, Default)]
pub(crate) struct Hot {
    batches: Vec<Arc<HotBatch>>,
    series: HashMap<SeriesId, HotSeries>,
    pub(crate) bytes: usize,
    pub(crate) rows: usize,
}

/// The rows of a batch, with ids in place of names.
#[derive(Debug)]
struct HotBatch {
    rows: Vec<Row>,
    values: Vec<u64>,
    strings: Vec<u8>,
    layouts: Vec<Vec<FieldId>>,
}

/// The rows of a series in the order they were written.
#[derive(Debug)]
struct HotSeries {
    rows: Vec<RowPlace>,
    range: TimeRange,
    /// The rows are in time order.
    in_order: bool,
}

#[derive(Clone, Copy, Debug)]
struct RowPlace {
    batch: u32,
    row: u32,
}

/// The rows of one series at one moment, in time order; of equal times the later written is last. Clones share the rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct HotRows {
    shared: Arc<SharedRows>,
}

#[derive(Debug, Default)]
struct SharedRows {
    rows: Vec<(i64, Arc<HotBatch>, Row)>,
    searches: AtomicUsize,
    index: OnceLock<FieldIndex>,
}

/// Where the values of each field are: field, row, and the place among the row's values; sorted.
#[derive(Debug)]
struct FieldIndex(Vec<(FieldId, u32, u32)>);

impl Hot {
    /// Adds the rows of a batch whose series and layouts have these ids.
    pub(crate) fn apply(&mut self, batch: Batch, series: &[SeriesId], layouts: Vec<Vec<FieldId>>) {
        let number = self.batches.len() as u32;
        let of_layout =
            |layout: &Vec<FieldId>| size_of_val(layout) + size_of_val(layout.as_slice());
        let of_layouts: usize = layouts.iter().map(of_layout).sum();
        self.bytes += batch.bytes() + batch.rows.len() * ROW_ENTRY + of_layouts + BATCH_OVERHEAD;
        self.rows += batch.rows.len();
        for (position, row) in batch.rows.iter().enumerate() {
            let place = RowPlace {
                batch: number,
                row: position as u32,
            };
            let only = TimeRange::new(row.time, row.time.saturating_add(1));
            let of_series = self
                .series
                .entry(series[row.series as usize])
                .or_insert_with(|| HotSeries {
                    rows: Vec::new(),
                    range: only,
                    in_order: true,
                });
            of_series.rows.push(place);
            of_series.in_order &= row.time >= of_series.range.stop.saturating_sub(1);
            of_series.range = of_series.range.hull(only);
        }
        let Batch {
            mut rows,
            mut values,
            strings,
            ..
        } = batch;
        rows.shrink_to_fit();
        values.shrink_to_fit();
        self.batches.push(Arc::new(HotBatch {
            rows,
            values,
            strings,
            layouts,
        }));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// From the earliest to just after the latest row of a series (rows that were deleted
    /// meanwhile may have made it too wide).
    pub(crate) fn range_of(&self, series: SeriesId) -> Option<TimeRange> {
        self.series.get(&series).map(|of_series| of_series.range)
    }

    /// The range of all rows.
    pub(crate) fn range(&self) -> Option<TimeRange> {
        self.series
            .values()
            .map(|series| series.range)
            .reduce(TimeRange::hull)
    }

    /// The times of a series' rows.
    pub(crate) fn times_of(&self, series: SeriesId) -> impl Iterator<Item = i64> {
        let places = self.series.get(&series).map(|found| found.rows.as_slice());
        let time =
            |place: &RowPlace| self.batches[place.batch as usize].rows[place.row as usize].time;
        places.unwrap_or_default().iter().map(time)
    }

    pub(crate) fn series(&self) -> impl Iterator<Item = SeriesId> {
        self.series.keys().copied()
    }

    /// Puts the rows of every series in time order, so that [`Hot::rows_of`] a short range is quick however many there
    /// are.
    pub(crate) fn sort(&mut self) {
        let batches = &self.batches;
        for of_series in self.series.values_mut().filter(|found| !found.in_order) {
            let time =
                |place: &RowPlace| batches[place.batch as usize].rows[place.row as usize].time;
            of_series.rows.sort_by_key(time);
            of_series.in_order = true;
        }
    }

    /// The rows of a series within a range.
    pub(crate) fn rows_of(&self, series: SeriesId, range: TimeRange) -> HotRows {
        let Some(of_series) = self
            .series
            .get(&series)
            .filter(|found| found.range.overlaps(range))
        else {
            return HotRows::default();
        };
        let time =
            |place: &RowPlace| self.batches[place.batch as usize].rows[place.row as usize].time;
        let mut places = of_series.rows.as_slice();
        if of_series.in_order {
            let from = places.partition_point(|place| time(place) < range.start);
            let to = places.partition_point(|place| time(place) < range.stop);
            places = &places[from..to.max(from)];
        }
        let mut rows = Vec::with_capacity(places.len());
        for place in places {
            let batch = &self.batches[place.batch as usize];
            let row = batch.rows[place.row as usize];
            if range.contains(row.time) {
                rows.push((row.time, batch.clone(), row));
            }
        }
        HotRows::of(rows)
    }

    /// Removes the rows of some series within a range.
    pub(crate) fn delete(&mut self, series: &BTreeSet<SeriesId>, range: TimeRange) {
        let Hot {
            batches,
            series: all,
            rows: count,
            ..
        } = self;
        all.retain(|id, of_series| {
            if series.contains(id) && of_series.range.overlaps(range) {
                let time =
                    |place: &RowPlace| batches[place.batch as usize].rows[place.row as usize].time;
                let before = of_series.rows.len();
                of_series.rows.retain(|place| !range.contains(time(place)));
                *count -= before - of_series.rows.len();
                let ranges = of_series
                    .rows
                    .iter()
                    .map(time)
                    .map(|time| TimeRange::new(time, time.saturating_add(1)));
                of_series.range = ranges
                    .reduce(TimeRange::hull)
                    .unwrap_or(TimeRange::new(0, 0));
            }
            !of_series.rows.is_empty()
        });
        if all.is_empty() {
            *self = Hot::default();
        }
    }
}

impl HotRows {
    /// Rows in the order they were written.
    fn of(mut rows: Vec<(i64, Arc<HotBatch>, Row)>) -> HotRows {
        if !rows.is_sorted_by_key(|(time, ..)| *time) {
            rows.sort_by_key(|(time, ..)| *time);
        }
        let shared = SharedRows {
            rows,
            ..SharedRows::default()
        };
        HotRows {
            shared: Arc::new(shared),
        }
    }

    fn rows(&self) -> &[(i64, Arc<HotBatch>, Row)] {
        &self.shared.rows
    }

    pub(crate) fn len(&self) -> usize {
        self.rows().len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows().is_empty()
    }

    /// These rows and some that were written later, in order.
    pub(crate) fn with(&self, later: &HotRows) -> HotRows {
        HotRows::of([self.rows(), later.rows()].concat())
    }

    pub(crate) fn times(&self) -> impl Iterator<Item = i64> {
        self.rows().iter().map(|(time, ..)| *time)
    }

    /// Whether a row is in the range.
    pub(crate) fn has_rows_in(&self, range: TimeRange) -> bool {
        let from = self
            .rows()
            .partition_point(|(time, ..)| *time < range.start);
        let first = self.rows().get(from);
        first.is_some_and(|(time, ..)| *time < range.stop)
    }

    /// The rows outside of some ranges.
    pub(crate) fn without(self, ranges: &[TimeRange]) -> HotRows {
        if ranges.is_empty() {
            return self;
        }
        let is_kept = |time: i64| !ranges.iter().any(|range| range.contains(time));
        let kept = self.rows().iter().filter(|(time, ..)| is_kept(*time));
        HotRows::of(kept.cloned().collect())
    }

    /// The fields that the rows have.
    pub(crate) fn fields(&self) -> BTreeSet<FieldId> {
        let mut fields = BTreeSet::new();
        let mut seen: Option<(*const HotBatch, u32)> = None;
        for (_, batch, row) in self.rows() {
            if seen != Some((Arc::as_ptr(batch), row.layout)) {
                fields.extend(batch.layouts[row.layout as usize].iter().copied());
                seen = Some((Arc::as_ptr(batch), row.layout));
            }
        }
        fields
    }

    /// The fields that the rows have, and in which weeks.
    pub(crate) fn weeks_of_fields(&self) -> BTreeSet<(FieldId, i32)> {
        let mut weeks = BTreeSet::new();
        let mut seen: Option<(*const HotBatch, u32, i32)> = None;
        for (time, batch, row) in self.rows() {
            let place = (Arc::as_ptr(batch), row.layout, week_of(*time));
            if seen != Some(place) {
                let fields = batch.layouts[row.layout as usize].iter();
                weeks.extend(fields.map(|field| (*field, place.2)));
                seen = Some(place);
            }
        }
        weeks
    }

    /// The time of the first row that has a field.
    pub(crate) fn first_of(&self, field: FieldId) -> Option<i64> {
        if let Some(index) = self.index_if_worth_it() {
            let (_, row, _) = index.of_field(field).first()?;
            return Some(self.rows()[*row as usize].0);
        }
        let has = |batch: &HotBatch, row: &Row| batch.layouts[row.layout as usize].contains(&field);
        let mut rows = self.rows().iter();
        rows.find(|(_, batch, row)| has(batch, row))
            .map(|(time, ..)| *time)
    }

    /// One field of the rows within a range.
    pub(crate) fn run(&self, field: FieldId, kind: FieldType, range: TimeRange) -> Run {
        if let Some(index) = self.index_if_worth_it() {
            let values = index.of_field(field);
            let time = |row: u32| self.rows()[row as usize].0;
            let from = values.partition_point(|(_, row, _)| time(*row) < range.start);
            let to = values.partition_point(|(_, row, _)| time(*row) < range.stop);
            return self.gather(&values[from..to.max(from)], kind);
        }
        let from = self
            .rows()
            .partition_point(|(time, ..)| *time < range.start);
        let to = self
            .rows()
            .partition_point(|(time, ..)| *time < range.stop)
            .max(from);
        let rows = &self.rows()[from..to];
        let mut times = Vec::with_capacity(rows.len());
        let mut values = Column::with_capacity(kind, rows.len());
        let mut guess = 0;
        for (time, batch, row) in rows {
            let layout = &batch.layouts[row.layout as usize];
            if layout.get(guess) != Some(&field) {
                match layout.iter().position(|other| *other == field) {
                    Some(position) => guess = position,
                    None => continue,
                }
            }
            times.push(*time);
            push_value(
                &mut values,
                batch.values[row.offset as usize + guess],
                &batch.strings,
            );
        }
        Run::from_written(times, values)
    }

    /// All fields of the rows, in one pass over their values. `kind_of` gives the type of a field.
    pub(crate) fn runs(&self, kind_of: impl Fn(FieldId) -> FieldType) -> Vec<(FieldId, Run)> {
        let index = self
            .shared
            .index
            .get_or_init(|| FieldIndex::of(self.rows()));
        let fields = index.0.chunk_by(|left, right| left.0 == right.0);
        let run = |values: &[(FieldId, u32, u32)]| {
            let field = values[0].0;
            (field, self.gather(values, kind_of(field)))
        };
        fields.map(run).collect()
    }

    fn gather(&self, places: &[(FieldId, u32, u32)], kind: FieldType) -> Run {
        let mut times = Vec::with_capacity(places.len());
        let mut values = Column::with_capacity(kind, places.len());
        for (_, row, place) in places {
            let (time, batch, row) = &self.rows()[*row as usize];
            times.push(*time);
            let bits = batch.values[row.offset as usize + *place as usize];
            push_value(&mut values, bits, &batch.strings);
        }
        Run::from_written(times, values)
    }

    fn index_if_worth_it(&self) -> Option<&FieldIndex> {
        let shared = &self.shared;
        if let Some(index) = shared.index.get() {
            return Some(index);
        }
        let searches = shared.searches.fetch_add(1, Ordering::Relaxed);
        (searches >= SEARCHES_BEFORE_INDEX)
            .then(|| shared.index.get_or_init(|| FieldIndex::of(self.rows())))
    }
}

impl FieldIndex {
    fn of(rows: &[(i64, Arc<HotBatch>, Row)]) -> FieldIndex {
        let mut places = Vec::new();
        for (number, (_, batch, row)) in rows.iter().enumerate() {
            let fields = batch.layouts[row.layout as usize].iter().zip(0..);
            places.extend(fields.map(|(field, place)| (*field, number as u32, place)));
        }
        places.sort_unstable();
        // A line may name a field twice; the first of them counts, as where the row is searched.
        places.dedup_by_key(|(field, row, _)| (*field, *row));
        FieldIndex(places)
    }

    fn of_field(&self, field: FieldId) -> &[(FieldId, u32, u32)] {
        let from = self.0.partition_point(|(other, ..)| *other < field);
        let to = self.0.partition_point(|(other, ..)| *other <= field);
        &self.0[from..to]
    }
}

fn push_value(column: &mut Column, bits: u64, strings: &[u8]) {
    match column {
        Column::Float(values) => values.push(f64::from_bits(bits)),
        Column::Integer(values) => values.push(bits as i64),
        Column::Unsigned(values) => values.push(bits),
        Column::Boolean(values) => values.push(bits != 0),
        Column::String(values) => values.push(text_of(strings, bits).into()),
    }
}
