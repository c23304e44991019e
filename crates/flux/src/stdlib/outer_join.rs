//! The package `join`: inner and outer joins of tables with equal keys.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use super::build::all;
use super::join::{RECORD_BYTES, record_of, two_streams};
use super::native;
use crate::error::Error;
use crate::execute::Context;
use crate::interpret::NativeKind::Stream;
use crate::interpret::{Arguments, Function, Native, columns_like};
use crate::plan::Out;
use crate::syntax::ast::{
    BinaryOperator, Expression, ExpressionKind, FunctionBody, LogicalOperator,
};
use crate::table::{Column, ColumnType, GroupKey, KeyValue, Table};
use crate::value::{Record, Row, Value};

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[native(
    "join",
    "tables",
    "<-left, right, on, as, method",
    Stream,
    join_tables,
)];

/// Which rows without a partner are kept.
#[derive(Debug, Clone, Copy)]
struct Outer {
    left: bool,
    right: bool,
}

fn join_tables(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let (left, right) = (arguments.stream("left")?, arguments.stream("right")?);
    let on = equal_columns(&arguments.function("on")?)?;
    let combine = arguments.function("as")?;
    let outer = match arguments.string("method")?.as_ref() {
        "inner" => Outer {
            left: false,
            right: false,
        },
        "left" => Outer {
            left: true,
            right: false,
        },
        "right" => Outer {
            left: false,
            right: true,
        },
        "full" => Outer {
            left: true,
            right: true,
        },
        other => {
            return Err(Error::invalid(format!(
                "invalid method for join: {other:?}"
            )));
        }
    };
    let inputs = two_streams(&left, &right)?;
    all(
        context,
        arguments,
        "join.tables",
        inputs,
        move |context, mut inputs, out| {
            let right = inputs.pop().unwrap_or_default();
            let left = inputs.pop().unwrap_or_default();
            let mut pairs: BTreeMap<GroupKey, (Option<Table>, Option<Table>)> = BTreeMap::new();
            for table in left {
                let key = table.key.clone();
                pairs.entry(key).or_default().0 = Some(table);
            }
            for table in right {
                let key = table.key.clone();
                pairs.entry(key).or_default().1 = Some(table);
            }
            // A row without a partner meets a record of nulls of the other side's columns.
            let blanks = blank_tables(&pairs);
            for (key, (left, right)) in pairs {
                let none = |side: usize| blanks[side].clone();
                let sides = [left, right];
                if (sides[0].is_none() && !outer.right) || (sides[1].is_none() && !outer.left) {
                    continue;
                }
                let [left, right] = sides;
                let pair = Pair {
                    key,
                    left: Rc::new(left.unwrap_or_else(|| none(0))),
                    right: Rc::new(right.unwrap_or_else(|| none(1))),
                };
                join_pair(context, &pair, &on, &combine, outer, out)?;
            }
            Ok(())
        },
    )
}

/// An empty table of each side's columns.
fn blank_tables(pairs: &BTreeMap<GroupKey, (Option<Table>, Option<Table>)>) -> [Table; 2] {
    let mut blanks = [Table::default(), Table::default()];
    for (left, right) in pairs.values() {
        for (side, table) in [left, right].into_iter().enumerate() {
            for field in table.iter().flat_map(|table| &table.fields) {
                if blanks[side].position(&field.label).is_none() {
                    blanks[side].set(&field.label, Column::nulls(field.column.kind(), 0));
                }
            }
        }
    }
    blanks
}

struct Pair {
    key: GroupKey,
    left: Rc<Table>,
    right: Rc<Table>,
}

fn join_pair(
    context: &Context<'_>,
    pair: &Pair,
    on: &[ColumnPair],
    combine: &Function,
    outer: Outer,
    out: &mut Out<'_>,
) -> Result<(), Error> {
    let left_on: Vec<Arc<str>> = on.iter().map(|(left, _)| Arc::clone(left)).collect();
    let right_on: Vec<Arc<str>> = on.iter().map(|(_, right)| Arc::clone(right)).collect();
    let (left_rows, right_rows) = (
        rows_by(&pair.left, &left_on)?,
        rows_by(&pair.right, &right_on)?,
    );
    let keys: BTreeSet<&Vec<KeyValue>> = left_rows.keys().chain(right_rows.keys()).collect();
    let mut records = Vec::new();
    let mut held = context.hold();
    for join_key in keys {
        context.check()?;
        let null = join_key.iter().any(KeyValue::is_null);
        let (left, right) = (left_rows.get(join_key), right_rows.get(join_key));
        match (left, right, null) {
            (Some(left), Some(right), false) => {
                for row in left {
                    for other in right {
                        held.add(RECORD_BYTES)?;
                        records.push(combined(context, combine, pair, Some(*row), Some(*other))?);
                    }
                }
            }
            (left, right, _) => {
                for row in left.into_iter().flatten().filter(|_| outer.left) {
                    records.push(combined(context, combine, pair, Some(*row), None)?);
                }
                for row in right.into_iter().flatten().filter(|_| outer.right) {
                    records.push(combined(context, combine, pair, None, Some(*row))?);
                }
            }
        }
    }
    if records.is_empty() {
        return Ok(());
    }
    let rows = records.len();
    let columns = columns_like(&records, || example(context, combine, pair))?;
    let table = Table::new(pair.key.clone(), columns, rows);
    for (label, value) in pair.key.columns() {
        let column = table.column(label).ok_or_else(|| {
            Error::invalid(format!(
                "join cannot modify group key: output record is missing column {label:?}"
            ))
        })?;
        if (0..rows).any(|row| KeyValue::of(column, row) != *value) {
            return Err(Error::invalid(format!(
                "join cannot modify group key: column {label:?} has another value"
            )));
        }
    }
    out(table)
}

