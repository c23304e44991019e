//! `SHOW …`, `DELETE` and `DROP MEASUREMENT`: what there is, and its end.

use std::collections::BTreeSet;
use std::sync::Arc;

use watchpost_core::point::{FieldValue, SeriesKey};
use watchpost_flux::value::window::Location;
use watchpost_storage::predicate::{Comparison, Literal, Subject};
use watchpost_storage::{Predicate, TimeRange};

use super::answer::{Cell, Series};
use super::ast::{Counted, Expression, Operator, Show, Source};
use super::condition::{for_series, has_time, split};
use super::reduce::Clock;
use super::select::shards;
use super::{QueryError, Target};

/// Series that a delete by a condition of its own takes one by one: each is a record of the log.
const MAX_DELETED_SERIES: usize = 10_000;

/// What a statement looks at.
struct View<'a> {
    target: &'a Target<'a>,
    show: &'a Show,
    range: TimeRange,
    condition: Option<Expression>,
}

impl<'a> View<'a> {
    /// The shards of the times that a statement names, as in InfluxDB.
    fn new(target: &'a Target<'a>, show: &'a Show) -> Result<Self, QueryError> {
        let (condition, times) = split(show.condition.as_ref(), &clock(target))?;
        Ok(Self {
            target,
            show,
            range: shards(times, target.shard),
            condition,
        })
    }

    /// The measurements that a statement looks at, in order of name.
    fn measurements(&self) -> Result<Vec<String>, QueryError> {
        let (storage, bucket) = (self.target.storage, self.target.bucket);
        (self.target.may_go_on)()?;
        let mut all = storage.measurements(bucket, self.range, &Predicate::default())?;
        let sources = &self.show.sources;
        all.retain(|name| sources.is_empty() || sources.iter().any(|source| names(source, name)));
        Ok(all)
    }

    /// The series of a measurement that satisfy the condition; what looks at fields is taken for true.
    fn series(&self, measurement: &str) -> Result<Vec<Arc<SeriesKey>>, QueryError> {
        (self.target.may_go_on)()?;
        let (storage, bucket) = (self.target.storage, self.target.bucket);
        let of_measurement = Predicate::measurement(measurement);
        let mut found = storage.series(bucket, self.range, &of_measurement)?;
        if let Some(condition) = &self.condition {
            let fields = storage.field_keys(bucket, self.range, &of_measurement)?;
            let fields: BTreeSet<String> = fields.into_iter().map(|(name, _)| name).collect();
            found.retain(|series| {
                let rest = left(condition, series, &fields, self.target);
                !matches!(rest, Expression::Boolean(false))
            });
        }
        Ok(found)
    }

    fn takes(&self, key: &str) -> bool {
        self.show.keys.as_ref().is_none_or(|keys| keys.takes(key))
    }

    /// A series of an answer, if it has rows.
    fn answer(&self, name: Option<&str>, columns: &[&str], rows: Vec<Vec<Cell>>) -> Option<Series> {
        let rows = rows.into_iter().skip(self.show.offset);
        let rows: Vec<_> = match self.show.limit {
            0 => rows.collect(),
            limit => rows.take(limit).collect(),
        };
        (!rows.is_empty()).then(|| Series {
            name: name.map(str::to_owned),
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
            rows,
            ..Series::default()
        })
    }
}

fn clock(target: &Target<'_>) -> Clock {
    Clock {
        now: Some(target.now),
        zone: Location::default(),
    }
}

fn names(source: &Source, name: &str) -> bool {
    match source {
        Source::Name { measurement, .. } => measurement == name,
        Source::Pattern { pattern, .. } => pattern.is_match(name),
        Source::Subquery(_) => false,
    }
}

/// What is left of a condition for a series.
fn left(
    condition: &Expression,
    series: &SeriesKey,
    fields: &BTreeSet<String>,
    target: &Target<'_>,
) -> Expression {
    let tag = |name: &str| match name {
        "_name" => series.measurement().to_owned(),
        name => series.tag(name).unwrap_or_default().to_owned(),
    };
    for_series(
        condition,
        &tag,
        &|name| fields.contains(name),
        &clock(target),
    )
}

/// `SHOW MEASUREMENTS`
pub(super) fn measurements(target: &Target<'_>, show: &Show) -> Result<Vec<Series>, QueryError> {
    if show.condition.as_ref().is_some_and(has_time) {
        return Err(QueryError::new(
            "SHOW MEASUREMENTS doesn't support time in WHERE clause",
        ));
    }
    let view = View::new(target, show)?;
    let mut rows = Vec::new();
    for name in view.measurements()? {
        let matches = match &view.condition {
            None => true,
            Some(condition) => {
                let of_measurement = Predicate::measurement(&name);
                let series = target
                    .storage
                    .series(target.bucket, view.range, &of_measurement)?;
                of_measurement_holds(condition, &series)
            }
        };
        if matches {
            rows.push(vec![target.cell(&name)?]);
        }
    }
    Ok(view
        .answer(Some("measurements"), &["name"], rows)
        .into_iter()
        .collect())
}

