//! The rows of an answer, one list a rule.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use watchpost_core::csv::{DataType, Table};
use watchpost_query::{Answer, Series};

use super::shape::{Batch, Content, Operation};
use crate::alert::Nanos;
use crate::labels::Labels;
use crate::matcher::all_match;
use crate::rules::sample::Row;

/// The rows of the answer, one list a member. Series that a member did not select are not its.
pub fn assign(batch: &Batch, answer: &Answer) -> Vec<Vec<Row>> {
    let mut lists: Vec<Vec<Row>> = batch.members.iter().map(|_| Vec::new()).collect();
    let mut by_field: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, member) in batch.members.iter().enumerate() {
        by_field
            .entry(member.rule.selector.field.as_str())
            .or_default()
            .push(index);
    }
    for series in &answer.series {
        let Some(interested) = by_field.get(&*series.field) else {
            continue;
        };
        assign_series(batch, series, interested, &mut lists);
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

fn assign_series(batch: &Batch, series: &Series, interested: &[usize], lists: &mut [Vec<Row>]) {
    let (merged, of_each) = match &batch.content {
        Content::Shaped(shape) => (
            !shape.group_by.is_empty(),
            matches!(shape.operation, Operation::NewestOfEach { .. }),
        ),
        Content::Own { .. } => (false, false),
    };
    // The newest point may be of any type; only its time counts.
    let any_type = of_each || point(batch).is_some();
    let labels = series.labels.iter();
    let labels: Labels = labels
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let (fingerprint, labels) = (labels.fingerprint(), Arc::new(labels));
    for &index in interested {
        if !merged && !all_match(&batch.members[index].rule.selector.matchers, &labels) {
            continue;
        }
        for point in &series.points {
            let value = point.value.as_f64().or(any_type.then_some(0.0));
            if let Some(value) = value {
                lists[index].push(Row {
                    labels: Arc::clone(&labels),
                    series: fingerprint,
                    value,
                    time: point.time,
                });
            }
        }
    }
}

/// The rows of a `flux` rule's own query: `_value`, and the string columns that are tags.
pub fn of_tables(tables: &[Table]) -> Vec<Row> {
    tables.iter().flat_map(own_rows).collect()
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
