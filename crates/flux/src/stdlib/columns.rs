//! Columns: keeping, dropping, renaming, setting, and listing them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::build::{each, map_table};
use super::native;
use crate::error::Error;
use crate::execute::Context;
use crate::interpret::NativeKind::Stream;
use crate::interpret::{Arguments, Function, Native};
use crate::plan::{Operation, SchemaOperation};
use crate::table::{Column, Field, GroupKey, KeyValue, Table, TableGroups, Text, Vector};
use crate::value::Value;

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native("", "keep", "<-tables, ?columns, ?fn", Stream, keep),
    native("", "drop", "<-tables, ?columns, ?fn", Stream, drop_columns),
    native("", "rename", "<-tables, ?columns, ?fn", Stream, rename),
    native("", "set", "<-tables, key, value", Stream, set),
    native("", "duplicate", "<-tables, column, as", Stream, duplicate),
    native("", "keys", "<-tables, ?column", Stream, keys),
    native("", "columns", "<-tables, ?column", Stream, columns),
    native("", "keyValues", "<-tables, ?keyColumns", Stream, key_values),
    native("experimental", "set", "<-tables, o", Stream, set_record),
    native(
        "experimental",
        "group",
        "<-tables, columns, mode",
        Stream,
        extend_group,
    ),
];

/// What decides which columns stay: their names, or a function of the name.
enum Choice {
    Names(Vec<Arc<str>>),
    Test(Function),
}

impl Choice {
    fn of(arguments: &Arguments, function: &str) -> Result<Self, Error> {
        match (
            arguments.optional_strings("columns")?,
            arguments.optional_function("fn")?,
        ) {
            (Some(names), None) => Ok(Self::Names(names)),
            (None, Some(test)) => Ok(Self::Test(test)),
            (Some(_), Some(_)) => Err(Error::invalid(format!(
                "{function} error: both columns and fn are given"
            ))),
            (None, None) => Err(Error::invalid(format!(
                "{function} error: neither column list nor predicate function provided"
            ))),
        }
    }

    fn chosen(&self, context: &Context<'_>, label: &Arc<str>) -> Result<bool, Error> {
        match self {
            Self::Names(names) => Ok(names.contains(label)),
            Self::Test(test) => {
                match context.call_with(test, [("column", Value::String(Arc::clone(label)))])? {
                    Value::Boolean(value) => Ok(value),
                    other => Err(Error::invalid(format!(
                        "fn must give a bool, found {}",
                        other.type_name()
                    ))),
                }
            }
        }
    }
}

/// The table with only the columns that `kept` says.
fn retain(table: &Table, kept: &[bool]) -> Table {
    let fields: Vec<Field> = table
        .fields
        .iter()
        .zip(kept)
        .filter(|(_, kept)| **kept)
        .map(|(field, _)| field.clone())
        .collect();
    let key = table
        .key
        .retain(|label| fields.iter().any(|field| field.label.as_ref() == label));
    let rows = if fields.is_empty() { 0 } else { table.rows };
    Table::new(key, fields, rows)
}

