//! One group of series: its rows as they are, or what functions and windows make of them.

use std::collections::{BTreeMap, BTreeSet};

use watchpost_core::point::FieldValue;
use watchpost_flux::source::TimeRange;
use watchpost_flux::value::window::Window;

use super::Tags;
use super::evaluate::{Column, filled};
use super::expression::{aggregates, cell, constant, has_aggregate, is_math, references};
use super::plan::{Plan, Reads, lone_selector};
use super::relation::Rows;
use crate::influxql::QueryError;
use crate::influxql::answer::Cell;
use crate::influxql::ast::{Expression, Fill};
use crate::influxql::functions::{
    Point, aggregate, is_aggregate, is_selector, keeps_times, transform,
};
use crate::influxql::merge::merge;

/// The most windows of an answer: a minute's windows of 69 days.
const MAX_WINDOWS: usize = 100_000;

/// The unit of a rate of rows that no window parts.
const SECOND: i64 = 1_000_000_000;

/// The rows of one group.
pub(super) struct Group<'a> {
    pub(super) plan: &'a Plan<'a>,
    pub(super) reads: &'a Reads,
    pub(super) tags: &'a Tags,
    pub(super) members: &'a [&'a Rows],
}

/// A row that a function chose or made, and the time that it is shown with.
struct Shown {
    time: i64,
    point: Point,
}

