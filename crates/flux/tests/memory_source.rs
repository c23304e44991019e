//! Stored data in memory: what the evaluation tests read and write.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use watchpost_core::line_protocol::{Precision, parse_points};
use watchpost_core::point::{FieldValue, Point, SeriesKey};
use watchpost_flux::effects::{Effects, HttpAnswer, HttpRequest, OutputPoint, OutputValue};
use watchpost_flux::error::Error;
use watchpost_flux::source::{
    Aggregate, BucketInformation, BucketReference, FieldType, FieldValues, Predicate,
    PushedAggregate, ReadRequest, Residual, Scan, SchemaRequest, SeriesColumns, SeriesSink,
    SeriesView, Source,
};

/// Rows of one field of one series.
type Rows = BTreeMap<i64, FieldValue>;

/// A bucket: by the series' text, then the field.
#[derive(Default, Clone)]
struct Bucket {
    series: BTreeMap<String, (SeriesKey, BTreeMap<String, Rows>)>,
}

/// Buckets by name.
#[derive(Default)]
pub(crate) struct MemorySource {
    buckets: RefCell<BTreeMap<String, Arc<Bucket>>>,
    /// Whether aggregates are computed here, as a storage engine does, rather than left to the evaluator.
    aggregates: bool,
}

impl MemorySource {
    /// Another source with the same rows, which computes aggregates itself or not; what one writes the other does not see.
    pub(crate) fn copy(&self, aggregates: bool) -> Self {
        Self {
            buckets: RefCell::new(self.buckets.borrow().clone()),
            aggregates,
        }
    }

    /// Makes an empty bucket.
    pub(crate) fn create(&self, bucket: &str) {
        self.buckets
            .borrow_mut()
            .entry(bucket.to_owned())
            .or_default();
    }

    /// Writes line protocol.
    pub(crate) fn load(&self, bucket: &str, lines: &[u8]) {
        let points = match parse_points(lines, Precision::Nanoseconds, 0) {
            Ok(points) => points,
            Err(errors) => panic!("{errors:?}"),
        };
        let mut buckets = self.buckets.borrow_mut();
        let bucket = Arc::make_mut(buckets.entry(bucket.to_owned()).or_default());
        for point in points {
            bucket.insert(&point);
        }
    }
}

impl Bucket {
    fn insert(&mut self, point: &Point) {
        let entry = self.series.entry(point.series.to_string());
        let (_, fields) = entry.or_insert_with(|| (point.series.clone(), BTreeMap::new()));
        for (key, value) in point.fields() {
            fields
                .entry(key.clone())
                .or_default()
                .insert(point.timestamp, value.clone());
        }
    }
}

struct View<'a> {
    key: &'a SeriesKey,
    field: &'a str,
}

impl SeriesView for View<'_> {
    fn measurement(&self) -> &str {
        self.key.measurement()
    }

    fn field(&self) -> &str {
        self.field
    }

    fn tag(&self, key: &str) -> Option<&str> {
        self.key.tag(key)
    }
}

fn residual(predicate: Option<&Predicate>, key: &SeriesKey, field: &str) -> Residual {
    predicate.map_or(Residual::All, |predicate| {
        predicate.against(&View { key, field })
    })
}

/// The rows of one type among a field's rows.
fn typed(rows: &[(i64, &FieldValue)], kind: FieldType) -> (Vec<i64>, FieldValues) {
    macro_rules! of {
        ($variant:ident, $made:ident, $value:ident => $copy:expr) => {{
            let mut times = Vec::new();
            let mut values = Vec::new();
            for (time, value) in rows {
                if let FieldValue::$variant($value) = value {
                    times.push(*time);
                    values.push($copy);
                }
            }
            (times, FieldValues::$made(values))
        }};
    }
    match kind {
        FieldType::Float => of!(Float, Float, value => *value),
        FieldType::Integer => of!(Integer, Integer, value => *value),
        FieldType::Unsigned => of!(Unsigned, Unsigned, value => *value),
        FieldType::Boolean => of!(Boolean, Boolean, value => *value),
        FieldType::String => of!(String, String, value => Arc::from(value.as_str())),
    }
}

