//! Whole streams: grouping, joining one after another, ordering, cutting.

use std::cmp::Ordering;
use std::rc::Rc;
use std::sync::Arc;

use super::build::{each, map_table};
use super::native;
use crate::error::Error;
use crate::execute::Context;
use crate::interpret::NativeKind::Stream;
use crate::interpret::{Arguments, Lambda, Native};
use crate::plan::{Group, Node, Operation};
use crate::table::{Column, Table, TableGroups};
use crate::value::Value;

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native("", "group", "<-tables, ?columns, ?mode", Stream, group),
    native("", "union", "tables", Stream, union),
    native("", "limit", "<-tables, n, ?offset", Stream, limit),
    native("", "tail", "<-tables, n, ?offset", Stream, tail),
    native("", "sort", "<-tables, ?columns, ?desc", Stream, sort),
    native(
        "",
        "_sortLimit",
        "<-tables, n, columns, desc",
        Stream,
        sort_limit,
    ),
    native("", "map", "<-tables, fn, ?mergeKey", Stream, map),
    native(
        "",
        "timeShift",
        "<-tables, duration, ?columns",
        Stream,
        time_shift,
    ),
    native("experimental/table", "fill", "<-tables", Stream, fill_empty),
];

fn group(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let input = arguments.stream("tables")?;
    let columns = arguments.strings_or("columns", &[])?;
    let except = match arguments.string_or("mode", "by")?.as_ref() {
        "by" => false,
        "except" => true,
        other => {
            return Err(Error::invalid(format!(
                "invalid group mode: must be \"by\" or \"except\", got {other:?}"
            )));
        }
    };
    context.stream(
        Operation::Group(Group { columns, except }),
        vec![input],
        arguments,
    )
}

fn union(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let streams = arguments.array("tables")?;
    let mut inputs: Vec<Rc<Node>> = Vec::new();
    for stream in streams.iter() {
        let Value::Stream(node) = stream else {
            return Err(Error::invalid(format!(
                "tables must be streams, found {}",
                stream.type_name()
            )));
        };
        // The same stream twice gives its rows once.
        if !inputs.iter().any(|known| Rc::ptr_eq(known, node)) {
            inputs.push(Rc::clone(node));
        }
    }
    if streams.len() < 2 {
        return Err(Error::invalid(
            "tables must have at least two table streams",
        ));
    }
    super::build::all(context, arguments, "union", inputs, |_, inputs, out| {
        let mut groups = TableGroups::default();
        for table in inputs.into_iter().flatten() {
            groups.push(table);
        }
        for table in groups.into_tables() {
            out(table?)?;
        }
        Ok(())
    })
}

fn limit(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let offset = usize::try_from(arguments.integer_or("offset", 0)?).unwrap_or(0);
    // InfluxDB makes one step of a `sort` and its `limit`, which gives no empty tables and takes no limit below 0.
    let input = arguments.stream("tables")?;
    let sorted = offset == 0 && matches!(input.operation, Operation::Each { name: "sort", .. });
    let unlimited = if sorted { usize::MAX } else { 0 };
    let n = usize::try_from(arguments.integer("n")?).unwrap_or(unlimited);
    each(context, arguments, "limit", move |_, table, out| {
        if offset > 0 && offset >= table.rows || sorted && n.min(table.rows) == 0 {
            return Ok(());
        }
        out(table.slice(offset, n.min(table.rows - offset)))
    })
}

fn tail(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let n = usize::try_from(arguments.integer("n")?).unwrap_or(0);
    let offset = usize::try_from(arguments.integer_or("offset", 0)?).unwrap_or(0);
    map_table(context, arguments, "tail", move |_, table| {
        let stop = table.rows.saturating_sub(offset);
        let len = n.min(stop);
        Ok(table.slice(stop - len, len))
    })
}

/// The rows in order of columns; nulls first, equal rows as they were. Unknown columns do not count.
pub(super) fn sort_table(table: &Table, columns: &[Arc<str>], descending: bool) -> Table {
    let keys: Vec<&Column> = columns
        .iter()
        .filter_map(|label| table.column(label))
        .filter(|column| !column.is_constant())
        .collect();
    if keys.is_empty() {
        return table.clone();
    }
    if let [Column::Time(times) | Column::Integer(times)] = keys.as_slice()
        && !descending
        && times.as_slice().is_some_and(<[i64]>::is_sorted)
    {
        return table.clone();
    }
    let order = |a: usize, b: usize| {
        for key in &keys {
            let order = key.compare(a, key, b);
            let nulls = key.is_null(a) || key.is_null(b);
            let order = if descending && !nulls {
                order.reverse()
            } else {
                order
            };
            if order != Ordering::Equal {
                return order;
            }
        }
        Ordering::Equal
    };
    if table.pieces.len() > 1 && table.pieces.iter().sum::<usize>() == table.rows {
        return table.take(&merge_runs(&table.pieces, &order));
    }
    let mut rows: Vec<usize> = (0..table.rows).collect();
    rows.sort_by(|a, b| order(*a, *b));
    table.take(&rows)
}