/// Whether a measurement satisfies a condition: it has a series with such a tag, or for `!=` it has none.
fn of_measurement_holds(condition: &Expression, series: &[Arc<SeriesKey>]) -> bool {
    let any = |name: &str, test: &dyn Fn(&str) -> bool| {
        series.iter().any(|series| match name {
            "_name" => test(series.measurement()),
            name => series.tag(name).is_some_and(test),
        })
    };
    match condition {
        Expression::Parentheses(inner) => of_measurement_holds(inner, series),
        Expression::Binary(Operator::And, left, right) => {
            of_measurement_holds(left, series) && of_measurement_holds(right, series)
        }
        Expression::Binary(Operator::Or, left, right) => {
            of_measurement_holds(left, series) || of_measurement_holds(right, series)
        }
        Expression::Binary(operator, left, right) => match (&**left, &**right) {
            (Expression::Reference(name, _), Expression::Text(text)) => {
                let has = any(name, &|value| value == text);
                any(name, &|_| true) && has == (*operator == Operator::Equal)
            }
            (Expression::Reference(name, _), Expression::Pattern(pattern)) => {
                let has = any(name, &|value| pattern.is_match(value));
                any(name, &|_| true) && has == (*operator == Operator::Matches)
            }
            _ => false,
        },
        _ => false,
    }
}

/// `SHOW TAG KEYS`
pub(super) fn tag_keys(target: &Target<'_>, show: &Show) -> Result<Vec<Series>, QueryError> {
    let view = View::new(target, show)?;
    let mut answer = Vec::new();
    for name in view.measurements()? {
        let found = view.series(&name)?;
        let keys = found.iter().flat_map(|series| series.tags());
        let keys: BTreeSet<&String> = keys
            .map(|(key, _)| key)
            .filter(|key| view.takes(key))
            .collect();
        let rows = keys.into_iter().map(|key| Ok(vec![target.cell(key)?]));
        let rows = rows.collect::<Result<_, QueryError>>()?;
        answer.extend(view.answer(Some(&name), &["tagKey"], rows));
    }
    Ok(answer)
}

/// `SHOW TAG VALUES`
pub(super) fn tag_values(target: &Target<'_>, show: &Show) -> Result<Vec<Series>, QueryError> {
    let view = View::new(target, show)?;
    let mut answer = Vec::new();
    for name in view.measurements()? {
        let found = view.series(&name)?;
        let pairs = found.iter().flat_map(|series| series.tags());
        let pairs: BTreeSet<&(String, String)> = pairs.filter(|(key, _)| view.takes(key)).collect();
        let rows = pairs
            .into_iter()
            .map(|(key, value)| Ok(vec![target.cell(key)?, target.cell(value)?]));
        let rows = rows.collect::<Result<_, QueryError>>()?;
        answer.extend(view.answer(Some(&name), &["key", "value"], rows));
    }
    Ok(answer)
}

/// `SHOW FIELD KEYS`
pub(super) fn field_keys(target: &Target<'_>, show: &Show) -> Result<Vec<Series>, QueryError> {
    let view = View::new(target, show)?;
    let mut answer = Vec::new();
    for name in view.measurements()? {
        let of_measurement = Predicate::measurement(&name);
        let keys = target
            .storage
            .field_keys(target.bucket, view.range, &of_measurement)?;
        let rows = keys
            .into_iter()
            .map(|(key, kind)| Ok(vec![target.cell(&key)?, target.cell(kind.name())?]));
        let rows = rows.collect::<Result<_, QueryError>>()?;
        answer.extend(view.answer(Some(&name), &["fieldKey", "fieldType"], rows));
    }
    Ok(answer)
}

/// `SHOW SERIES`
pub(super) fn series(target: &Target<'_>, show: &Show) -> Result<Vec<Series>, QueryError> {
    let view = View::new(target, show)?;
    let mut rows = Vec::new();
    for name in view.measurements()? {
        for series in view.series(&name)? {
            rows.push(vec![target.cell(&series.to_string())?]);
        }
    }
    Ok(view.answer(None, &["key"], rows).into_iter().collect())
}

/// `SHOW … CARDINALITY`
pub(super) fn cardinality(
    target: &Target<'_>,
    counted: Counted,
    show: &Show,
) -> Result<Vec<Series>, QueryError> {
    if show.condition.as_ref().is_some_and(has_time) {
        return Err(QueryError::new(
            "SHOW CARDINALITY doesn't support time in WHERE clause",
        ));
    }
    let view = View::new(target, show)?;
    let (mut answer, mut measurements) = (Vec::new(), 0);
    for name in view.measurements()? {
        let series = view.series(&name)?;
        let tags = || series.iter().flat_map(|series| series.tags());
        let count = match counted {
            Counted::Measurements => {
                measurements += i64::from(!series.is_empty());
                continue;
            }
            Counted::Series => series.len(),
            Counted::TagKeys => tags().map(|(key, _)| key).collect::<BTreeSet<_>>().len(),
            Counted::TagValues => {
                let values = tags().filter(|(key, _)| view.takes(key));
                values
                    .map(|(_, value)| value)
                    .collect::<BTreeSet<_>>()
                    .len()
            }
            // No field has tags that a condition could look at, as in InfluxDB.
            Counted::FieldKeys if view.condition.is_some() => 0,
            Counted::FieldKeys => {
                let of_measurement = Predicate::measurement(&name);
                let keys = target
                    .storage
                    .field_keys(target.bucket, view.range, &of_measurement)?;
                keys.into_iter()
                    .map(|(key, _)| key)
                    .collect::<BTreeSet<_>>()
                    .len()
            }
        };
        if count > 0 {
            let row = vec![Cell::Value(FieldValue::Integer(count as i64))];
            answer.extend(view.answer(Some(&name), &["count"], vec![row]));
        }
    }
    if measurements > 0 {
        let row = vec![Cell::Value(FieldValue::Integer(measurements))];
        answer.extend(view.answer(None, &["count"], vec![row]));
    }
    Ok(answer)
}