fn keep(values: FieldValues, times: Vec<i64>, predicate: &Predicate) -> (Vec<i64>, FieldValues) {
    let rows: Vec<usize> = (0..times.len())
        .filter(|row| predicate.accepts_row(&values, *row))
        .collect();
    let times = rows.iter().map(|row| times[*row]).collect();
    macro_rules! of {
        ($($variant:ident),*) => {
            match values {
                $(FieldValues::$variant(values) => {
                    FieldValues::$variant(rows.iter().map(|row| values[*row].clone()).collect())
                })*
            }
        };
    }
    (times, of!(Float, Integer, Unsigned, Boolean, String))
}

impl MemorySource {
    fn unknown(bucket: &BucketReference) -> Error {
        Error::not_found(format!("could not find bucket {:?}", bucket.text()))
    }
}

/// One row a window, or one in all: what a storage engine hands back for an aggregate.
fn aggregated(
    aggregate: &PushedAggregate,
    times: &[i64],
    values: &FieldValues,
    stop: i64,
) -> (Vec<i64>, FieldValues) {
    let mut runs: Vec<(i64, std::ops::Range<usize>)> = Vec::new();
    for (row, time) in times.iter().enumerate() {
        let start = aggregate
            .window
            .as_ref()
            .map_or(i64::MIN, |window| window.latest(*time).start);
        match runs.last_mut() {
            Some((known, rows)) if *known == start => rows.end = row + 1,
            _ => runs.push((start, row..row + 1)),
        }
    }
    macro_rules! chosen {
        ($variant:ident, $values:expr) => {{
            let pick = |rows: &std::ops::Range<usize>| {
                let mut rows = rows.clone();
                let first = rows.next().expect("a run has a row");
                match aggregate.function {
                    Aggregate::First => first,
                    Aggregate::Last => rows.next_back().unwrap_or(first),
                    Aggregate::Min => rows.fold(first, |best, row| {
                        if $values[row] < $values[best] {
                            row
                        } else {
                            best
                        }
                    }),
                    _ => rows.fold(first, |best, row| {
                        if $values[row] > $values[best] {
                            row
                        } else {
                            best
                        }
                    }),
                }
            };
            let rows: Vec<usize> = runs.iter().map(|(_, rows)| pick(rows)).collect();
            (
                rows.iter().map(|row| times[*row]).collect::<Vec<i64>>(),
                FieldValues::$variant(rows.iter().map(|row| $values[*row].clone()).collect()),
            )
        }};
    }
    let numbers = || -> Vec<f64> {
        match values {
            FieldValues::Float(values) => values.clone(),
            FieldValues::Integer(values) => values.iter().map(|value| *value as f64).collect(),
            FieldValues::Unsigned(values) => values.iter().map(|value| *value as f64).collect(),
            FieldValues::Boolean(_) | FieldValues::String(_) => Vec::new(),
        }
    };
    let (row_times, answer) = match (aggregate.function, values) {
        (Aggregate::Count, _) => {
            let counts = runs.iter().map(|(_, rows)| rows.len() as i64).collect();
            (vec![stop; runs.len()], FieldValues::Integer(counts))
        }
        (Aggregate::Mean, _) => {
            let numbers = numbers();
            let means = runs
                .iter()
                .map(|(_, rows)| numbers[rows.clone()].iter().sum::<f64>() / rows.len() as f64);
            (vec![stop; runs.len()], FieldValues::Float(means.collect()))
        }
        (Aggregate::Sum, FieldValues::Integer(values)) => {
            let sums = runs.iter().map(|(_, rows)| {
                values[rows.clone()]
                    .iter()
                    .fold(0i64, |sum, value| sum.wrapping_add(*value))
            });
            (vec![stop; runs.len()], FieldValues::Integer(sums.collect()))
        }
        (Aggregate::Sum, FieldValues::Unsigned(values)) => {
            let sums = runs.iter().map(|(_, rows)| {
                values[rows.clone()]
                    .iter()
                    .fold(0u64, |sum, value| sum.wrapping_add(*value))
            });
            (
                vec![stop; runs.len()],
                FieldValues::Unsigned(sums.collect()),
            )
        }
        (Aggregate::Sum, _) => {
            let numbers = numbers();
            let sums = runs
                .iter()
                .map(|(_, rows)| numbers[rows.clone()].iter().sum::<f64>());
            (vec![stop; runs.len()], FieldValues::Float(sums.collect()))
        }
        (_, FieldValues::Float(values)) => chosen!(Float, values),
        (_, FieldValues::Integer(values)) => chosen!(Integer, values),
        (_, FieldValues::Unsigned(values)) => chosen!(Unsigned, values),
        (_, FieldValues::Boolean(values)) => chosen!(Boolean, values),
        (_, FieldValues::String(values)) => chosen!(String, values),
    };
    match aggregate.window {
        Some(_) => (runs.iter().map(|(start, _)| *start).collect(), answer),
        None => (row_times, answer),
    }
}

