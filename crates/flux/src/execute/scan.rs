//! Push-down: a chain of operations right behind `from` becomes one read of the source, with InfluxDB's own rules about
//! what that changes in the answer (the group key, missing tags, the order of tables).

use std::rc::Rc;
use std::sync::Arc;

use super::TABLE_BYTES;
use super::aggregate::aggregate_table;
use super::aggregate_window::aggregate_window_table;
use super::combine::{combine_group, sum_and_count, sum_of_mean};
use super::group::{group_series, with_missing_columns};
use super::series::SeriesTables;
use super::window::window_tables;
use crate::error::Error;
use crate::execute::{Context, Held};
use crate::interpret::{Function, Lambda};
use crate::plan::{AggregateWindow, Node, Operation, Out, WindowOperation, predicate};
use crate::source::{
    Aggregate, BucketReference, FieldValues, Predicate, PushedAggregate, ReadRequest, Scan,
    SeriesColumns, TimeRange,
};
use crate::table::Table;

/// How many windows one operation may make of a range.
const MAX_WINDOWS: usize = 2_000_000;

/// Rows that storage picks: what `from |> range |> filter` says.
#[derive(Clone)]
pub(crate) struct Selection {
    pub(crate) bucket: BucketReference,
    pub(crate) range: TimeRange,
    pub(crate) predicate: Vec<Predicate>,
    /// What is left of the last filter, to be done in memory.
    rest: Option<Function>,
}

impl Selection {
    pub(crate) fn predicate(&self) -> Option<Predicate> {
        match self.predicate.as_slice() {
            [] => None,
            [only] => Some(only.clone()),
            several => Some(Predicate::And(several.to_vec())),
        }
    }

    fn describe(&self) -> String {
        let mut text = format!(
            "read {:?} [{}, {})",
            self.bucket.text(),
            crate::value::time::format_time(self.range.start),
            crate::value::time::format_time(self.range.stop)
        );
        if let Some(predicate) = self.predicate() {
            text.push_str(&format!(" where {predicate}"));
        }
        text
    }
}

