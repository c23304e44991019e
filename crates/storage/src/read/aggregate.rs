//! Aggregates over windows: from a block's statistics if it lies in one window alone, from its
//! decoded rows otherwise.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;

use watchpost_core::point::{FieldType, FieldValue};

use crate::column::Column;
use crate::error::{Error, Result};
use crate::range::TimeRange;
use crate::read::latest;
use crate::read::reader::{Cached, SeriesReader, field_of};
use crate::read::run::Run;
use crate::read::scan::{FieldCursor, FieldToRead};
use crate::read::wave::{Stop, Wave};
use crate::request::{Aggregate, AggregateBatch, ScanRequest};
use crate::segment::block::NumberStats;
use crate::store::Storage;
use crate::window::Windowing;

/// Batches in the order of series, then field.
pub struct AggregateScan<'s> {
    cursor: FieldCursor,
    ready: VecDeque<AggregateBatch>,
    question: Question,
    stop: Stop<'s>,
    failed: bool,
}

/// What is computed of each field.
#[derive(Debug)]
struct Question {
    range: TimeRange,
    windowing: Windowing,
    aggregate: Aggregate,
}

/// The aggregate of the rows seen so far in a window.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Partial {
    Count(u64),
    Sum(FieldValue),
    Mean {
        sum: f64,
        count: u64,
    },
    /// Min, max, first, last: the chosen row.
    Row(i64, FieldValue),
}

impl Storage {
    /// One aggregate for each series, field and window with rows.
    pub fn aggregate(
        &self,
        bucket: u64,
        request: &ScanRequest,
        windowing: &Windowing,
        aggregate: Aggregate,
    ) -> Result<AggregateScan<'static>> {
        let whole = *windowing == Windowing::Whole;
        let cursor = if whole && aggregate == Aggregate::Last {
            if let Some(bucket) = self.bucket(bucket) {
                latest::warm(&bucket, &request.predicate)
                    .inspect_err(|error| self.report_error(error))?;
            }
            self.cursor(bucket, request, true)
        } else {
            self.cursor(bucket, request, false)
        };
        // A block that is hidden in part must not count by its statistics.
        let range = self
            .bucket(bucket)
            .map_or(request.range, |bucket| bucket.visible(request.range));
        Ok(AggregateScan {
            cursor,
            ready: VecDeque::new(),
            question: Question {
                range,
                windowing: windowing.clone(),
                aggregate,
            },
            stop: &|| false,
            failed: false,
        })
    }
}

impl<'s> AggregateScan<'s> {
    /// Ends with [`Error::Stopped`] soon after `stop` says so; it is asked for each field and block.
    pub fn stopped_by<'t>(self, stop: &'t (dyn Fn() -> bool + Sync)) -> AggregateScan<'t> {
        AggregateScan { stop, ..self }
    }

    fn advance(&mut self) -> Result<Option<AggregateBatch>> {
        while self.ready.is_empty() {
            let wave = Wave::next_of(&mut self.cursor, self.stop)?;
            if wave.is_empty() {
                return Ok(None);
            }
            let answer = |reader: &mut SeriesReader, field: &FieldToRead| {
                self.question.answer(reader, field, self.stop)
            };
            self.ready = wave.read(self.stop, answer)?.into();
        }
        Ok(self.ready.pop_front())
    }
}

impl Question {
    /// The aggregates of a field; `None` if it has no row, or a type that the function is not defined on.
    fn answer(
        &self,
        reader: &mut SeriesReader,
        field: &FieldToRead,
        stop: Stop<'_>,
    ) -> Result<Option<AggregateBatch>> {
        if !self.aggregate.accepts(field.kind) {
            return Ok(None);
        }
        let mut windows = Windows::new(self.range, &self.windowing, self.aggregate);
        let whole = self.windowing == Windowing::Whole;
        if whole && self.aggregate == Aggregate::Last && field.condition.is_none() {
            let last = match reader.cached_last(&field.name) {
                Cached::Known(last) => last,
                Cached::Unknown => last_row(reader, &field.name, field.kind)?,
            };
            if let Some((time, value)) = last {
                windows.add(self.range, Partial::Row(time, value));
            }
        } else {
            for cluster in 0..reader.clusters() {
                if stop() {
                    return Err(Error::Stopped);
                }
                match from_statistics(reader, cluster, field, &windows)? {
                    Some((window, partial)) => windows.add(window, partial),
                    None => windows.add_run(&field.run(reader, cluster)?),
                }
            }
        }
        Ok(windows.finish(reader, field))
    }
}

impl Iterator for AggregateScan<'_> {
    type Item = Result<AggregateBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.advance();
        self.failed = next.is_err();
        next.transpose()
    }
}

impl fmt::Debug for AggregateScan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AggregateScan").finish_non_exhaustive()
    }
}

