//! `SELECT`: rows read from storage, grouped by tags, then listed as they are or aggregated, a window at a time.

mod columns;
mod expression;
mod group;

use std::collections::BTreeMap;
use std::sync::Arc;

use watchpost_core::point::{FieldValue, SeriesKey};
use watchpost_storage::predicate::{Comparison, Literal, Subject};
use watchpost_storage::{Predicate, ScanRequest, TimeRange};

use self::columns::{column_names, expanded, wanted};
use self::group::Group;
use super::answer::Series;
use super::ast::{Expression, Select, Source, TagChoice};
use super::condition::{accepts, split};
use super::{QueryError, Target};

/// What a value takes in memory with its name and its places in two trees.
const VALUE_BYTES: usize = 160;

/// A series' rows: fields by time.
struct Rows {
    series: Arc<SeriesKey>,
    rows: BTreeMap<i64, BTreeMap<String, FieldValue>>,
}

/// Carries out a `SELECT`.
pub(super) fn run(target: &Target<'_>, select: &Select) -> Result<Vec<Series>, QueryError> {
    let (range, condition) = split(select.condition.as_ref(), target.now)?;
    if range.is_empty() {
        return Ok(Vec::new());
    }
    let mut answer = Vec::new();
    for measurement in measurements(target, &select.sources)? {
        let rows = read(target, &measurement, range, select, condition.as_ref())?;
        let columns = expanded(select, &rows);
        for (tags, members) in grouped(select, rows) {
            (target.may_go_on)()?;
            let group = Group {
                select,
                columns: &columns,
                members: &members,
                range,
                now: target.now,
            };
            let rows = group.rows()?;
            if !rows.is_empty() {
                let mut labels = vec!["time".to_owned()];
                labels.extend(column_names(&columns));
                answer.push(Series {
                    name: Some(measurement.clone()),
                    tags,
                    columns: labels,
                    rows,
                });
            }
        }
    }
    let shown = answer.into_iter().skip(select.series_offset);
    Ok(shown
        .take(select.series_limit.unwrap_or(usize::MAX))
        .collect())
}

/// The measurements that sources name, those of a pattern in order of name.
pub(super) fn measurements(
    target: &Target<'_>,
    sources: &[Source],
) -> Result<Vec<String>, QueryError> {
    let mut found = Vec::new();
    for source in sources {
        match source {
            Source::Name { measurement, .. } => found.push(measurement.clone()),
            Source::Pattern(pattern) => {
                let all = target.storage.measurements(
                    target.bucket,
                    TimeRange::ALL,
                    &Predicate::default(),
                )?;
                found.extend(all.into_iter().filter(|name| pattern.is_match(name)));
            }
        }
    }
    Ok(found)
}

fn read(
    target: &Target<'_>,
    measurement: &str,
    range: TimeRange,
    select: &Select,
    condition: Option<&Expression>,
) -> Result<Vec<Rows>, QueryError> {
    let equal = |subject, text: &str| {
        Predicate::Compare(subject, Comparison::Equal, Literal::String(text.into()))
    };
    let mut parts = vec![equal(Subject::Measurement, measurement)];
    if let Some(wanted) = wanted(select, condition) {
        parts.push(Predicate::Or(
            wanted
                .iter()
                .map(|name| equal(Subject::Field, name))
                .collect(),
        ));
    }
    let request = ScanRequest {
        range,
        predicate: Predicate::And(parts),
    };
    let (mut found, mut count) = (Vec::<Rows>::new(), 0);
    for batch in target.storage.scan(target.bucket, &request)? {
        let batch = batch?;
        count += batch.times.len();
        (target.may_go_on)()?;
        if count.saturating_mul(VALUE_BYTES) > target.max_bytes {
            return Err(QueryError::new(format!(
                "memory allocation limit reached: limit {} bytes (--max-query-bytes); narrow the time range",
                target.max_bytes
            )));
        }
        if count > target.max_rows {
            return Err(QueryError::new(format!(
                "the query reads more than {} values (--max-query-rows); narrow its time range",
                target.max_rows
            )));
        }
        if found.last().is_none_or(|last| last.series != batch.series) {
            found.push(Rows {
                series: Arc::clone(&batch.series),
                rows: BTreeMap::new(),
            });
        }
        if let Some(last) = found.last_mut() {
            for (row, time) in batch.times.iter().enumerate() {
                last.rows
                    .entry(*time)
                    .or_default()
                    .insert(batch.field.to_string(), batch.values.value(row));
            }
        }
    }
    if let Some(condition) = condition {
        for Rows { series, rows } in &mut found {
            rows.retain(|_, fields| {
                let fields = fields
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.clone()))
                    .collect();
                accepts(condition, series, &fields)
            });
        }
        found.retain(|one| !one.rows.is_empty());
    }
    Ok(found)
}

type Tags = Vec<(String, String)>;

/// The series by the values of the tags that are grouped by, in order of these.
fn grouped(select: &Select, rows: Vec<Rows>) -> BTreeMap<Tags, Vec<Rows>> {
    let mut groups: BTreeMap<Tags, Vec<Rows>> = BTreeMap::new();
    for one in rows {
        let tags = match &select.tags {
            TagChoice::All => one.series.tags().to_vec(),
            TagChoice::Names(names) => {
                let value = |name: &String| {
                    (
                        name.clone(),
                        one.series.tag(name).unwrap_or_default().to_owned(),
                    )
                };
                names.iter().map(value).collect()
            }
        };
        groups.entry(tags).or_default().push(one);
    }
    groups
}
