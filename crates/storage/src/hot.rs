//! Hot rows: acknowledged, in the log, not yet in a segment. Batches are kept as they came; each
//! series lists its rows in them. A column is gathered when somebody reads it.

use std::collections::BTreeSet;
use std::sync::Arc;

use hashbrown::HashMap;
use watchpost_core::point::FieldType;

use crate::batch::{Batch, Row, text_of};
use crate::column::Column;
use crate::index::{FieldId, SeriesId};
use crate::range::TimeRange;
use crate::run::Run;
use crate::shard::week_of;

/// Bytes a batch costs beyond its rows and values: its vectors and their bookkeeping. It keeps
/// the count honest when a site sends thousands of one-line writes.
const BATCH_OVERHEAD: usize = 256;

/// Bytes the entry of a row in its series takes.
const ROW_ENTRY: usize = size_of::<RowPlace>();

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
}

#[derive(Clone, Copy, Debug)]
struct RowPlace {
    batch: u32,
    row: u32,
}

/// The rows of one series at one moment, in time order; of equal times the later written is last.
#[derive(Clone, Debug, Default)]
pub(crate) struct HotRows {
    rows: Vec<(i64, Arc<HotBatch>, Row)>,
}

impl Hot {
    /// Adds the rows of a batch whose series and layouts have these ids.
    pub(crate) fn apply(&mut self, batch: Batch, series: &[SeriesId], layouts: Vec<Vec<FieldId>>) {
        let number = self.batches.len() as u32;
        self.bytes += batch.bytes() + batch.rows.len() * ROW_ENTRY + BATCH_OVERHEAD;
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
                });
            of_series.rows.push(place);
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

    pub(crate) fn series(&self) -> impl Iterator<Item = SeriesId> {
        self.series.keys().copied()
    }

    /// The rows of a series within a range.
    pub(crate) fn rows_of(&self, series: SeriesId, range: TimeRange) -> HotRows {
        let Some(of_series) = self
            .series
            .get(&series)
            .filter(|found| found.range.overlaps(range))
        else {
            return HotRows { rows: Vec::new() };
        };
        let mut rows = Vec::with_capacity(of_series.rows.len());
        for place in &of_series.rows {
            let batch = &self.batches[place.batch as usize];
            let row = batch.rows[place.row as usize];
            if range.contains(row.time) {
                rows.push((row.time, batch.clone(), row));
            }
        }
        if !rows.is_sorted_by_key(|(time, ..)| *time) {
            rows.sort_by_key(|(time, ..)| *time);
        }
        HotRows { rows }
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
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds rows that were written later, keeping the order.
    pub(crate) fn extend(&mut self, later: HotRows) {
        self.rows.extend(later.rows);
        if !self.rows.is_sorted_by_key(|(time, ..)| *time) {
            self.rows.sort_by_key(|(time, ..)| *time);
        }
    }

    pub(crate) fn times(&self) -> impl Iterator<Item = i64> {
        self.rows.iter().map(|(time, ..)| *time)
    }

    /// Removes the rows inside a range.
    pub(crate) fn delete(&mut self, range: TimeRange) {
        self.rows.retain(|(time, ..)| !range.contains(*time));
    }

    /// The fields that the rows have.
    pub(crate) fn fields(&self) -> BTreeSet<FieldId> {
        let mut fields = BTreeSet::new();
        let mut seen: Option<(*const HotBatch, u32)> = None;
        for (_, batch, row) in &self.rows {
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
        for (time, batch, row) in &self.rows {
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
        let has = |batch: &HotBatch, row: &Row| batch.layouts[row.layout as usize].contains(&field);
        let mut rows = self.rows.iter();
        rows.find(|(_, batch, row)| has(batch, row))
            .map(|(time, ..)| *time)
    }

    /// One field of the rows within a range.
    pub(crate) fn run(&self, field: FieldId, kind: FieldType, range: TimeRange) -> Run {
        let from = self.rows.partition_point(|(time, ..)| *time < range.start);
        let to = self
            .rows
            .partition_point(|(time, ..)| *time < range.stop)
            .max(from);
        let rows = &self.rows[from..to];
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