impl Source for MemorySource {
    fn can_aggregate(&self, aggregate: &PushedAggregate) -> bool {
        self.aggregates
            && aggregate
                .window
                .as_ref()
                .is_none_or(|window| window.fixed_every().is_some())
    }

    fn read(&self, request: &ReadRequest, sink: &mut SeriesSink<'_>) -> Result<Scan, Error> {
        // Kept aside: the sink may write into the same buckets.
        let bucket = {
            let buckets = self.buckets.borrow();
            Arc::clone(
                buckets
                    .get(request.bucket.text())
                    .ok_or_else(|| Self::unknown(&request.bucket))?,
            )
        };
        for (key, fields) in bucket.series.values() {
            let tags: Arc<[(Arc<str>, Arc<str>)]> = key
                .tags()
                .iter()
                .map(|(key, value)| (Arc::from(key.as_str()), Arc::from(value.as_str())))
                .collect();
            for (field, rows) in fields {
                let left = residual(request.predicate.as_ref(), key, field);
                if matches!(left, Residual::None) {
                    continue;
                }
                let range = request.range;
                let inside: Vec<(i64, &FieldValue)> = rows
                    .range(range.start..range.stop.max(range.start))
                    .map(|(time, value)| (*time, value))
                    .collect();
                for kind in [
                    FieldType::Float,
                    FieldType::Integer,
                    FieldType::Unsigned,
                    FieldType::Boolean,
                    FieldType::String,
                ] {
                    let (mut times, mut values) = typed(&inside, kind);
                    if let Residual::Values(predicate) = &left {
                        (times, values) = keep(values, times, predicate);
                    }
                    if times.is_empty() {
                        continue;
                    }
                    let mut counts = Vec::new();
                    if let Some(aggregate) = &request.aggregate {
                        if !aggregate.function.accepts(kind) {
                            let kind = if kind == FieldType::String {
                                "string"
                            } else {
                                "boolean"
                            };
                            let name = aggregate.function.name();
                            return Err(Error::invalid(format!(
                                "unsupported input type for {name} aggregate: {kind}"
                            )));
                        }
                        if aggregate.function == Aggregate::Mean && aggregate.window.is_none() {
                            counts.push(times.len() as u64);
                        }
                        (times, values) =
                            aggregated(aggregate, &times, &values, request.range.stop);
                    }
                    sink(SeriesColumns {
                        stored: kind,
                        counts,
                        measurement: Arc::from(key.measurement()),
                        tags: Arc::clone(&tags),
                        field: Arc::from(field.as_str()),
                        times,
                        values,
                        chosen: Vec::new(),
                    })?;
                }
            }
        }
        Ok(if request.aggregate.is_some() {
            Scan::Aggregated
        } else {
            Scan::Raw
        })
    }

