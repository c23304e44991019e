//! Selectors: some of a table's rows.

use std::collections::HashSet;

use super::build::map_table;
use super::native;
use crate::error::Error;
use crate::execute::Context;
use crate::interpret::NativeKind::Stream;
use crate::interpret::{Arguments, Native};
use crate::plan::Operation;
use crate::source::Aggregate;
use crate::table::KeyValue;
use crate::value::Value;

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native("", "first", "<-tables, ?column", Stream, first),
    native("", "last", "<-tables, ?column", Stream, last),
    native("", "min", "<-tables, ?column", Stream, min),
    native("", "max", "<-tables, ?column", Stream, max),
    native("", "unique", "<-tables, ?column", Stream, unique),
    native("", "sample", "<-tables, n, ?pos, ?column", Stream, sample),
];

fn pushable(
    context: &Context<'_>,
    arguments: &Arguments,
    function: Aggregate,
) -> Result<Value, Error> {
    let input = arguments.stream("tables")?;
    let column = arguments.string_or("column", "_value")?;
    context.stream(
        Operation::Aggregate { function, column },
        vec![input],
        arguments,
    )
}

fn first(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    pushable(context, arguments, Aggregate::First)
}

fn last(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    pushable(context, arguments, Aggregate::Last)
}

fn min(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    pushable(context, arguments, Aggregate::Min)
}

fn max(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    pushable(context, arguments, Aggregate::Max)
}

fn unique(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let label = arguments.string_or("column", "_value")?;
    map_table(context, arguments, "unique", move |_, table| {
        let column = table.expect_column(&label)?;
        let mut seen = HashSet::new();
        let rows: Vec<usize> = (0..table.rows)
            .filter(|row| seen.insert(KeyValue::of(column, *row)))
            .collect();
        Ok(table.take(&rows))
    })
}

fn sample(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let n = arguments.integer("n")?;
    let pos = arguments.integer_or("pos", -1)?;
    let label = arguments.string_or("column", "_value")?;
    let step = usize::try_from(n).ok().filter(|n| *n > 0);
    let step =
        step.ok_or_else(|| Error::invalid(format!("n must be a positive integer, but was {n}")))?;
    if pos >= n {
        return Err(Error::invalid(format!(
            "pos must be less than n, but {pos} >= {n}"
        )));
    }
    // Without a position InfluxDB starts anywhere; a fixed start gives the same answer each time.
    let start = usize::try_from(pos).unwrap_or(0);
    map_table(context, arguments, "sample", move |_, table| {
        table.expect_column(&label)?;
        let rows: Vec<usize> = (start..table.rows).step_by(step).collect();
        Ok(table.take(&rows))
    })
}
