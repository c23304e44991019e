//! Flux: the text of a batch, and its rows given back to the rules.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use watchpost_client::flux_text;
use watchpost_core::csv::{DataType, Table};

use super::shape::{Batch, Content, Member, Operation, Shape};
use crate::alert::Nanos;
use crate::labels::{Fingerprint, Labels};
use crate::matcher::{Matcher, Operator, all_match};
use crate::rules::definition::{Aggregate, Selector};
use crate::rules::sample::Row;

/// The query of a batch.
pub fn text(batch: &Batch) -> String {
    match &batch.content {
        Content::Own { text, .. } => text.clone(),
        Content::Shaped(shape) => shaped(shape, &batch.members),
    }
}

fn shaped(shape: &Shape, members: &[Member]) -> String {
    let mut lines = vec![
        format!("from(bucket: {})", flux_text::string(&shape.bucket)),
        format!(
            "range(start: {}, stop: {})",
            flux_text::time(shape.start),
            flux_text::time(shape.stop)
        ),
        format!("filter(fn: (r) => {})", predicate(shape, members)),
    ];
    lines.extend(operation(shape));
    lines.push("drop(columns: [\"_start\", \"_stop\", \"_measurement\"])".to_owned());
    lines.join("\n  |> ")
}

/// What is computed of the selected points, and how they are merged. Rates are made of each series
/// and then added; anything else is made of the merged points.
fn operation(shape: &Shape) -> Vec<String> {
    let last = || "last()".to_owned();
    let computed = match shape.operation {
        Operation::Aggregate(how) => vec![aggregate(how)],
        Operation::Rate => vec![
            "derivative(unit: 1s, nonNegative: true)".to_owned(),
            "mean()".to_owned(),
        ],
        Operation::SlidingRate { every, period } => vec![windows(every, Some(period), RATE)],
        Operation::Newest => vec![last()],
        Operation::Oldest => vec!["first()".to_owned()],
        Operation::NewestOfEach { every } => {
            vec![format!("window(every: {})", duration(every)), last()]
        }
        Operation::Windows { every, aggregate } => vec![windows(every, None, function(aggregate))],
        Operation::Sliding {
            every,
            period,
            aggregate,
        } => vec![windows(every, Some(period), function(aggregate))],
    };
    if shape.group_by.is_empty() {
        return computed;
    }
    let group = |fields: &[&str]| {
        let tags = shape.group_by.iter().map(String::as_str);
        let names = fields.iter().copied().chain(tags);
        format!("group(columns: {})", flux_text::strings(names))
    };
    let sum = || "sum()".to_owned();
    match shape.operation {
        Operation::Rate => [computed, vec![group(&["_field"]), sum()]].concat(),
        Operation::SlidingRate { .. } => {
            [computed, vec![group(&["_field", "_time"]), sum()]].concat()
        }
        _ => [vec![group(&["_field"])], computed].concat(),
    }
}

fn windows(every: Nanos, period: Option<Nanos>, function: &str) -> String {
    let period = period.map_or(String::new(), |period| {
        format!(" period: {},", duration(period))
    });
    format!(
        "aggregateWindow(every: {},{period} fn: {function}, createEmpty: false)",
        duration(every)
    )
}

fn duration(length: Nanos) -> String {
    flux_text::duration(Duration::from_nanos(length.unsigned_abs()))
}

/// Interpolated between the two nearest values, as timelines and backtests compute it; the default
/// (a t-digest) only estimates.
const P95: &str = "q: 0.95, method: \"exact_mean\"";

/// What [`Operation::Rate`] does, of one window.
const RATE: &str = "(column, tables=<-) => tables |> derivative(unit: 1s, nonNegative: true, columns: [column]) |> mean(column: column)";

fn aggregate(how: Aggregate) -> String {
    match how {
        Aggregate::P95 => format!("quantile({P95})"),
        other => format!("{}()", other.as_str()),
    }
}

fn function(how: Aggregate) -> &'static str {
    match how {
        Aggregate::P95 => {
            "(column, tables=<-) => tables |> quantile(q: 0.95, method: \"exact_mean\", column: column)"
        }
        other => other.as_str(),
    }
}

/// Measurement, and any of the members' selectors. Equal selectors are written once.
fn predicate(shape: &Shape, members: &[Member]) -> String {
    let selectors: BTreeSet<String> = members
        .iter()
        .map(|member| selector(&member.rule.selector))
        .collect();
    let measurement = flux_text::equals("_measurement", &shape.measurement);
    let mut selectors: Vec<String> = selectors.into_iter().collect();
    match selectors.pop() {
        Some(only) if selectors.is_empty() => format!("{measurement} and {only}"),
        last => {
            selectors.extend(last);
            let any = selectors
                .into_iter()
                .map(|selector| format!("({selector})"))
                .collect::<Vec<_>>();
            format!("{measurement} and ({})", any.join(" or "))
        }
    }
}

fn selector(selector: &Selector) -> String {
    let field = flux_text::equals("_field", &selector.field);
    let conditions = selector.matchers.iter().map(condition);
    std::iter::once(field)
        .chain(conditions)
        .collect::<Vec<_>>()
        .join(" and ")
}

