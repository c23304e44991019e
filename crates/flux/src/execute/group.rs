//! `group`: rows gathered under new keys.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::Error;
use crate::plan::Group;
use crate::table::{Column, ColumnType, GroupKey, KeyValue, Table, TableGroups, append};

/// The tables regrouped in memory: in order of key, rows in order of arrival.
pub(super) fn group_tables(tables: Vec<Table>, spec: &Group) -> Vec<Result<Table, Error>> {
    let mut groups = TableGroups::default();
    for table in tables {
        let labels: Vec<Arc<str>> = if spec.except {
            table
                .labels()
                .filter(|label| !spec.columns.contains(label))
                .cloned()
                .collect()
        } else {
            spec.columns
                .iter()
                .filter(|label| table.position(label).is_some())
                .cloned()
                .collect()
        };
        for part in split_by(&table, &labels) {
            groups.push(part);
        }
    }
    groups.into_appended().collect()
}

/// A table split by the values of columns, each part with the key of those columns; in order of first appearance.
pub fn split_by(table: &Table, labels: &[Arc<str>]) -> Vec<Table> {
    let constant = labels
        .iter()
        .all(|label| table.key.contains(label) || is_constant(table, label));
    if constant || table.rows == 0 {
        let mut part = table.clone();
        part.key = key_without_rows(table, labels);
        return vec![part];
    }
    let mut groups: BTreeMap<GroupKey, usize> = BTreeMap::new();
    let mut rows: Vec<(GroupKey, Vec<usize>)> = Vec::new();
    for row in 0..table.rows {
        let key = table.key_of(labels, row);
        let at = *groups.entry(key.clone()).or_insert_with(|| {
            rows.push((key, Vec::new()));
            rows.len() - 1
        });
        rows[at].1.push(row);
    }
    rows.into_iter()
        .map(|(key, rows)| {
            let mut part = table.take(&rows);
            part.key = key;
            constant_keys(&mut part);
            part
        })
        .collect()
}

fn is_constant(table: &Table, label: &str) -> bool {
    table
        .column(label)
        .is_some_and(crate::table::Column::is_constant)
}

/// The key of these columns, whose values do not vary (or which have no rows).
fn key_without_rows(table: &Table, labels: &[Arc<str>]) -> GroupKey {
    let columns = labels.iter().filter_map(|label| {
        if let Some(value) = table.key.get(label) {
            return Some((Arc::clone(label), value.clone()));
        }
        let column = table.column(label)?;
        let value = if table.rows == 0 {
            KeyValue::of(&crate::table::Column::nulls(column.kind(), 1), 0)
        } else {
            KeyValue::of(column, 0)
        };
        Some((Arc::clone(label), value))
    });
    GroupKey::new(columns.collect())
}

/// Makes the columns of the key cheap repeated values.
pub fn constant_keys(table: &mut Table) {
    let rows = table.rows;
    for (label, value) in table.key.columns() {
        if let Some(field) = table.fields.iter_mut().find(|field| field.label == *label) {
            field.column = value.column(rows);
        }
    }
}

/// The tables regrouped as storage does it: the key holds the named tags (null where a series lacks one, nulls last) and
/// the bounds of the range. A tag that only some series of a group have is an empty text in the rows of the others.
///
/// # Errors
/// Fields of several types meet in one group.
pub(super) fn group_series(tables: Vec<Table>, columns: &[Arc<str>]) -> Result<Vec<Table>, Error> {
    let mut groups: BTreeMap<StorageKey, Vec<Table>> = BTreeMap::new();
    for mut table in tables {
        let mut order = Vec::with_capacity(columns.len());
        let mut key = Vec::with_capacity(columns.len() + 2);
        for label in ["_start", "_stop"] {
            if let Some(value) = table.key.get(label) {
                key.push((Arc::from(label), value.clone()));
            }
        }
        for label in columns {
            let value = table.key.get(label).cloned();
            if label.starts_with("_st") {
                continue;
            }
            if let Some(value) = &value {
                key.push((Arc::clone(label), value.clone()));
            }
            order.push(value);
        }
        table.key = GroupKey::new(key);
        groups.entry(StorageKey(order)).or_default().push(table);
    }
    let complete = |mut parts: Vec<Table>| {
        fill_tags(&mut parts, columns);
        append(parts)
    };
    groups.into_values().map(complete).collect()
}

/// Gives each table the texts that others of its group have, unless the group is named after them.
fn fill_tags(parts: &mut [Table], columns: &[Arc<str>]) {
    let mut labels: Vec<Arc<str>> = Vec::new();
    for field in parts.iter().flat_map(|part| &part.fields) {
        let is_text = field.column.kind() == ColumnType::String;
        if is_text && !columns.contains(&field.label) && !labels.contains(&field.label) {
            labels.push(Arc::clone(&field.label));
        }
    }
    let empty: Arc<str> = Arc::from("");
    for part in parts {
        for label in &labels {
            if part.position(label).is_none() {
                part.set(label, Column::text(&empty, part.rows));
            }
        }
    }
}

/// Puts the named columns that no series has into the key of an aggregate, as null texts.
pub(super) fn with_missing_columns(mut table: Table, columns: &[Arc<str>]) -> Table {
    for label in columns {
        if !table.key.contains(label) && table.position(label).is_none() {
            let null = KeyValue::String(None);
            table.set(label, null.column(table.rows));
            table.key = table.key.with(label, null);
        }
    }
    table
}

/// The order of groups in storage: by each column in turn, missing ones last.
#[derive(PartialEq, Eq)]
struct StorageKey(Vec<Option<KeyValue>>);

impl Ord for StorageKey {
    fn cmp(&self, other: &Self) -> Ordering {
        for (left, right) in self.0.iter().zip(&other.0) {
            let order = match (left, right) {
                (None, None) => Ordering::Equal,
                (None, Some(_)) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
                (Some(left), Some(right)) => left.cmp(right),
            };
            if order != Ordering::Equal {
                return order;
            }
        }
        Ordering::Equal
    }
}

impl PartialOrd for StorageKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
