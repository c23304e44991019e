//! Points of measurements: what storage has of a field, series by series in the groups of GROUP BY, or what it made of
//! them.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use watchpost_core::point::FieldValue;
use watchpost_flux::source::{
    FieldValues, Literal, Predicate, PushedAggregate, ReadRequest, SeriesColumns, Subject,
    TimeRange,
};

use super::aggregate::{Function, reduced};
use super::fields::{Catalogue, Names};
use super::merge::{by_window, limited, merge, sorted};
use super::point::{Key, Options, Point, cast, goes_into};
use crate::influxql::ast::{Expression, Kind, Source};
use crate::influxql::condition::{MIN_TIME, Times, for_series, holds, tag_predicates};
use crate::influxql::eval::{Division, evaluate};
use crate::influxql::reduce::Clock;
use crate::influxql::{QueryError, Target};

/// A field or tag, and the kind that is asked for.
pub(super) type Reference<'a> = (&'a str, Kind);

/// Reads measurements.
pub(super) struct Reader<'a> {
    pub(super) target: &'a Target<'a>,
    pub(super) catalogue: &'a Catalogue<'a>,
}

/// After so many rows of a series it is asked whether the statement may go on: some milliseconds' work.
const CHECK_ROWS: usize = 1 << 16;

/// A series with the rows of some of its fields, in order of time.
struct Rows {
    tags: Vec<(String, String)>,
    fields: BTreeMap<String, Vec<(i64, FieldValue)>>,
}

impl Rows {
    fn tag(&self, name: &str) -> &str {
        let found = self.tags.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }

    fn at(&self, field: &str, time: i64) -> Option<&FieldValue> {
        let rows = self.fields.get(field)?;
        let place = rows.binary_search_by_key(&time, |(time, _)| *time).ok()?;
        Some(&rows[place].1)
    }
}

/// The groups of GROUP BY in order, each with its series' points.
pub(super) type Groups = BTreeMap<Vec<String>, Vec<Vec<Point>>>;

