//! The older joins: `join(tables:, on:)` and `experimental.join`.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use super::build::all;
use super::native;
use crate::error::Error;
use crate::execute::Context;
use crate::interpret::NativeKind::Stream;
use crate::interpret::{Arguments, Function, Native, columns_of_records};
use crate::plan::Node;
use crate::table::{Column, Field, GroupKey, KeyValue, Table, TableGroups};
use crate::value::{Record, Row, Value};

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native("", "join", "<-tables, ?on, ?method", Stream, join),
    native(
        "experimental",
        "join",
        "left, right, fn",
        Stream,
        experimental_join,
    ),
];

pub(super) fn two_streams(left: &Rc<Node>, right: &Rc<Node>) -> Result<Vec<Rc<Node>>, Error> {
    if Rc::ptr_eq(left, right) {
        return Err(Error::invalid(
            "cannot join a stream with itself; give each side a stream of its own",
        ));
    }
    Ok(vec![Rc::clone(left), Rc::clone(right)])
}

fn join(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let tables = arguments.record("tables")?;
    // Rows come in order of the columns' values, the columns in order of name.
    let mut on = arguments.strings_or("on", &[])?;
    on.sort();
    let method = arguments.string_or("method", "inner")?;
    if method.as_ref() != "inner" {
        return Err(Error::invalid(format!(
            "{method} is not a valid join type; use \"inner\" or the package join"
        )));
    }
    let mut sides: Vec<(Arc<str>, Rc<Node>)> = Vec::new();
    for (name, value) in tables.iter() {
        let Value::Stream(node) = value else {
            return Err(Error::invalid(format!(
                "table {name:?} is not a stream but a {}",
                value.type_name()
            )));
        };
        sides.push((Arc::clone(name), Rc::clone(node)));
    }
    sides.sort_by(|a, b| a.0.cmp(&b.0));
    let [(left_name, left), (right_name, right)] = <[_; 2]>::try_from(sides)
        .map_err(|_| Error::invalid("join requires exactly two streams"))?;
    if on.is_empty() && method.as_ref() == "inner" {
        return Err(Error::invalid("must specify at least one column in \"on\""));
    }
    let inputs = two_streams(&left, &right)?;
    all(
        context,
        arguments,
        "join",
        inputs,
        move |context, mut inputs, out| {
            let right = inputs.pop().unwrap_or_default();
            let left = inputs.pop().unwrap_or_default();
            let mut groups = TableGroups::default();
            let mut held = context.hold();
            let right_rows: Vec<RowIndex> = right
                .iter()
                .map(|table| RowIndex::new(table, &on))
                .collect();
            for left_table in &left {
                let sorted = RowIndex::new(left_table, &on);
                for (right_table, index) in right.iter().zip(&right_rows) {
                    context.check()?;
                    let names = [&left_name, &right_name];
                    let spec = Suffixed::new(left_table, right_table, names, &on);
                    let width = left_table.fields.len() + right_table.fields.len();
                    let mut may_have = |rows: usize| {
                        context.check()?;
                        held.set(groups.bytes() + rows * width * size_of::<f64>())
                    };
                    let joined =
                        spec.join(left_table, &sorted, right_table, index, &mut may_have)?;
                    if let Some(table) = joined {
                        groups.push(table);
                        held.set(groups.bytes())?;
                    }
                }
            }
            groups.into_tables().try_for_each(|table| out(table?))
        },
    )
}

/// What a record of a joined row takes while the rows are not columns yet.
pub(super) const RECORD_BYTES: usize = 256;

/// A table's rows by the values of the join's columns; rows with a null there match none.
struct RowIndex {
    rows: BTreeMap<Vec<KeyValue>, Vec<usize>>,
    complete: bool,
}

impl RowIndex {
    fn new(table: &Table, on: &[Arc<str>]) -> Self {
        let columns: Vec<Option<&Column>> = on.iter().map(|label| table.column(label)).collect();
        let complete = columns.iter().all(Option::is_some);
        let mut rows: BTreeMap<Vec<KeyValue>, Vec<usize>> = BTreeMap::new();
        if complete {
            for row in 0..table.rows {
                let key: Vec<KeyValue> = columns
                    .iter()
                    .flatten()
                    .map(|column| KeyValue::of(column, row))
                    .collect();
                if !key.iter().any(KeyValue::is_null) {
                    rows.entry(key).or_default().push(row);
                }
            }
        }
        Self { rows, complete }
    }
}

/// How the columns of both sides are named in the answer.
struct Suffixed {
    shared: BTreeSet<Arc<str>>,
    names: [Arc<str>; 2],
    on: Vec<Arc<str>>,
}

