//! Tables: typed columns of equal length and the key that all rows of a table share.

mod column;
mod key;
mod vector;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use column::{Column, ColumnType, Text};
pub use key::{GroupKey, KeyValue};
pub use vector::Vector;

use crate::error::Error;

/// A named column.
#[derive(Debug, Clone)]
pub struct Field {
    /// The name.
    pub label: Arc<str>,
    /// The values.
    pub column: Column,
}

/// A table. Clones share memory.
///
/// Invariant: each column has `rows` rows; each column of the key is among the columns and repeats the key's value.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// What all rows have in common.
    pub key: GroupKey,
    /// The columns in their order.
    pub fields: Vec<Field>,
    /// How many rows.
    pub rows: usize,
    /// The lengths of the runs of rows that `group` put one after another; empty for one run. Only `sort` looks at it.
    pub pieces: Vec<usize>,
}

impl Table {
    /// A table of these columns, `rows` long.
    pub fn new(key: GroupKey, fields: Vec<Field>, rows: usize) -> Self {
        Self {
            key,
            fields,
            rows,
            pieces: Vec::new(),
        }
    }

    /// A table without rows that has the columns of its key.
    pub fn of_key(key: GroupKey, rows: usize) -> Self {
        let fields = key
            .columns()
            .iter()
            .map(|(label, value)| Field {
                label: Arc::clone(label),
                column: value.column(rows),
            })
            .collect();
        Self {
            key,
            fields,
            rows,
            pieces: Vec::new(),
        }
    }

    /// The place of a column.
    pub fn position(&self, label: &str) -> Option<usize> {
        self.fields
            .iter()
            .position(|field| field.label.as_ref() == label)
    }

    /// A column.
    pub fn column(&self, label: &str) -> Option<&Column> {
        self.fields
            .iter()
            .find(|field| field.label.as_ref() == label)
            .map(|field| &field.column)
    }

    /// A column that must be there.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn expect_column(&self, label: &str) -> Result<&Column, Error> {
        self.column(label)
            .ok_or_else(|| Error::invalid(format!("column {label:?} does not exist")))
    }

    /// A column of instants that must be there.
    ///
    /// # Errors
    /// There is none of this name, or it is of another type.
    pub fn expect_times(&self, label: &str) -> Result<&Vector<i64>, Error> {
        match self.expect_column(label)? {
            Column::Time(times) => Ok(times),
            other => Err(Error::invalid(format!(
                "column {label:?} is of type {}, not time",
                other.kind()
            ))),
        }
    }

    /// Puts a column in place of the one of its name, or at the end.
    pub fn set(&mut self, label: &str, column: Column) {
        match self.position(label) {
            Some(at) => self.fields[at].column = column,
            None => self.fields.push(Field {
                label: Arc::from(label),
                column,
            }),
        }
    }

    /// Takes a column away.
    pub fn remove(&mut self, label: &str) -> Option<Column> {
        let at = self.position(label)?;
        Some(self.fields.remove(at).column)
    }

    /// Rows `start..start + len`, sharing memory.
    #[must_use]
    pub fn slice(&self, start: usize, len: usize) -> Self {
        if start == 0 && len == self.rows {
            return self.clone();
        }
        self.with_columns(len, |column| column.slice(start, len))
    }

    /// The rows of these numbers, in that order.
    #[must_use]
    pub fn take(&self, rows: &[usize]) -> Self {
        if rows.len() == self.rows && rows.iter().enumerate().all(|(at, row)| at == *row) {
            return self.clone();
        }
        self.with_columns(rows.len(), |column| column.take(rows))
    }

    fn with_columns(&self, rows: usize, change: impl Fn(&Column) -> Column) -> Self {
        let fields = self
            .fields
            .iter()
            .map(|field| Field {
                label: Arc::clone(&field.label),
                column: change(&field.column),
            })
            .collect();
        Self {
            key: self.key.clone(),
            fields,
            rows,
            pieces: Vec::new(),
        }
    }

    /// The key of these columns as a row has them; columns that the table lacks are left out.
    pub fn key_of(&self, labels: &[Arc<str>], row: usize) -> GroupKey {
        let columns = labels.iter().filter_map(|label| {
            let column = self.column(label)?;
            Some((Arc::clone(label), KeyValue::of(column, row)))
        });
        GroupKey::new(columns.collect())
    }

    /// Bytes that the columns hold themselves.
    pub fn bytes(&self) -> usize {
        self.fields.iter().map(|field| field.column.bytes()).sum()
    }

    /// The names of the columns.
    pub fn labels(&self) -> impl Iterator<Item = &Arc<str>> {
        self.fields.iter().map(|field| &field.label)
    }
}

