//! Package `testing`: comparing streams.

use super::native;
use crate::error::Error;
use crate::execute::Context;
use crate::interpret::NativeKind::Stream;
use crate::interpret::{Arguments, Native};
use crate::table::{Column, Table, Text, Vector};
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
    native(
        "testing",
        "diff",
        "<-got, want, ?epsilon, ?nansEqual, ?verbose",
        Stream,
        diff,
    ),
    native("testing", "load", "<-tables", Stream, |_, a| {
        a.expect("tables").cloned()
    }),
    native("experimental", "diff", "<-got, want", Stream, |c, a| {
        diff_named(c, a, "experimental.diff")
    }),
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

/// The rows that differ: `-` for those wanted, `+` for those that came, with the equal rows around them.
fn diff(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    diff_named(context, arguments, "diff")
}

fn diff_named(
    context: &Context<'_>,
    arguments: &Arguments,
    name: &'static str,
) -> Result<Value, Error> {
    let inputs = vec![arguments.stream("got")?, arguments.stream("want")?];
    super::build::all(
        context,
        arguments,
        name,
        inputs,
        move |_, mut inputs, out| {
            let want = inputs.pop().unwrap_or_default();
            let got = inputs.pop().unwrap_or_default();
            for wanted in &want {
                match got.iter().find(|table| table.key == wanted.key) {
                    Some(came) => diff_tables(wanted, came, out)?,
                    None => out(marked(wanted, vec!["-"; wanted.rows]))?,
                }
            }
            for came in got
                .iter()
                .filter(|came| !want.iter().any(|table| table.key == came.key))
            {
                out(marked(came, vec!["+"; came.rows]))?;
            }
            Ok(())
        },
    )
}

fn marked(table: &Table, marks: Vec<&str>) -> Table {
    let mut marked = table.clone();
    let marks = marks.into_iter().map(Text::from).collect();
    marked.set("_diff", Column::String(Vector::dense(marks)));
    marked
}

fn diff_tables(want: &Table, got: &Table, out: &mut crate::plan::Out<'_>) -> Result<(), Error> {
    let (wanted, came) = (rows_of(want), rows_of(got));
    let longest = wanted.len().max(came.len());
    let mut differs = !same_labels(want, got);
    let mut want_rows: Vec<(usize, &str)> = Vec::new();
    let mut parts: Vec<Table> = Vec::new();
    for row in 0..longest {
        match (wanted.get(row), came.get(row)) {
            (Some(a), Some(b)) if same_rows(a, b) && same_labels(want, got) => {
                want_rows.push((row, ""))
            }
            (a, b) => {
                differs = true;
                parts.push(take_marked(want, &want_rows));
                want_rows.clear();
                if a.is_some() {
                    parts.push(take_marked(want, &[(row, "-")]));
                }
                if b.is_some() {
                    parts.push(take_marked(got, &[(row, "+")]));
                }
            }
        }
    }
    if !differs {
        return Ok(());
    }
    parts.push(take_marked(want, &want_rows));
    parts.retain(|part| part.rows > 0);
    out(crate::table::merge(parts)?)
}

fn take_marked(table: &Table, rows: &[(usize, &str)]) -> Table {
    let places: Vec<usize> = rows.iter().map(|(row, _)| *row).collect();
    marked(
        &table.take(&places),
        rows.iter().map(|(_, mark)| *mark).collect(),
    )
}