/// The latest row of a field in the reader's range, from the newest cluster that has one.
pub(crate) fn last_row(
    reader: &mut SeriesReader,
    name: &str,
    kind: FieldType,
) -> Result<Option<(i64, FieldValue)>> {
    for cluster in (0..reader.clusters()).rev() {
        if let Some(number) = reader.lone_block(cluster)
            && reader.is_covered(number)
            && let Some(Partial::Row(time, value)) =
                statistic(reader, number, name, kind, Aggregate::Last)?
        {
            return Ok(Some((time, value)));
        }
        let run = reader.run(cluster, name, kind)?;
        if let Some(last) = run.len().checked_sub(1) {
            return Ok(Some((run.times[last], run.values.value(last))));
        }
    }
    Ok(None)
}

/// The aggregate of a cluster without decoding its values, if its statistics tell.
fn from_statistics(
    reader: &mut SeriesReader,
    cluster: usize,
    field: &FieldToRead,
    windows: &Windows<'_>,
) -> Result<Option<(TimeRange, Partial)>> {
    let Some(number) = reader
        .lone_block(cluster)
        .filter(|_| field.condition.is_none())
    else {
        return Ok(None);
    };
    let within = reader.block(number).place.range();
    let Some(window) = windows.windowing.window_of(within.start, windows.range) else {
        return Ok(None);
    };
    if !window.covers(within) {
        return Ok(None);
    }
    let partial = statistic(reader, number, &field.name, field.kind, windows.aggregate)?;
    Ok(partial.map(|partial| (window, partial)))
}

/// The aggregate of a whole block, from its header.
fn statistic(
    reader: &mut SeriesReader,
    number: usize,
    name: &str,
    kind: FieldType,
    aggregate: Aggregate,
) -> Result<Option<Partial>> {
    let Some(open) = reader.open(number)? else {
        return Ok(None);
    };
    let Some(field) = field_of(&open.header, name).filter(|field| field.kind == kind) else {
        return Ok(None);
    };
    let stats = field.stats;
    let value = |bits: u64| value_of(kind, bits);
    let sum = stats
        .numbers
        .and_then(|numbers: NumberStats| value(numbers.sum?));
    let (row, bits) = match aggregate {
        Aggregate::Count => return Ok(Some(Partial::Count(stats.count as u64))),
        Aggregate::Sum => return Ok(sum.map(Partial::Sum)),
        Aggregate::Mean => {
            let mean = |sum: FieldValue| {
                Some(Partial::Mean {
                    sum: sum.as_f64()?,
                    count: stats.count as u64,
                })
            };
            return Ok(sum.and_then(mean));
        }
        Aggregate::First => (stats.first_row, stats.first),
        Aggregate::Last => (stats.last_row, stats.last),
        Aggregate::Min | Aggregate::Max => match stats.numbers {
            Some(numbers) if aggregate == Aggregate::Min => (numbers.min_row, numbers.min),
            Some(numbers) => (numbers.max_row, numbers.max),
            None => return Ok(None),
        },
    };
    let Some(value) = value(bits) else {
        return Ok(None);
    };
    let time = reader
        .times(number)?
        .and_then(|times| times.get(row).copied());
    Ok(time.map(|time| Partial::Row(time, value)))
}

/// The value behind the eight bytes of a statistic; texts have none.
fn value_of(kind: FieldType, bits: u64) -> Option<FieldValue> {
    Some(match kind {
        FieldType::Float => FieldValue::Float(f64::from_bits(bits)),
        FieldType::Integer => FieldValue::Integer(bits as i64),
        FieldType::Unsigned => FieldValue::Unsigned(bits),
        FieldType::Boolean => FieldValue::Boolean(bits != 0),
        FieldType::String => return None,
    })
}

/// The windows of one field, filled in time order.
struct Windows<'a> {
    range: TimeRange,
    windowing: &'a Windowing,
    aggregate: Aggregate,
    done: Vec<(TimeRange, Partial)>,
}

