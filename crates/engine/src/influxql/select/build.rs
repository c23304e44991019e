//! From a statement to rows: the points of each function and of what stands beside it, row by row.

use std::collections::BTreeSet;

use watchpost_core::point::FieldValue;

use super::aggregate::{Function, reduced};
use super::compile::{Compiled, Interval, fill_value};
use super::cursor::{Row, Scanner, rows};
use super::fields::Catalogue;
use super::merge::{by_window, limited, merge};
use super::point::{Options, Point};
use super::slots::Slots;
use super::source::{Reader, Reference};
use super::transform::{Transformation, filled, integrals, transformed};
use crate::influxql::ast::{Expression, Fill, Kind};
use crate::influxql::condition::{MAX_TIME, MIN_TIME};
use crate::influxql::{QueryError, Target};

/// Builds rows.
pub(super) struct Builder<'a> {
    pub(super) target: &'a Target<'a>,
    pub(super) catalogue: &'a Catalogue<'a>,
}

/// The functions whose rows keep their own times where they stand alone.
fn is_selector(call: &Expression) -> bool {
    let selectors = ["min", "max", "first", "last", "percentile", "top", "bottom"];
    matches!(call, Expression::Call(name, _) if selectors.contains(&name.as_str()))
}

impl Builder<'_> {
    /// The options of an outermost statement.
    pub(super) fn options(&self, compiled: &Compiled) -> Options {
        let select = &compiled.select;
        let now = self.target.now;
        let end = match compiled.interval.every {
            0 => MAX_TIME,
            _ => now,
        };
        Options {
            start: compiled.times.first.unwrap_or(MIN_TIME),
            end: compiled.times.last.unwrap_or(end),
            ascending: select.order != Some(true),
            ..own_options(compiled)
        }
    }

    /// The rows of a statement.
    pub(super) fn rows(
        &self,
        compiled: &Compiled,
        options: &Options,
    ) -> Result<Vec<Row>, QueryError> {
        let slots = Slots::of(compiled);
        let mut options = options.clone();
        let brought = slots.plain.iter();
        options.auxiliary = brought
            .map(|(_, name, kind)| (name.clone(), *kind))
            .collect();
        let beside: Vec<(usize, Kind)> = slots
            .plain
            .iter()
            .map(|(place, _, kind)| (*place, *kind))
            .collect();
        let default = fill_value(&options.fill);
        let skips = options.fill == Fill::Previous;
        let mut scanners = Vec::new();
        if slots.calls.is_empty() {
            if beside.iter().all(|(_, kind)| *kind == Kind::Unknown) {
                return Ok(Vec::new());
            }
            let points = self.plain(compiled, &options)?;
            scanners.push(Scanner::new(points, None, beside, default, skips));
        } else {
            let is_alone = slots.calls.len() == 1 && is_selector(&slots.calls[0].1);
            for (place, call) in &slots.calls {
                let kind = self.catalogue.kind(call, compiled)?;
                if kind == Kind::Unknown {
                    continue;
                }
                let points = self.call(compiled, call, &options, is_alone, true)?;
                let points = match options.limit > 0 || options.offset > 0 {
                    true => limited(points, options.offset, options.limit),
                    false => points,
                };
                let driver = Some((*place, kind));
                scanners.push(Scanner::new(
                    points,
                    driver,
                    beside.clone(),
                    default.clone(),
                    skips,
                ));
            }
        }
        rows(
            scanners,
            &slots.columns,
            slots.known.len(),
            options.ascending,
            self.target,
        )
    }

    /// Rows as they are: what is brought along, without a function.
    fn plain(&self, compiled: &Compiled, options: &Options) -> Result<Vec<Point>, QueryError> {
        let points = self.of_sources(compiled, None, options)?;
        Ok(match options.limit > 0 || options.offset > 0 {
            true => limited(points, options.offset, options.limit),
            false => points,
        })
    }

    /// The points of a field, or of what is brought along alone, of all sources.
    fn of_sources(
        &self,
        compiled: &Compiled,
        reference: Option<Reference<'_>>,
        options: &Options,
    ) -> Result<Vec<Point>, QueryError> {
        let reader = Reader {
            target: self.target,
            catalogue: self.catalogue,
        };
        let mut lists = Vec::new();
        for (source, inner) in compiled.select.sources.iter().zip(&compiled.subqueries) {
            lists.push(match inner {
                Some(inner) => self.of_subquery(inner, reference, options)?,
                None => reader.points(source, reference, options)?,
            });
        }
        Ok(match reference {
            Some(_) => by_window(lists, options),
            None => merge(lists, options),
        })
    }

    /// The points of a call. `is_alone`: the times of chosen rows are shown; `is_outermost`: no function is around it.
    fn call(
        &self,
        compiled: &Compiled,
        call: &Expression,
        options: &Options,
        is_alone: bool,
        is_outermost: bool,
    ) -> Result<Vec<Point>, QueryError> {
        let Expression::Call(name, arguments) = call else {
            let Expression::Reference(name, kind) = call else {
                return Err(QueryError::new(format!("invalid expression type: {call}")));
            };
            return self.of_sources(compiled, Some((name, *kind)), options);
        };
        let mut own = options.clone();
        (own.limit, own.offset) = (0, 0);
        own.ordered = true;
        let most = (is_outermost && options.limit > 0)
            .then(|| options.limit.saturating_add(options.offset));
        let of = &arguments[0];
        match name.as_str() {
            "distinct" => {
                let points = self.call(compiled, of, &own, is_alone, false)?;
                let points = reduced(&points, Function::Distinct, &own)?;
                return Ok(at_windows(points, &own));
            }
            "integral" => {
                let points = self.call(compiled, of, &own, false, false)?;
                return integrals(points, unit(arguments, 1_000_000_000), &own);
            }
            "top" | "bottom" => return self.best(compiled, name, arguments, (&own, options)),
            _ => {}
        }
        if let Some(transformation) = transformation(name, arguments, own.interval) {
            if own.has_windows() && !matches!(transformation, Transformation::CumulativeSum) {
                match own.ascending {
                    true => own.start = own.start.saturating_sub(own.interval.every).max(MIN_TIME),
                    false => own.end = own.end.saturating_add(own.interval.every).min(MAX_TIME),
                }
            }
            let points = self.call(compiled, of, &own, is_alone, false)?;
            return transformed(points, transformation, &own);
        }
        let points = self.aggregate(compiled, name, arguments, &own, is_alone)?;
        if is_alone && !own.has_windows() {
            return Ok(points);
        }
        let points = at_windows(points, &own);
        if !own.has_windows() || own.fill == Fill::None {
            return Ok(points);
        }
        let fill = match (name.as_str(), &own.fill) {
            ("count", Fill::Null) => Fill::Number(FieldValue::Integer(0)),
            (_, fill) => fill.clone(),
        };
        let kind = match points.first().and_then(|point| point.value.as_ref()) {
            Some(value) => Kind::Field(value.field_type()),
            None => Kind::Unknown,
        };
        filled(points, &fill, kind, &own, most, self.target)
    }

    fn aggregate(
        &self,
        compiled: &Compiled,
        name: &str,
        arguments: &[Expression],
        options: &Options,
        is_alone: bool,
    ) -> Result<Vec<Point>, QueryError> {
        let of = &arguments[0];
        if let "count" | "min" | "max" | "sum" | "first" | "last" | "mean" = name
            && let Some(function) = Function::named(name)
        {
            let is_distinct = matches!(of, Expression::Call(inner, _) if inner == "distinct");
            if is_distinct {
                let points = self.call(compiled, of, options, is_alone, false)?;
                return reduced(&points, function, options);
            }
            return self.joined(compiled, (name, function), of, options);
        }
        let function = match (name, arguments.get(1)) {
            ("percentile", Some(Expression::Integer(percent))) => {
                Function::Percentile(*percent as f64)
            }
            ("percentile", Some(Expression::Number(percent))) => Function::Percentile(*percent),
            _ => Function::named(name)
                .ok_or_else(|| QueryError::new(format!("unsupported call: {name}")))?,
        };
        let points = self.call(compiled, of, options, false, false)?;
        reduced(&points, function, options)
    }

    /// A function whose answers for parts can be joined: by source, and within those by series.
    fn joined(
        &self,
        compiled: &Compiled,
        (name, function): (&str, Function),
        of: &Expression,
        options: &Options,
    ) -> Result<Vec<Point>, QueryError> {
        let Expression::Reference(field, kind) = of else {
            return Err(QueryError::new(format!(
                "expected field argument in {name}()"
            )));
        };
        let reader = Reader {
            target: self.target,
            catalogue: self.catalogue,
        };
        let mut lists = Vec::new();
        for (source, inner) in compiled.select.sources.iter().zip(&compiled.subqueries) {
            lists.push(match inner {
                Some(inner) => {
                    let options = Options {
                        ordered: false,
                        ..options.clone()
                    };
                    let points = self.of_subquery(inner, Some((field, *kind)), &options)?;
                    reduced(&points, function, &options)?
                }
                None => reader.aggregated(source, (name, function), (field, *kind), options)?,
            });
        }
        let joining = match function {
            Function::Count => Function::Sum,
            other => other,
        };
        reduced(&by_window(lists, options), joining, options)
    }

    fn best(
        &self,
        compiled: &Compiled,
        name: &str,
        arguments: &[Expression],
        (options, with_limit): (&Options, &Options),
    ) -> Result<Vec<Point>, QueryError> {
        let count = match arguments.last() {
            Some(Expression::Integer(count)) => usize::try_from(*count).unwrap_or(0),
            _ => 0,
        };
        let (function, single) = match name {
            "top" => (Function::Top(count), ("max", Function::Max)),
            _ => (Function::Bottom(count), ("min", Function::Min)),
        };
        let tags = &arguments[1..arguments.len() - 1];
        let points = if tags.is_empty() {
            // LIMIT cuts already what is looked at, as in InfluxDB.
            self.call(compiled, &arguments[0], with_limit, true, false)?
        } else {
            let names = tags.iter().filter_map(|tag| match tag {
                Expression::Reference(name, _) => Some(name.clone()),
                _ => None,
            });
            let mut grouped: BTreeSet<String> = names.collect();
            grouped.extend(options.grouped.iter().cloned());
            let by_tags = Options {
                grouped,
                fill: Fill::None,
                ..options.clone()
            };
            self.joined(compiled, single, &arguments[0], &by_tags)?
        };
        reduced(&points, function, options)
    }
}

