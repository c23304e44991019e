//! How functions of the library make the operations of a stream.

use std::rc::Rc;

use crate::error::Error;
use crate::execute::Context;
use crate::interpret::Arguments;
use crate::plan::{Node, Operation, Out};
use crate::table::Table;
use crate::value::Value;

/// A stream that changes each table of `tables` by itself.
pub(super) fn each(
    context: &Context<'_>,
    arguments: &Arguments,
    name: &'static str,
    run: impl Fn(&Context<'_>, Table, &mut Out<'_>) -> Result<(), Error> + 'static,
) -> Result<Value, Error> {
    let input = arguments.stream("tables")?;
    context.stream(
        Operation::Each {
            name,
            run: Rc::new(run),
        },
        vec![input],
        arguments,
    )
}

/// A stream that makes one table of each table of `tables`.
pub(super) fn map_table(
    context: &Context<'_>,
    arguments: &Arguments,
    name: &'static str,
    run: impl Fn(&Context<'_>, Table) -> Result<Table, Error> + 'static,
) -> Result<Value, Error> {
    each(context, arguments, name, move |context, table, out| {
        out(run(context, table)?)
    })
}

/// A stream made of all tables of some inputs.
pub(super) fn all(
    context: &Context<'_>,
    arguments: &Arguments,
    name: &'static str,
    inputs: Vec<Rc<Node>>,
    run: impl Fn(&Context<'_>, Vec<Vec<Table>>, &mut Out<'_>) -> Result<(), Error> + 'static,
) -> Result<Value, Error> {
    context.stream(
        Operation::All {
            name,
            run: Rc::new(run),
        },
        inputs,
        arguments,
    )
}

/// A stream of tables that are known.
pub(super) fn tables(
    context: &Context<'_>,
    arguments: &Arguments,
    name: &'static str,
    tables: Vec<Table>,
) -> Result<Value, Error> {
    all(context, arguments, name, Vec::new(), move |_, _, out| {
        for table in &tables {
            out(table.clone())?;
        }
        Ok(())
    })
}
