//! Package `sampledata`: two small series of each type, the same for everybody, to try functions on.

use std::sync::Arc;

use super::build::tables;
use super::native;
use crate::error::Error;
use crate::execute::Context;
use crate::interpret::NativeKind::Stream;
use crate::interpret::{Arguments, Native};
use crate::table::{Column, Field, GroupKey, KeyValue, Table, Text, Vector};
use crate::value::Value;

const PACKAGE: &str = "sampledata";

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native(PACKAGE, "float", "?includeNull", Stream, float),
    native(PACKAGE, "int", "?includeNull", Stream, int),
    native(PACKAGE, "uint", "?includeNull", Stream, uint),
    native(PACKAGE, "string", "?includeNull", Stream, string),
    native(PACKAGE, "bool", "?includeNull", Stream, bool),
    native(PACKAGE, "numericBool", "?includeNull", Stream, numeric_bool),
];

/// 2021-01-01T00:00:00Z, the time of the first row.
const START: i64 = 1_609_459_200_000_000_000;

/// Between two rows.
const STEP: i64 = 10_000_000_000;

/// Rows of each table.
const ROWS: usize = 6;

/// The tables' tags.
const TAGS: [&str; 2] = ["t1", "t2"];

const FLOATS: [[f64; ROWS]; 2] = [
    [-2.18, 10.92, 7.35, 17.53, 15.23, 4.43],
    [19.85, 4.97, -3.75, 19.77, 13.86, 1.86],
];

const STRINGS: [[&str; ROWS]; 2] = [
    ["g9qczs", "0mgv9n", "phw664", "guvzy4", "5v3cce", "s9fmgy"],
    ["b5eida", "eu4oxp", "5g7tz4", "sox1ut", "wfm757", "dtn2bv"],
];

/// Whether a value is above or below the mean of its kind, by chance.
const BOOLEANS: [[bool; ROWS]; 2] = [
    [true, true, false, true, false, false],
    [false, true, false, true, true, false],
];

/// Which rows are null when nulls are asked for.
const NULLS: [[bool; ROWS]; 2] = [
    [false, true, false, true, true, false],
    [true, false, false, false, true, false],
];

/// The bounds of all rows.
pub(super) fn constants() -> Vec<(&'static str, Value)> {
    vec![
        ("start", Value::Time(START)),
        ("stop", Value::Time(START + STEP * ROWS as i64)),
    ]
}

/// Both tables, with values from a function of table and row.
fn sample<T: Clone + Default>(
    context: &Context<'_>,
    arguments: &Arguments,
    value: impl Fn(usize, usize) -> T,
    column: fn(Vector<T>) -> Column,
) -> Result<Value, Error> {
    let with_nulls = arguments.boolean_or("includeNull", false)?;
    let times: Vec<i64> = (0..ROWS as i64).map(|row| START + row * STEP).collect();
    let table = |number: usize| {
        let rows = (0..ROWS).map(|row| {
            let is_null = with_nulls && NULLS[number][row];
            (!is_null).then(|| value(number, row))
        });
        let key = KeyValue::String(Some(Arc::from(TAGS[number])));
        let field = |label: &str, column| Field {
            label: Arc::from(label),
            column,
        };
        let fields = vec![
            field("_time", Column::Time(Vector::dense(times.clone()))),
            field("tag", key.column(ROWS)),
            field("_value", column(rows.collect())),
        ];
        Table::new(GroupKey::new(vec![(Arc::from("tag"), key)]), fields, ROWS)
    };
    tables(
        context,
        arguments,
        PACKAGE,
        (0..TAGS.len()).map(table).collect(),
    )
}

fn float(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    sample(
        context,
        arguments,
        |table, row| FLOATS[table][row],
        Column::Float,
    )
}

fn int(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let value = |table: usize, row: usize| FLOATS[table][row] as i64;
    sample(context, arguments, value, Column::Integer)
}

fn uint(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let value = |table: usize, row: usize| (FLOATS[table][row] as i64).cast_unsigned();
    sample(context, arguments, value, Column::Unsigned)
}

fn string(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let value =
        |table: usize, row: usize| Text::from(format!("smpl_{}", STRINGS[table][row]).as_str());
    sample(context, arguments, value, Column::String)
}

fn bool(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    sample(
        context,
        arguments,
        |table, row| BOOLEANS[table][row],
        Column::Boolean,
    )
}

fn numeric_bool(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let value = |table: usize, row: usize| i64::from(BOOLEANS[table][row]);
    sample(context, arguments, value, Column::Integer)
}
