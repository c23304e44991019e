//! Answers of single series joined to the answer of their group, as storage groups them.

use std::sync::Arc;

use super::aggregate::{aggregate_table, select_row};
use crate::error::Error;
use crate::source::{Aggregate, FieldType};
use crate::table::{Column, Table, Vector};
use crate::value::Value;

/// Where a series' number of rows goes until its group's mean is computed; no column of data can have this name.
const COUNT: &str = "\0count";

/// A row with the sum and the number of a series' values.
pub(super) fn sum_and_count(table: &Table) -> Result<Table, Error> {
    let mut result = aggregate_table(Aggregate::Sum, table, &Arc::from("_value"))
        .map_err(|error| error.within("mean"))?;
    let count = i64::try_from(table.rows).unwrap_or(i64::MAX);
    result.set(COUNT, Column::Integer(Vector::constant(Some(count), 1)));
    Ok(result)
}

/// A row with the sum and the number of a series' values, of their mean.
///
/// The sum is of the type of the stored rows, so that a group of several types is refused.
pub(super) fn sum_of_mean(mut mean: Table, counts: &[u64], stored: FieldType) -> Table {
    let count = counts.first().copied().unwrap_or(0);
    if let Some(Column::Float(values)) = mean.column("_value") {
        let sum = values.map(|mean| mean * count as f64);
        let sum = match stored {
            FieldType::Integer => Column::Integer(sum.map(|sum| sum.round() as i64)),
            FieldType::Unsigned => Column::Unsigned(sum.map(|sum| sum.round() as u64)),
            _ => Column::Float(sum),
        };
        mean.set("_value", sum);
    }
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    mean.set(COUNT, Column::Integer(Vector::constant(Some(count), 1)));
    mean
}

/// Per-series answers of one group as the group's answer.
pub(super) fn combine_group(function: Aggregate, table: &Table) -> Result<Table, Error> {
    match function {
        Aggregate::Count | Aggregate::Sum => {
            aggregate_table(Aggregate::Sum, table, &Arc::from("_value"))
        }
        Aggregate::Mean => {
            let mut result = aggregate_table(Aggregate::Sum, table, &Arc::from("_value"))?;
            let counts = aggregate_table(Aggregate::Sum, table, &Arc::from(COUNT))?;
            let number = |column: Option<&Column>| match column.map(|column| column.value(0)) {
                Some(Value::Float(sum)) => Some(sum),
                Some(Value::Integer(sum)) => Some(sum as f64),
                Some(Value::Unsigned(sum)) => Some(sum as f64),
                _ => None,
            };
            let mean = number(result.column("_value"))
                .zip(number(counts.column(COUNT)))
                .map(|(sum, count)| sum / count);
            result.set("_value", Column::Float(Vector::constant(mean, 1)));
            Ok(result)
        }
        Aggregate::Min | Aggregate::Max => aggregate_table(function, table, &Arc::from("_value")),
        Aggregate::First => {
            let row = select_row(Aggregate::Min, table.expect_column("_time")?)?;
            Ok(row.map_or_else(|| table.slice(0, 0), |row| table.slice(row, 1)))
        }
        Aggregate::Last => {
            // The later series wins where times are equal.
            let times = table.expect_times("_time")?;
            let row = times
                .present()
                .max_by_key(|(row, time)| (**time, *row))
                .map(|(row, _)| row);
            Ok(row.map_or_else(|| table.slice(0, 0), |row| table.slice(row, 1)))
        }
    }
}
