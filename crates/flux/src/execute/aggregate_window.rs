//! `aggregateWindow` with an aggregate or selector of storage, computed in memory: a row a window, no table a window.

use std::rc::Rc;
use std::sync::Arc;

use super::TABLE_BYTES;
use super::aggregate::{aggregate_column, select_row};
use super::window::{bounds_for_windows, clip, key_with_bounds, rows_by_window};
use crate::error::Error;
use crate::execute::Context;
use crate::plan::{AggregateWindow, Node, Out};
use crate::source::{Aggregate, TimeRange};
use crate::table::{Column, Field, Table, Vector, merge};

/// How many windows one operation may make of a range.
const MAX_WINDOWS: usize = 2_000_000;

impl Context<'_> {
    pub(super) fn execute_aggregate_window(
        &self,
        node: &Rc<Node>,
        spec: &AggregateWindow,
        out: &mut Out<'_>,
    ) -> Result<(), Error> {
        let range = bounds_for_windows(node)?;
        let mut groups: std::collections::BTreeMap<_, Vec<Table>> =
            std::collections::BTreeMap::new();
        let mut held = self.hold();
        self.feed(node, &mut |table| {
            let result = aggregate_window_table(spec, &table, range)?;
            held.add(result.bytes() + TABLE_BYTES)?;
            groups.entry(result.key.clone()).or_default().push(result);
            Ok(())
        })?;
        for parts in groups.into_values() {
            out(merge(parts)?)?;
        }
        Ok(())
    }
}

/// A row for each window of a table.
///
/// # Errors
/// A column is missing or of a type that the function is not defined on; too many windows.
pub(super) fn aggregate_window_table(
    spec: &AggregateWindow,
    table: &Table,
    range: TimeRange,
) -> Result<Table, Error> {
    let times = table.expect_times("_time")?;
    let column = table.expect_column(&spec.column)?;
    if !spec.function.is_selector() && table.key.contains(&spec.column) {
        return Err(Error::invalid(
            "cannot aggregate columns that are part of the group key",
        ));
    }
    let all = if spec.create_empty {
        Some(spec.window.overlapping(range, MAX_WINDOWS)?)
    } else {
        None
    };
    let mut parts = rows_by_window(times, &spec.window, range, all.as_deref())?;
    parts.sort_by_key(|(bounds, _)| bounds.start);
    let stop_wanted = spec.time_source.as_ref() == "_stop";
    let mut marks = Vec::with_capacity(parts.len());
    let mut chosen = Vec::with_capacity(parts.len());
    let mut values = Vec::with_capacity(parts.len());
    for (bounds, rows) in &parts {
        let (start, stop) = clip(bounds, range);
        if spec.function.is_selector() {
            let row = selected(spec.function, column, rows)?;
            if row.is_none() && !spec.create_empty {
                continue;
            }
            chosen.push(row);
        } else {
            values.push(aggregate_column(spec.function, &rows.of_column(column))?);
        }
        marks.push(if stop_wanted { stop } else { start });
    }
    let rows = marks.len();
    let mut result = Table::of_key(key_with_bounds(&table.key, range), rows);
    if spec.function.is_selector() {
        for field in &table.fields {
            if !result.key.contains(&field.label) {
                let column = field.column.take_optional(&chosen);
                result.fields.push(Field {
                    label: Arc::clone(&field.label),
                    column,
                });
            }
        }
    } else {
        let value = concatenated(spec.function, &values, column)?;
        result.fields.push(Field {
            label: Arc::clone(&spec.column),
            column: value,
        });
    }
    put_times(&mut result, &spec.time_destination, marks);
    Ok(result)
}

/// The times of the windows as the first column, unless the key has a column of that name: that one stays as it is.
fn put_times(table: &mut Table, label: &Arc<str>, times: Vec<i64>) {
    if table.key.contains(label) {
        return;
    }
    if let Some(at) = table.position(label) {
        table.fields.remove(at);
    }
    let times = Field {
        label: Arc::clone(label),
        column: Column::Time(Vector::dense(times)),
    };
    table.fields.insert(0, times);
}

/// The row of the table that a selector chooses among some rows.
fn selected(
    function: Aggregate,
    column: &Column,
    rows: &super::window::WindowRows,
) -> Result<Option<usize>, Error> {
    use super::window::WindowRows;
    let within = select_row(function, &rows.of_column(column))?;
    Ok(within.map(|at| match rows {
        WindowRows::Run(start, _) => start + at,
        WindowRows::Rows(rows) => rows[at],
    }))
}

/// A row a window as one column; of the function's type also when there is no window.
fn concatenated(function: Aggregate, values: &[Column], source: &Column) -> Result<Column, Error> {
    let references: Vec<&Column> = values.iter().collect();
    match Column::concat(&references) {
        Some(column) => Ok(column),
        None => Ok(aggregate_column(function, &source.slice(0, 0))?.slice(0, 0)),
    }
}
