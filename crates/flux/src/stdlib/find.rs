//! Values out of streams: `tableFind`, `findRecord`, `findColumn`, `getRecord`, `getColumn`.

use std::rc::Rc;

use super::native;
use crate::error::Error;
use crate::execute::Context;
use crate::interpret::NativeKind::Stream;
use crate::interpret::{Arguments, Native};
use crate::table::{Column, Table};
use crate::value::{Record, Row, Value};

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native("", "tableFind", "<-tables, fn", Stream, table_find),
    native("", "findRecord", "<-tables, fn, idx", Stream, find_record),
    native(
        "",
        "findColumn",
        "<-tables, fn, column",
        Stream,
        find_column,
    ),
    native("", "getRecord", "<-table, idx", Stream, get_record),
    native("", "getColumn", "<-table, column", Stream, get_column),
];

/// The first table whose key a function accepts.
fn find(context: &Context<'_>, arguments: &Arguments) -> Result<Option<Table>, Error> {
    let stream = arguments.stream("tables")?;
    let function = arguments.function("fn")?;
    for table in context.tables_now(&stream)? {
        let mut key = Record::default();
        for (label, value) in table.key.columns() {
            key.push(std::sync::Arc::clone(label), value.value());
        }
        match context.call_with(&function, [("key", Value::record(key))])? {
            Value::Boolean(true) => return Ok(Some(table)),
            Value::Boolean(false) | Value::Null => {}
            other => {
                return Err(Error::invalid(format!(
                    "fn must give a bool, found {}",
                    other.type_name()
                )));
            }
        }
    }
    Ok(None)
}

fn table_find(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let table = find(context, arguments)?.ok_or_else(|| Error::not_found("no table found"))?;
    super::build::tables(context, arguments, "tableFind", vec![table])
}

fn row_record(table: Table, index: i64) -> Option<Value> {
    let row = usize::try_from(index)
        .ok()
        .filter(|row| *row < table.rows)?;
    Some(Value::record(
        Row {
            table: Rc::new(table),
            row: Some(row),
        }
        .record(),
    ))
}

fn find_record(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let index = arguments.integer("idx")?;
    let record = find(context, arguments)?.and_then(|table| row_record(table, index));
    Ok(record.unwrap_or_else(|| Value::record(Record::default())))
}

fn items(column: &Column) -> Value {
    Value::array((0..column.len()).map(|row| column.value(row)).collect())
}

fn find_column(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let label = arguments.string("column")?;
    let table = find(context, arguments)?;
    Ok(table
        .and_then(|table| table.column(&label).map(items))
        .unwrap_or_else(|| Value::array(Vec::new())))
}

fn only_table(context: &Context<'_>, arguments: &Arguments) -> Result<Table, Error> {
    let tables = context.tables_now(&arguments.stream("table")?)?;
    tables
        .into_iter()
        .next()
        .ok_or_else(|| Error::invalid("the stream holds no table"))
}

fn get_record(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let index = arguments.integer("idx")?;
    let table = only_table(context, arguments)?;
    let rows = table.rows;
    row_record(table, index)
        .ok_or_else(|| Error::invalid(format!("index out of bounds: {index} of {rows} rows")))
}

fn get_column(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let label = arguments.string("column")?;
    let table = only_table(context, arguments)?;
    table
        .column(&label)
        .map(items)
        .ok_or_else(|| Error::invalid(format!("cannot find column {label:?}")))
}
