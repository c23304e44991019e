//! Storage answers by series; a group's answer is joined from those of its series.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use watchpost_core::point::FieldValue;
use watchpost_flux::source::{Aggregate, SeriesColumns};

use super::Tags;
use super::relation::value_at;
use crate::influxql::functions::{Point, compared, summed};

/// The groups' answers so far.
pub(super) struct Combined {
    function: Aggregate,
    by_window: bool,
    groups: BTreeMap<Tags, BTreeMap<i64, Part>>,
}

/// A group's answer for one window.
struct Part {
    value: FieldValue,
    /// Rows that a mean is of.
    rows: u64,
    /// When the row is that a selector chose.
    chosen: i64,
}

impl Combined {
    pub(super) fn new(function: Aggregate, by_window: bool) -> Self {
        Self {
            function,
            by_window,
            groups: BTreeMap::new(),
        }
    }

    /// Joins a series' answer to that of its group.
    pub(super) fn add(&mut self, group: Tags, series: &SeriesColumns) {
        let windows = self.groups.entry(group).or_default();
        for (row, time) in series.times.iter().enumerate() {
            let part = Part {
                value: value_at(&series.values, row),
                rows: series.counts.get(row).copied().unwrap_or(1),
                chosen: series.chosen.get(row).copied().unwrap_or(*time),
            };
            match windows.entry(if self.by_window { *time } else { 0 }) {
                Entry::Vacant(place) => {
                    place.insert(part);
                }
                Entry::Occupied(mut place) => place.get_mut().join(part, self.function),
            }
        }
    }

    /// The answers in order of time.
    pub(super) fn into_groups(self) -> BTreeMap<Tags, Vec<Point>> {
        let by_window = self.by_window;
        let point = |(window, part): (i64, Part)| {
            let time = if by_window { window } else { part.chosen };
            Point::new(time, part.value)
        };
        let groups = self.groups.into_iter();
        groups
            .map(|(tags, windows)| (tags, windows.into_iter().map(point).collect()))
            .collect()
    }
}

impl Part {
    fn join(&mut self, other: Part, function: Aggregate) {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let values = compared(&other.value, &self.value);
        let times = other.chosen.cmp(&self.chosen);
        let is_better = match function {
            Aggregate::Count | Aggregate::Sum => {
                self.value = summed(&self.value, &other.value);
                return;
            }
            Aggregate::Mean => {
                let of = |part: &Part| part.value.as_f64().unwrap_or(0.0) * part.rows as f64;
                let sum = of(self) + of(&other);
                self.rows += other.rows;
                self.value = FieldValue::Float(sum / self.rows as f64);
                return;
            }
            Aggregate::Min => values == Some(Less) || (values == Some(Equal) && times == Less),
            Aggregate::Max => values == Some(Greater) || (values == Some(Equal) && times == Less),
            // Of rows of one time the larger value stands, as in InfluxDB.
            Aggregate::First => times == Less || (times == Equal && values == Some(Greater)),
            Aggregate::Last => times == Greater || (times == Equal && values == Some(Greater)),
        };
        if is_better {
            *self = other;
        }
    }
}
