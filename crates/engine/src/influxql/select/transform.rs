//! Functions that make each point of the ones before it, key by key, and what fills windows without rows.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::rc::Rc;

use watchpost_core::point::{FieldType, FieldValue};

use super::point::{Auxiliary, Key, Options, Point, cast, compared};
use crate::influxql::ast::{Fill, Kind};
use crate::influxql::condition::MIN_TIME;
use crate::influxql::{QueryError, Target};

/// A function with its argument; units are nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Transformation {
    Derivative { unit: i64, positive: bool },
    Difference { positive: bool },
    Elapsed { unit: i64 },
    MovingAverage { width: usize },
    CumulativeSum,
}

/// What a transformation makes of points.
///
/// # Errors
/// It is not defined for their values.
pub(super) fn transformed(
    points: Vec<Point>,
    transformation: Transformation,
    options: &Options,
) -> Result<Vec<Point>, QueryError> {
    let own_tags = options.own_tags();
    let auxiliary: Auxiliary = Rc::from(vec![None; options.auxiliary.len()]);
    let mut states: BTreeMap<Rc<Key>, State> = BTreeMap::new();
    let mut made = Vec::with_capacity(points.len());
    for point in points {
        let Some(value) = point.value else { continue };
        if !matches!(transformation, Transformation::Elapsed { .. }) && value.as_f64().is_none() {
            let name = format!("{transformation:?}").to_lowercase();
            let name = name.split([' ', '{']).next().unwrap_or_default().to_owned();
            return Err(QueryError::new(format!("unsupported {name} iterator type")));
        }
        let key = point.key.subset(&own_tags);
        let state = states.entry(Rc::clone(&key)).or_default();
        if let Some(value) = state.next(transformation, point.time, value, options.ascending) {
            made.push(Point {
                key,
                time: point.time,
                value: Some(value),
                auxiliary: Rc::clone(&auxiliary),
                rows: 1,
            });
        }
    }
    Ok(made)
}

/// What is known of the points of a key so far.
#[derive(Default)]
struct State {
    before: Option<(i64, FieldValue)>,
    last: Vec<f64>,
    place: usize,
    sum: f64,
}

impl State {
    fn next(
        &mut self,
        transformation: Transformation,
        time: i64,
        value: FieldValue,
        ascending: bool,
    ) -> Option<FieldValue> {
        match transformation {
            Transformation::Elapsed { unit } => {
                let before = self.before.replace((time, value));
                before.map(|(before, _)| FieldValue::Integer((time - before) / unit))
            }
            Transformation::CumulativeSum => {
                let sum = match self.before.take() {
                    Some((_, sum)) => joined(&sum, &value, 1),
                    None => Some(value),
                };
                self.before = sum.clone().map(|sum| (time, sum));
                sum
            }
            Transformation::MovingAverage { width } => self.average(value.as_f64()?, width),
            Transformation::Difference { positive } => {
                let (before, known) = self.step(time, value)?;
                let is_negative = compared(&known, &before) == Some(Ordering::Less);
                let difference = joined(&known, &before, -1)?;
                (!positive || !is_negative).then_some(difference)
            }
            Transformation::Derivative { unit, positive } => {
                let (earlier, _) = self.before.clone().unzip();
                let (before, known) = self.step(time, value)?;
                let difference = known.as_f64()? - before.as_f64()?;
                let elapsed = time - earlier?;
                let elapsed = if ascending { elapsed } else { -elapsed };
                let rate = difference / (elapsed as f64 / unit as f64);
                (!positive || difference >= 0.0).then_some(FieldValue::Float(rate))
            }
        }
    }

    /// The values before and now; a second point of one time is passed over.
    fn step(&mut self, time: i64, value: FieldValue) -> Option<(FieldValue, FieldValue)> {
        if self
            .before
            .as_ref()
            .is_some_and(|(before, _)| *before == time)
        {
            return None;
        }
        let before = self.before.replace((time, value.clone()))?;
        Some((before.1, value))
    }

    fn average(&mut self, number: f64, width: usize) -> Option<FieldValue> {
        if self.last.len() < width {
            self.last.push(number);
        } else {
            self.sum -= self.last[self.place];
            self.last[self.place] = number;
        }
        self.sum += number;
        self.place = (self.place + 1) % width;
        (self.last.len() == width).then(|| FieldValue::Float(self.sum / width as f64))
    }
}

