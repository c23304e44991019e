//! The plan of a `SELECT` over one relation: which aggregates storage computes, which fields are read as rows.

use std::collections::{BTreeMap, BTreeSet};

use watchpost_flux::source::{Aggregate, PushedAggregate, TimeRange};
use watchpost_flux::value::window::Window;

use super::combine::Combined;
use super::expression::{has_aggregate, is_math, references};
use super::relation::{Relation, Rows, tags_of};
use super::{Tags, tags_of as group_of};
use crate::influxql::ast::{Expression, Fill, Select, SelectColumn};
use crate::influxql::condition::{Condition, accepts};
use crate::influxql::functions::{Point, is_aggregate, is_selector, is_transformation};
use crate::influxql::{QueryError, Target};

/// What is asked of a relation.
pub(super) struct Plan<'a> {
    pub(super) target: &'a Target<'a>,
    pub(super) select: &'a Select,
    pub(super) columns: &'a [SelectColumn],
    pub(super) relation: &'a Relation,
    pub(super) range: TimeRange,
    pub(super) window: Option<Window>,
}

/// What was read for a plan.
pub(super) struct Reads {
    /// Rows, series by series.
    pub(super) rows: Vec<Rows>,
    /// Aggregates that storage computed.
    pub(super) pushed: Vec<Pushed>,
}

/// An aggregate of a field, for each group.
pub(super) struct Pushed {
    function: Aggregate,
    field: String,
    range: TimeRange,
    pub(super) groups: BTreeMap<Tags, Vec<Point>>,
}

/// A call in a column, and the range that it looks at.
struct Call<'e> {
    name: &'e str,
    arguments: &'e [Expression],
    range: TimeRange,
}

/// Refuses what no data could make right.
pub(super) fn check(select: &Select) -> Result<(), QueryError> {
    let aggregates = select
        .columns
        .iter()
        .filter(|column| has_aggregate(&column.value));
    let aggregates = aggregates.count();
    if aggregates == 0 && select.window.is_some() {
        return Err(QueryError::new(
            "GROUP BY requires at least one aggregate function",
        ));
    }
    if aggregates == 0 && select.fill != Fill::Null {
        return Err(QueryError::new("fill() must be used with a function"));
    }
    let plain = select.columns.iter().any(|column| {
        !is_time(column)
            && matches!(
                column.value,
                Expression::Reference(_) | Expression::Wildcard
            )
    });
    if plain && aggregates > 0 && lone_selector(&select.columns).is_none() {
        return Err(QueryError::new(
            "mixing aggregate and non-aggregate queries is not supported",
        ));
    }
    select
        .columns
        .iter()
        .try_for_each(|column| check_calls(&column.value, select))
}

/// Whether a column is the time, which every row begins with anyway.
pub(super) fn is_time(column: &SelectColumn) -> bool {
    matches!(&column.value, Expression::Reference(name) if name == "time")
}

fn check_calls(expression: &Expression, select: &Select) -> Result<(), QueryError> {
    match expression {
        Expression::Call(name, arguments) => {
            if !is_aggregate(name) && !is_transformation(name) && !is_math(name) {
                return Err(QueryError::new(format!("undefined function {name}()")));
            }
            let Some(first) = arguments.first() else {
                return Err(QueryError::new(format!(
                    "invalid number of arguments for {name}, expected at least 1, got 0"
                )));
            };
            let takes = |argument: &Expression| {
                use Expression::{Call, Pattern, Reference, Wildcard};
                matches!(argument, Call(..) | Pattern(_) | Reference(_) | Wildcard)
            };
            if !is_math(name) && !takes(first) {
                return Err(QueryError::new(format!(
                    "expected field argument in {name}()"
                )));
            }
            if is_transformation(name) && select.window.is_some() && !has_aggregate(first) {
                return Err(QueryError::new(format!(
                    "aggregate function required inside the call to {name}"
                )));
            }
            arguments
                .iter()
                .try_for_each(|argument| check_calls(argument, select))
        }
        Expression::Binary(_, left, right) => {
            check_calls(left, select)?;
            check_calls(right, select)
        }
        _ => Ok(()),
    }
}

