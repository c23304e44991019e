//! The rows of a subquery as points of the statement around it.

use std::rc::Rc;

use watchpost_core::point::FieldValue;

use super::build::{Builder, own_options};
use super::compile::Compiled;
use super::cursor::Row;
use super::fields::{best_tags, column_name};
use super::point::{Key, Options, Point, cast};
use super::source::Reference;
use crate::influxql::QueryError;
use crate::influxql::ast::{Expression, Fill, Kind};
use crate::influxql::condition::{MAX_TIME, MIN_TIME, holds};
use crate::influxql::eval::{Division, evaluate};

impl Builder<'_> {
    /// The options of a subquery.
    fn inner_options(&self, compiled: &Compiled, outer: &Options) -> Options {
        let own = own_options(compiled);
        let mut end = compiled.times.last.unwrap_or(MAX_TIME).min(outer.end);
        if compiled.interval.every != 0 && end == MAX_TIME {
            end = self.target.now;
        }
        let mut grouped = own.grouped.clone();
        grouped.extend(outer.grouped.iter().cloned());
        let fill = match own.fill {
            Fill::Null if !compiled.is_raw => Fill::None,
            fill => fill,
        };
        Options {
            start: compiled.times.first.unwrap_or(MIN_TIME).max(outer.start),
            end,
            dimensions: outer.dimensions.clone(),
            grouped,
            fill,
            ascending: outer.ascending,
            series_limit: own.series_limit + outer.series_limit,
            series_offset: own.series_offset + outer.series_offset,
            ordered: outer.ordered,
            interval: match compiled.interval.every {
                0 => outer.interval,
                _ => compiled.interval,
            },
            ..own
        }
    }

    /// The rows of a subquery as points.
    pub(super) fn of_subquery(
        &self,
        inner: &Compiled,
        reference: Option<Reference<'_>>,
        options: &Options,
    ) -> Result<Vec<Point>, QueryError> {
        let driver = match reference {
            None => None,
            Some((name, kind)) => match place_of(inner, name) {
                Place::Nowhere => return Ok(Vec::new()),
                place => Some((place, kind)),
            },
        };
        let inner_options = self.inner_options(inner, options);
        let rows = self.rows(inner, &inner_options)?;
        let brought: Vec<(Place, Kind)> = options
            .auxiliary
            .iter()
            .map(|(name, kind)| (place_of(inner, name), *kind))
            .collect();
        let own_tags = options.own_tags();
        let strips = own_tags.len() != inner_options.own_tags().len();
        let mut points = Vec::with_capacity(rows.len());
        let mut stripped: Option<(Rc<Key>, Rc<Key>)> = None;
        for row in rows {
            if let Some(condition) = &options.condition {
                let lookup = |part: &Expression| match part {
                    Expression::Reference(name, kind) => match place_of(inner, name) {
                        Place::Column(place) => value_of(&row, &Place::Column(place), *kind),
                        _ => Some(FieldValue::String(row.key.tag(name).to_owned())),
                    },
                    _ => None,
                };
                if !holds(evaluate(condition, &lookup, Division::Whole)) {
                    continue;
                }
            }
            let key = match &stripped {
                _ if !strips => Rc::clone(&row.key),
                Some((from, to)) if Rc::ptr_eq(from, &row.key) => Rc::clone(to),
                _ => {
                    let to = row.key.subset(&own_tags);
                    stripped = Some((Rc::clone(&row.key), Rc::clone(&to)));
                    to
                }
            };
            let value = match &driver {
                Some((place, kind)) => value_of(&row, place, *kind),
                None => Some(FieldValue::Float(0.0)),
            };
            self.target.reserve_copy(value.as_ref())?;
            let mut auxiliary = Vec::with_capacity(brought.len());
            for (place, kind) in &brought {
                let value = value_of(&row, place, *kind);
                self.target.reserve_copy(value.as_ref())?;
                auxiliary.push(value);
            }
            points.push(Point {
                key,
                time: row.time,
                value,
                auxiliary: Rc::from(auxiliary),
                rows: 1,
            });
        }
        Ok(points)
    }
}

/// Where a subquery has a name.
enum Place {
    Column(usize),
    Tag(String),
    Nowhere,
}

fn place_of(inner: &Compiled, name: &str) -> Place {
    let mut place = 0;
    for column in &inner.select.columns {
        if column_name(column) == name {
            return Place::Column(place);
        }
        place += 1;
        for tag in best_tags(&column.value) {
            if matches!(tag, Expression::Reference(known, _) if known == name) {
                return Place::Column(place);
            }
            place += 1;
        }
    }
    let is_grouped = |dimension: &Expression| matches!(dimension, Expression::Reference(known, _) if known == name);
    match inner.select.dimensions.iter().any(is_grouped) {
        true => Place::Tag(name.to_owned()),
        false => Place::Nowhere,
    }
}

fn value_of(row: &Row, place: &Place, kind: Kind) -> Option<FieldValue> {
    match place {
        Place::Column(place) => {
            let value = row.values.get(*place)?.clone()?;
            Some(cast(value.clone(), kind).unwrap_or(value))
        }
        Place::Tag(name) => Some(FieldValue::String(row.key.tag(name).to_owned())),
        Place::Nowhere => None,
    }
}
