//! `range` and `window`: which rows lie in which stretch of time.

use std::rc::Rc;
use std::sync::Arc;

use crate::error::Error;
use crate::execute::Context;
use crate::plan::{Node, Operation, Out, Range, WindowOperation};
use crate::source::TimeRange;
use crate::table::{Column, Field, GroupKey, KeyValue, Table, TableGroups, Vector};
use crate::value::window::{Bounds, Window};

/// How many windows one operation may make of a range: more are a mistake (nanoseconds for seconds).
const MAX_WINDOWS: usize = 2_000_000;

/// The rows of a table inside a range, with the range as `_start` and `_stop`.
pub(super) fn range_table(table: &Table, range: &Range) -> Result<Table, Error> {
    let times = table.expect_times("_time")?;
    let rows: Vec<usize> = times
        .present()
        .filter_map(|(row, time)| (range.start <= *time && *time < range.stop).then_some(row))
        .collect();
    let mut kept = table.take(&rows);
    let mut key = kept.key.clone();
    let within = narrowed(&key, range);
    // The bounds come before the other columns, the start first.
    for (label, time) in [("_stop", within.stop), ("_start", within.start)] {
        let column = Column::instant(time, rows.len());
        match kept.position(label) {
            Some(at) => kept.fields[at].column = column,
            None => kept.fields.insert(
                0,
                Field {
                    label: Arc::from(label),
                    column,
                },
            ),
        }
        key = key.with(label, KeyValue::Time(Some(time)));
    }
    kept.key = key;
    Ok(kept)
}

/// The part of a range that lies within a table's own bounds; the range itself if they have nothing in common.
fn narrowed(key: &GroupKey, range: &Range) -> TimeRange {
    let whole = TimeRange {
        start: range.start,
        stop: range.stop,
    };
    let Some((start, stop)) = key.time("_start").zip(key.time("_stop")) else {
        return whole;
    };
    let common = TimeRange {
        start: range.start.max(start),
        stop: range.stop.min(stop),
    };
    if common.start < common.stop {
        common
    } else {
        whole
    }
}

/// The times of columns moved by a duration.
pub(super) fn shift_table(
    table: &Table,
    duration: crate::value::Duration,
    columns: &[Arc<str>],
) -> Table {
    let mut shifted = table.clone();
    for field in &mut shifted.fields {
        if let Column::Time(times) = &field.column
            && columns.contains(&field.label)
        {
            field.column = Column::Time(times.map(|time| duration.add_to(*time)));
        }
    }
    let moved = shifted.key.columns().iter().map(|(label, value)| {
        let value = match value {
            KeyValue::Time(Some(time)) if columns.contains(label) => {
                KeyValue::Time(Some(duration.add_to(*time)))
            }
            other => other.clone(),
        };
        (Arc::clone(label), value)
    });
    shifted.key = GroupKey::new(moved.collect());
    shifted
}

/// The range that a stream is known to lie in: what the last `range` said, moved by what came after.
pub(super) fn stream_bounds(node: &Rc<Node>) -> Option<TimeRange> {
    let mut inputs = node.inputs.iter().map(stream_bounds);
    let mut bounds = inputs.next().flatten();
    for other in inputs.flatten() {
        bounds = Some(match bounds {
            None => other,
            Some(known) => TimeRange {
                start: known.start.min(other.start),
                stop: known.stop.max(other.stop),
            },
        });
    }
    match &node.operation {
        Operation::Range(range) => Some(match bounds {
            None => TimeRange {
                start: range.start,
                stop: range.stop,
            },
            Some(known) => TimeRange {
                start: known.start.max(range.start),
                stop: known.stop.min(range.stop),
            },
        }),
        Operation::Shift { duration, .. } => bounds.map(|known| TimeRange {
            start: duration.add_to(known.start),
            stop: duration.add_to(known.stop),
        }),
        _ => bounds,
    }
}

/// The part of a window inside a range.
pub(super) fn clip(bounds: &Bounds, range: TimeRange) -> (i64, i64) {
    (bounds.start.max(range.start), bounds.stop.min(range.stop))
}

impl Context<'_> {
    pub(super) fn execute_window(
        &self,
        node: &Rc<Node>,
        spec: &WindowOperation,
        out: &mut Out<'_>,
    ) -> Result<(), Error> {
        let range = bounds_for_windows(node)?;
        let mut groups = TableGroups::default();
        let mut held = self.hold();
        self.feed(node, &mut |table| {
            for part in window_tables(&table, spec, range)? {
                groups.push(part);
            }
            held.set(groups.bytes())
        })?;
        for table in groups.into_tables() {
            out(table?)?;
        }
        Ok(())
    }
}

/// The range that windows are clipped to.
pub(super) fn bounds_for_windows(node: &Rc<Node>) -> Result<TimeRange, Error> {
    stream_bounds(node).ok_or_else(|| {
        Error::invalid("nil bounds passed to window; use range to set the window range")
    })
}

