//! Points on their way to the answer's rows, and what a step needs to know of its statement.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::rc::Rc;

use watchpost_core::point::{FieldType, FieldValue};
use watchpost_flux::value::window::Location;

use super::compile::Interval;
use crate::influxql::ast::{Expression, Fill, Kind};
use crate::influxql::condition::{MAX_TIME, MIN_TIME};

/// The measurement and tags that a point is shown with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) name: String,
    /// In order of their keys; a series without one has an empty text.
    pub(super) tags: Vec<(String, String)>,
}

impl Key {
    /// A tag's value, empty if there is none.
    pub(super) fn tag(&self, key: &str) -> &str {
        let found = self.tags.iter().find(|(known, _)| known == key);
        found.map_or("", |(_, value)| value)
    }

    /// The same with some tags alone.
    pub(super) fn subset(self: &Rc<Self>, keys: &BTreeSet<String>) -> Rc<Self> {
        if self.tags.len() == keys.len() && self.tags.iter().all(|(key, _)| keys.contains(key)) {
            return Rc::clone(self);
        }
        let pair = |key: &String| (key.clone(), self.tag(key).to_owned());
        Rc::new(Self {
            name: self.name.clone(),
            tags: keys.iter().map(pair).collect(),
        })
    }
}

/// Values that a point brings along.
pub(super) type Auxiliary = Rc<[Option<FieldValue>]>;

/// A point.
#[derive(Debug, Clone)]
pub(super) struct Point {
    pub(super) key: Rc<Key>,
    pub(super) time: i64,
    /// None: a window without rows.
    pub(super) value: Option<FieldValue>,
    pub(super) auxiliary: Auxiliary,
    /// How many rows a mean is of.
    pub(super) rows: u64,
}

/// What the steps of a statement know of it.
#[derive(Debug, Clone)]
pub(super) struct Options {
    pub(super) interval: Interval,
    pub(super) zone: Option<Location>,
    /// The tags of the outermost GROUP BY, in their order there.
    pub(super) dimensions: Vec<String>,
    /// The tags that this statement and those around it group by.
    pub(super) grouped: BTreeSet<String>,
    pub(super) fill: Fill,
    pub(super) condition: Option<Expression>,
    /// The first time and the last, both within.
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) ascending: bool,
    pub(super) limit: usize,
    pub(super) offset: usize,
    pub(super) series_limit: usize,
    pub(super) series_offset: usize,
    /// Fields and tags that points bring along.
    pub(super) auxiliary: Vec<(String, Kind)>,
    /// Whether points are to come in order of time rather than of windows.
    pub(super) ordered: bool,
}

impl Options {
    /// Whether there are windows.
    pub(super) fn has_windows(&self) -> bool {
        self.interval.every != 0
    }

    /// The tags that the points of this step have.
    pub(super) fn own_tags(&self) -> BTreeSet<String> {
        match self.grouped.is_empty() {
            true => self.dimensions.iter().cloned().collect(),
            false => self.grouped.clone(),
        }
    }

    /// How far a zone's clocks are ahead.
    pub(super) fn ahead(&self, time: i64) -> i64 {
        self.zone
            .as_ref()
            .map_or(0, |zone| zone.to_local(time).saturating_sub(time))
    }

    /// The start of the window of a time, and its end. A change of the clocks shortens or prolongs a window unless it is as
    /// long as the window. As in InfluxDB, windows overlap at some changes: the rows of the earlier one are those that no
    /// window before has, and a chosen row is shown at the start of the window of its own time. Where the offset of the
    /// windows lies over a change, InfluxDB's reckoning gives a window that the time is not in, and its answer ends there;
    /// here the zone's clock at the time itself decides then.
    pub(super) fn window(&self, time: i64) -> (i64, i64) {
        if self.interval.every == 0 {
            return (self.start, self.end.saturating_add(1));
        }
        let holds = |(start, end): (i64, i64)| start <= time && time < end;
        let at = time.saturating_sub(self.interval.offset);
        let window = self.window_by(time, self.ahead(at));
        if holds(window) || self.zone.is_none() {
            return window;
        }
        let ahead = self.ahead(time);
        let (start, end) = self.window_by(time, ahead);
        match start > time {
            true => (self.change_before(time, ahead), end),
            false => (start, end),
        }
    }