impl Context<'_> {
    /// Answers a node from the source if the whole chain behind it can be pushed down; `false` if it cannot.
    pub(super) fn scan(&self, node: &Rc<Node>, out: &mut Out<'_>) -> Result<bool, Error> {
        if let Some(selection) = self.selection(node)? {
            let rest = if selection.rest.is_some() {
                ", the rest of the filter in memory"
            } else {
                ""
            };
            self.note(format!("{}; rows as stored{rest}", selection.describe()));
            self.read_rows(&selection, out)?;
            return Ok(true);
        }
        let Some(input) = node.input() else {
            return Ok(false);
        };
        if self.consumers(input) > 1 {
            return Ok(false);
        }
        match &node.operation {
            Operation::Group(group) if !group.except => {
                let Some(selection) = self.whole_selection(self.below_groups(input))? else {
                    return Ok(false);
                };
                if !groups_in_storage(&group.columns) {
                    return Ok(false);
                }
                self.note(format!(
                    "{}; group by {:?}",
                    selection.describe(),
                    group.columns
                ));
                let mut held = self.hold();
                for table in self.read_groups(&selection, &group.columns, None, &mut held)? {
                    out(table)?;
                }
                Ok(true)
            }
            Operation::Aggregate { function, column } if column.as_ref() == "_value" => {
                self.scan_aggregate(*function, input, out)
            }
            Operation::AggregateWindow(spec) => {
                if spec.column.as_ref() != "_value" {
                    return Ok(false);
                }
                let Some(selection) = self.whole_selection(input)? else {
                    return Ok(false);
                };
                self.read_windows(&selection, spec, out)?;
                Ok(true)
            }
            Operation::Schema(spec) => self.scan_schema(node, spec, out),
            _ => Ok(false),
        }
    }

    /// What a node selects if it is nothing but `from |> range |> filter…`.
    pub(super) fn selection(&self, node: &Rc<Node>) -> Result<Option<Selection>, Error> {
        let Some(input) = node.input() else {
            return Ok(None);
        };
        match &node.operation {
            Operation::Range(range) => Ok(match &input.operation {
                Operation::From(bucket) => Some(Selection {
                    bucket: bucket.clone(),
                    range: TimeRange {
                        start: range.start,
                        stop: range.stop,
                    },
                    predicate: Vec::new(),
                    rest: None,
                }),
                _ => None,
            }),
            Operation::Filter(filter) if !filter.keep_empty && self.consumers(input) <= 1 => {
                let Some(mut selection) = self.selection(input)? else {
                    return Ok(None);
                };
                if selection.rest.is_some() {
                    return Ok(None);
                }
                let Some(split) = predicate::split(self, &filter.function) else {
                    return Ok(None);
                };
                selection.predicate.extend(split.pushed);
                selection.rest = split.rest;
                Ok(Some(selection))
            }
            _ => Ok(None),
        }
    }

    /// What several groups in a row group: only the last of them counts.
    fn below_groups<'n>(&self, mut node: &'n Rc<Node>) -> &'n Rc<Node> {
        while let (Operation::Group(_), true, Some(input)) =
            (&node.operation, self.consumers(node) <= 1, node.input())
        {
            node = input;
        }
        node
    }

    /// As [`Context::selection`], with nothing left to do in memory.
    pub(crate) fn whole_selection(&self, node: &Rc<Node>) -> Result<Option<Selection>, Error> {
        if self.consumers(node) > 1 {
            return Ok(None);
        }
        Ok(self
            .selection(node)?
            .filter(|selection| selection.rest.is_none()))
    }

    fn read(
        &self,
        selection: &Selection,
        aggregate: Option<PushedAggregate>,
        sink: &mut dyn FnMut(SeriesColumns, bool) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.check()?;
        let aggregate = aggregate.filter(|aggregate| self.source().can_aggregate(aggregate));
        let aggregated = aggregate.is_some();
        let request = ReadRequest {
            bucket: selection.bucket.clone(),
            range: selection.range,
            predicate: selection.predicate(),
            aggregate,
            tags: None,
            series_bytes: self.free_bytes(),
        };
        // A field that changed its type comes once a type: the earlier one's rows stand.
        let mut pending: Option<SeriesColumns> = None;
        self.scan_begins();
        let scan = self.source().read(&request, &mut |series| {
            self.check()?;
            self.scanned(&series);
            match pending.take() {
                Some(before) if same_series(&before, &series) => {
                    let earlier = before.times.first() <= series.times.first();
                    pending = Some(if earlier { before } else { series });
                    Ok(())
                }
                Some(before) => {
                    pending = Some(series);
                    sink(before, aggregated)
                }
                None => {
                    pending = Some(series);
                    Ok(())
                }
            }
        });
        match scan.map_err(|error| self.read_error(error))? {
            Scan::Raw if aggregated => {
                return Err(Error::internal("the source did not aggregate as it said"));
            }
            Scan::Raw | Scan::Aggregated => {}
        }
        pending.map_or(Ok(()), |series| sink(series, aggregated))
    }

    fn read_error(&self, error: Error) -> Error {
        if error.located { error } else { error.at() }
    }

    fn read_rows(&self, selection: &Selection, out: &mut Out<'_>) -> Result<(), Error> {
        let rest = selection.rest.clone().map(Lambda::new).transpose()?;
        let mut tables = SeriesTables::new(selection.range);
        self.read(selection, None, &mut |series, _| {
            let table = tables.rows(series);
            match &rest {
                None => out(table),
                Some(lambda) => match super::filter::filter_table(self, lambda, table, false)? {
                    Some(table) => out(table),
                    None => Ok(()),
                },
            }
        })
    }

    fn read_groups(
        &self,
        selection: &Selection,
        columns: &[Arc<str>],
        aggregate: Option<Aggregate>,
        held: &mut Held<'_>,
    ) -> Result<Vec<Table>, Error> {
        let mut tables = SeriesTables::new(selection.range);
        let mut found = Vec::new();
        let pushed = aggregate.map(|function| PushedAggregate {
            function,
            window: None,
        });
        self.read(selection, pushed, &mut |mut series, aggregated| {
            let table = match (aggregate, aggregated) {
                // The mean of a group is no mean of means: sums and counts of the series are.
                (Some(Aggregate::Mean), true) => {
                    let counts = std::mem::take(&mut series.counts);
                    let stored = series.stored;
                    sum_of_mean(tables.aggregated(series, Aggregate::Mean), &counts, stored)
                }
                (Some(Aggregate::Mean), false) => sum_and_count(&tables.rows(series))?,
                (Some(function), true) => tables.aggregated(series, function),
                (Some(function), false) => {
                    let raw = tables.rows(series);
                    aggregate_table(function, &raw, &Arc::from("_value"))?
                }
                (None, _) => tables.rows(series),
            };
            held.add(table.bytes() + TABLE_BYTES)?;
            found.push(table);
            Ok(())
        })?;
        group_series(found, columns)
    }

    fn scan_aggregate(
        &self,
        function: Aggregate,
        input: &Rc<Node>,
        out: &mut Out<'_>,
    ) -> Result<bool, Error> {
        if let Some(selection) = self.whole_selection(input)? {
            self.note(format!(
                "{}; {} a series",
                selection.describe(),
                function.name()
            ));
            self.read_aggregates(&selection, function, out)?;
            return Ok(true);
        }
        match &input.operation {
            Operation::Group(group) if !group.except && groups_in_storage(&group.columns) => {
                let Some(below) = input.input() else {
                    return Ok(false);
                };
                let Some(selection) = self.whole_selection(self.below_groups(below))? else {
                    return Ok(false);
                };
                self.note(format!(
                    "{}; {} a series, then by {:?}",
                    selection.describe(),
                    function.name(),
                    group.columns
                ));
                let mut held = self.hold();
                let columns = &group.columns;
                for table in self.read_groups(&selection, columns, Some(function), &mut held)? {
                    let answer = combine_group(function, &table)?;
                    out(if function.is_selector() {
                        answer
                    } else {
                        with_missing_columns(answer, &group.columns)
                    })?;
                }
                Ok(true)
            }
            Operation::Window(spec) => {
                let Some(below) = input.input() else {
                    return Ok(false);
                };
                let plain = spec.time_column.as_ref() == "_time"
                    && spec.start_column.as_ref() == "_start"
                    && spec.stop_column.as_ref() == "_stop";
                let pushable = spec.window.as_ref().is_some_and(|window| {
                    window.fixed_every().is_some() && window.offset.is_zero()
                });
                if !plain || !pushable {
                    return Ok(false);
                }
                let Some(selection) = self.whole_selection(below)? else {
                    return Ok(false);
                };
                self.read_window_tables(&selection, spec, function, out)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn read_aggregates(
        &self,
        selection: &Selection,
        function: Aggregate,
        out: &mut Out<'_>,
    ) -> Result<(), Error> {
        let mut tables = SeriesTables::new(selection.range);
        let pushed = PushedAggregate {
            function,
            window: None,
        };
        self.read(selection, Some(pushed), &mut |series, aggregated| {
            refuse_type(function, &series)?;
            out(if aggregated {
                tables.aggregated(series, function)
            } else {
                aggregate_table(function, &tables.rows(series), &Arc::from("_value"))?
            })
        })
    }

    fn read_windows(
        &self,
        selection: &Selection,
        spec: &AggregateWindow,
        out: &mut Out<'_>,
    ) -> Result<(), Error> {
        let range = selection.range;
        let destination = &spec.time_destination;
        let spec = &AggregateWindow {
            time_destination: Arc::from("_time"),
            ..spec.clone()
        };
        let pushed = PushedAggregate {
            function: spec.function,
            window: Some(spec.window.clone()),
        };
        let can = self.source().can_aggregate(&pushed);
        self.note(format!(
            "{}; {} {} ({})",
            selection.describe(),
            spec.function.name(),
            spec.window,
            if can { "in the scan" } else { "over the rows" }
        ));
        let all = if spec.create_empty && can {
            spec.window.overlapping(range, MAX_WINDOWS)?
        } else {
            Vec::new()
        };
        let mut tables = SeriesTables::new(range);
        self.read(selection, Some(pushed), &mut |series, aggregated| {
            refuse_type(spec.function, &series)?;
            let mut table = if aggregated {
                tables.windowed(series, spec, &all)
            } else {
                aggregate_window_table(spec, &tables.rows(series), range)?
            };
            put_times_in(&mut table, destination);
            // Windows side by side are storage's: a series without any is no table.
            let side_by_side = spec.window.period == spec.window.every;
            let nothing = table.rows == 0 && !spec.create_empty;
            if nothing && (side_by_side || spec.function.is_selector()) {
                Ok(())
            } else {
                out(table)
            }
        })
    }

    fn read_window_tables(
        &self,
        selection: &Selection,
        spec: &WindowOperation,
        function: Aggregate,
        out: &mut Out<'_>,
    ) -> Result<(), Error> {
        self.note(format!(
            "{}; {} over windows of the rows",
            selection.describe(),
            function.name()
        ));
        let mut tables = SeriesTables::new(selection.range);
        self.read(selection, None, &mut |series, _| {
            refuse_type(function, &series)?;
            for part in window_tables(&tables.rows(series), spec, selection.range)? {
                out(aggregate_table(function, &part, &Arc::from("_value"))?)?;
            }
            Ok(())
        })
    }
}

fn same_series(left: &SeriesColumns, right: &SeriesColumns) -> bool {
    left.field == right.field && left.measurement == right.measurement && left.tags == right.tags
}

/// Moves the times of windows from `_time` to another column; the key's own columns stay as they are.
fn put_times_in(table: &mut Table, destination: &Arc<str>) {
    if destination.as_ref() == "_time" {
        return;
    }
    if let Some(at) = table.position("_time") {
        let times = table.fields.remove(at).column;
        if !table.key.contains(destination) {
            table.set(destination, times);
        }
    }
}

/// Storage can group by anything but what differs from row to row.
fn groups_in_storage(columns: &[Arc<str>]) -> bool {
    !columns
        .iter()
        .any(|column| matches!(column.as_ref(), "_time" | "_value"))
}

fn refuse_type(function: Aggregate, series: &SeriesColumns) -> Result<(), Error> {
    if function.accepts(series.values.kind()) {
        return Ok(());
    }
    let kind = match series.values {
        FieldValues::String(_) => "string",
        _ => "boolean",
    };
    Err(Error::invalid(format!(
        "unsupported input type for {} aggregate: {kind}",
        function.name()
    ))
    .at())
}
