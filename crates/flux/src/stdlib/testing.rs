//! Package `testing`: comparing streams.

use super::native;
use crate::error::Error;
use crate::execute::Context;
use crate::interpret::NativeKind::Stream;
use crate::interpret::{Arguments, Native};
use crate::table::Table;
use crate::value::{Value, equal_values};

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native(
        "testing",
        "assertEquals",
        "name, <-got, want",
        Stream,
        assert_equals,
    ),
    native("testing", "assertEmpty", "<-tables", Stream, assert_empty),
];

/// The rows of a table as values in the order of sorted labels.
fn rows_of(table: &Table) -> Vec<Vec<Value>> {
    let mut fields: Vec<_> = table.fields.iter().collect();
    fields.sort_by(|a, b| a.label.cmp(&b.label));
    (0..table.rows)
        .map(|row| fields.iter().map(|field| field.column.value(row)).collect())
        .collect()
}

fn same_rows(left: &[Value], right: &[Value]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(a, b)| equal_values(a, b))
}

fn same_labels(left: &Table, right: &Table) -> bool {
    left.fields.len() == right.fields.len()
        && left.fields.iter().all(|field| {
            right
                .column(&field.label)
                .is_some_and(|column| column.kind() == field.column.kind())
        })
}

fn assert_equals(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let name = arguments.string("name")?;
    let inputs = vec![arguments.stream("got")?, arguments.stream("want")?];
    super::build::all(
        context,
        arguments,
        "assertEquals",
        inputs,
        move |_, mut inputs, out| {
            let want = inputs.pop().unwrap_or_default();
            let got = inputs.pop().unwrap_or_default();
            let equal = got.len() == want.len()
                && got.iter().zip(&want).all(|(got, want)| {
                    let (left, right) = (rows_of(got), rows_of(want));
                    same_labels(got, want)
                        && left.len() == right.len()
                        && left.iter().zip(&right).all(|(a, b)| same_rows(a, b))
                });
            if !equal {
                return Err(Error::invalid(format!("test {name}: tables not equal")));
            }
            got.into_iter().try_for_each(out)
        },
    )
}

fn assert_empty(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    super::build::each(context, arguments, "assertEmpty", |_, table, out| {
        if table.rows > 0 {
            return Err(Error::invalid("found a table that is not empty"));
        }
        out(table)
    })
}