/// The only call of some columns, if it chooses one row and the others are to be what that row holds.
pub(super) fn lone_selector(columns: &[SelectColumn]) -> Option<&SelectColumn> {
    let mut calls = columns.iter().filter(|column| has_aggregate(&column.value));
    let chooses = |column: &&SelectColumn| matches!(&column.value, Expression::Call(name, _) if is_selector(name));
    calls
        .next()
        .filter(chooses)
        .filter(|_| calls.next().is_none())
}

impl Plan<'_> {
    /// Reads what the columns need.
    ///
    /// # Errors
    /// A limit, or what storage says.
    pub(super) fn read(&self, condition: Option<&Expression>) -> Result<Reads, QueryError> {
        let is_field = |name: &str| self.relation.fields.contains_key(name);
        let condition = Condition::of(condition, &|name| {
            self.relation.is_stored() && !is_field(name)
        });
        let mut reads = Reads {
            rows: Vec::new(),
            pushed: Vec::new(),
        };
        let (mut fields, mut widest) = (BTreeSet::new(), self.range);
        let reads_rows = !self
            .columns
            .iter()
            .any(|column| has_aggregate(&column.value));
        for column in self.columns {
            for call in self.calls(&column.value, self.range) {
                let Some((function, field)) = self.pushable(&call, &condition) else {
                    let names = call.arguments.iter().flat_map(references);
                    fields.extend(names.map(str::to_owned));
                    widest.start = widest.start.min(call.range.start);
                    continue;
                };
                if reads.pushed(function, field, call.range).is_none() {
                    reads
                        .pushed
                        .push(self.push(function, field, call.range, &condition)?);
                }
            }
            if !has_aggregate(&column.value) {
                fields.extend(references(&column.value).into_iter().map(str::to_owned));
            }
        }
        if !self.relation.is_stored() && reads_rows {
            fields.extend(self.relation.fields.keys().cloned());
        }
        if !fields.is_empty() {
            if let Some(rest) = &condition.rest {
                fields.extend(references(rest).into_iter().map(str::to_owned));
            }
            fields.retain(|name| is_field(name));
            reads.rows = self
                .relation
                .rows(self.target, &fields, widest, &condition.tags)?;
            if let Some(rest) = &condition.rest {
                self.keep(&mut reads.rows, rest)?;
            }
        }
        Ok(reads)
    }

    /// The calls of an expression that look at fields, outermost aggregates first. A transformation of windows looks
    /// one window further back: its first row needs one before it.
    fn calls<'e>(&self, expression: &'e Expression, range: TimeRange) -> Vec<Call<'e>> {
        match expression {
            Expression::Call(name, arguments) if is_aggregate(name) => vec![Call {
                name,
                arguments,
                range,
            }],
            Expression::Call(name, arguments) if is_transformation(name) => {
                let inner = self.calls(&arguments[0], self.before(range));
                match inner.is_empty() {
                    true => vec![Call {
                        name,
                        arguments,
                        range,
                    }],
                    false => inner,
                }
            }
            Expression::Call(_, arguments) => {
                let each = arguments.iter();
                each.flat_map(|argument| self.calls(argument, range))
                    .collect()
            }
            Expression::Binary(_, left, right) => {
                let mut calls = self.calls(left, range);
                calls.extend(self.calls(right, range));
                calls
            }
            _ => Vec::new(),
        }
    }

    /// The range and one window more.
    pub(super) fn before(&self, range: TimeRange) -> TimeRange {
        match self.select.window {
            Some(window) if range.start != i64::MIN => TimeRange {
                start: range.start.saturating_sub(window.every),
                ..range
            },
            _ => range,
        }
    }

    /// The aggregate and the field of a call that storage can answer.
    fn pushable<'e>(&self, call: &Call<'e>, condition: &Condition) -> Option<(Aggregate, &'e str)> {
        let (function, field) = pushed_call(call.name, call.arguments)?;
        let aggregate = self.aggregate(function);
        let keeps_row = is_selector(call.name) && self.columns.len() > 1;
        let can = self.relation.is_stored()
            && self.relation.fields.contains_key(field)
            && condition.rest.is_none()
            && !(keeps_row && lone_selector(self.columns).is_some())
            && self.target.source.can_aggregate(&aggregate);
        can.then_some((function, field))
    }

    fn aggregate(&self, function: Aggregate) -> PushedAggregate {
        PushedAggregate {
            function,
            window: self.window.clone(),
        }
    }

    fn push(
        &self,
        function: Aggregate,
        field: &str,
        range: TimeRange,
        condition: &Condition,
    ) -> Result<Pushed, QueryError> {
        let fields = BTreeSet::from([field.to_owned()]);
        let aggregate = Some(self.aggregate(function));
        let (target, relation) = (self.target, self.relation);
        let request = relation.request(target, &fields, range, &condition.tags, aggregate);
        let mut combined = Combined::new(function, self.window.is_some());
        target.read(&request, &mut |series| {
            combined.add(group_of(self.select, &tags_of(&series)), &series);
            Ok(())
        })?;
        Ok(Pushed {
            function,
            field: field.to_owned(),
            range,
            groups: combined.into_groups(),
        })
    }

    /// Keeps the rows that satisfy what is left of the condition.
    fn keep(&self, rows: &mut Vec<Rows>, rest: &Expression) -> Result<(), QueryError> {
        for series in rows.iter_mut() {
            (self.target.may_go_on)()?;
            let accepted: BTreeSet<i64> = series
                .times()
                .into_iter()
                .filter(|time| {
                    let value = |name: &str| series.value_at(name, *time);
                    let is_field = |name: &str| self.relation.fields.contains_key(name);
                    accepts(rest, &series.tags, &is_field, &value)
                })
                .collect();
            for points in series.fields.values_mut() {
                points.retain(|point| accepted.contains(&point.time));
            }
        }
        rows.retain(|series| series.fields.values().any(|points| !points.is_empty()));
        Ok(())
    }
}