impl Reader<'_> {
    /// The points of a field, or of what is brought along alone, of all series of a source.
    pub(super) fn points(
        &self,
        source: &Source,
        reference: Option<Reference<'_>>,
        options: &Options,
    ) -> Result<Vec<Point>, QueryError> {
        let mut lists = Vec::new();
        for measurement in self.catalogue.measurements(source)? {
            let groups = self.groups(&measurement, reference, options)?;
            let mut merged = Vec::new();
            for (_, series) in groups {
                merged.push(of_group(series, options));
            }
            lists.push(merge(merged, options));
        }
        Ok(merge(lists, options))
    }

    /// What a function makes of a field, by windows and groups.
    pub(super) fn aggregated(
        &self,
        source: &Source,
        (name, function): (&str, Function),
        reference: Reference<'_>,
        options: &Options,
    ) -> Result<Vec<Point>, QueryError> {
        // Counts are summed where they come together.
        let joining = match function {
            Function::Count => Function::Sum,
            other => other,
        };
        let mut lists = Vec::new();
        for measurement in self.catalogue.measurements(source)? {
            let pushed = self.pushed(&measurement, name, reference, options)?;
            let groups = match pushed {
                Some(groups) => groups,
                None => {
                    let mut groups = self.groups(&measurement, Some(reference), options)?;
                    for series in groups.values_mut().flatten() {
                        *series = reduced(series, function, options)?;
                    }
                    groups
                }
            };
            let mut merged = Vec::new();
            for (_, series) in groups {
                merged.push(self.joined(series, function, options));
            }
            lists.push(reduced(&by_window(merged, options), joining, options)?);
        }
        reduced(&by_window(lists, options), joining, options)
    }

    /// The series of a group as one list. Of the first and last rows of all InfluxDB takes the first two of a group.
    fn joined(&self, series: Vec<Vec<Point>>, function: Function, options: &Options) -> Vec<Point> {
        let is_end = matches!(function, Function::First | Function::Last);
        if !is_end || options.has_windows() || options.dimensions.len() != options.grouped.len() {
            return by_window(series, options);
        }
        let ascending = matches!(function, Function::First);
        let mut series = series;
        if ascending != options.ascending {
            series.reverse();
        }
        let order = Options {
            ascending,
            ..options.clone()
        };
        let mut points = sorted(series, &order);
        points.truncate(2);
        points
    }

    fn groups(
        &self,
        measurement: &str,
        reference: Option<Reference<'_>>,
        options: &Options,
    ) -> Result<Groups, QueryError> {
        (self.target.may_go_on)()?;
        let names = self.catalogue.names(measurement)?;
        let is_field = |name: &str| names.fields.contains_key(name);
        let mut fields = BTreeSet::new();
        if let Some((name, kind)) = reference {
            if kind == Kind::Tag || !is_field(name) {
                return Ok(Groups::new());
            }
            fields.insert(name.to_owned());
        }
        let brought = options
            .auxiliary
            .iter()
            .filter(|(_, kind)| *kind != Kind::Tag);
        fields.extend(brought.map(|(name, _)| name.clone()));
        if let Some(condition) = &options.condition {
            condition.walk(&mut |part| {
                if let Expression::Reference(name, kind) = part
                    && *kind != Kind::Tag
                {
                    fields.insert(name.clone());
                }
            });
        }
        fields.retain(|name| is_field(name));
        let rows = self.rows(measurement, &fields, &names, options)?;
        let mut groups = self.empty_groups(measurement, &names, options)?;
        for series in rows {
            let points = self.of_series(measurement, &series, reference, &names, options)?;
            let Some(points) = points else { continue };
            put(&mut groups, &series.tags, points, options);
        }
        Ok(finished(groups, options))
    }

    /// Where groups are counted, they count also without rows: all of the series that there are.
    pub(super) fn empty_groups(
        &self,
        measurement: &str,
        names: &Names,
        options: &Options,
    ) -> Result<Groups, QueryError> {
        let mut groups = Groups::new();
        if options.series_limit == 0 && options.series_offset == 0 {
            return Ok(groups);
        }
        let (storage, bucket) = (self.target.storage, self.target.bucket);
        let of_measurement = watchpost_storage::Predicate::measurement(measurement);
        let is_field = |name: &str| names.fields.contains_key(name);
        for key in storage.series(bucket, self.catalogue.range(), &of_measurement)? {
            let tag = |name: &str| key.tag(name).unwrap_or_default().to_owned();
            let rest = options
                .condition
                .as_ref()
                .map(|condition| for_series(condition, &tag, &is_field, &Clock::still()));
            if !matches!(rest, Some(Expression::Boolean(false))) {
                groups.entry(group_of(key.tags(), options)).or_default();
            }
        }
        Ok(groups)
    }

    /// A series' points; none if its tags do not satisfy the condition.
    ///
    /// # Errors
    /// The statement's memory is used up, or it has to end.
    fn of_series(
        &self,
        measurement: &str,
        series: &Rows,
        reference: Option<Reference<'_>>,
        names: &Names,
        options: &Options,
    ) -> Result<Option<Vec<Point>>, QueryError> {
        let is_field = |name: &str| names.fields.contains_key(name);
        let tag = |name: &str| series.tag(name).to_owned();
        let condition = options
            .condition
            .as_ref()
            .map(|condition| for_series(condition, &tag, &is_field, &Clock::still()))
            .filter(|rest| !matches!(rest, Expression::Boolean(true)));
        if matches!(condition, Some(Expression::Boolean(false))) {
            return Ok(None);
        }
        let key = key_of(measurement, &series.tags, options);
        let value_of = |name: &str, kind: Kind, time: i64| -> Option<FieldValue> {
            if kind != Kind::Tag && (is_field(name) || kind != Kind::Unknown) {
                return series
                    .at(name, time)
                    .cloned()
                    .and_then(|value| cast(value, kind));
            }
            let value = series.tag(name);
            (!value.is_empty()).then(|| FieldValue::String(value.to_owned()))
        };
        let mut times = times_of(series, reference, options);
        if !options.ascending {
            times.reverse();
        }
        let mut points = Vec::new();
        for (turn, time) in times.into_iter().enumerate() {
            if turn % CHECK_ROWS == 0 {
                (self.target.may_go_on)()?;
            }
            let value = match reference {
                Some((name, kind)) => value_of(name, kind, time),
                None => Some(FieldValue::Float(0.0)),
            };
            let Some(value) = value else { continue };
            if let Some(condition) = &condition {
                let lookup = |part: &Expression| match part {
                    Expression::Reference(name, kind) => value_of(name, *kind, time),
                    _ => None,
                };
                if !holds(evaluate(condition, &lookup, Division::Whole)) {
                    continue;
                }
            }
            self.target.reserve_copy(Some(&value))?;
            let mut auxiliary = Vec::with_capacity(options.auxiliary.len());
            for (name, kind) in &options.auxiliary {
                let value = value_of(name, *kind, time);
                self.target.reserve_copy(value.as_ref())?;
                auxiliary.push(value);
            }
            points.push(Point {
                key: Rc::clone(&key),
                time,
                value: Some(value),
                auxiliary: Rc::from(auxiliary),
                rows: 1,
            });
        }
        Ok(Some(points))
    }

    fn rows(
        &self,
        measurement: &str,
        fields: &BTreeSet<String>,
        names: &Names,
        options: &Options,
    ) -> Result<Vec<Rows>, QueryError> {
        let mut found = Vec::<Rows>::new();
        if fields.is_empty() || options.start > options.end {
            return Ok(found);
        }
        let request = self.request(measurement, fields, names, options, None);
        self.target.read(&request, &mut |series| {
            let tags = tags_of(&series);
            if found.last().is_none_or(|last| last.tags != tags) {
                found.push(Rows {
                    tags,
                    fields: BTreeMap::new(),
                });
            }
            if let Some(last) = found.last_mut() {
                let rows = series.times.iter().enumerate();
                let rows = rows.map(|(row, time)| (*time, value_at(&series.values, row)));
                let known = last.fields.entry(series.field.to_string()).or_default();
                known.extend(rows);
                known.sort_by_key(|(time, _)| *time);
            }
            Ok(())
        })?;
        Ok(found)
    }

    pub(super) fn request(
        &self,
        measurement: &str,
        fields: &BTreeSet<String>,
        names: &Names,
        options: &Options,
        aggregate: Option<PushedAggregate>,
    ) -> ReadRequest {
        let mut all = vec![equal(Subject::Measurement, measurement)];
        let mut chosen: Vec<Predicate> = fields
            .iter()
            .map(|name| equal(Subject::Field, name))
            .collect();
        all.push(match chosen.pop() {
            Some(only) if chosen.is_empty() => only,
            Some(last) => {
                chosen.push(last);
                Predicate::Or(chosen)
            }
            None => Predicate::Or(chosen),
        });
        let is_field = |name: &str| names.fields.contains_key(name);
        all.extend(tag_predicates(options.condition.as_ref(), &is_field));
        let range = Times {
            first: Some(options.start),
            last: Some(options.end),
        }
        .range();
        let start = match range.start <= MIN_TIME {
            true => i64::MIN,
            false => range.start,
        };
        ReadRequest {
            bucket: self.target.reference.clone(),
            range: TimeRange {
                start,
                stop: range.stop,
            },
            predicate: Some(Predicate::And(all)),
            aggregate,
            tags: None,
            series_bytes: self.target.max_bytes,
        }
    }
}

