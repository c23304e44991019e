//! `SELECT`, in the steps of InfluxDB's own engine, so that its answers are the same:
//!
//! ```text
//! statement ─compile─▶ checked ─fields─▶ with kinds ─source─▶ points ─aggregate / transform─▶ points ─cursor─▶ rows
//! ```
//! An aggregate of a field, also of windows, is one read with that aggregate pushed down to storage; all else is
//! computed from rows. Conditions on tags go into the reads.

mod aggregate;
mod build;
mod calls;
mod compile;
mod cursor;
mod fields;
mod kinds;
mod merge;
mod point;
mod push;
mod slots;
mod source;
mod subquery;
mod transform;
mod wildcards;

use watchpost_core::point::FieldValue;

use self::build::Builder;
use self::compile::{Compiled, compile};
use self::cursor::Row;
pub(super) use self::fields::shards;
use self::fields::{Catalogue, column_names, resolve};
use super::answer::{Cell, Series};
use super::ast::Select;
use super::condition::Times;
use super::{QueryError, Target};

/// Carries out a `SELECT`.
pub(super) fn run(target: &Target<'_>, select: &Select) -> Result<Vec<Series>, QueryError> {
    let mut compiled = compile(select, target.now)?;
    let catalogue = Catalogue::new(target, times_of(&compiled, target.now));
    resolve(&mut compiled, &catalogue)?;
    let builder = Builder {
        target,
        catalogue: &catalogue,
    };
    let options = builder.options(&compiled);
    let rows = builder.rows(&compiled, &options)?;
    Ok(answer(rows, &compiled))
}

/// The times whose shards are looked at.
fn times_of(compiled: &Compiled, now: i64) -> Times {
    let last = (compiled.interval.every != 0).then_some(now);
    let every = compiled.interval.every;
    Times {
        first: compiled
            .times
            .first
            .map(|first| first.saturating_sub(every)),
        last: compiled.times.last.or(last),
    }
}

/// Rows as the series of an answer.
fn answer(rows: Vec<Row>, compiled: &Compiled) -> Vec<Series> {
    let mut columns = vec![compiled.time.clone()];
    columns.extend(column_names(&compiled.select.columns));
    let zone = compiled.select.zone.clone().unwrap_or_default();
    let cell = |value: Option<FieldValue>| match value {
        Some(FieldValue::Float(number)) if number.is_nan() => Cell::Null,
        Some(value) => Cell::Value(value),
        None => Cell::Null,
    };
    let mut answer: Vec<Series> = Vec::new();
    let mut before = None;
    for row in rows {
        if before.as_ref() != Some(&row.key) {
            answer.push(Series {
                name: Some(row.key.name.clone()),
                tags: row.key.tags.clone(),
                columns: columns.clone(),
                rows: Vec::new(),
                zone: zone.clone(),
            });
            before = Some(row.key);
        }
        if let Some(series) = answer.last_mut() {
            let mut cells = vec![Cell::Time(row.time)];
            cells.extend(row.values.into_iter().map(cell));
            series.rows.push(cells);
        }
    }
    answer
}