    fn tag_keys(&self, request: &SchemaRequest) -> Result<Vec<Arc<str>>, Error> {
        self.names(request, |key, _, names| {
            names.extend(key.tags().iter().map(|(key, _)| key.clone()))
        })
    }

    fn tag_values(&self, request: &SchemaRequest, wanted: &str) -> Result<Vec<Arc<str>>, Error> {
        self.names(request, |key, field, names| match wanted {
            "_measurement" => names.push(key.measurement().to_owned()),
            "_field" => names.push(field.to_owned()),
            tag => names.extend(key.tag(tag).map(str::to_owned)),
        })
    }

    fn buckets(&self) -> Result<Vec<BucketInformation>, Error> {
        let names = self.buckets.borrow();
        let information = |(at, name): (usize, &String)| BucketInformation {
            name: name.clone(),
            id: format!("{:016x}", at + 1),
            organization_id: "00000000000000aa".to_owned(),
            retention_policy: String::new(),
            retention_period: 0,
        };
        Ok(names.keys().enumerate().map(information).collect())
    }
}

impl MemorySource {
    /// Distinct names of the series that a request selects, ascending. Like storage's index it knows no times.
    fn names(
        &self,
        request: &SchemaRequest,
        add: impl Fn(&SeriesKey, &str, &mut Vec<String>),
    ) -> Result<Vec<Arc<str>>, Error> {
        let buckets = self.buckets.borrow();
        let bucket = buckets
            .get(request.bucket.text())
            .ok_or_else(|| Self::unknown(&request.bucket))?;
        let mut names = Vec::new();
        for (key, fields) in bucket.series.values() {
            for field in fields.keys() {
                if !matches!(
                    residual(request.predicate.as_ref(), key, field),
                    Residual::None
                ) {
                    add(key, field, &mut names);
                }
            }
        }
        names.sort();
        names.dedup();
        Ok(names.into_iter().map(Arc::from).collect())
    }
}

impl Effects for MemorySource {
    fn write(&self, bucket: &BucketReference, points: Vec<OutputPoint>) -> Result<(), Error> {
        let mut buckets = self.buckets.borrow_mut();
        let bucket = Arc::make_mut(
            buckets
                .get_mut(bucket.text())
                .ok_or_else(|| Self::unknown(bucket))?,
        );
        for point in points {
            let mut stored = Point::new(point.measurement.as_ref(), point.time);
            for (key, value) in &point.tags {
                stored = stored.tag(key.as_ref(), value.as_ref());
            }
            for (key, value) in point.fields {
                let value = match value {
                    OutputValue::Float(value) => FieldValue::Float(value),
                    OutputValue::Integer(value) => FieldValue::Integer(value),
                    OutputValue::Unsigned(value) => FieldValue::Unsigned(value),
                    OutputValue::String(value) => FieldValue::String(value.as_ref().into()),
                    OutputValue::Boolean(value) => FieldValue::Boolean(value),
                };
                let known = bucket.series.get(&stored.series.to_string());
                let known = known.and_then(|(_, fields)| fields.get(key.as_ref()));
                let known = known.and_then(|rows| rows.values().next());
                if known.is_some_and(|known| known.field_type() != value.field_type()) {
                    return Err(Error::invalid(format!(
                        "field type conflict: input field {key:?}"
                    )));
                }
                stored = stored.field(key.as_ref(), value);
            }
            bucket.insert(&stored);
        }
        Ok(())
    }

    fn http(&self, request: HttpRequest) -> Result<HttpAnswer, Error> {
        Err(Error::invalid(format!("cannot reach {}", request.url)))
    }

    fn secret(&self, key: &str) -> Result<String, Error> {
        Err(Error::not_found(format!("secret key {key:?} not found")))
    }

    fn task_last_success(&self) -> Option<i64> {
        None
    }

    fn version(&self) -> String {
        "2.7".to_owned()
    }
}