/// Two numbers, added or subtracted, of their own type if they share one.
fn joined(left: &FieldValue, right: &FieldValue, sign: i64) -> Option<FieldValue> {
    Some(match (left, right) {
        (FieldValue::Integer(left), FieldValue::Integer(right)) => {
            FieldValue::Integer(left.wrapping_add(right.wrapping_mul(sign)))
        }
        (FieldValue::Unsigned(left), FieldValue::Unsigned(right)) => {
            FieldValue::Unsigned(match sign {
                1 => left.wrapping_add(*right),
                _ => left.wrapping_sub(*right),
            })
        }
        (left, right) => FieldValue::Float(left.as_f64()? + right.as_f64()? * sign as f64),
    })
}

/// The areas below the lines between points, per `unit` nanoseconds, parted at the ends of windows.
pub(super) fn integrals(
    points: Vec<Point>,
    unit: i64,
    options: &Options,
) -> Result<Vec<Point>, QueryError> {
    let own_tags = options.own_tags();
    let mut parts: Vec<(Rc<Key>, Area)> = Vec::new();
    let mut made = Vec::new();
    let auxiliary: Auxiliary = Rc::from(vec![None; options.auxiliary.len()]);
    let point_of = |key: &Rc<Key>, (time, sum): (i64, f64)| Point {
        key: Rc::clone(key),
        time,
        value: Some(FieldValue::Float(sum)),
        auxiliary: Rc::clone(&auxiliary),
        rows: 1,
    };
    for point in points {
        let Some(value) = point.value else { continue };
        let value = value
            .as_f64()
            .ok_or_else(|| QueryError::new("unsupported integral iterator type"))?;
        let key = point.key.subset(&own_tags);
        let place = parts
            .iter()
            .position(|(known, _)| *known == key)
            .unwrap_or_else(|| {
                parts.push((Rc::clone(&key), Area::default()));
                parts.len() - 1
            });
        let finished = parts[place].1.add(point.time, value, unit, options);
        made.extend(finished.map(|area| point_of(&key, area)));
    }
    for (key, area) in &parts {
        let last = area.before.filter(|(time, _)| *time != area.start);
        made.extend(last.map(|_| point_of(key, (area.start, area.sum))));
    }
    made.sort_by(|left, right| {
        let by_key = options.compare_keys(&left.key, &right.key);
        by_key.then_with(|| options.compare_times(left.time, right.time))
    });
    Ok(made)
}

/// The area of a key's window so far.
#[derive(Default)]
struct Area {
    before: Option<(i64, f64)>,
    start: i64,
    end: i64,
    sum: f64,
}

impl Area {
    fn set_window(&mut self, time: i64, options: &Options) {
        let (start, end) = options.window(time);
        (self.start, self.end) = match options.ascending {
            true => (start, end),
            false => (end, start),
        };
    }

    fn add(&mut self, time: i64, value: f64, unit: i64, options: &Options) -> Option<(i64, f64)> {
        let Some((before, height)) = self.before else {
            self.before = Some((time, value));
            if options.has_windows() {
                self.set_window(time, options);
            }
            return None;
        };
        if before == time {
            self.before = Some((time, value));
            return None;
        }
        let elapsed = |from: i64, to: i64| (to - from) as f64 / unit as f64;
        let is_beyond = match options.ascending {
            true => time >= self.end,
            false => time <= self.end,
        };
        let (mut from, mut low) = (before, height);
        let mut finished = None;
        if options.has_windows() && is_beyond {
            if before != self.end {
                let slope = (value - height) / (time - before) as f64;
                let at_end = slope * (self.end - before) as f64 + height;
                self.sum += 0.5 * (at_end + height) * elapsed(before, self.end);
                (from, low) = (self.end, at_end);
            }
            finished = Some((self.start, self.sum));
            self.set_window(time, options);
            self.sum = 0.0;
        }
        self.sum += 0.5 * (value + low) * elapsed(from, time);
        self.before = Some((time, value));
        finished
    }
}