/// The aggregate that a call is, if it is one of those that storage knows, of a single field.
fn pushed_call<'e>(name: &str, arguments: &'e [Expression]) -> Option<(Aggregate, &'e str)> {
    let [Expression::Reference(field)] = arguments else {
        return None;
    };
    Some((Aggregate::named(name)?, field))
}

impl Reads {
    fn pushed(&self, function: Aggregate, field: &str, range: TimeRange) -> Option<&Pushed> {
        self.pushed.iter().find(|pushed| {
            pushed.function == function && pushed.field == field && pushed.range == range
        })
    }

    /// What storage answered to a call for a group; `None` if it was not asked.
    pub(super) fn answer(
        &self,
        name: &str,
        arguments: &[Expression],
        range: TimeRange,
        tags: &Tags,
    ) -> Option<Vec<Point>> {
        let (function, field) = pushed_call(name, arguments)?;
        let pushed = self.pushed(function, field, range)?;
        Some(pushed.groups.get(tags).cloned().unwrap_or_default())
    }
}

impl Rows {
    /// The times of all rows, ascending.
    pub(super) fn times(&self) -> Vec<i64> {
        let mut times: Vec<i64> = self
            .fields
            .values()
            .flatten()
            .map(|point| point.time)
            .collect();
        times.sort_unstable();
        times.dedup();
        times
    }

    /// A field's value at a time.
    pub(super) fn value_at(
        &self,
        name: &str,
        time: i64,
    ) -> Option<&watchpost_core::point::FieldValue> {
        let points = self.fields.get(name)?;
        let at = points
            .binary_search_by_key(&time, |point| point.time)
            .ok()?;
        Some(&points[at].value)
    }

    /// A tag's value.
    pub(super) fn tag(&self, name: &str) -> Option<&str> {
        let tag = self.tags.iter().find(|(key, _)| key == name)?;
        Some(&tag.1)
    }
}
