//! `SELECT`: a plan of reads that storage answers, the same that Flux makes, and what is made of them for each group.
//!
//! An aggregate of a field (`mean(v)`, also a window at a time) is one read with that aggregate pushed down; whatever
//! else a column uses is read as rows. Conditions on tags go into the reads; those that need several fields of a row
//! are decided here.

mod columns;
mod combine;
mod evaluate;
mod expression;
mod group;
mod plan;
mod relation;

use std::collections::BTreeMap;

use watchpost_flux::source::TimeRange;
use watchpost_flux::value::window::Location;

use self::columns::{column_names, expanded};
pub(super) use self::expression::calculated;
use self::expression::has_aggregate;
use self::group::Group;
use self::plan::{Plan, Reads};
pub(super) use self::relation::measurements;
use self::relation::relations;
use super::answer::Series;
use super::ast::{Fill, Select, TagChoice};
use super::condition::split;
use super::{QueryError, Target};

/// All times.
const ALWAYS: TimeRange = TimeRange {
    start: i64::MIN,
    stop: i64::MAX,
};

/// The values of the tags that rows are grouped by.
pub(super) type Tags = Vec<(String, String)>;

/// Carries out a `SELECT`.
pub(super) fn run(target: &Target<'_>, select: &Select) -> Result<Vec<Series>, QueryError> {
    run_within(target, select, ALWAYS)
}

/// As [`run`], for rows within a range: a subquery never reads beyond what is asked of it.
fn run_within(
    target: &Target<'_>,
    select: &Select,
    within: TimeRange,
) -> Result<Vec<Series>, QueryError> {
    plan::check(select)?;
    let zone = select.zone.clone().unwrap_or_default();
    let (range, condition) = split(select.condition.as_ref(), target.now, &zone)?;
    let range = TimeRange {
        start: range.start.max(within.start),
        stop: range.stop.min(within.stop),
    };
    if range.start >= range.stop {
        return Ok(Vec::new());
    }
    let mut answer = Vec::new();
    let relations = relations(target, select, range)?;
    let columns = expanded(select, &relations);
    for relation in &relations {
        let plan = Plan {
            target,
            select,
            columns: &columns,
            relation,
            range,
            window: select.window.map(|window| window.in_zone(&zone)),
        };
        let reads = plan.read(condition.as_ref())?;
        let mut series = series_of(&plan, &reads, &zone)?;
        if select.descending {
            series.reverse();
        }
        answer.extend(series);
    }
    let shown = answer.into_iter().skip(select.series_offset);
    Ok(shown
        .take(select.series_limit.unwrap_or(usize::MAX))
        .collect())
}

/// The answer's series: one for each group that has rows.
fn series_of(plan: &Plan<'_>, reads: &Reads, zone: &Location) -> Result<Vec<Series>, QueryError> {
    let mut answer = Vec::new();
    for (tags, members) in groups(plan.select, reads) {
        (plan.target.may_go_on)()?;
        let group = Group {
            plan,
            reads,
            tags: &tags,
            members: &members,
        };
        let rows = group.rows()?;
        if !rows.is_empty() {
            let mut labels = vec!["time".to_owned()];
            labels.extend(column_names(plan.columns));
            answer.push(Series {
                name: Some(plan.relation.name.clone()),
                tags,
                columns: labels,
                rows,
                zone: zone.clone(),
            });
        }
    }
    Ok(answer)
}

/// The groups in order of their tags, each with the series of rows that are its own.
fn groups<'r>(select: &Select, reads: &'r Reads) -> BTreeMap<Tags, Vec<&'r relation::Rows>> {
    let mut groups: BTreeMap<Tags, Vec<&relation::Rows>> = BTreeMap::new();
    for rows in &reads.rows {
        groups
            .entry(tags_of(select, &rows.tags))
            .or_default()
            .push(rows);
    }
    for tags in reads.pushed.iter().flat_map(|pushed| pushed.groups.keys()) {
        groups.entry(tags.clone()).or_default();
    }
    groups
}

/// The tags by which a series is grouped.
fn tags_of(select: &Select, tags: &[(String, String)]) -> Tags {
    let value = |name: &String| {
        let known = tags.iter().find(|(key, _)| key == name);
        let value = known.map(|(_, value)| value.clone()).unwrap_or_default();
        (name.clone(), value)
    };
    match &select.tags {
        TagChoice::All => tags.to_vec(),
        TagChoice::Names(names) => names.iter().map(value).collect(),
        TagChoice::Pattern(pattern) => {
            let matching = tags.iter().filter(|(key, _)| pattern.is_match(key));
            matching.cloned().collect()
        }
    }
}

/// A subquery as its outer query asks it: windows are inherited, rows that only fill gaps are not made, and rows as
/// they are come with all of their tags.
fn inner(outer: &Select, select: &Select) -> Select {
    let mut inner = select.clone();
    let aggregates = inner
        .columns
        .iter()
        .any(|column| has_aggregate(&column.value));
    if aggregates {
        inner.window = inner.window.or(outer.window);
        if inner.fill == Fill::Null {
            inner.fill = Fill::None;
        }
    } else if inner.limit.is_none() && inner.offset == 0 {
        inner.tags = TagChoice::All;
    }
    inner.zone = inner.zone.or_else(|| outer.zone.clone());
    inner
}