/// The tables that a table's windows make, in order of time.
///
/// # Errors
/// The time column is missing or holds no times; too many windows.
pub(super) fn window_tables(
    table: &Table,
    spec: &WindowOperation,
    range: TimeRange,
) -> Result<Vec<Table>, Error> {
    let times = match table.column(&spec.time_column) {
        Some(Column::Time(times)) => times.clone(),
        Some(other) => {
            return Err(Error::invalid(format!(
                "column {:?} is of type {}, not time",
                spec.time_column,
                other.kind()
            )));
        }
        None => {
            return Err(Error::invalid(format!(
                "missing time column {:?}",
                spec.time_column
            )));
        }
    };
    let Some(window) = &spec.window else {
        return Ok(vec![with_bounds(
            table.clone(),
            spec,
            range.start,
            range.stop,
        )]);
    };
    let mut found = Vec::new();
    let all = if spec.create_empty {
        Some(window.overlapping(range, MAX_WINDOWS)?)
    } else {
        None
    };
    let mut parts = rows_by_window(&times, window, range, all.as_deref())?;
    parts.sort_by_key(|(bounds, _)| bounds.start);
    for (bounds, rows) in parts {
        let part = rows.of(table);
        let (start, stop) = clip(&bounds, range);
        found.push(with_bounds(part, spec, start, stop));
    }
    Ok(found)
}

fn with_bounds(mut table: Table, spec: &WindowOperation, start: i64, stop: i64) -> Table {
    let rows = table.rows;
    let mut key = table.key.clone();
    for (label, time) in [(&spec.start_column, start), (&spec.stop_column, stop)] {
        key = key.with(label, KeyValue::Time(Some(time)));
        let column = Column::instant(time, rows);
        match table.position(label) {
            Some(at) => table.fields[at].column = column,
            None => table.fields.push(Field {
                label: Arc::clone(label),
                column,
            }),
        }
    }
    table.key = key;
    table
}

/// Which rows lie in a window.
pub(super) enum WindowRows {
    /// A run of rows: where to start and how many.
    Run(usize, usize),
    /// These.
    Rows(Vec<usize>),
}

impl WindowRows {
    /// The rows of a table.
    pub(super) fn of(&self, table: &Table) -> Table {
        match self {
            Self::Run(start, len) => table.slice(*start, *len),
            Self::Rows(rows) => table.take(rows),
        }
    }

    /// The rows of a column.
    pub(super) fn of_column(&self, column: &Column) -> Column {
        match self {
            Self::Run(start, len) => column.slice(*start, *len),
            Self::Rows(rows) => column.take(rows),
        }
    }
}

/// The rows of each window that has some, or of each of `all` windows. Rows without a time are in none.
pub(super) fn rows_by_window(
    times: &Vector<i64>,
    window: &Window,
    range: TimeRange,
    all: Option<&[Bounds]>,
) -> Result<Vec<(Bounds, WindowRows)>, Error> {
    let sorted = times.as_slice().filter(|times| times.is_sorted());
    if let Some(sorted) = sorted {
        return Ok(match all {
            Some(all) => all
                .iter()
                .map(|bounds| (*bounds, run_of(sorted, bounds)))
                .collect(),
            None => runs(sorted, window, range),
        });
    }
    let mut parts: Vec<(Bounds, Vec<usize>)> = all
        .map(|all| all.iter().map(|bounds| (*bounds, Vec::new())).collect())
        .unwrap_or_default();
    let mut places: std::collections::HashMap<i64, usize> = parts
        .iter()
        .enumerate()
        .map(|(at, (bounds, _))| (bounds.start, at))
        .collect();
    for (row, time) in times.present() {
        let one = TimeRange {
            start: *time,
            stop: time.saturating_add(1),
        };
        for bounds in window.overlapping(one, MAX_WINDOWS)? {
            if bounds.stop <= range.start || bounds.start >= range.stop {
                continue;
            }
            let at = *places.entry(bounds.start).or_insert_with(|| {
                parts.push((bounds, Vec::new()));
                parts.len() - 1
            });
            parts[at].1.push(row);
        }
    }
    Ok(parts
        .into_iter()
        .map(|(bounds, rows)| (bounds, WindowRows::Rows(rows)))
        .collect())
}

/// The run of sorted times inside a window.
fn run_of(times: &[i64], bounds: &Bounds) -> WindowRows {
    let from = times.partition_point(|time| *time < bounds.start);
    let to = times.partition_point(|time| *time < bounds.stop);
    WindowRows::Run(from, to.saturating_sub(from))
}

/// The windows that hold sorted times, with their runs.
fn runs(times: &[i64], window: &Window, range: TimeRange) -> Vec<(Bounds, WindowRows)> {
    let mut found: Vec<(Bounds, WindowRows)> = Vec::new();
    let Some((first, last)) = times.first().zip(times.last()) else {
        return found;
    };
    if window.period == window.every {
        let mut from = 0;
        while from < times.len() {
            let bounds = window.latest(times[from]);
            let count = times[from..].partition_point(|time| *time < bounds.stop);
            if bounds.contains(times[from])
                && bounds.stop > range.start
                && bounds.start < range.stop
            {
                found.push((bounds, WindowRows::Run(from, count)));
            }
            from += count.max(1);
        }
        return found;
    }
    // Overlapping or spaced windows: walk the grid over the span of the rows.
    let mut bounds = window.latest(*last);
    while bounds.stop > *first {
        let run = run_of(times, &bounds);
        if matches!(run, WindowRows::Run(_, count) if count > 0) {
            found.push((bounds, run));
        }
        bounds = window.previous(&bounds);
    }
    found.reverse();
    found
}

/// The key of a table with other bounds.
pub(super) fn key_with_bounds(key: &GroupKey, range: TimeRange) -> GroupKey {
    key.with("_start", KeyValue::Time(Some(range.start)))
        .with("_stop", KeyValue::Time(Some(range.stop)))
}
