//! Aggregates and selectors over one table: a number computed from a column, or one of the rows.

use std::sync::Arc;

use crate::error::Error;
use crate::source::Aggregate;
use crate::table::{Column, ColumnType, Field, Table, Vector};

/// The table that an aggregate or a selector makes of one.
///
/// # Errors
/// The column is missing, in the key, or of a type that the function is not defined on.
pub(super) fn aggregate_table(
    function: Aggregate,
    table: &Table,
    column: &Arc<str>,
) -> Result<Table, Error> {
    if function.is_selector() {
        let row = select_row(function, table.expect_column(column)?)?;
        return Ok(match row {
            Some(row) => table.slice(row, 1),
            None => table.slice(0, 0),
        });
    }
    if table.key.contains(column) {
        return Err(Error::invalid(
            "cannot aggregate columns that are part of the group key",
        ));
    }
    let value = aggregate_column(function, table.expect_column(column)?)?;
    let mut result = Table::of_key(table.key.clone(), 1);
    result.fields.push(Field {
        label: Arc::clone(column),
        column: value,
    });
    Ok(result)
}

fn unsupported(function: Aggregate, kind: ColumnType) -> Error {
    Error::invalid(format!(
        "unsupported aggregate column type {kind} for {}",
        function.name()
    ))
}

/// The aggregate of a column as a column of one row.
///
/// # Errors
/// The function is a selector, or not defined on the type.
pub(super) fn aggregate_column(function: Aggregate, column: &Column) -> Result<Column, Error> {
    Ok(match function {
        Aggregate::Count if matches!(column, Column::Time(_)) => {
            return Err(unsupported(function, column.kind()));
        }
        Aggregate::Count => {
            let count = i64::try_from(column.len()).unwrap_or(i64::MAX);
            Column::Integer(Vector::constant(Some(count), 1))
        }
        Aggregate::Sum => match column {
            Column::Float(values) => Column::Float(Vector::constant(fold(values, |a, b| a + b), 1)),
            Column::Integer(values) => {
                Column::Integer(Vector::constant(fold(values, |a, b| a.wrapping_add(*b)), 1))
            }
            Column::Unsigned(values) => {
                Column::Unsigned(Vector::constant(fold(values, |a, b| a.wrapping_add(*b)), 1))
            }
            other => return Err(unsupported(function, other.kind())),
        },
        Aggregate::Mean => match column {
            Column::Float(values) => {
                Column::Float(Vector::constant(mean(values, |value| *value), 1))
            }
            Column::Integer(values) => {
                Column::Float(Vector::constant(mean(values, |value| *value as f64), 1))
            }
            Column::Unsigned(values) => {
                Column::Float(Vector::constant(mean(values, |value| *value as f64), 1))
            }
            other => return Err(unsupported(function, other.kind())),
        },
        selector => {
            let row = select_row(selector, column)?;
            column.take_optional(&[row])
        }
    })
}

fn fold<T: Clone + Default>(values: &Vector<T>, add: impl Fn(T, &T) -> T) -> Option<T> {
    if let Some(slice) = values.as_slice() {
        return (!slice.is_empty()).then(|| slice.iter().fold(T::default(), add));
    }
    let mut present = values.present().map(|(_, value)| value);
    let first = present.next()?.clone();
    Some(present.fold(first, add))
}

fn mean<T: Clone + Default>(values: &Vector<T>, number: impl Fn(&T) -> f64) -> Option<f64> {
    if let Some(slice) = values.as_slice() {
        let sum: f64 = slice.iter().map(number).sum();
        return (!slice.is_empty()).then(|| sum / slice.len() as f64);
    }
    let (mut sum, mut count) = (0.0, 0u64);
    for (_, value) in values.present() {
        sum += number(value);
        count += 1;
    }
    (count > 0).then(|| sum / count as f64)
}

/// The row that a selector chooses; `None` when all values are null.
///
/// # Errors
/// The function is not defined on the type.
pub(super) fn select_row(function: Aggregate, column: &Column) -> Result<Option<usize>, Error> {
    let rows = column.len();
    Ok(match function {
        Aggregate::First => (0..rows).find(|row| !column.is_null(*row)),
        Aggregate::Last => (0..rows).rev().find(|row| !column.is_null(*row)),
        Aggregate::Min | Aggregate::Max => {
            let max = function == Aggregate::Max;
            match column {
                Column::Float(values) => extreme(values, max),
                Column::Integer(values) | Column::Time(values) => extreme(values, max),
                Column::Unsigned(values) => extreme(values, max),
                Column::String(_) | Column::Boolean(_) => {
                    return Err(Error::invalid(format!(
                        "invalid use of function: {} has no implementation for type {}",
                        function.name(),
                        column.kind()
                    )));
                }
            }
        }
        other => return Err(Error::internal(format!("{} is no selector", other.name()))),
    })
}

fn extreme<T: Clone + Default + PartialOrd>(values: &Vector<T>, max: bool) -> Option<usize> {
    let better = |candidate: &T, best: &T| {
        if max {
            candidate > best
        } else {
            candidate < best
        }
    };
    let mut best: Option<(usize, &T)> = None;
    for (row, value) in values.present() {
        match best {
            Some((_, known)) if !better(value, known) => {}
            _ => best = Some((row, value)),
        }
    }
    best.map(|(row, _)| row)
}
