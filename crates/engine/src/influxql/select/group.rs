//! One group of series: its rows as they are, or what functions and windows make of them.

use std::collections::{BTreeMap, BTreeSet};

use watchpost_core::point::FieldValue;
use watchpost_storage::TimeRange;

use super::Rows;
use super::expression::{calculated, cell, has_call, is_plain, number, uses_field};
use crate::influxql::QueryError;
use crate::influxql::answer::Cell;
use crate::influxql::ast::{Expression, Fill, Operator, Select, SelectColumn, Window};
use crate::influxql::functions::{Point, aggregate, is_aggregate, is_selector, transform};
use crate::influxql::merge::merge;

/// The most windows of an answer: a minute's windows of 69 days.
const MAX_WINDOWS: usize = 100_000;

/// The rows of one group.
pub(super) struct Group<'a> {
    pub(super) select: &'a Select,
    pub(super) columns: &'a [SelectColumn],
    pub(super) members: &'a [Rows],
    pub(super) range: TimeRange,
    pub(super) now: i64,
}

impl Group<'_> {
    pub(super) fn rows(&self) -> Result<Vec<Vec<Cell>>, QueryError> {
        let has_calls = self.columns.iter().any(|column| has_call(&column.value));
        let mut rows = if has_calls {
            self.computed()?
        } else {
            self.listed()?
        };
        if has_calls && self.select.descending {
            rows.reverse();
        }
        let shown = rows.into_iter().skip(self.select.offset);
        Ok(shown
            .take(self.select.limit.unwrap_or(usize::MAX))
            .collect())
    }

    /// The rows as they are.
    fn listed(&self) -> Result<Vec<Vec<Cell>>, QueryError> {
        if self.select.window.is_some() {
            return Err(QueryError::new(
                "GROUP BY requires at least one aggregate function",
            ));
        }
        let mut kept: Vec<Vec<(i64, Vec<Cell>)>> = Vec::new();
        for Rows { series, rows } in self.members {
            let mut of_series = Vec::new();
            for (time, fields) in rows {
                let is_field = |column: &SelectColumn| uses_field(&column.value, fields);
                if !self.columns.iter().any(is_field) {
                    continue;
                }
                let cells = self
                    .columns
                    .iter()
                    .map(|column| cell(&column.value, series, fields));
                of_series.push((*time, cells.collect::<Result<Vec<_>, _>>()?));
            }
            kept.push(of_series);
        }
        let times: Vec<Vec<i64>> = kept
            .iter()
            .map(|rows| rows.iter().map(|(time, _)| *time).collect())
            .collect();
        let times: Vec<&[i64]> = times.iter().map(Vec::as_slice).collect();
        let mut order = merge(&times, self.select.descending);
        if self.columns.len() > 1 {
            // Rows of several columns come by series where their times are equal.
            order.sort_by_key(|(series, row)| (times[*series][*row], *series));
            if self.select.descending {
                order.reverse();
            }
        }
        let row = |(series, row): (usize, usize)| {
            let (time, cells) = &kept[series][row];
            let mut row = vec![Cell::Time(*time)];
            row.extend(cells.iter().cloned());
            row
        };
        Ok(order.into_iter().map(row).collect())
    }

    /// The rows that functions make.
    fn computed(&self) -> Result<Vec<Vec<Cell>>, QueryError> {
        let mut columns = Vec::new();
        for column in self.columns {
            columns.push(self.points(&column.value)?);
        }
        if columns.iter().all(Vec::is_empty) {
            return Ok(Vec::new());
        }
        let are_plain = self.columns.iter().all(|column| is_plain(&column.value));
        let mut times: BTreeSet<i64> = columns.iter().flatten().map(|point| point.time).collect();
        if let Some(window) = self
            .select
            .window
            .filter(|_| are_plain && self.select.fill != Fill::None)
        {
            times.extend(self.windows(window, &times)?);
        }
        let times: Vec<i64> = times.into_iter().collect();
        let mut rows: Vec<Vec<Cell>> = times.iter().map(|time| vec![Cell::Time(*time)]).collect();
        for (column, points) in self.columns.iter().zip(columns) {
            // Several points of one time (top, distinct without a window) make rows of their own.
            let repeated = points.windows(2).any(|pair| pair[0].time == pair[1].time);
            if repeated && self.columns.len() == 1 {
                let row = |point: Point| vec![Cell::Time(point.time), Cell::Value(point.value)];
                return Ok(points.into_iter().map(row).collect());
            }
            let cells = self.filled(&column.value, &times, &points);
            rows.iter_mut()
                .zip(cells)
                .for_each(|(row, cell)| row.push(cell));
        }
        Ok(rows)
    }

    /// The starts of all windows of the range.
    fn windows(&self, window: Window, known: &BTreeSet<i64>) -> Result<Vec<i64>, QueryError> {
        let start = match self.range.start {
            i64::MIN => known.first().copied().unwrap_or(0),
            start => window_start(start, window),
        };
        let stop = match self.range.stop {
            i64::MAX => known.last().copied().unwrap_or(0).max(self.now),
            stop => stop,
        };
        let count = (i128::from(stop) - i128::from(start)) / i128::from(window.every);
        if count > MAX_WINDOWS as i128 {
            return Err(QueryError::new(format!(
                "the answer has {count} windows, at most {MAX_WINDOWS} are possible; widen them or narrow the range"
            )));
        }
        Ok((0..)
            .map(|turn| start.saturating_add(window.every * turn))
            .take_while(|time| *time < stop)
            .collect())
    }

    fn filled(&self, expression: &Expression, times: &[i64], points: &[Point]) -> Vec<Cell> {
        let found: BTreeMap<i64, &FieldValue> = points
            .iter()
            .map(|point| (point.time, &point.value))
            .collect();
        let is_count = matches!(expression, Expression::Call(name, _) if name == "count");
        let fill = |time: i64| match self.select.fill {
            Fill::Number(number) if is_count => Cell::Value(FieldValue::Integer(number as i64)),
            Fill::Number(number) => Cell::Value(FieldValue::Float(number)),
            Fill::Previous => match found.range(..time).next_back() {
                Some((_, value)) => Cell::Value((*value).clone()),
                None => Cell::Null,
            },
            Fill::Linear => between(&found, time),
            Fill::Null | Fill::None if is_count => Cell::Value(FieldValue::Integer(0)),
            Fill::Null | Fill::None => Cell::Null,
        };
        times
            .iter()
            .map(|time| {
                found
                    .get(time)
                    .map_or_else(|| fill(*time), |value| Cell::Value((*value).clone()))
            })
            .collect()
    }

    /// What an expression makes of the group's rows.
    fn points(&self, expression: &Expression) -> Result<Vec<Point>, QueryError> {
        match expression {
            Expression::Reference(name) => Ok(self.field(name)),
            Expression::Call(name, arguments) if is_aggregate(name) => {
                self.aggregated(name, arguments)
            }
            Expression::Call(name, arguments) => {
                let inner = self.points(argument(name, arguments)?)?;
                transform(name, &inner, second(arguments))
            }
            Expression::Binary(operator, left, right) => self.arithmetic(*operator, left, right),
            _ => Err(QueryError::new(
                "a column is a field, a function or arithmetic of these",
            )),
        }
    }

    /// A field's values of all series, in order of time.
    fn field(&self, name: &str) -> Vec<Point> {
        let lists: Vec<Vec<Point>> = self
            .members
            .iter()
            .map(|member| {
                let values = member
                    .rows
                    .iter()
                    .filter_map(|(time, fields)| Some((time, fields.get(name)?)));
                values
                    .map(|(time, value)| Point {
                        time: *time,
                        value: value.clone(),
                    })
                    .collect()
            })
            .collect();
        let times: Vec<Vec<i64>> = lists
            .iter()
            .map(|list| list.iter().map(|point| point.time).collect())
            .collect();
        let times: Vec<&[i64]> = times.iter().map(Vec::as_slice).collect();
        merge(&times, false)
            .into_iter()
            .map(|(list, row)| lists[list][row].clone())
            .collect()
    }

    fn aggregated(&self, name: &str, arguments: &[Expression]) -> Result<Vec<Point>, QueryError> {
        let of = argument(name, arguments)?;
        let (inner, is_distinct) = match of {
            Expression::Call(inner, arguments) if inner == "distinct" => {
                (argument(inner, arguments)?, true)
            }
            other => (other, false),
        };
        let points = self.points(inner)?;
        let compute = |points: &[Point]| -> Result<Vec<Point>, QueryError> {
            if is_distinct {
                return aggregate(
                    name,
                    &aggregate("distinct", points, None)?,
                    second(arguments),
                );
            }
            aggregate(name, points, second(arguments))
        };
        let Some(window) = self.select.window else {
            let keeps_time = is_selector(name) && self.columns.len() == 1;
            let start = if self.range.start == i64::MIN {
                0
            } else {
                self.range.start
            };
            let at = |point: Point| Point {
                time: if keeps_time { point.time } else { start },
                ..point
            };
            return Ok(compute(&points)?.into_iter().map(at).collect());
        };
        let mut answer = Vec::new();
        for part in
            points.chunk_by(|a, b| window_start(a.time, window) == window_start(b.time, window))
        {
            let start = window_start(part[0].time, window);
            answer.extend(compute(part)?.into_iter().map(|point| Point {
                time: start,
                ..point
            }));
        }
        Ok(answer)
    }

    fn arithmetic(
        &self,
        operator: Operator,
        left: &Expression,
        right: &Expression,
    ) -> Result<Vec<Point>, QueryError> {
        let compute = |left: &FieldValue, right: &FieldValue| {
            Some(FieldValue::Float(calculated(
                operator,
                left.as_f64()?,
                right.as_f64()?,
            )?))
        };
        let constant = |expression: &Expression| number(expression).map(FieldValue::Float);
        let point = |time: i64, value: Option<FieldValue>| {
            Some(Point {
                time,
                value: value?,
            })
        };
        Ok(match (constant(left), constant(right)) {
            (Some(left), _) => {
                let right = self.points(right)?;
                right
                    .iter()
                    .filter_map(|right| point(right.time, compute(&left, &right.value)))
                    .collect()
            }
            (None, Some(right)) => {
                let left = self.points(left)?;
                left.iter()
                    .filter_map(|left| point(left.time, compute(&left.value, &right)))
                    .collect()
            }
            (None, None) => {
                let (left, right) = (self.points(left)?, self.points(right)?);
                let right: BTreeMap<i64, FieldValue> = right
                    .into_iter()
                    .map(|point| (point.time, point.value))
                    .collect();
                let paired =
                    |left: &Point| point(left.time, compute(&left.value, right.get(&left.time)?));
                left.iter().filter_map(paired).collect()
            }
        })
    }
}

fn window_start(time: i64, window: Window) -> i64 {
    let into = (i128::from(time) - i128::from(window.offset)).rem_euclid(i128::from(window.every));
    time.saturating_sub(into as i64)
}

/// The value on the line between the neighbours of a time.
fn between(found: &BTreeMap<i64, &FieldValue>, time: i64) -> Cell {
    let before = found
        .range(..time)
        .next_back()
        .and_then(|(time, value)| Some((*time, value.as_f64()?)));
    let after = found
        .range(time..)
        .next()
        .and_then(|(time, value)| Some((*time, value.as_f64()?)));
    match (before, after) {
        (Some((start, low)), Some((stop, high))) => {
            let share = (time - start) as f64 / (stop - start) as f64;
            Cell::Value(FieldValue::Float(low + (high - low) * share))
        }
        _ => Cell::Null,
    }
}

fn argument<'e>(name: &str, arguments: &'e [Expression]) -> Result<&'e Expression, QueryError> {
    let first = arguments.first();
    first.ok_or_else(|| {
        QueryError::new(format!(
            "invalid number of arguments for {name}, expected at least 1, got 0"
        ))
    })
}

fn second(arguments: &[Expression]) -> Option<f64> {
    arguments.get(1).and_then(number)
}