/// The options that a statement has by itself.
pub(super) fn own_options(compiled: &Compiled) -> Options {
    let select = &compiled.select;
    let names = select
        .dimensions
        .iter()
        .filter_map(|dimension| match dimension {
            Expression::Reference(name, _) => Some(name.clone()),
            _ => None,
        });
    let dimensions: Vec<String> = names.collect();
    Options {
        interval: compiled.interval,
        zone: select.zone.clone(),
        grouped: dimensions.iter().cloned().collect(),
        dimensions,
        fill: select.fill.clone(),
        condition: compiled.condition.clone(),
        start: MIN_TIME,
        end: MAX_TIME,
        ascending: true,
        limit: select.limit,
        offset: select.offset,
        series_limit: select.series_limit,
        series_offset: select.series_offset,
        auxiliary: Vec::new(),
        ordered: true,
    }
}

/// Points at the starts of their windows.
fn at_windows(mut points: Vec<Point>, options: &Options) -> Vec<Point> {
    for point in &mut points {
        let start = options.window(point.time).0;
        point.time = if start == MIN_TIME { 0 } else { start };
    }
    points
}

fn unit(arguments: &[Expression], default: i64) -> i64 {
    match arguments.get(1) {
        Some(Expression::Duration(unit)) => *unit,
        _ => default,
    }
}

fn transformation(
    name: &str,
    arguments: &[Expression],
    interval: Interval,
) -> Option<Transformation> {
    let rate = match interval.every {
        0 => 1_000_000_000,
        every => every,
    };
    Some(match name {
        "derivative" | "non_negative_derivative" => Transformation::Derivative {
            unit: unit(arguments, rate),
            positive: name == "non_negative_derivative",
        },
        "difference" | "non_negative_difference" => Transformation::Difference {
            positive: name == "non_negative_difference",
        },
        "elapsed" => Transformation::Elapsed {
            unit: unit(arguments, 1),
        },
        "moving_average" => Transformation::MovingAverage {
            width: match arguments.get(1) {
                Some(Expression::Integer(width)) => usize::try_from(*width).unwrap_or(1).max(1),
                _ => 1,
            },
        },
        "cumulative_sum" => Transformation::CumulativeSum,
        _ => return None,
    })
}
