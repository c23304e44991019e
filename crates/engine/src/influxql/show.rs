//! `SHOW …` and `DELETE`: what there is, and its end.

use watchpost_flux::value::window::Location;
use watchpost_storage::predicate::{Comparison, Literal, Subject};
use watchpost_storage::{Predicate, TimeRange};

use super::answer::{Cell, Series};
use super::ast::{Expression, Operator, Show};
use super::condition::{accepts, split};
use super::select::measurements as named;
use super::{QueryError, Target};

/// The range of times that a statement looks at, and what remains of its condition.
fn range_of(
    target: &Target<'_>,
    show: &Show,
) -> Result<(TimeRange, Option<Expression>), QueryError> {
    let (range, rest) = split(show.condition.as_ref(), target.now, &Location::default())?;
    Ok((TimeRange::new(range.start, range.stop), rest))
}

fn measurement_predicate(name: &str) -> Predicate {
    Predicate::measurement(name)
}

/// The measurements that a statement looks at, in order of name.
fn chosen(target: &Target<'_>, show: &Show, range: TimeRange) -> Result<Vec<String>, QueryError> {
    (target.may_go_on)()?;
    if show.sources.is_empty() {
        return Ok(target
            .storage
            .measurements(target.bucket, range, &Predicate::default())?);
    }
    let mut found = named(target, &show.sources)?;
    found.sort();
    Ok(found)
}

/// The series of a measurement that satisfy the condition.
fn matching(
    target: &Target<'_>,
    measurement: &str,
    range: TimeRange,
    condition: Option<&Expression>,
) -> Result<Vec<std::sync::Arc<watchpost_core::point::SeriesKey>>, QueryError> {
    (target.may_go_on)()?;
    let mut found =
        target
            .storage
            .series(target.bucket, range, &measurement_predicate(measurement))?;
    if let Some(condition) = condition {
        found.retain(|series| accepts(condition, series.tags(), &|_| false, &|_| None));
    }
    Ok(found)
}

/// Whether a statement looks at a tag.
fn takes(show: &Show, key: &str) -> bool {
    show.keys.as_ref().is_none_or(|keys| keys.takes(key))
}

fn cut(show: &Show, rows: Vec<Vec<Cell>>) -> Vec<Vec<Cell>> {
    rows.into_iter()
        .skip(show.offset)
        .take(show.limit.unwrap_or(usize::MAX))
        .collect()
}

/// A series of an answer, if it has rows.
fn series_of(
    show: &Show,
    name: Option<&str>,
    columns: &[&str],
    rows: Vec<Vec<Cell>>,
) -> Option<Series> {
    let rows = cut(show, rows);
    (!rows.is_empty()).then(|| Series {
        name: name.map(str::to_owned),
        columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        rows,
        ..Series::default()
    })
}

/// `SHOW MEASUREMENTS`
pub(super) fn measurements(target: &Target<'_>, show: &Show) -> Result<Vec<Series>, QueryError> {
    let (range, condition) = range_of(target, show)?;
    let mut rows = Vec::new();
    for name in chosen(target, show, range)? {
        if !matching(target, &name, range, condition.as_ref())?.is_empty() {
            rows.push(vec![Cell::text(name)]);
        }
    }
    Ok(series_of(show, Some("measurements"), &["name"], rows)
        .into_iter()
        .collect())
}

/// `SHOW TAG KEYS`
pub(super) fn tag_keys(target: &Target<'_>, show: &Show) -> Result<Vec<Series>, QueryError> {
    let (range, condition) = range_of(target, show)?;
    let mut answer = Vec::new();
    for name in chosen(target, show, range)? {
        let found = matching(target, &name, range, condition.as_ref())?;
        let mut keys: Vec<&String> = found
            .iter()
            .flat_map(|series| series.tags())
            .map(|(key, _)| key)
            .filter(|key| takes(show, key))
            .collect();
        keys.sort_unstable();
        keys.dedup();
        let rows = keys
            .into_iter()
            .map(|key| vec![Cell::text(key.as_str())])
            .collect();
        answer.extend(series_of(show, Some(&name), &["tagKey"], rows));
    }
    Ok(answer)
}