fn rows_by(table: &Table, on: &[Arc<str>]) -> Result<BTreeMap<Vec<KeyValue>, Vec<usize>>, Error> {
    let mut rows: BTreeMap<Vec<KeyValue>, Vec<usize>> = BTreeMap::new();
    if table.rows == 0 {
        return Ok(rows);
    }
    let columns: Vec<&Column> = on
        .iter()
        .map(|label| {
            table
                .column(label)
                .ok_or_else(|| Error::invalid(format!("cannot join on missing column {label:?}")))
        })
        .collect::<Result<_, _>>()?;
    for row in 0..table.rows {
        rows.entry(
            columns
                .iter()
                .map(|column| KeyValue::of(column, row))
                .collect(),
        )
        .or_default()
        .push(row);
    }
    Ok(rows)
}

fn combined(
    context: &Context<'_>,
    combine: &Function,
    pair: &Pair,
    left: Option<usize>,
    right: Option<usize>,
) -> Result<Rc<Record>, Error> {
    let side = |table: &Rc<Table>, row: Option<usize>| match row {
        Some(row) => Value::Row(Row {
            table: Rc::clone(table),
            row: Some(row),
        }),
        None => {
            // Both sides are of one group, so its values stand for a row that is missing, too.
            let mut blank = Record::default();
            for label in table.labels() {
                let value = pair.key.get(label).map_or(Value::Null, KeyValue::value);
                blank.push(Arc::clone(label), value);
            }
            Value::record(blank)
        }
    };
    let arguments = [
        ("l", side(&pair.left, left)),
        ("r", side(&pair.right, right)),
    ];
    record_of(context.call_with(combine, arguments)?)
}

/// What the function makes of two rows that have a value in every column, to know the types where no row has a match.
fn example(context: &Context<'_>, combine: &Function, pair: &Pair) -> Option<Rc<Record>> {
    let row = |table: &Table| {
        let mut row = Record::default();
        for field in &table.fields {
            let value = match field.column.kind() {
                ColumnType::Boolean => Value::Boolean(false),
                ColumnType::Integer => Value::Integer(0),
                ColumnType::Unsigned => Value::Unsigned(0),
                ColumnType::Float => Value::Float(0.0),
                ColumnType::String => Value::text(""),
                ColumnType::Time => Value::Time(0),
            };
            row.push(Arc::clone(&field.label), value);
        }
        Value::record(row)
    };
    let arguments = [("l", row(&pair.left)), ("r", row(&pair.right))];
    let record = context.call_with(combine, arguments).and_then(record_of);
    record.ok()
}

/// A column of the left side and one of the right.
type ColumnPair = (Arc<str>, Arc<str>);

/// The pairs of columns that a predicate `(l, r) => l.a == r.b and …` sets equal.
fn equal_columns(function: &Function) -> Result<Vec<ColumnPair>, Error> {
    let refused = || {
        Error::invalid(
            "invalid predicate in on: only comparisons l.column == r.column joined by `and` are allowed",
        )
    };
    let Function::Closure(closure) = function else {
        return Err(refused());
    };
    let FunctionBody::Expression(body) = &closure.code.body else {
        return Err(refused());
    };
    let mut pairs = Vec::new();
    collect_equal(body, &mut pairs).ok_or_else(refused)?;
    Ok(pairs)
}

fn collect_equal(expression: &Expression, pairs: &mut Vec<ColumnPair>) -> Option<()> {
    match &expression.without_parentheses().kind {
        ExpressionKind::Logical {
            operator: LogicalOperator::And,
            operands,
        } => operands
            .iter()
            .try_for_each(|operand| collect_equal(operand, pairs)),
        ExpressionKind::Binary {
            operator: BinaryOperator::Equal,
            left,
            right,
        } => {
            let (left, right) = (side_member(left)?, side_member(right)?);
            pairs.push(match (left.0.as_ref(), right.0.as_ref()) {
                ("l", "r") => (left.1, right.1),
                ("r", "l") => (right.1, left.1),
                _ => return None,
            });
            Some(())
        }
        _ => None,
    }
}

fn side_member(expression: &Expression) -> Option<(Arc<str>, Arc<str>)> {
    let ExpressionKind::Member { object, property } = &expression.without_parentheses().kind else {
        return None;
    };
    match &object.without_parentheses().kind {
        ExpressionKind::Identifier(name) => Some((Arc::clone(name), Arc::clone(&property.name))),
        _ => None,
    }
}