/// Points with one for each window of the range: what fills those without rows. At most `most` a key, if that is given.
pub(super) fn filled(
    points: Vec<Point>,
    fill: &Fill,
    kind: Kind,
    options: &Options,
    most: Option<usize>,
    target: &Target<'_>,
) -> Result<Vec<Point>, QueryError> {
    let mut made: Vec<Point> = Vec::with_capacity(points.len());
    let bounds = match options.ascending {
        true => (
            options.window(options.start).0,
            options.window(options.end).0,
        ),
        false => (
            options.window(options.end).0,
            options.window(options.start).0,
        ),
    };
    let auxiliary: Auxiliary = Rc::from(vec![None; options.auxiliary.len()]);
    for series in points.chunk_by(|left, right| left.key == right.key) {
        (target.may_go_on)()?;
        let first = series[0].time;
        let mut grid = Grid::new(first, bounds, options);
        let mut before: Option<&Point> = None;
        let mut rest = series.iter().peekable();
        let mut count = 0;
        while most.is_none_or(|most| count < most) {
            let next = rest.peek().copied();
            if next.is_none() && !grid.goes_on() {
                break;
            }
            let is_due = next.is_some_and(|next| match options.ascending {
                true => next.time <= grid.time,
                false => next.time >= grid.time,
            });
            match next.filter(|_| is_due) {
                Some(point) => {
                    target.reserve_copy(point.value.as_ref())?;
                    made.push(point.clone());
                    before = rest.next();
                }
                None => {
                    let value = gap(fill, kind, grid.time, (before, next), options);
                    target.reserve_copy(value.as_ref())?;
                    made.push(Point {
                        key: Rc::clone(&series[0].key),
                        time: grid.time,
                        value,
                        auxiliary: Rc::clone(&auxiliary),
                        rows: 1,
                    });
                }
            }
            count += 1;
            grid.advance();
        }
    }
    Ok(made)
}

/// The value of a window without rows.
fn gap(
    fill: &Fill,
    kind: Kind,
    time: i64,
    (before, next): (Option<&Point>, Option<&Point>),
    options: &Options,
) -> Option<FieldValue> {
    match fill {
        Fill::Null | Fill::None => None,
        // As InfluxDB has it: what cannot be cast is the empty value of the column's type.
        Fill::Number(number) => cast(number.clone(), kind).or(match kind {
            Kind::Field(FieldType::String) => Some(FieldValue::String(String::new())),
            Kind::Field(FieldType::Boolean) => Some(FieldValue::Boolean(false)),
            _ => None,
        }),
        Fill::Previous => before?.value.clone(),
        Fill::Linear => {
            let (before, next) = (before?, next?);
            let every = options.interval.every;
            let (from, at, to) = (before.time / every, time / every, next.time / every);
            let (low, high) = (before.value.as_ref()?, next.value.as_ref()?);
            let line = |low: f64, high: f64| {
                let slope = (high - low) / (to - from) as f64;
                slope * (at - from) as f64 + low
            };
            Some(match (low, high) {
                (FieldValue::Integer(low), FieldValue::Integer(high)) => {
                    FieldValue::Integer(line(*low as f64, *high as f64) as i64)
                }
                (FieldValue::Unsigned(low), FieldValue::Unsigned(high)) => {
                    FieldValue::Unsigned(line(*low as f64, *high as f64) as u64)
                }
                (low, high) => FieldValue::Float(line(low.as_f64()?, high.as_f64()?)),
            })
        }
    }
}

/// The windows of a range, one after the other.
struct Grid<'a> {
    time: i64,
    last: i64,
    ahead: i64,
    options: &'a Options,
}

impl<'a> Grid<'a> {
    fn new(first: i64, (start, last): (i64, i64), options: &'a Options) -> Self {
        let time = match start == MIN_TIME {
            true => options.window(first).0,
            false => start,
        };
        Self {
            time,
            last,
            ahead: options.ahead(time),
            options,
        }
    }

    fn goes_on(&self) -> bool {
        match self.options.ascending {
            true => self.time <= self.last,
            false => self.time >= self.last && self.last != MIN_TIME,
        }
    }

    fn advance(&mut self) {
        let every = self.options.interval.every;
        self.time = match self.options.ascending {
            true => self.time.saturating_add(every),
            false => self.time.saturating_sub(every),
        };
        let ahead = self.options.ahead(self.time - 1);
        if ahead != self.ahead {
            let change = self.ahead - ahead;
            if change.abs() < every {
                self.time += change;
            }
            self.ahead = ahead;
        }
    }
}
