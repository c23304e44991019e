//! What a `SELECT` reads from: a measurement in storage, or the answer of a subquery.

use std::collections::{BTreeMap, BTreeSet};

use watchpost_core::point::{FieldType, FieldValue};
use watchpost_flux::source::{
    FieldValues, Literal, Predicate, PushedAggregate, ReadRequest, SeriesColumns, Subject,
    TimeRange,
};
use watchpost_storage::Predicate as StoredPredicate;

use super::{inner, run_within};
use crate::influxql::answer::{Cell, Series};
use crate::influxql::ast::{Select, Source};
use crate::influxql::functions::Point;
use crate::influxql::{QueryError, Target};

/// A source with the names that it has.
pub(super) struct Relation {
    pub(super) name: String,
    /// The fields with their types.
    pub(super) fields: BTreeMap<String, FieldType>,
    pub(super) tags: BTreeSet<String>,
    /// The rows of a subquery; those of a measurement are in storage.
    rows: Option<Vec<Rows>>,
}

/// A series with the rows of some of its fields, each in order of time.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    pub(super) tags: Vec<(String, String)>,
    pub(super) fields: BTreeMap<String, Vec<Point>>,
}

/// The relations that a statement names, those of a pattern in order of name.
pub(super) fn relations(
    target: &Target<'_>,
    select: &Select,
    range: TimeRange,
) -> Result<Vec<Relation>, QueryError> {
    let mut found = Vec::new();
    for source in &select.sources {
        match source {
            Source::Subquery(subquery) => {
                let answer = run_within(target, &inner(select, subquery), range)?;
                found.extend(of_answer(answer));
            }
            source => {
                for name in measurements(target, std::slice::from_ref(source))? {
                    found.push(stored(target, name, range)?);
                }
            }
        }
    }
    Ok(found)
}

/// The measurements that sources name, those of a pattern in order of name.
pub(in crate::influxql) fn measurements(
    target: &Target<'_>,
    sources: &[Source],
) -> Result<Vec<String>, QueryError> {
    let mut found = Vec::new();
    for source in sources {
        match source {
            Source::Name { measurement, .. } => found.push(measurement.clone()),
            Source::Pattern { pattern, .. } => {
                let all = target.storage.measurements(
                    target.bucket,
                    watchpost_storage::TimeRange::ALL,
                    &StoredPredicate::default(),
                )?;
                found.extend(all.into_iter().filter(|name| pattern.is_match(name)));
            }
            Source::Subquery(_) => {
                return Err(QueryError::new("a subquery stands in SELECT alone"));
            }
        }
    }
    Ok(found)
}

fn stored(target: &Target<'_>, name: String, range: TimeRange) -> Result<Relation, QueryError> {
    let range = watchpost_storage::TimeRange::new(range.start, range.stop);
    let of_measurement = StoredPredicate::measurement(&name);
    let fields = target
        .storage
        .field_keys(target.bucket, range, &of_measurement)?;
    let tags = target
        .storage
        .tag_keys(target.bucket, range, &of_measurement)?;
    Ok(Relation {
        name,
        fields: fields.into_iter().collect(),
        tags: tags.into_iter().collect(),
        rows: None,
    })
}

/// The series of a subquery, a relation for each measurement that they came from.
fn of_answer(answer: Vec<Series>) -> Vec<Relation> {
    let mut relations: Vec<Relation> = Vec::new();
    for series in answer {
        let name = series.name.unwrap_or_default();
        let known = relations.iter().position(|relation| relation.name == name);
        let at = known.unwrap_or_else(|| {
            relations.push(Relation {
                name,
                fields: BTreeMap::new(),
                tags: BTreeSet::new(),
                rows: Some(Vec::new()),
            });
            relations.len() - 1
        });
        let relation = &mut relations[at];
        let mut fields: BTreeMap<String, Vec<Point>> = BTreeMap::new();
        for row in series.rows {
            let mut cells = row.into_iter();
            let Some(Cell::Time(time)) = cells.next() else {
                continue;
            };
            for (label, cell) in series.columns.iter().skip(1).zip(cells) {
                if let Cell::Value(value) = cell {
                    relation.fields.insert(label.clone(), value.field_type());
                    let points = fields.entry(label.clone()).or_default();
                    points.push(Point::new(time, value));
                }
            }
        }
        fields
            .values_mut()
            .for_each(|points| points.sort_by_key(|point| point.time));
        relation
            .tags
            .extend(series.tags.iter().map(|(key, _)| key.clone()));
        if let Some(rows) = &mut relation.rows {
            rows.push(Rows {
                tags: series.tags,
                fields,
            });
        }
    }
    relations
}