/// The tables of one key.
#[derive(Debug)]
struct Group {
    /// How many keys came before this one.
    arrived: usize,
    tables: Vec<Table>,
}

/// Tables gathered under their keys: pieces with the same key become one table, handed out in order of key.
#[derive(Debug, Default)]
pub struct TableGroups {
    groups: BTreeMap<GroupKey, Group>,
    bytes: usize,
}

impl TableGroups {
    /// Adds rows. Columns that the earlier rows of the group lack become null there, and the other way round.
    pub fn push(&mut self, table: Table) {
        self.bytes += table.bytes() + 64;
        let arrived = self.groups.len();
        let group = self
            .groups
            .entry(table.key.clone())
            .or_insert_with(|| Group {
                arrived,
                tables: Vec::new(),
            });
        group.tables.push(table);
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many tables it will be.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The tables in order of key, each knowing the runs of rows that it was made of.
    pub fn into_appended(self) -> impl Iterator<Item = Result<Table, Error>> {
        self.groups.into_values().map(|group| append(group.tables))
    }

    /// The tables in the order in which their keys came first.
    pub fn into_arrived(self) -> impl Iterator<Item = Result<Table, Error>> {
        let mut groups: Vec<Group> = self.groups.into_values().collect();
        groups.sort_by_key(|group| group.arrived);
        groups.into_iter().map(|group| merge(group.tables))
    }

    /// The tables in order of key.
    pub fn into_tables(self) -> impl Iterator<Item = Result<Table, Error>> {
        self.groups.into_values().map(|group| merge(group.tables))
    }
}

/// As [`merge`], remembering where each table's rows ended.
///
/// # Errors
/// As [`merge`].
pub fn append(parts: Vec<Table>) -> Result<Table, Error> {
    let pieces: Vec<usize> = parts
        .iter()
        .map(|part| part.rows)
        .filter(|rows| *rows > 0)
        .collect();
    let mut table = merge(parts)?;
    table.pieces = if pieces.len() > 1 { pieces } else { Vec::new() };
    Ok(table)
}

/// Tables of one key as one table, rows one after another.
///
/// # Errors
/// A column has another type in another table.
pub fn merge(mut parts: Vec<Table>) -> Result<Table, Error> {
    if parts.len() == 1 {
        return Ok(parts.remove(0));
    }
    // An empty piece still lends its columns.
    let Some(first) = parts.first() else {
        return Ok(Table::default());
    };
    let key = first.key.clone();
    let rows = parts.iter().map(|part| part.rows).sum();
    let mut labels: Vec<(Arc<str>, ColumnType)> = Vec::new();
    for field in parts.iter().flat_map(|part| &part.fields) {
        match labels.iter().find(|(label, _)| *label == field.label) {
            None => labels.push((Arc::clone(&field.label), field.column.kind())),
            Some((label, kind)) if *kind != field.column.kind() => {
                return Err(Error::invalid(format!(
                    "schema collision detected: column {label:?} is both of type {} and {kind}",
                    field.column.kind()
                )));
            }
            Some(_) => {}
        }
    }
    let mut fields = Vec::with_capacity(labels.len());
    for (label, kind) in labels {
        let columns: Vec<Column> = parts
            .iter()
            .map(|part| {
                part.column(&label)
                    .cloned()
                    .unwrap_or_else(|| Column::nulls(kind, part.rows))
            })
            .collect();
        let references: Vec<&Column> = columns.iter().collect();
        let column = Column::concat(&references).unwrap_or_else(|| Column::nulls(kind, rows));
        fields.push(Field { label, column });
    }
    Ok(Table {
        key,
        fields,
        rows,
        pieces: Vec::new(),
    })
}
