//! What a batch is in a bucket: the ids of its series and fields, and the rows that are refused.

use std::collections::BTreeSet;

use hashbrown::{HashMap, HashSet};
use watchpost_core::point::SeriesKey;

use crate::batch::{Batch, Row};
use crate::memory::bucket::State;
use crate::memory::index::{FieldId, SeriesId};
use crate::memory::shard::{day_of, week_of};
use crate::request::{BeyondRetention, DaysOf, Rejection, RejectionReason, WriteOutcome};

/// What a row may be, and how much of a kind a bucket may hold.
#[derive(Debug)]
pub(crate) struct Bounds {
    /// The earliest time.
    pub(crate) lower: Option<i64>,
    /// The latest time.
    pub(crate) upper: Option<i64>,
    pub(crate) series: usize,
    pub(crate) fields: usize,
    pub(crate) days: usize,
    pub(crate) days_of_write: usize,
}

impl Bounds {
    /// For what was taken before.
    pub(crate) const NONE: Bounds = Bounds {
        lower: None,
        upper: None,
        series: usize::MAX,
        fields: usize::MAX,
        days: usize::MAX,
        days_of_write: usize::MAX,
    };
}

/// The ids of a batch in a bucket.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    /// By the batch's number of the series; `None` of rejected ones.
    pub(crate) series: Vec<Option<SeriesId>>,
    /// By the batch's number of the layout.
    pub(crate) layouts: Vec<Option<Vec<FieldId>>>,
    /// Layouts and weeks of which a row was taken, so that their types hold.
    settled: HashSet<(u32, i32)>,
    refusals: HashMap<(u32, i32), RejectionReason>,
    /// Why no more series are taken.
    full: Option<RejectionReason>,
    /// Days that the batch adds.
    new_days: BTreeSet<i32>,
    /// Positions of rows that are not stored, ascending.
    pub(crate) rejected: Vec<usize>,
    pub(crate) outcome: WriteOutcome,
}

impl Resolved {
    /// Decides row by row, in their order, and looks up (or adds) series and fields.
    pub(crate) fn of(batch: &Batch, state: &mut State, bounds: &Bounds) -> Resolved {
        let first = Resolved::check(batch, state, bounds);
        if first.outcome.rejected.is_empty() || !state.index_is_stale {
            return first;
        }
        // A delete may have freed the type, or made room.
        state.prune_index();
        Resolved::check(batch, state, bounds)
    }

    fn check(batch: &Batch, state: &mut State, bounds: &Bounds) -> Resolved {
        let mut resolved = Resolved {
            series: vec![None; batch.series.len()],
            layouts: vec![None; batch.layouts.len()],
            ..Resolved::default()
        };
        for (position, row) in batch.rows.iter().enumerate() {
            if let Some(lower_bound) = bounds.lower.filter(|bound| row.time < *bound) {
                let key = &batch.series[row.series as usize];
                resolved.beyond_retention(key, row.time, lower_bound);
                resolved.rejected.push(position);
                continue;
            }
            match resolved.take(batch, row, state, bounds) {
                Ok(()) => resolved.outcome.written += 1,
                Err(reason) => {
                    resolved.rejected.push(position);
                    resolved.outcome.rejected.push(Rejection {
                        line: row.line as usize,
                        reason,
                    });
                }
            }
        }
        state.days.extend(&resolved.new_days);
        resolved
    }