/// What the points of a series are shown with.
pub(super) fn key_of(measurement: &str, tags: &[(String, String)], options: &Options) -> Rc<Key> {
    let value = |name: &String| {
        let found = tags.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let own_tags = options.own_tags();
    let tags = own_tags.iter().map(|name| (name.clone(), value(name)));
    Rc::new(Key {
        name: measurement.to_owned(),
        tags: tags.collect(),
    })
}

/// The series of a group as one list. LIMIT and OFFSET cut it where it is read, and by the grouping of the whole statement
/// once more; an OFFSET of a subquery therefore counts twice, as in InfluxDB.
fn of_group(mut series: Vec<Vec<Point>>, options: &Options) -> Vec<Point> {
    if options.limit == 0 && options.offset == 0 {
        return merge(series, options);
    }
    let most = options
        .limit
        .saturating_add(options.offset)
        .saturating_add(1);
    if options.dimensions.len() == options.grouped.len() {
        let mut points = merge(series, options);
        points.truncate(most);
        return points;
    }
    series.iter_mut().for_each(|points| points.truncate(most));
    limited(merge(series, options), options.offset, options.limit)
}

/// The times of a series' points: those of the field, or all of what is brought along.
fn times_of(series: &Rows, reference: Option<Reference<'_>>, options: &Options) -> Vec<i64> {
    if let Some((name, _)) = reference {
        let rows = series.fields.get(name).into_iter().flatten();
        return rows.map(|(time, _)| *time).collect();
    }
    let mut times = Vec::new();
    for (name, kind) in &options.auxiliary {
        if *kind != Kind::Tag {
            let rows = series.fields.get(name).into_iter().flatten();
            // What cannot be cast makes no row, as in InfluxDB.
            let rows = rows.filter(|(_, value)| goes_into(value.field_type(), *kind));
            times.extend(rows.map(|(time, _)| *time));
        }
    }
    times.sort_unstable();
    times.dedup();
    times
}

/// The values of the outermost GROUP BY's tags.
fn group_of(tags: &[(String, String)], options: &Options) -> Vec<String> {
    let mut names: Vec<&String> = options.dimensions.iter().collect();
    names.sort_unstable();
    let value = |name: &String| {
        let found = tags.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    names.into_iter().map(value).collect()
}

pub(super) fn put(
    groups: &mut Groups,
    tags: &[(String, String)],
    points: Vec<Point>,
    options: &Options,
) {
    groups
        .entry(group_of(tags, options))
        .or_default()
        .push(points);
}

/// The groups that are asked for, their series in the order of the statement.
pub(super) fn finished(mut groups: Groups, options: &Options) -> Groups {
    if !options.ascending {
        groups.values_mut().for_each(|series| series.reverse());
    }
    let (limit, offset) = (options.series_limit, options.series_offset);
    if limit == 0 && offset == 0 {
        return groups;
    }
    groups.into_iter().skip(offset).take(limit).collect()
}

fn equal(subject: Subject, text: &str) -> Predicate {
    Predicate::Compare(
        subject,
        watchpost_flux::source::Comparison::Equal,
        Literal::String(text.into()),
    )
}

pub(super) fn tags_of(series: &SeriesColumns) -> Vec<(String, String)> {
    let pairs = series.tags.iter();
    pairs
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}

pub(super) fn value_at(values: &FieldValues, row: usize) -> FieldValue {
    match values {
        FieldValues::Float(values) => FieldValue::Float(values[row]),
        FieldValues::Integer(values) => FieldValue::Integer(values[row]),
        FieldValues::Unsigned(values) => FieldValue::Unsigned(values[row]),
        FieldValues::Boolean(values) => FieldValue::Boolean(values[row]),
        FieldValues::String(values) => FieldValue::String(values[row].to_string()),
    }
}
