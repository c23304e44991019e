//! `experimental.diff`: the rows in which two streams differ, aligned like the lines of a text.

use super::build::all;
use super::native;
use crate::error::Error;
use crate::execute::Context;
use crate::interpret::NativeKind::Stream;
use crate::interpret::{Arguments, Native};
use crate::table::{Column, ColumnType, Field, Table, Text, Vector};
use crate::value::{Value, equal_values};

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] =
    &[native("experimental", "diff", "<-got, want", Stream, diff)];

/// Floats that are closer count as equal, as in InfluxDB.
const EPSILON: f64 = 1e-6;

/// The most pairs of rows that are compared to align two tables (bytes of the table of lengths: four each); beyond, rows
/// are compared place by place.
const MAX_PAIRS: usize = 4_000_000;

fn diff(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let inputs = vec![arguments.stream("got")?, arguments.stream("want")?];
    let compare = |_: &Context<'_>, mut inputs: Vec<Vec<Table>>, out: &mut crate::plan::Out<'_>| {
        let want = inputs.pop().unwrap_or_default();
        let got = inputs.pop().unwrap_or_default();
        for wanted in &want {
            let came = got.iter().find(|table| table.key == wanted.key);
            let nothing = Table::of_key(wanted.key.clone(), 0);
            diff_tables(wanted, came.unwrap_or(&nothing))?.map_or(Ok(()), &mut *out)?;
        }
        for came in &got {
            if !want.iter().any(|table| table.key == came.key) {
                let nothing = Table::of_key(came.key.clone(), 0);
                diff_tables(&nothing, came)?.map_or(Ok(()), &mut *out)?;
            }
        }
        Ok(())
    };
    all(context, arguments, "experimental.diff", inputs, compare)
}

/// Where a row of the answer comes from.
#[derive(Debug, Clone, Copy)]
enum Line {
    Both(usize),
    Wanted(usize),
    Came(usize),
}

/// All rows of two tables of one key, `-` before those only wanted, `+` before those that only came; `None` if they agree.
fn diff_tables(want: &Table, got: &Table) -> Result<Option<Table>, Error> {
    let columns = columns_of(want, got)?;
    let (wanted, came) = (rows_of(want, &columns), rows_of(got, &columns));
    // Tables of one key agree in its columns, whatever their cells say.
    let is_compared: Vec<bool> = columns
        .iter()
        .map(|(label, _)| !want.key.contains(label))
        .collect();
    let lines = aligned(&wanted, &came, &is_compared);
    if lines.iter().all(|line| matches!(line, Line::Both(_))) {
        return Ok(None);
    }
    let row = |line: &Line| match *line {
        Line::Both(row) | Line::Wanted(row) => &wanted[row],
        Line::Came(row) => &came[row],
    };
    let mut fields = Vec::with_capacity(columns.len() + 1);
    for (place, (label, kind)) in columns.iter().enumerate() {
        let values: Vec<Value> = lines.iter().map(|line| row(line)[place].clone()).collect();
        let column = Column::from_values(&values, *kind)
            .ok_or_else(|| Error::internal("values of one column are of one type"))?;
        fields.push(Field {
            label: std::sync::Arc::clone(label),
            column,
        });
    }
    let marks = lines.iter().map(|line| {
        Text::from(match line {
            Line::Both(_) => "",
            Line::Wanted(_) => "-",
            Line::Came(_) => "+",
        })
    });
    fields.push(Field {
        label: "_diff".into(),
        column: Column::String(Vector::dense(marks.collect())),
    });
    Ok(Some(Table::new(want.key.clone(), fields, lines.len())))
}

type Columns = Vec<(std::sync::Arc<str>, ColumnType)>;

/// The columns of both tables, the wanted ones first.
fn columns_of(want: &Table, got: &Table) -> Result<Columns, Error> {
    let mut columns = Columns::new();
    for field in want.fields.iter().chain(&got.fields) {
        let kind = field.column.kind();
        match columns.iter().find(|(label, _)| *label == field.label) {
            Some((_, known)) if *known != kind => {
                return Err(Error::invalid(format!(
                    "column types do not match: {:?} is {known} in one table and {kind} in the other",
                    field.label
                )));
            }
            Some(_) => {}
            None => columns.push((std::sync::Arc::clone(&field.label), kind)),
        }
    }
    Ok(columns)
}

/// The rows of a table, null where it lacks a column.
fn rows_of(table: &Table, columns: &Columns) -> Vec<Vec<Value>> {
    let columns: Vec<Option<&Column>> = columns
        .iter()
        .map(|(label, _)| table.column(label))
        .collect();
    let cell =
        |column: &Option<&Column>, row| column.map_or(Value::Null, |column| column.value(row));
    (0..table.rows)
        .map(|row| columns.iter().map(|column| cell(column, row)).collect())
        .collect()
}

fn same_cell(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Float(a), Value::Float(b)) => {
            a.is_nan() && b.is_nan() || a == b || (a - b).abs() <= EPSILON
        }
        _ => equal_values(left, right),
    }
}

fn same_row(left: &[Value], right: &[Value], is_compared: &[bool]) -> bool {
    let mut cells = left.iter().zip(right).zip(is_compared);
    cells.all(|((left, right), is_compared)| !is_compared || same_cell(left, right))
}

/// The rows of both in order, with as many in common as can be.
fn aligned(want: &[Vec<Value>], got: &[Vec<Value>], is_compared: &[bool]) -> Vec<Line> {
    let same = |row: usize, other: usize| same_row(&want[row], &got[other], is_compared);
    let shorter = want.len().min(got.len());
    let head = (0..shorter).take_while(|row| same(*row, *row)).count();
    let tail = (0..shorter - head)
        .take_while(|back| same(want.len() - 1 - back, got.len() - 1 - back))
        .count();
    let (wanted, came) = (head..want.len() - tail, head..got.len() - tail);
    let mut lines: Vec<Line> = (0..head).map(Line::Both).collect();
    if wanted.len().saturating_mul(came.len()) > MAX_PAIRS {
        lines.extend(wanted.map(Line::Wanted));
        lines.extend(came.map(Line::Came));
    } else {
        lines.extend(longest_common(wanted, came, same));
    }
    lines.extend((want.len() - tail..want.len()).map(Line::Both));
    lines
}

/// The longest common subsequence, by the lengths of those of all ends.
fn longest_common(
    wanted: std::ops::Range<usize>,
    came: std::ops::Range<usize>,
    same: impl Fn(usize, usize) -> bool,
) -> Vec<Line> {
    let width = came.len() + 1;
    let mut lengths = vec![0u32; (wanted.len() + 1) * width];
    for row in (0..wanted.len()).rev() {
        for other in (0..came.len()).rev() {
            lengths[row * width + other] = if same(wanted.start + row, came.start + other) {
                lengths[(row + 1) * width + other + 1] + 1
            } else {
                lengths[(row + 1) * width + other].max(lengths[row * width + other + 1])
            };
        }
    }
    let mut lines = Vec::with_capacity(wanted.len() + came.len());
    let (mut row, mut other) = (0, 0);
    while row < wanted.len() || other < came.len() {
        let (at, beside) = (wanted.start + row, came.start + other);
        if row < wanted.len() && other < came.len() && same(at, beside) {
            lines.push(Line::Both(at));
            (row, other) = (row + 1, other + 1);
        } else if row < wanted.len()
            && (other == came.len()
                || lengths[(row + 1) * width + other] >= lengths[row * width + other + 1])
        {
            lines.push(Line::Wanted(at));
            row += 1;
        } else {
            lines.push(Line::Came(beside));
            other += 1;
        }
    }
    lines
}