    /// Takes a row; the first reason against it.
    fn take(
        &mut self,
        batch: &Batch,
        row: &Row,
        state: &mut State,
        bounds: &Bounds,
    ) -> Result<(), RejectionReason> {
        if let Some(upper_bound) = bounds.upper.filter(|bound| row.time > *bound) {
            let time = row.time;
            return Err(RejectionReason::TooFarInFuture { time, upper_bound });
        }
        let new_day = self.new_day(row.time, state, bounds)?;
        let place = (row.layout, week_of(row.time));
        let settled = self.settled.contains(&place);
        if !settled {
            self.check_fields(batch, place, state, bounds)?;
        }
        if self.series[row.series as usize].is_none() {
            let key = &batch.series[row.series as usize];
            let Some(id) = resolve_series(key, state, bounds.series) else {
                let full = || too_many(state, bounds.series);
                return Err(self.full.get_or_insert_with(full).clone());
            };
            self.series[row.series as usize] = Some(id);
        }
        // Fields and days come to be with the first row that is taken, so that a refused one leaves nothing behind.
        if !settled {
            self.layouts[row.layout as usize] = Some(add_fields(batch, place, state));
            self.settled.insert(place);
        }
        self.new_days.extend(new_day);
        Ok(())
    }

    /// The day of a time, if there are no rows in it yet.
    fn new_day(
        &self,
        time: i64,
        state: &State,
        bounds: &Bounds,
    ) -> Result<Option<i32>, RejectionReason> {
        let day = day_of(time);
        if state.days.contains(&day) || self.new_days.contains(&day) {
            return Ok(None);
        }
        let too_many = |limit, of| Err(RejectionReason::TooManyDays { limit, of });
        if state.days.len() + self.new_days.len() >= bounds.days {
            return too_many(bounds.days, DaysOf::Bucket);
        }
        if self.new_days.len() >= bounds.days_of_write {
            return too_many(bounds.days_of_write, DaysOf::Write);
        }
        Ok(Some(day))
    }

    /// Whether the fields of a layout can be taken in a week.
    fn check_fields(
        &mut self,
        batch: &Batch,
        place: (u32, i32),
        state: &State,
        bounds: &Bounds,
    ) -> Result<(), RejectionReason> {
        if let Some(refusal) = self.refusals.get(&place) {
            return Err(refusal.clone());
        }
        let refusal = conflict_of(batch, place, state)
            .or_else(|| too_many_fields(batch, place.0, state, bounds.fields));
        if let Some(refusal) = refusal {
            self.refusals.insert(place, refusal.clone());
            return Err(refusal);
        }
        Ok(())
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

/// The first field of a layout that has another type in the week already, or earlier in the same line.
fn conflict_of(
    batch: &Batch,
    (number, week): (u32, i32),
    state: &State,
) -> Option<RejectionReason> {
    let layout = &batch.layouts[number as usize];
    let mut earlier = HashMap::with_capacity(layout.fields.len());
    layout.fields.iter().find_map(|(name, kind)| {
        let in_week = state
            .index
            .other_type(&layout.measurement, name, *kind, week);
        let in_line = earlier.insert(name.as_str(), *kind);
        let existing = in_week.or(in_line)?;
        Some(RejectionReason::FieldTypeConflict {
            measurement: layout.measurement.clone(),
            field: name.clone(),
            given: *kind,
            existing,
        })
    })
}

/// Whether the fields of a layout are more than the bucket has room for.
fn too_many_fields(
    batch: &Batch,
    number: u32,
    state: &State,
    limit: usize,
) -> Option<RejectionReason> {
    let layout = &batch.layouts[number as usize];
    let known = state.index.field_count();
    if known + layout.fields.len() <= limit {
        return None;
    }
    let fields = layout
        .fields
        .iter()
        .map(|(name, kind)| (name.as_str(), *kind));
    let new = state.index.count_new(&layout.measurement, fields);
    (new > 0 && known + new > limit).then(|| RejectionReason::TooManyFields {
        limit,
        measurement: layout.measurement.clone(),
        new,
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
    (state.index.len() < limit).then(|| state.index.add_series(&std::sync::Arc::new(key.clone())))
}

fn too_many(state: &State, limit: usize) -> RejectionReason {
    let (tag, values) = state
        .index
        .widest_tag()
        .map_or((None, 0), |(tag, values)| (Some(tag), values));
    RejectionReason::TooManySeries { limit, tag, values }
}