/// `DROP MEASUREMENT`
pub(super) fn drop_measurement(target: &Target<'_>, name: &str) -> Result<(), QueryError> {
    let of_measurement = Predicate::measurement(name);
    Ok(target
        .storage
        .delete(target.bucket, TimeRange::ALL, &of_measurement)?)
}

/// `DELETE [FROM …] [WHERE …]`: a time range, and conditions on tags.
pub(super) fn delete(target: &Target<'_>, show: &Show) -> Result<(), QueryError> {
    let (condition, times) = split(show.condition.as_ref(), &clock(target))?;
    let range = times.range();
    let view = View {
        target,
        show,
        range: TimeRange::ALL,
        condition: None,
    };
    let mut predicates = Vec::new();
    for name in view.measurements()? {
        predicates.extend(deletions(&view, &name, condition.as_ref())?);
    }
    for predicate in predicates {
        target.storage.delete(target.bucket, range, &predicate)?;
    }
    Ok(())
}

/// The deletes that a condition comes to in a measurement.
fn deletions(
    view: &View<'_>,
    measurement: &str,
    condition: Option<&Expression>,
) -> Result<Vec<Predicate>, QueryError> {
    let of_measurement = Predicate::measurement(measurement);
    let Some(condition) = condition else {
        return Ok(vec![of_measurement]);
    };
    let (storage, bucket) = (view.target.storage, view.target.bucket);
    let fields = storage.field_keys(bucket, TimeRange::ALL, &of_measurement)?;
    let fields: BTreeSet<String> = fields.into_iter().map(|(name, _)| name).collect();
    let mut parts = vec![of_measurement.clone()];
    if comparisons(condition, &fields, &mut parts) {
        return Ok(vec![Predicate::And(parts)]);
    }
    let all = storage.series(bucket, TimeRange::ALL, &of_measurement)?;
    let keys: BTreeSet<&String> = all
        .iter()
        .flat_map(|series| series.tags())
        .map(|(key, _)| key)
        .collect();
    let mut found = Vec::new();
    for series in &all {
        match left(condition, series, &fields, view.target) {
            Expression::Boolean(true) => found.push(exactly(series, &keys)),
            Expression::Boolean(false) => {}
            _ => {
                return Err(QueryError::new(
                    "fields not supported in WHERE clause during deletion",
                ));
            }
        }
        if found.len() > MAX_DELETED_SERIES {
            return Err(QueryError::new(format!(
                "a DELETE by such a condition takes at most {MAX_DELETED_SERIES} series; narrow it, or join = and != by AND"
            )));
        }
    }
    Ok(found)
}

/// A condition as comparisons joined by AND, as storage deletes by; false if it is none.
fn comparisons(
    condition: &Expression,
    fields: &BTreeSet<String>,
    found: &mut Vec<Predicate>,
) -> bool {
    match condition {
        Expression::Parentheses(inner) => comparisons(inner, fields, found),
        Expression::Binary(Operator::And, left, right) => {
            comparisons(left, fields, found) && comparisons(right, fields, found)
        }
        Expression::Binary(operator, left, right) => {
            let comparison = match operator {
                Operator::Equal => Comparison::Equal,
                Operator::NotEqual => Comparison::NotEqual,
                _ => return false,
            };
            let (Expression::Reference(tag, _), Expression::Text(value)) = (&**left, &**right)
            else {
                return false;
            };
            if fields.contains(tag) {
                return false;
            }
            found.push(compared(tag, comparison, value));
            true
        }
        _ => false,
    }
}

fn compared(tag: &str, comparison: Comparison, value: &str) -> Predicate {
    let literal = Literal::String(value.into());
    Predicate::Compare(Subject::Tag(tag.into()), comparison, literal)
}

/// A series and no other: a tag that it lacks is an empty text.
fn exactly(series: &SeriesKey, keys: &BTreeSet<&String>) -> Predicate {
    let mut parts = vec![Predicate::measurement(series.measurement())];
    let value = |key: &str| series.tag(key).unwrap_or_default();
    parts.extend(
        keys.iter()
            .map(|key| compared(key, Comparison::Equal, value(key))),
    );
    Predicate::And(parts)
}
