//! Rows: the points of several functions side by side, by key and time.

use std::cmp::Ordering;
use std::rc::Rc;

use watchpost_core::point::FieldValue;

use super::point::{Key, Point, cast};
use crate::influxql::ast::{Expression, Kind};
use crate::influxql::eval::{Division, evaluate};
use crate::influxql::{QueryError, Target};

/// A row.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) key: Rc<Key>,
    pub(super) time: i64,
    /// A value a column.
    pub(super) values: Vec<Option<FieldValue>>,
}

/// The points of a function, and the slots that its values and what they bring along go to.
pub(super) struct Scanner {
    points: std::iter::Peekable<std::vec::IntoIter<Point>>,
    driver: Option<(usize, Kind)>,
    beside: Vec<(usize, Kind)>,
    /// What stands where there is no value.
    default: Option<FieldValue>,
    /// Whether the value before it does.
    skips: bool,
}

impl Scanner {
    pub(super) fn new(
        points: Vec<Point>,
        driver: Option<(usize, Kind)>,
        beside: Vec<(usize, Kind)>,
        default: Option<FieldValue>,
        skips: bool,
    ) -> Self {
        Self {
            points: points.into_iter().peekable(),
            driver,
            beside,
            default,
            skips,
        }
    }

    fn default_of(&self, kind: Kind) -> Option<FieldValue> {
        let default = self.default.clone()?;
        Some(cast(default.clone(), kind).unwrap_or(default))
    }

    /// Puts the values of a row into their slots.
    fn scan(&mut self, key: &Rc<Key>, time: i64, slots: &mut [Option<FieldValue>]) {
        let point = self
            .points
            .next_if(|point| point.time == time && point.key == *key);
        if let Some((place, kind)) = self.driver {
            match point.as_ref().and_then(|point| point.value.clone()) {
                Some(value) => slots[place] = Some(value),
                None if self.skips => {}
                None => slots[place] = self.default_of(kind),
            }
        }
        for (turn, (place, kind)) in self.beside.iter().enumerate() {
            let value = point
                .as_ref()
                .and_then(|point| point.auxiliary.get(turn)?.clone());
            match value {
                Some(value) => slots[*place] = Some(value),
                None if self.skips => {}
                None => slots[*place] = self.default_of(*kind),
            }
        }
    }
}

/// The rows of some functions.
pub(super) fn rows(
    mut scanners: Vec<Scanner>,
    columns: &[Expression],
    slots: usize,
    ascending: bool,
    target: &Target<'_>,
) -> Result<Vec<Row>, QueryError> {
    let mut rows: Vec<Row> = Vec::new();
    let mut slots = vec![None; slots];
    let order = |left: &(Rc<Key>, i64), right: &(Rc<Key>, i64)| {
        let order = match Rc::ptr_eq(&left.0, &right.0) {
            true => Ordering::Equal,
            false => left.0.cmp(&right.0),
        };
        order.then(left.1.cmp(&right.1))
    };
    loop {
        let heads = scanners.iter_mut().filter_map(|scanner| {
            let point = scanner.points.peek()?;
            Some((Rc::clone(&point.key), point.time))
        });
        let next = match ascending {
            true => heads.min_by(order),
            false => heads.max_by(order),
        };
        let Some((key, time)) = next else {
            return Ok(rows);
        };
        match rows.last() {
            Some(before) if Rc::ptr_eq(&before.key, &key) || before.key == key => {}
            _ => {
                (target.may_go_on)()?;
                slots.fill(None);
            }
        }
        for scanner in &mut scanners {
            scanner.scan(&key, time, &mut slots);
        }
        let lookup = |part: &Expression| match part {
            Expression::Slot(place) => slots[*place].clone(),
            _ => None,
        };
        let mut values = Vec::with_capacity(columns.len());
        for column in columns {
            let value = evaluate(column, &lookup, Division::Exact);
            target.reserve_copy(value.as_ref())?;
            values.push(value);
        }
        rows.push(Row { key, time, values });
    }
}