impl Suffixed {
    fn new(left: &Table, right: &Table, names: [&Arc<str>; 2], on: &[Arc<str>]) -> Self {
        let labels = |table: &Table| -> BTreeSet<Arc<str>> { table.labels().cloned().collect() };
        let (left, right) = (labels(left), labels(right));
        let shared = left
            .intersection(&right)
            .filter(|label| !on.contains(label))
            .cloned()
            .collect();
        Self {
            shared,
            names: names.map(Arc::clone),
            on: on.to_vec(),
        }
    }

    fn label(&self, label: &Arc<str>, side: usize) -> Arc<str> {
        if self.shared.contains(label) {
            Arc::from(format!("{label}_{}", self.names[side]))
        } else {
            Arc::clone(label)
        }
    }

    /// The rows of both that go together, if there are any; their number may be the product of the two, so `may_have` is
    /// asked on the way.
    fn join(
        &self,
        left: &Table,
        left_rows: &RowIndex,
        right: &Table,
        right_rows: &RowIndex,
        may_have: &mut dyn FnMut(usize) -> Result<(), Error>,
    ) -> Result<Option<Table>, Error> {
        if !left_rows.complete || !right_rows.complete {
            return Ok(None);
        }
        let mut pairs: Vec<(usize, usize)> = Vec::new();
        for (key, rows) in &left_rows.rows {
            if let Some(others) = right_rows.rows.get(key) {
                for row in rows {
                    may_have(pairs.len() + others.len())?;
                    pairs.extend(others.iter().map(|other| (*row, *other)));
                }
            }
        }
        if pairs.is_empty() {
            return Ok(None);
        }
        let (left_taken, right_taken): (Vec<usize>, Vec<usize>) = pairs.into_iter().unzip();
        let mut fields: Vec<Field> = Vec::new();
        let mut key = Vec::new();
        for (side, (table, rows)) in [(left, &left_taken), (right, &right_taken)]
            .into_iter()
            .enumerate()
        {
            for field in &table.fields {
                let label = self.label(&field.label, side);
                if self.on.contains(&label) && side == 1 {
                    continue;
                }
                if let Some(value) = table.key.get(&field.label) {
                    key.push((Arc::clone(&label), value.clone()));
                }
                fields.push(Field {
                    label,
                    column: field.column.take(rows),
                });
            }
        }
        for (label, value) in right.key.columns() {
            if self.on.contains(label) && !key.iter().any(|(known, _)| known == label) {
                key.push((Arc::clone(label), value.clone()));
            }
        }
        let rows = left_taken.len();
        Ok(Some(Table::new(GroupKey::new(key), fields, rows)))
    }
}

fn experimental_join(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let (left, right) = (arguments.stream("left")?, arguments.stream("right")?);
    let function = arguments.function("fn")?;
    let inputs = two_streams(&left, &right)?;
    all(
        context,
        arguments,
        "join",
        inputs,
        move |context, mut inputs, out| {
            let right = inputs.pop().unwrap_or_default();
            let left = inputs.pop().unwrap_or_default();
            for left_table in left {
                let Some(right_table) = right.iter().find(|table| table.key == left_table.key)
                else {
                    continue;
                };
                let joined = join_by_time(context, &function, left_table, right_table.clone())?;
                if joined.rows > 0 {
                    out(joined)?;
                }
            }
            Ok(())
        },
    )
}

/// Rows of two tables with equal times through a function.
fn join_by_time(
    context: &Context<'_>,
    function: &Function,
    left: Table,
    right: Table,
) -> Result<Table, Error> {
    let key = left.key.clone();
    let on = [Arc::from("_time")];
    let index = RowIndex::new(&right, &on);
    let times = left.expect_times("_time")?.clone();
    let (left, right) = (Rc::new(left), Rc::new(right));
    let mut records = Vec::new();
    let mut held = context.hold();
    for (row, time) in times.present() {
        for other in index
            .rows
            .get(&vec![KeyValue::Time(Some(*time))])
            .into_iter()
            .flatten()
        {
            let arguments = [
                (
                    "left",
                    Value::Row(Row {
                        table: Rc::clone(&left),
                        row: Some(row),
                    }),
                ),
                (
                    "right",
                    Value::Row(Row {
                        table: Rc::clone(&right),
                        row: Some(*other),
                    }),
                ),
            ];
            held.add(RECORD_BYTES)?;
            records.push(record_of(context.call_with(function, arguments)?)?);
        }
    }
    let rows = records.len();
    let mut table = Table::new(key, columns_of_records(&records)?, rows);
    crate::execute::constant_keys(&mut table);
    Ok(table)
}

pub(super) fn record_of(value: Value) -> Result<Rc<Record>, Error> {
    match value {
        Value::Record(record) => Ok(record),
        Value::Row(row) => Ok(Rc::new(row.record())),
        other => Err(Error::invalid(format!(
            "function must return an object, got {}",
            other.type_name()
        ))),
    }
}