impl Relation {
    /// Whether storage can aggregate it.
    pub(super) fn is_stored(&self) -> bool {
        self.rows.is_none()
    }

    /// The rows of some fields within a range, of series that satisfy a condition on their tags.
    pub(super) fn rows(
        &self,
        target: &Target<'_>,
        fields: &BTreeSet<String>,
        range: TimeRange,
        condition: &[Predicate],
    ) -> Result<Vec<Rows>, QueryError> {
        if let Some(rows) = &self.rows {
            return Ok(chosen(rows, fields, range));
        }
        let mut found = Vec::<Rows>::new();
        if fields.is_empty() {
            return Ok(found);
        }
        let request = self.request(target, fields, range, condition, None);
        target.read(&request, &mut |series| {
            let tags = tags_of(&series);
            if found.last().is_none_or(|last| last.tags != tags) {
                found.push(Rows {
                    tags,
                    fields: BTreeMap::new(),
                });
            }
            if let Some(last) = found.last_mut() {
                let field = series.field.to_string();
                last.fields.entry(field).or_insert_with(|| points(series));
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// A read of the measurement.
    pub(super) fn request(
        &self,
        target: &Target<'_>,
        fields: &BTreeSet<String>,
        range: TimeRange,
        condition: &[Predicate],
        aggregate: Option<PushedAggregate>,
    ) -> ReadRequest {
        let mut all = vec![equal(Subject::Measurement, &self.name)];
        let mut names: Vec<Predicate> = fields
            .iter()
            .map(|name| equal(Subject::Field, name))
            .collect();
        all.push(match names.pop() {
            Some(only) if names.is_empty() => only,
            Some(last) => {
                names.push(last);
                Predicate::Or(names)
            }
            None => Predicate::Or(names),
        });
        all.extend(condition.iter().cloned());
        ReadRequest {
            bucket: target.reference.clone(),
            range,
            predicate: Some(Predicate::And(all)),
            aggregate,
            tags: None,
            series_bytes: target.max_bytes,
        }
    }
}

fn equal(subject: Subject, text: &str) -> Predicate {
    Predicate::Compare(
        subject,
        watchpost_flux::source::Comparison::Equal,
        Literal::String(text.into()),
    )
}

/// Some of the fields of rows that are here already.
fn chosen(rows: &[Rows], fields: &BTreeSet<String>, range: TimeRange) -> Vec<Rows> {
    let within = |point: &&Point| range.start <= point.time && point.time < range.stop;
    let of_series = |rows: &Rows| Rows {
        tags: rows.tags.clone(),
        fields: rows
            .fields
            .iter()
            .filter(|(name, _)| fields.contains(*name))
            .map(|(name, points)| {
                (
                    name.clone(),
                    points.iter().filter(within).cloned().collect(),
                )
            })
            .collect(),
    };
    rows.iter().map(of_series).collect()
}

/// The tags of a series as they are shown.
pub(super) fn tags_of(series: &SeriesColumns) -> Vec<(String, String)> {
    let pairs = series.tags.iter();
    pairs
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}

/// The rows of a series.
fn points(series: SeriesColumns) -> Vec<Point> {
    let times = series.times.iter();
    let value = |row: usize| value_at(&series.values, row);
    times
        .enumerate()
        .map(|(row, time)| Point::new(*time, value(row)))
        .collect()
}

/// The value of a row.
pub(super) fn value_at(values: &FieldValues, row: usize) -> FieldValue {
    match values {
        FieldValues::Float(values) => FieldValue::Float(values[row]),
        FieldValues::Integer(values) => FieldValue::Integer(values[row]),
        FieldValues::Unsigned(values) => FieldValue::Unsigned(values[row]),
        FieldValues::Boolean(values) => FieldValue::Boolean(values[row]),
        FieldValues::String(values) => FieldValue::String(values[row].to_string()),
    }
}