    /// The window of a time by clocks that are so far ahead there.
    fn window_by(&self, time: i64, ahead: i64) -> (i64, i64) {
        let Interval { every, offset } = self.interval;
        let time = time.saturating_sub(offset);
        let into = time.saturating_add(ahead).rem_euclid(every);
        let mut start = match MIN_TIME.saturating_add(into) >= time {
            true => MIN_TIME,
            false => time - into,
        };
        start = start.saturating_add(offset);
        let change = ahead - self.ahead(start);
        if change != 0 && change.abs() < every {
            start += change;
        }
        let left = every - into;
        let mut end = match MAX_TIME - left <= time {
            true => MAX_TIME,
            false => time + left,
        };
        end = end.saturating_add(offset);
        let at_end = self.ahead(end);
        let change = ahead - at_end;
        let moves = change > 0 || self.ahead(end.saturating_add(change)) == at_end;
        if change != 0 && change.abs() < every && moves {
            end = end.saturating_add(change);
        }
        (start, end)
    }

    /// When the clocks changed last before a time at which they are so far ahead; a window before it at most.
    fn change_before(&self, time: i64, ahead: i64) -> i64 {
        let (mut before, mut after) = (time.saturating_sub(self.interval.every), time);
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            match self.ahead(middle) == ahead {
                true => after = middle,
                false => before = middle,
            }
        }
        after
    }

    /// The order in which points of two keys come: by name, then by the tags of the outermost GROUP BY.
    pub(super) fn compare_keys(&self, left: &Rc<Key>, right: &Rc<Key>) -> Ordering {
        if Rc::ptr_eq(left, right) {
            return Ordering::Equal;
        }
        let by_name = left.name.cmp(&right.name);
        let order = by_name.then_with(|| match left.tags.len() == self.dimensions.len() {
            true => left.tags.cmp(&right.tags),
            false => {
                let mut sorted: Vec<&String> = self.dimensions.iter().collect();
                sorted.sort_unstable();
                let left = sorted.iter().map(|name| left.tag(name));
                left.cmp(sorted.iter().map(|name| right.tag(name)))
            }
        });
        match self.ascending {
            true => order,
            false => order.reverse(),
        }
    }

    /// The order of two times.
    pub(super) fn compare_times(&self, left: i64, right: i64) -> Ordering {
        match self.ascending {
            true => left.cmp(&right),
            false => right.cmp(&left),
        }
    }
}

/// The order of two values of one kind.
pub(super) fn compared(left: &FieldValue, right: &FieldValue) -> Option<Ordering> {
    match (left, right) {
        (FieldValue::Integer(left), FieldValue::Integer(right)) => Some(left.cmp(right)),
        (FieldValue::Unsigned(left), FieldValue::Unsigned(right)) => Some(left.cmp(right)),
        (FieldValue::String(left), FieldValue::String(right)) => Some(left.cmp(right)),
        (FieldValue::Boolean(left), FieldValue::Boolean(right)) => Some(left.cmp(right)),
        (left, right) => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

/// Whether values of a type can be cast to a kind: numbers to numbers, all else to its own type alone.
pub(super) fn goes_into(of: FieldType, kind: Kind) -> bool {
    let is_number = |of: FieldType| !matches!(of, FieldType::String | FieldType::Boolean);
    match kind {
        Kind::Field(wanted) => of == wanted || (is_number(of) && is_number(wanted)),
        _ => true,
    }
}

/// A value as one of another kind, as InfluxDB casts it; none: the two do not go together.
pub(super) fn cast(value: FieldValue, kind: Kind) -> Option<FieldValue> {
    use watchpost_core::point::FieldType::{Float, Integer, Unsigned};
    let Kind::Field(wanted) = kind else {
        return Some(value);
    };
    if value.field_type() == wanted {
        return Some(value);
    }
    match (wanted, value) {
        (Float, FieldValue::Integer(number)) => Some(FieldValue::Float(number as f64)),
        (Float, FieldValue::Unsigned(number)) => Some(FieldValue::Float(number as f64)),
        (Integer, FieldValue::Float(number)) => Some(FieldValue::Integer(number as i64)),
        (Integer, FieldValue::Unsigned(number)) => Some(FieldValue::Integer(number as i64)),
        (Unsigned, FieldValue::Float(number)) => Some(FieldValue::Unsigned(number as u64)),
        (Unsigned, FieldValue::Integer(number)) => Some(FieldValue::Unsigned(number as u64)),
        _ => None,
    }
}
