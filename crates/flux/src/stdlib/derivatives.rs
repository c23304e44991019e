//! Changes from row to row: `derivative`, `difference`.

use std::sync::Arc;

use super::build::map_table;
use super::convert::floats;
use super::native;
use crate::error::Error;
use crate::execute::Context;
use crate::interpret::NativeKind::Stream;
use crate::interpret::{Arguments, Native};
use crate::table::{Column, Field, Table, Vector};
use crate::value::Value;

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native(
        "",
        "derivative",
        "<-tables, ?unit, ?nonNegative, ?columns, ?timeColumn, ?initialZero",
        Stream,
        derivative,
    ),
    native(
        "",
        "difference",
        "<-tables, ?nonNegative, ?columns, ?keepFirst, ?initialZero",
        Stream,
        difference,
    ),
];

/// What becomes of a value that fell although it must not.
#[derive(Debug, Clone, Copy)]
struct Falling {
    /// Negative changes are resets of a counter.
    non_negative: bool,
    /// After a reset the counter began at zero, so the new value is the change.
    initial_zero: bool,
}

fn derivative(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let unit = arguments
        .optional_duration("unit")?
        .map_or(1_000_000_000, |unit| unit.approximate_nanoseconds());
    let falling = Falling {
        non_negative: arguments.boolean_or("nonNegative", false)?,
        initial_zero: arguments.boolean_or("initialZero", false)?,
    };
    let columns = arguments.strings_or("columns", &["_value"])?;
    let time_column = arguments.string_or("timeColumn", "_time")?;
    map_table(context, arguments, "derivative", move |_, table| {
        derivative_table(&table, &columns, &time_column, unit, falling)
    })
}

fn derivative_table(
    table: &Table,
    columns: &[Arc<str>],
    time_column: &str,
    unit: i64,
    falling: Falling,
) -> Result<Table, Error> {
    let times = match table.column(time_column) {
        Some(Column::Time(times)) => times,
        _ => return Err(Error::invalid(format!("no column {time_column:?} exists"))),
    };
    let mut stamps = Vec::with_capacity(table.rows);
    for time in times.iter() {
        stamps.push(
            *time.ok_or_else(|| Error::invalid("derivative found null time in time column"))?,
        );
    }
    if stamps.windows(2).any(|pair| pair[1] < pair[0]) {
        return Err(Error::invalid(
            "derivative found out-of-order times in time column",
        ));
    }
    // The first row has nothing before it; of rows with equal times the first counts.
    let kept: Vec<usize> = (1..table.rows)
        .filter(|row| stamps[*row] != stamps[row - 1])
        .collect();
    let mut fields = Vec::with_capacity(table.fields.len());
    for field in &table.fields {
        let column = if columns.contains(&field.label) {
            let values = floats(&field.column).ok_or_else(|| {
                Error::invalid(format!(
                    "unsupported derivative column type {}:{}",
                    field.label,
                    field.column.kind()
                ))
            })?;
            Column::Float(rates(&values, &stamps, &kept, unit, falling))
        } else {
            field.column.take(&kept)
        };
        fields.push(Field {
            label: Arc::clone(&field.label),
            column,
        });
    }
    Ok(Table::new(table.key.clone(), fields, kept.len()))
}

fn rates(
    values: &Vector<f64>,
    times: &[i64],
    kept: &[usize],
    unit: i64,
    falling: Falling,
) -> Vector<f64> {
    let mut before = values
        .len()
        .checked_sub(1)
        .and_then(|_| values.get(0))
        .map(|value| (times[0], *value));
    if let (Some(slice), Some(_)) = (values.as_slice(), before)
        && !falling.non_negative
    {
        let mut rates = Vec::with_capacity(kept.len());
        let mut last = 0;
        for row in kept {
            rates.push(
                (slice[*row] - slice[last]) / ((times[*row] - times[last]) as f64 / unit as f64),
            );
            last = *row;
        }
        return Vector::dense(rates);
    }
    let rates = kept.iter().map(|row| {
        let value = *values.get(*row)?;
        let known = before.replace((times[*row], value));
        let (time, earlier) = known?;
        let elapsed = (times[*row] - time) as f64 / unit as f64;
        if falling.non_negative && value < earlier {
            return falling.initial_zero.then_some(0.0);
        }
        Some((value - earlier) / elapsed)
    });
    let mut collected = Vec::with_capacity(kept.len());
    collected.extend(rates);
    Vector::nullable(collected)
}

fn difference(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let falling = Falling {
        non_negative: arguments.boolean_or("nonNegative", false)?,
        initial_zero: arguments.boolean_or("initialZero", false)?,
    };
    let columns = arguments.strings_or("columns", &["_value"])?;
    let keep_first = arguments.boolean_or("keepFirst", false)?;
    map_table(context, arguments, "difference", move |_, table| {
        let start = usize::from(!keep_first).min(table.rows);
        let mut rest = table.slice(start, table.rows - start);
        for label in &columns {
            let Some(column) = table.column(label) else {
                continue;
            };
            let changes = match column {
                Column::Float(values) => Column::Float(changes(values, |a, b| b - a, falling)),
                Column::Integer(values) => {
                    Column::Integer(changes(values, |a, b| b.wrapping_sub(*a), falling))
                }
                Column::Unsigned(values) => {
                    let signed = values.map(|value| value.cast_signed());
                    Column::Integer(changes(&signed, |a, b| b.wrapping_sub(*a), falling))
                }
                other => {
                    return Err(Error::invalid(format!(
                        "unsupported difference column type {}",
                        other.kind()
                    )));
                }
            };
            rest.set(label, changes.slice(start, table.rows - start));
        }
        Ok(rest)
    })
}

/// The change of each row from the last known value before it.
fn changes<T>(values: &Vector<T>, subtract: impl Fn(&T, &T) -> T, falling: Falling) -> Vector<T>
where
    T: Clone + Default + PartialOrd,
{
    let mut before: Option<T> = None;
    let mut changes = Vec::with_capacity(values.len());
    for (row, value) in values.iter().enumerate() {
        let change = value.and_then(|value| {
            let earlier = before.replace(value.clone());
            match earlier {
                Some(earlier) if falling.non_negative && *value < earlier => {
                    let from_zero = falling.initial_zero && *value >= T::default();
                    from_zero.then(|| value.clone())
                }
                Some(earlier) => Some(subtract(&earlier, value)),
                None if row == 0 && falling.initial_zero && falling.non_negative => {
                    Some(T::default())
                }
                None => None,
            }
        });
        changes.push(change);
    }
    Vector::nullable(changes)
}