/// A matcher in Flux. A missing tag counts as the empty text, as in matchers everywhere; in Flux
/// a comparison with it is null.
fn condition(matcher: &Matcher) -> String {
    let tag = format!("r[{}]", flux_text::string(&matcher.name));
    let absent_matches = matcher.matches(&Labels::new());
    if matcher.value.is_empty() && matches!(matcher.operator, Operator::Equal | Operator::NotEqual)
    {
        return if absent_matches {
            format!("not exists {tag}")
        } else {
            format!("exists {tag}")
        };
    }
    let comparison = match matcher.operator {
        Operator::Equal => format!("{tag} == {}", flux_text::string(&matcher.value)),
        Operator::NotEqual => format!("{tag} != {}", flux_text::string(&matcher.value)),
        Operator::Regex => format!("{tag} =~ {}", regex(&matcher.value)),
        Operator::NotRegex => format!("{tag} !~ {}", regex(&matcher.value)),
    };
    if absent_matches {
        format!("(not exists {tag} or {comparison})")
    } else {
        comparison
    }
}

fn regex(value: &str) -> String {
    format!("/^(?:{})$/", value.replace('/', "\\/").replace('\n', "\\n"))
}

/// The rows of the answer, one list a member. Series that a member did not select are not its.
pub fn assign(batch: &Batch, tables: &[Table]) -> Vec<Vec<Row>> {
    let mut lists: Vec<Vec<Row>> = batch.members.iter().map(|_| Vec::new()).collect();
    if let Content::Own { .. } = batch.content {
        lists[0] = tables.iter().flat_map(own_rows).collect();
        return lists;
    }
    let mut by_field: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, member) in batch.members.iter().enumerate() {
        by_field
            .entry(member.rule.selector.field.as_str())
            .or_default()
            .push(index);
    }
    for table in tables {
        assign_table(batch, table, &by_field, &mut lists);
    }
    for (member, list) in batch.members.iter().zip(&mut lists) {
        if let Some(operation) = point(batch)
            && !member.rule.selector.group_by.is_empty()
        {
            *list = point_per_group(list, &member.rule.selector.group_by, operation);
        }
    }
    lists
}

/// The operation of a batch that asks for single points.
fn point(batch: &Batch) -> Option<Operation> {
    match &batch.content {
        Content::Shaped(shape) => Some(shape.operation).filter(|operation| operation.is_point()),
        Content::Own { .. } => None,
    }
}

fn is_newest_of_each(batch: &Batch) -> bool {
    let Content::Shaped(shape) = &batch.content else {
        return false;
    };
    matches!(shape.operation, Operation::NewestOfEach { .. })
}

fn assign_table(
    batch: &Batch,
    table: &Table,
    by_field: &HashMap<&str, Vec<usize>>,
    lists: &mut [Vec<Row>],
) {
    let mut tags = tag_columns(table);
    let merged = match &batch.content {
        Content::Shaped(shape) if !shape.group_by.is_empty() => {
            // `max`, `min` and `last` keep the other tags of the point that they select.
            tags.retain(|tag| shape.group_by.contains(tag));
            true
        }
        _ => false,
    };
    let any_type = point(batch).is_some() || is_newest_of_each(batch);
    // Tags are in the group key: the rows of a table share them, unless someone regrouped.
    let mut last: Option<(Arc<Labels>, Fingerprint)> = None;
    for row in table.rows() {
        let Some(field) = row.str("_field") else {
            continue;
        };
        let Some(interested) = by_field.get(field) else {
            continue;
        };
        let value = row.get("_value").and_then(|value| value.as_f64());
        // The newest point may be of any type; only its time counts.
        let Some(value) = value.or(any_type.then_some(0.0)) else {
            continue;
        };
        let tag = |label: &String| Some((label.clone(), row.str(label)?.to_owned()));
        let same = last.as_ref().filter(|(labels, _)| {
            tags.iter()
                .all(|l| labels.get(l) == row.str(l).unwrap_or(""))
        });
        let (labels, series) = same.cloned().unwrap_or_else(|| {
            let labels: Labels = tags.iter().filter_map(tag).collect();
            (Arc::new(labels.clone()), labels.fingerprint())
        });
        last = Some((Arc::clone(&labels), series));
        for &index in interested {
            if merged || all_match(&batch.members[index].rule.selector.matchers, &labels) {
                lists[index].push(Row {
                    labels: Arc::clone(&labels),
                    series,
                    value,
                    time: row.time("_time"),
                });
            }
        }
    }
}

/// The string columns that are tags: all but those that Flux makes.
fn tag_columns(table: &Table) -> Vec<String> {
    let is_tag = |label: &str| !label.starts_with('_') && label != "result" && label != "table";
    let columns = table
        .columns
        .iter()
        .filter(|c| c.data_type == DataType::String && is_tag(&c.label));
    columns.map(|column| column.label.clone()).collect()
}

fn own_rows(table: &Table) -> Vec<Row> {
    let tags = tag_columns(table);
    let row = |row: watchpost_core::csv::Row<'_>| {
        let value = row.get("_value")?.as_f64()?;
        let labels = tags
            .iter()
            .filter_map(|label| Some((label.clone(), row.str(label)?.to_owned())))
            .collect();
        Some(Row::new(labels, value, row.time("_time")))
    };
    table.rows().filter_map(row).collect()
}

/// One row a group, with the newest or the oldest time of its series.
fn point_per_group(rows: &[Row], group_by: &[String], operation: Operation) -> Vec<Row> {
    let mut groups: BTreeMap<Labels, Option<Nanos>> = BTreeMap::new();
    for row in rows {
        let known = groups
            .entry(row.labels.project(group_by))
            .or_insert(row.time);
        *known = match operation {
            Operation::Oldest => (*known).min(row.time),
            _ => (*known).max(row.time),
        };
    }
    groups
        .into_iter()
        .map(|(labels, time)| Row::new(labels, 0.0, time))
        .collect()
}