impl Group<'_> {
    pub(super) fn rows(&self) -> Result<Vec<Vec<Cell>>, QueryError> {
        let (plan, select) = (self.plan, self.plan.select);
        let is_computed = plan
            .columns
            .iter()
            .any(|column| has_aggregate(&column.value));
        let mut rows = match lone_selector(plan.columns) {
            _ if !is_computed => self.listed()?,
            Some(selector) if plan.columns.len() > 1 => self.chosen(&selector.value)?,
            _ => self.computed()?,
        };
        if is_computed && select.descending {
            rows.reverse();
        }
        let shown = rows.into_iter().skip(select.offset);
        Ok(shown.take(select.limit.unwrap_or(usize::MAX)).collect())
    }

    /// The rows as they are.
    fn listed(&self) -> Result<Vec<Vec<Cell>>, QueryError> {
        let (columns, descending) = (self.plan.columns, self.plan.select.descending);
        let mut used: BTreeSet<&str> = columns
            .iter()
            .flat_map(|column| references(&column.value))
            .collect();
        if !self.plan.relation.is_stored() {
            // A row of a subquery stands also for its tags alone.
            used.extend(self.plan.relation.fields.keys().map(String::as_str));
        }
        let mut times: Vec<Vec<i64>> = Vec::new();
        for rows in self.members {
            let fields = rows
                .fields
                .iter()
                .filter(|(name, _)| used.contains(name.as_str()));
            let all = fields.flat_map(|(_, points)| points.iter().map(|point| point.time));
            times.push(all.collect::<BTreeSet<i64>>().into_iter().collect());
        }
        let lists: Vec<&[i64]> = times.iter().map(Vec::as_slice).collect();
        let mut order = merge(&lists, descending);
        if columns.len() > 1 {
            // Rows of several columns come by series where their times are equal.
            order.sort_by_key(|(series, row)| (times[*series][*row], *series));
            if descending {
                order.reverse();
            }
        }
        let row = |(series, row): (usize, usize)| {
            let time = times[series][row];
            let value = |name: &str| self.value(series, name, time);
            let mut cells = vec![Cell::Time(time)];
            for column in columns {
                cells.push(cell(&column.value, &value)?);
            }
            Ok(cells)
        };
        order.into_iter().map(row).collect()
    }

    /// A field's or a tag's value in a row.
    fn value(&self, series: usize, name: &str, time: i64) -> Option<FieldValue> {
        let rows = self.members[series];
        let tag = || rows.tag(name).map(|tag| FieldValue::String(tag.to_owned()));
        rows.value_at(name, time).cloned().or_else(tag)
    }

    /// The rows that a selector chooses, with what else they hold.
    fn chosen(&self, selector: &Expression) -> Result<Vec<Vec<Cell>>, QueryError> {
        let Expression::Call(name, arguments) = selector else {
            return Ok(Vec::new());
        };
        let mut rows = Vec::new();
        for Shown { time, point } in self.by_window(name, arguments, self.plan.range)? {
            let value = |name: &str| self.value(point.series, name, point.time);
            let mut cells = vec![Cell::Time(time)];
            for column in self.plan.columns {
                cells.push(match &column.value {
                    Expression::Call(..) => Cell::Value(point.value.clone()),
                    other => cell(other, &value)?,
                });
            }
            rows.push(cells);
        }
        Ok(rows)
    }

    /// The rows that functions make.
    fn computed(&self) -> Result<Vec<Vec<Cell>>, QueryError> {
        let mut columns = Vec::new();
        for column in self.plan.columns {
            columns.push(self.column(&column.value)?);
        }
        // Several points of one time (top, distinct) make rows of their own.
        if let [Column::Points { points, .. }] = columns.as_slice()
            && points.windows(2).any(|pair| pair[0].time == pair[1].time)
        {
            let row =
                |point: &Point| vec![Cell::Time(point.time), Cell::Value(point.value.clone())];
            return Ok(points.iter().map(row).collect());
        }
        let mut times = BTreeSet::new();
        let mut has_gaps = false;
        for column in &columns {
            has_gaps |= column.times(&mut times);
        }
        if times.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(window) = self.plan.window.as_ref().filter(|_| has_gaps) {
            times.extend(self.windows(window, self.plan.range, &times)?);
        }
        let times: Vec<i64> = times.into_iter().collect();
        let mut rows: Vec<Vec<Cell>> = times.iter().map(|time| vec![Cell::Time(*time)]).collect();
        for column in &columns {
            for (row, value) in rows.iter_mut().zip(column.values(&times)) {
                row.push(value.map_or(Cell::Null, Cell::Value));
            }
        }
        Ok(rows)
    }

    fn column(&self, expression: &Expression) -> Result<Column, QueryError> {
        Ok(match expression {
            Expression::Call(name, arguments) if is_math(name) => {
                let columns = arguments.iter().map(|argument| self.column(argument));
                Column::Math(name.clone(), columns.collect::<Result<_, _>>()?)
            }
            Expression::Call(name, _) => Column::Points {
                points: self.points(expression, self.plan.range)?,
                fill: self.fill(name),
            },
            Expression::Binary(operator, left, right) => {
                let (left, right) = (self.column(left)?, self.column(right)?);
                Column::Binary(*operator, Box::new(left), Box::new(right))
            }
            other => Column::Constant(constant(other).ok_or_else(|| {
                QueryError::new("mixing aggregate and non-aggregate queries is not supported")
            })?),
        })
    }

    /// What fills the windows without a point of a call; `None` if nothing does.
    fn fill(&self, name: &str) -> Option<Fill> {
        self.plan.window.as_ref()?;
        match self.plan.select.fill {
            _ if !is_aggregate(name) || keeps_times(name) || name == "distinct" => None,
            Fill::None => None,
            Fill::Null if name == "count" => Some(Fill::Number(0.0)),
            fill => Some(fill),
        }
    }

    /// The starts of all windows of a range.
    fn windows(
        &self,
        window: &Window,
        range: TimeRange,
        known: &BTreeSet<i64>,
    ) -> Result<Vec<i64>, QueryError> {
        let (first, last) = (known.first().copied(), known.last().copied());
        let range = TimeRange {
            start: match range.start {
                i64::MIN => first.unwrap_or(0),
                start => start,
            },
            stop: match range.stop {
                i64::MAX => last
                    .unwrap_or(0)
                    .max(self.plan.target.now)
                    .saturating_add(1),
                stop => stop,
            },
        };
        let windows = window.overlapping(range, MAX_WINDOWS);
        let windows = windows.map_err(|error| QueryError::new(error.message))?;
        Ok(windows.into_iter().map(|bounds| bounds.start).collect())
    }

    /// What a call makes of the group's rows in a range.
    fn points(&self, expression: &Expression, range: TimeRange) -> Result<Vec<Point>, QueryError> {
        match expression {
            Expression::Reference(name) => Ok(self.field(name, range)),
            Expression::Call(name, arguments) if is_aggregate(name) => {
                self.aggregated(name, arguments, range)
            }
            Expression::Call(name, arguments) => self.transformed(name, arguments, range),
            _ => Err(QueryError::new(
                "a function takes a field, or a function of one",
            )),
        }
    }

    /// A field's values of all series, in order of time.
    fn field(&self, name: &str, range: TimeRange) -> Vec<Point> {
        let within = |point: &&Point| range.start <= point.time && point.time < range.stop;
        let list = |rows: &&Rows| -> Vec<Point> {
            let points = rows.fields.get(name).into_iter().flatten();
            points.filter(within).cloned().collect()
        };
        let lists: Vec<Vec<Point>> = self.members.iter().map(list).collect();
        let times: Vec<Vec<i64>> = lists
            .iter()
            .map(|list| list.iter().map(|point| point.time).collect())
            .collect();
        let times: Vec<&[i64]> = times.iter().map(Vec::as_slice).collect();
        merge(&times, false)
            .into_iter()
            .map(|(series, row)| Point {
                series,
                ..lists[series][row].clone()
            })
            .collect()
    }

    fn aggregated(
        &self,
        name: &str,
        arguments: &[Expression],
        range: TimeRange,
    ) -> Result<Vec<Point>, QueryError> {
        if let Some(mut points) = self.reads.answer(name, arguments, range, self.tags) {
            if self.plan.window.is_none() && !self.shows_row_times(name) {
                points
                    .iter_mut()
                    .for_each(|point| point.time = start_of(range));
            }
            return Ok(points);
        }
        let shown = self.by_window(name, arguments, range)?.into_iter();
        Ok(shown
            .map(|Shown { time, point }| Point { time, ..point })
            .collect())
    }

    /// Whether the answer shows the time of the row that a selector chose: there is no other column to agree with.
    fn shows_row_times(&self, name: &str) -> bool {
        let columns = self.plan.columns.iter();
        is_selector(name)
            && columns
                .map(|column| aggregates(&column.value))
                .sum::<usize>()
                == 1
    }

    /// What an aggregate makes of the rows of each window, or of all rows.
    fn by_window(
        &self,
        name: &str,
        arguments: &[Expression],
        range: TimeRange,
    ) -> Result<Vec<Shown>, QueryError> {
        let (inner, is_distinct) = match &arguments[0] {
            Expression::Call(inner, arguments) if inner == "distinct" && !arguments.is_empty() => {
                (&arguments[0], true)
            }
            other => (other, false),
        };
        let points = self.points(inner, range)?;
        let tags: Vec<&str> = arguments[1..].iter().flat_map(references).collect();
        let compute = |points: &[Point]| -> Result<Vec<Point>, QueryError> {
            if is_distinct {
                return aggregate(name, &aggregate("distinct", points, None)?, None);
            }
            if tags.is_empty() {
                return aggregate(name, points, argument(arguments));
            }
            aggregate(
                name,
                &self.best_by_tags(name, points, &tags)?,
                argument(arguments),
            )
        };
        let Some(window) = &self.plan.window else {
            let keeps_time = self.shows_row_times(name);
            let shown = |point: Point| Shown {
                time: if keeps_time {
                    point.time
                } else {
                    start_of(range)
                },
                point,
            };
            return Ok(compute(&points)?.into_iter().map(shown).collect());
        };
        let mut answer = Vec::new();
        let start = |point: &Point| window.latest(point.time).start;
        for part in points.chunk_by(|left, right| start(left) == start(right)) {
            (self.plan.target.may_go_on)()?;
            let of_window = start(&part[0]);
            answer.extend(compute(part)?.into_iter().map(|point| Shown {
                time: if keeps_times(name) {
                    point.time
                } else {
                    of_window
                },
                point,
            }));
        }
        Ok(answer)
    }

    /// The best point of each combination of some tags' values.
    fn best_by_tags(
        &self,
        name: &str,
        points: &[Point],
        tags: &[&str],
    ) -> Result<Vec<Point>, QueryError> {
        let mut parts: BTreeMap<Vec<Option<&str>>, Vec<Point>> = BTreeMap::new();
        for point in points {
            let values = tags.iter().map(|tag| self.members[point.series].tag(tag));
            parts
                .entry(values.collect())
                .or_default()
                .push(point.clone());
        }
        let mut best = Vec::new();
        for part in parts.into_values() {
            best.extend(aggregate(name, &part, Some(1.0))?);
        }
        best.sort_by_key(|point| point.time);
        Ok(best)
    }

    /// What a transformation makes of rows, or of the windows of an aggregate.
    fn transformed(
        &self,
        name: &str,
        arguments: &[Expression],
        range: TimeRange,
    ) -> Result<Vec<Point>, QueryError> {
        let of = &arguments[0];
        let window = self.plan.window.as_ref().filter(|_| has_aggregate(of));
        let Some(window) = window else {
            let unit = argument(arguments).unwrap_or(SECOND as f64);
            let inner = self.points(of, range)?;
            return transform(name, &inner, argument(arguments), unit);
        };
        let earlier = self.plan.before(range);
        let inner = self.without_gaps(self.points(of, earlier)?, of, window, earlier)?;
        let every = self
            .plan
            .select
            .window
            .map_or(SECOND, |window| window.every);
        let unit = argument(arguments).unwrap_or(every as f64);
        let mut points = transform(name, &inner, argument(arguments), unit)?;
        if range.start != i64::MIN {
            let first = window.latest(range.start).start;
            points.retain(|point| point.time >= first);
        }
        Ok(points)
    }

    /// The points of an aggregate with those that fill its gaps.
    fn without_gaps(
        &self,
        points: Vec<Point>,
        of: &Expression,
        window: &Window,
        range: TimeRange,
    ) -> Result<Vec<Point>, QueryError> {
        let fill = match of {
            Expression::Call(name, _) => self.fill(name),
            _ => None,
        };
        let Some(fill) = fill.filter(|_| !points.is_empty()) else {
            return Ok(points);
        };
        let mut times: BTreeSet<i64> = points.iter().map(|point| point.time).collect();
        times.extend(self.windows(window, range, &times)?);
        let times: Vec<i64> = times.into_iter().collect();
        let values = filled(&points, &times, fill);
        let pairs = times.into_iter().zip(values);
        Ok(pairs
            .filter_map(|(time, value)| Some(Point::new(time, value?)))
            .collect())
    }
}

/// The time of an aggregate of all rows.
fn start_of(range: TimeRange) -> i64 {
    match range.start {
        i64::MIN => 0,
        start => start,
    }
}

/// The number that a function takes beside its field.
fn argument(arguments: &[Expression]) -> Option<f64> {
    let numbers = arguments.iter().skip(1);
    numbers
        .filter_map(constant)
        .find_map(|value| value.as_f64())
}