/// `SHOW TAG VALUES`
pub(super) fn tag_values(target: &Target<'_>, show: &Show) -> Result<Vec<Series>, QueryError> {
    let (range, condition) = range_of(target, show)?;
    let mut answer = Vec::new();
    for name in chosen(target, show, range)? {
        let found = matching(target, &name, range, condition.as_ref())?;
        let mut pairs: Vec<&(String, String)> = found
            .iter()
            .flat_map(|series| series.tags())
            .filter(|(key, _)| takes(show, key))
            .collect();
        pairs.sort_unstable();
        pairs.dedup();
        let rows = pairs
            .into_iter()
            .map(|(key, value)| vec![Cell::text(key.as_str()), Cell::text(value.as_str())]);
        answer.extend(series_of(
            show,
            Some(&name),
            &["key", "value"],
            rows.collect(),
        ));
    }
    Ok(answer)
}

/// `SHOW FIELD KEYS`
pub(super) fn field_keys(target: &Target<'_>, show: &Show) -> Result<Vec<Series>, QueryError> {
    let (range, _) = range_of(target, show)?;
    let mut answer = Vec::new();
    for name in chosen(target, show, range)? {
        let keys =
            target
                .storage
                .field_keys(target.bucket, range, &measurement_predicate(&name))?;
        let rows = keys
            .into_iter()
            .map(|(key, kind)| vec![Cell::text(key), Cell::text(kind.name())]);
        answer.extend(series_of(
            show,
            Some(&name),
            &["fieldKey", "fieldType"],
            rows.collect(),
        ));
    }
    Ok(answer)
}

/// `SHOW SERIES`
pub(super) fn series(target: &Target<'_>, show: &Show) -> Result<Vec<Series>, QueryError> {
    let (range, condition) = range_of(target, show)?;
    let mut rows = Vec::new();
    for name in chosen(target, show, range)? {
        let found = matching(target, &name, range, condition.as_ref())?;
        rows.extend(
            found
                .into_iter()
                .map(|series| vec![Cell::text(series.to_string())]),
        );
    }
    Ok(series_of(show, None, &["key"], rows).into_iter().collect())
}

/// `DELETE FROM … WHERE …`: a time range, and equality of tags joined by AND.
pub(super) fn delete(target: &Target<'_>, show: &Show) -> Result<(), QueryError> {
    let (range, condition) = range_of(target, show)?;
    if show.sources.is_empty() {
        return Err(QueryError::new("DELETE needs FROM and a measurement"));
    }
    let mut equalities = Vec::new();
    if let Some(condition) = &condition {
        collect(condition, &mut equalities)?;
    }
    for name in named(target, &show.sources)? {
        let mut parts = vec![measurement_predicate(&name)];
        parts.extend(equalities.iter().cloned());
        target
            .storage
            .delete(target.bucket, range, &Predicate::And(parts))?;
    }
    Ok(())
}

fn collect(condition: &Expression, found: &mut Vec<Predicate>) -> Result<(), QueryError> {
    match condition {
        Expression::Binary(Operator::And, left, right) => {
            collect(left, found)?;
            collect(right, found)
        }
        Expression::Binary(Operator::Equal, left, right) => match (&**left, &**right) {
            (Expression::Reference(tag), Expression::Text(value)) => {
                let subject = Subject::Tag(tag.as_str().into());
                found.push(Predicate::Compare(
                    subject,
                    Comparison::Equal,
                    Literal::String(value.as_str().into()),
                ));
                Ok(())
            }
            _ => Err(QueryError::new("DELETE compares tags with texts alone")),
        },
        _ => Err(QueryError::new(
            "DELETE takes times, and equality of tags joined by AND",
        )),
    }
}