impl<'a> Windows<'a> {
    fn new(range: TimeRange, windowing: &'a Windowing, aggregate: Aggregate) -> Windows<'a> {
        Windows {
            range,
            windowing,
            aggregate,
            done: Vec::new(),
        }
    }

    fn add(&mut self, window: TimeRange, partial: Partial) {
        match self.done.last_mut() {
            Some((last, before)) if *last == window => before.combine(partial, self.aggregate),
            _ => self.done.push((window, partial)),
        }
    }

    fn add_run(&mut self, run: &Run) {
        let mut row = 0;
        while row < run.len() {
            let Some(window) = self.windowing.window_of(run.times[row], self.range) else {
                row += 1;
                continue;
            };
            let rows = row..row
                + run.times[row..]
                    .partition_point(|time| *time < window.stop)
                    .max(1);
            row = rows.end;
            self.add(window, Partial::of_rows(self.aggregate, run, rows));
        }
    }

    fn finish(self, reader: &SeriesReader, field: &FieldToRead) -> Option<AggregateBatch> {
        if self.done.is_empty() {
            return None;
        }
        let kind = match self.aggregate {
            Aggregate::Count => FieldType::Integer,
            Aggregate::Mean => FieldType::Float,
            _ => field.kind,
        };
        let mut batch = AggregateBatch {
            series: reader.key.clone(),
            field: field.name.clone(),
            kind: field.kind,
            windows: Vec::with_capacity(self.done.len()),
            times: Vec::with_capacity(self.done.len()),
            values: Column::with_capacity(kind, self.done.len()),
            counts: Vec::new(),
        };
        for (window, partial) in self.done {
            let (time, value) = match partial {
                Partial::Count(count) => (window.stop, FieldValue::Integer(count as i64)),
                Partial::Sum(sum) => (window.stop, sum),
                Partial::Mean { sum, count } => {
                    batch.counts.push(count);
                    (window.stop, FieldValue::Float(sum / count as f64))
                }
                Partial::Row(time, value) => (time, value),
            };
            batch.windows.push(window);
            batch.times.push(time);
            batch.values.push(value);
        }
        Some(batch)
    }
}

impl Partial {
    /// The aggregate of some rows (at least one).
    fn of_rows(aggregate: Aggregate, run: &Run, rows: Range<usize>) -> Partial {
        let row = |row: usize| Partial::Row(run.times[row], run.values.value(row));
        match aggregate {
            Aggregate::Count => Partial::Count(rows.len() as u64),
            Aggregate::First => row(rows.start),
            Aggregate::Last => row(rows.end - 1),
            Aggregate::Min => row(extreme_row(&run.values, rows, Ordering::Less)),
            Aggregate::Max => row(extreme_row(&run.values, rows, Ordering::Greater)),
            Aggregate::Mean => Partial::Mean {
                count: rows.len() as u64,
                sum: float_sum(&run.values, rows),
            },
            Aggregate::Sum => Partial::Sum(match &run.values {
                Column::Integer(values) => FieldValue::Integer(
                    values[rows]
                        .iter()
                        .fold(0, |sum, value| sum.wrapping_add(*value)),
                ),
                Column::Unsigned(values) => FieldValue::Unsigned(
                    values[rows]
                        .iter()
                        .fold(0, |sum, value| sum.wrapping_add(*value)),
                ),
                values => FieldValue::Float(float_sum(values, rows)),
            }),
        }
    }

    /// Joins the aggregate of later rows of the window.
    fn combine(&mut self, later: Partial, aggregate: Aggregate) {
        match (&mut *self, later) {
            (Partial::Count(count), Partial::Count(more)) => *count += more,
            (
                Partial::Mean { sum, count },
                Partial::Mean {
                    sum: more,
                    count: rows,
                },
            ) => {
                *sum += more;
                *count += rows;
            }
            (Partial::Sum(FieldValue::Float(sum)), Partial::Sum(FieldValue::Float(more))) => {
                *sum += more
            }
            (Partial::Sum(FieldValue::Integer(sum)), Partial::Sum(FieldValue::Integer(more))) => {
                *sum = sum.wrapping_add(more);
            }
            (Partial::Sum(FieldValue::Unsigned(sum)), Partial::Sum(FieldValue::Unsigned(more))) => {
                *sum = sum.wrapping_add(more);
            }
            (Partial::Row(_, value), Partial::Row(time, more)) => {
                let replace = match aggregate {
                    Aggregate::Last => true,
                    Aggregate::Min => compare(&more, value) == Some(Ordering::Less),
                    Aggregate::Max => compare(&more, value) == Some(Ordering::Greater),
                    _ => false,
                };
                if replace {
                    *self = Partial::Row(time, more);
                }
            }
            _ => debug_assert!(false, "aggregates of two functions in one window"),
        }
    }
}

fn compare(left: &FieldValue, right: &FieldValue) -> Option<Ordering> {
    match (left, right) {
        (FieldValue::Float(left), FieldValue::Float(right)) => left.partial_cmp(right),
        (FieldValue::Integer(left), FieldValue::Integer(right)) => Some(left.cmp(right)),
        (FieldValue::Unsigned(left), FieldValue::Unsigned(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

/// The first row whose value comes before (or after) all others.
fn extreme_row(values: &Column, rows: Range<usize>, wanted: Ordering) -> usize {
    fn best<T: PartialOrd>(values: &[T], rows: Range<usize>, wanted: Ordering) -> usize {
        rows.reduce(|best, row| {
            if values[row].partial_cmp(&values[best]) == Some(wanted) {
                row
            } else {
                best
            }
        })
        .unwrap_or_default()
    }
    match values {
        Column::Float(values) => best(values, rows, wanted),
        Column::Integer(values) => best(values, rows, wanted),
        Column::Unsigned(values) => best(values, rows, wanted),
        Column::Boolean(values) => best(values, rows, wanted),
        Column::String(values) => best(values, rows, wanted),
    }
}

fn float_sum(values: &Column, rows: Range<usize>) -> f64 {
    match values {
        Column::Float(values) => values[rows].iter().sum(),
        Column::Integer(values) => values[rows].iter().map(|value| *value as f64).sum(),
        Column::Unsigned(values) => values[rows].iter().map(|value| *value as f64).sum(),
        Column::Boolean(_) | Column::String(_) => 0.0,
    }
}