/// The rows of several runs in order: each run sorted, then merged by a binary heap whose order of equal rows is InfluxDB's,
/// where the runs stood one after another in the heap at first.
fn merge_runs(pieces: &[usize], order: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let total = pieces.iter().sum();
    let mut start = 0;
    let mut heap: Vec<(Vec<usize>, usize)> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let mut run: Vec<usize> = (start..start + piece).collect();
        run.sort_by(|a, b| order(*a, *b));
        heap.push((run, 0));
        start += piece;
    }
    let first = |item: &(Vec<usize>, usize)| item.0[item.1];
    let sink = |heap: &mut Vec<(Vec<usize>, usize)>, mut at: usize, length: usize| loop {
        let mut child = 2 * at + 1;
        if child >= length {
            break;
        }
        if child + 1 < length && order(first(&heap[child + 1]), first(&heap[child])).is_lt() {
            child += 1;
        }
        if !order(first(&heap[child]), first(&heap[at])).is_lt() {
            break;
        }
        heap.swap(at, child);
        at = child;
    };
    for at in (0..heap.len() / 2).rev() {
        let length = heap.len();
        sink(&mut heap, at, length);
    }
    let mut rows = Vec::with_capacity(total);
    while let Some(top) = heap.first_mut() {
        rows.push(top.0[top.1]);
        top.1 += 1;
        let more = top.1 < top.0.len();
        let length = heap.len();
        if more {
            sink(&mut heap, 0, length);
        } else {
            heap.swap(0, length - 1);
            sink(&mut heap, 0, length - 1);
            heap.pop();
        }
    }
    rows
}

fn sort(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let columns = arguments.strings_or("columns", &["_value"])?;
    let descending = arguments.boolean_or("desc", false)?;
    map_table(context, arguments, "sort", move |_, table| {
        Ok(sort_table(&table, &columns, descending))
    })
}

fn sort_limit(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let columns = arguments.strings("columns")?;
    let descending = arguments.boolean_or("desc", false)?;
    // A number below 0 is no limit.
    let n = usize::try_from(arguments.integer("n")?).unwrap_or(usize::MAX);
    each(context, arguments, "sort", move |_, table, out| {
        if table.rows == 0 || n == 0 {
            return Ok(());
        }
        let sorted = sort_table(&table, &columns, descending);
        out(sorted.slice(0, n.min(sorted.rows)))
    })
}

fn map(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let lambda = Lambda::new(arguments.function("fn")?)?;
    // InfluxDB 2 accepts `mergeKey` and does nothing with it.
    arguments.boolean_or("mergeKey", false)?;
    let input = arguments.stream("tables")?;
    super::build::all(
        context,
        arguments,
        "map",
        vec![input],
        move |context, inputs, out| {
            let mut groups = TableGroups::default();
            let mut held = context.hold();
            for table in inputs.into_iter().flatten() {
                context.check()?;
                let table = Rc::new(table);
                for part in map_rows(context, &lambda, &table)? {
                    groups.push(part);
                }
                held.set(groups.bytes())?;
            }
            groups.into_arrived().try_for_each(|table| out(table?))
        },
    )
}

/// A table's rows through a function, parted by what became of the key's columns.
fn map_rows(
    context: &Context<'_>,
    lambda: &Lambda,
    table: &Rc<Table>,
) -> Result<Vec<Table>, Error> {
    let fields = lambda.records(context, table).map_err(|error| {
        if error.located {
            error
        } else {
            error.within("failed to evaluate map function")
        }
    })?;
    if table.rows == 0 {
        return Ok(Vec::new());
    }
    let labels: Vec<Arc<str>> = table
        .key
        .columns()
        .iter()
        .map(|(label, _)| Arc::clone(label))
        .filter(|label| fields.iter().any(|field| field.label == *label))
        .collect();
    // Rows without columns are none.
    let rows = if fields.is_empty() { 0 } else { table.rows };
    let mapped = Table::new(Default::default(), fields, rows);
    Ok(crate::execute::split_by(&mapped, &labels))
}

fn time_shift(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let input = arguments.stream("tables")?;
    let duration = arguments.duration("duration")?;
    let columns = arguments.strings_or("columns", &["_start", "_stop", "_time"])?;
    context.stream(
        Operation::Shift { duration, columns },
        vec![input],
        arguments,
    )
}

/// A null row for each table without rows.
fn fill_empty(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    map_table(context, arguments, "fill", |_, table| Ok(filled(table)))
}

/// The table, with a row of nulls around its key if it has no row.
pub(super) fn filled(table: Table) -> Table {
    if table.rows > 0 {
        return table;
    }
    let mut row = table.clone();
    row.rows = 1;
    for field in &mut row.fields {
        field.column = match table.key.get(&field.label) {
            Some(value) => value.column(1),
            None => Column::nulls(field.column.kind(), 1),
        };
    }
    row
}