/// Whether a change of columns may make keys equal, so that tables must be gathered.
fn gather(
    context: &Context<'_>,
    arguments: &Arguments,
    name: &'static str,
    change: impl Fn(&Context<'_>, Table) -> Result<Table, Error> + 'static,
) -> Result<Value, Error> {
    let input = arguments.stream("tables")?;
    super::build::all(
        context,
        arguments,
        name,
        vec![input],
        move |context, inputs, out| {
            gather_tables(
                context,
                inputs.into_iter().flatten().collect(),
                &change,
                out,
            )
        },
    )
}

/// Tables changed one by one; if keys changed, those with equal keys become one, in order of key.
fn gather_tables(
    context: &Context<'_>,
    tables: Vec<Table>,
    change: &dyn Fn(&Context<'_>, Table) -> Result<Table, Error>,
    out: &mut crate::plan::Out<'_>,
) -> Result<(), Error> {
    let mut groups = TableGroups::default();
    let mut changed = Vec::new();
    let mut rekeyed = false;
    for table in tables {
        let before = table.key.clone();
        let table = change(context, table)?;
        rekeyed |= before != table.key;
        changed.push(table);
    }
    if !rekeyed {
        return changed.into_iter().try_for_each(out);
    }
    for table in changed {
        groups.push(table);
    }
    groups.into_tables().try_for_each(|table| out(table?))
}

fn keep(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let choice = Choice::of(arguments, "keep")?;
    if let Choice::Names(columns) = choice {
        let input = arguments.stream("tables")?;
        return context.stream(
            Operation::Schema(SchemaOperation::Keep { columns }),
            vec![input],
            arguments,
        );
    }
    gather(context, arguments, "keep", move |context, table| {
        let kept: Result<Vec<bool>, Error> = table
            .labels()
            .map(|label| choice.chosen(context, label))
            .collect();
        Ok(retain(&table, &kept?))
    })
}

/// `keep(columns:)` of tables.
pub(super) fn keep_columns(
    context: &Context<'_>,
    columns: &[Arc<str>],
    tables: Vec<Table>,
    out: &mut crate::plan::Out<'_>,
) -> Result<(), Error> {
    let change = |_: &Context<'_>, table: Table| {
        let kept: Vec<bool> = table
            .labels()
            .map(|label| columns.contains(label))
            .collect();
        Ok(retain(&table, &kept))
    };
    gather_tables(context, tables, &change, out)
}

fn drop_columns(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let choice = Choice::of(arguments, "drop")?;
    gather(context, arguments, "drop", move |context, table| {
        let kept: Result<Vec<bool>, Error> = table
            .labels()
            .map(|label| choice.chosen(context, label).map(|dropped| !dropped))
            .collect();
        Ok(retain(&table, &kept?))
    })
}

fn rename(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let columns = arguments.optional_record("columns")?;
    let function = arguments.optional_function("fn")?;
    if columns.is_some() == function.is_some() {
        return Err(Error::invalid(
            "rename error: either columns or fn must be given",
        ));
    }
    gather(context, arguments, "rename", move |context, mut table| {
        let mut names: Vec<(Arc<str>, Arc<str>)> = Vec::new();
        if let Some(columns) = &columns {
            for (from, to) in columns.iter() {
                let Value::String(to) = to else {
                    return Err(Error::invalid("rename error: names must be strings"));
                };
                if table.position(from).is_none() {
                    return Err(Error::invalid(format!(
                        "rename error: column {from:?} doesn't exist"
                    )));
                }
                names.push((Arc::clone(from), Arc::clone(to)));
            }
        }
        if let Some(function) = &function {
            for label in table.labels() {
                match context.call_with(function, [("column", Value::String(Arc::clone(label)))])? {
                    Value::String(to) => names.push((Arc::clone(label), to)),
                    other => {
                        return Err(Error::invalid(format!(
                            "fn must give a string, found {}",
                            other.type_name()
                        )));
                    }
                }
            }
        }
        let renamed = |label: &Arc<str>| {
            names
                .iter()
                .find(|(from, _)| from == label)
                .map_or_else(|| Arc::clone(label), |(_, to)| Arc::clone(to))
        };
        for field in &mut table.fields {
            field.label = renamed(&field.label);
        }
        for (at, field) in table.fields.iter().enumerate() {
            if table.fields[..at]
                .iter()
                .any(|other| other.label == field.label)
            {
                return Err(Error::invalid(format!(
                    "rename error: column {:?} already exists",
                    field.label
                )));
            }
        }
        let key = table
            .key
            .columns()
            .iter()
            .map(|(label, value)| (renamed(label), value.clone()));
        table.key = GroupKey::new(key.collect());
        Ok(table)
    })
}

fn set(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let label = arguments.string("key")?;
    let value = arguments.string("value")?;
    gather(context, arguments, "set", move |_, mut table| {
        let rows = table.rows;
        table.set(&label, Column::text(&value, rows));
        if table.key.contains(&label) {
            table.key = table
                .key
                .with(&label, KeyValue::String(Some(Arc::clone(&value))));
        }
        Ok(table)
    })
}

fn set_record(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let record = arguments.record("o")?;
    gather(context, arguments, "set", move |_, mut table| {
        let rows = table.rows;
        for (label, value) in record.iter() {
            let Some(column) = Column::repeat(value, rows) else {
                return Err(Error::invalid(format!(
                    "cannot set column {label:?} to a {}",
                    value.type_name()
                )));
            };
            table.set(label, column);
            if table.key.contains(label)
                && let Some(value) = KeyValue::from_value(value)
            {
                table.key = table.key.with(label, value);
            }
        }
        Ok(table)
    })
}

fn duplicate(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let (from, to) = (arguments.string("column")?, arguments.string("as")?);
    gather(context, arguments, "duplicate", move |_, mut table| {
        let Some(column) = table.column(&from).cloned() else {
            return Err(Error::invalid(format!(
                "duplicate error: column {from:?} doesn't exist"
            )));
        };
        table.set(&to, column);
        if table.key.contains(&to) {
            table.key = match table.key.get(&from) {
                Some(value) => table.key.with(&to, value.clone()),
                None => table.key.retain(|label| label != to.as_ref()),
            };
        }
        Ok(table)
    })
}

/// A table of one column of texts around a key.
pub(super) fn texts(key: GroupKey, label: &Arc<str>, texts: Vec<Text>) -> Table {
    let rows = texts.len();
    let key = key.retain(|name| name != label.as_ref());
    let mut table = Table::of_key(key, rows);
    table.fields.push(Field {
        label: Arc::clone(label),
        column: Column::String(Vector::dense(texts)),
    });
    table
}

fn keys(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let column = arguments.string_or("column", "_value")?;
    let input = arguments.stream("tables")?;
    context.stream(
        Operation::Schema(SchemaOperation::Keys { column }),
        vec![input],
        arguments,
    )
}

fn columns(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let column = arguments.string_or("column", "_value")?;
    map_table(context, arguments, "columns", move |_, table| {
        let names = table
            .labels()
            .map(|label| Text(Arc::clone(label)))
            .collect();
        Ok(texts(table.key, &column, names))
    })
}

fn key_values(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let wanted = arguments
        .optional_strings("keyColumns")?
        .ok_or_else(|| Error::invalid("neither column list nor predicate function provided"))?;
    each(context, arguments, "keyValues", move |_, table, out| {
        let labels: Vec<Arc<str>> = wanted
            .iter()
            .filter(|label| table.position(label).is_some())
            .cloned()
            .collect();
        let columns: Vec<&Column> = labels
            .iter()
            .map(|label| table.expect_column(label))
            .collect::<Result<_, _>>()?;
        let mut names = Vec::new();
        let mut values: Vec<Column> = Vec::new();
        let mut seen = vec![BTreeSet::new(); labels.len()];
        for row in 0..table.rows {
            for ((label, column), seen) in labels.iter().zip(&columns).zip(&mut seen) {
                if seen.insert(KeyValue::of(column, row)) {
                    names.push(Text(Arc::clone(label)));
                    values.push(column.slice(row, 1));
                }
            }
        }
        let references: Vec<&Column> = values.iter().collect();
        let values = Column::concat(&references)
            .ok_or_else(|| Error::invalid("keyColumns must be of one type"))?;
        let rows = names.len();
        let mut result = Table::of_key(table.key, rows);
        result.set("_key", Column::String(Vector::dense(names)));
        result.set("_value", values);
        out(result)
    })
}

fn extend_group(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let columns = arguments.strings("columns")?;
    match arguments.string("mode")?.as_ref() {
        "extend" => {}
        other => {
            return Err(Error::invalid(format!(
                "mode must be \"extend\", got {other:?}"
            )));
        }
    }
    let input = arguments.stream("tables")?;
    super::build::all(
        context,
        arguments,
        "group",
        vec![input],
        move |_, inputs, out| {
            let mut groups = TableGroups::default();
            for table in inputs.into_iter().flatten() {
                let mut labels: Vec<Arc<str>> = table
                    .key
                    .columns()
                    .iter()
                    .map(|(label, _)| Arc::clone(label))
                    .collect();
                for label in &columns {
                    if table.position(label).is_none() {
                        return Err(Error::invalid(format!("unknown column {label:?}")));
                    }
                    if !labels.contains(label) {
                        labels.push(Arc::clone(label));
                    }
                }
                for part in crate::execute::split_by(&table, &labels) {
                    groups.push(part);
                }
            }
            groups.into_tables().try_for_each(|table| out(table?))
        },
    )
}
