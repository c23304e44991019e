//! What the names of a statement stand for: kinds of columns, what `*` and patterns are, what columns are called.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use watchpost_core::point::FieldType;

use super::compile::Compiled;
use super::kinds::kind;
use super::wildcards::expand;
use crate::influxql::ast::{Expression, Kind, SelectColumn, Source};
use crate::influxql::condition::Times;
use crate::influxql::{QueryError, Target};

/// What there is in a measurement, in the shards of a range.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    pub(super) fields: BTreeMap<String, FieldType>,
    pub(super) tags: BTreeSet<String>,
}

/// The measurements of a source, in order of name, with what there is in them.
pub(super) type Schema = BTreeMap<String, Names>;

/// Looks measurements up, each once.
pub(super) struct Catalogue<'a> {
    target: &'a Target<'a>,
    range: watchpost_storage::TimeRange,
    known: std::cell::RefCell<Schema>,
}

impl<'a> Catalogue<'a> {
    /// Of the shards that times fall into.
    pub(super) fn new(target: &'a Target<'a>, times: Times) -> Self {
        Self {
            target,
            range: shards(times, target.shard),
            known: std::cell::RefCell::default(),
        }
    }

    /// The times of the shards.
    pub(super) fn range(&self) -> watchpost_storage::TimeRange {
        self.range
    }

    /// What there is in a measurement.
    pub(super) fn names(&self, measurement: &str) -> Result<Names, QueryError> {
        if let Some(known) = self.known.borrow().get(measurement) {
            return Ok(known.clone());
        }
        (self.target.may_go_on)()?;
        let of_measurement = watchpost_storage::Predicate::measurement(measurement);
        let (storage, bucket) = (self.target.storage, self.target.bucket);
        let mut names = Names::default();
        for (field, kind) in storage.field_keys(bucket, self.range, &of_measurement)? {
            let known = names.fields.entry(field).or_insert(kind);
            if let Kind::Field(widest) = Kind::Field(*known).widest(Kind::Field(kind)) {
                *known = widest;
            }
        }
        names.tags = storage
            .tag_keys(bucket, self.range, &of_measurement)?
            .into_iter()
            .collect();
        self.known
            .borrow_mut()
            .insert(measurement.to_owned(), names.clone());
        Ok(names)
    }

    /// The measurements that a source names.
    pub(super) fn measurements(&self, source: &Source) -> Result<Vec<String>, QueryError> {
        match source {
            Source::Name { measurement, .. } => Ok(vec![measurement.clone()]),
            Source::Pattern { pattern, .. } => {
                let (storage, bucket) = (self.target.storage, self.target.bucket);
                let mut all = storage.measurements(bucket, self.range, &Default::default())?;
                all.retain(|name| pattern.is_match(name));
                Ok(all)
            }
            Source::Subquery(_) => Ok(Vec::new()),
        }
    }

    /// What a name is in any of the sources.
    fn kind_of(&self, name: &str, compiled: &Compiled) -> Result<Kind, QueryError> {
        let mut kind = Kind::Unknown;
        for (source, inner) in compiled.select.sources.iter().zip(&compiled.subqueries) {
            if let Some(inner) = inner {
                let names = inner.select.columns.iter();
                let column = names.into_iter().find(|column| column_name(column) == name);
                if let Some(column) = column {
                    kind = kind.widest(self.kind(&column.value, inner)?);
                }
                let grouped = |dimension: &Expression| matches!(dimension, Expression::Reference(known, _) if known == name);
                if kind == Kind::Unknown && inner.select.dimensions.iter().any(grouped) {
                    kind = Kind::Tag;
                }
            }
            for measurement in self.measurements(source)? {
                let names = self.names(&measurement)?;
                kind = kind.widest(match names.fields.get(name) {
                    Some(field) => Kind::Field(*field),
                    None if names.tags.contains(name) => Kind::Tag,
                    None => Kind::Unknown,
                });
            }
        }
        Ok(kind)
    }

    /// The kind of an expression's values.
    pub(super) fn kind(
        &self,
        expression: &Expression,
        compiled: &Compiled,
    ) -> Result<Kind, QueryError> {
        let look_up = |name: &str| self.kind_of(name, compiled);
        kind(expression, &look_up)
    }
}

/// The whole shards that times fall into: names are known by shard, as in InfluxDB.
pub(in crate::influxql) fn shards(times: Times, shard: i64) -> watchpost_storage::TimeRange {
    /// InfluxDB counts shards from the year 1, a Monday.
    const FROM_YEAR_1: i128 = 62_135_596_800_000_000_000;
    let range = times.range();
    if shard <= 0 {
        return range;
    }
    let into = |time: i64| (i128::from(time) + FROM_YEAR_1).rem_euclid(i128::from(shard)) as i64;
    let start = match range.start {
        i64::MIN => i64::MIN,
        start => start.saturating_sub(into(start)),
    };
    let stop = match range.stop {
        i64::MAX => i64::MAX,
        stop => stop.saturating_sub(into(stop)).saturating_add(shard),
    };
    watchpost_storage::TimeRange::new(start, stop)
}

/// What a column is called, alone.
pub(super) fn column_name(column: &SelectColumn) -> String {
    match &column.alias {
        Some(alias) => alias.clone(),
        None => spelled(&column.value),
    }
}

fn spelled(expression: &Expression) -> String {
    match expression {
        Expression::Reference(name, _) | Expression::Call(name, _) => name.clone(),
        Expression::Parentheses(inner) => spelled(inner),
        Expression::Binary(..) => {
            let mut names = Vec::new();
            joined_names(expression, &mut names);
            names.join("_")
        }
        _ => String::new(),
    }
}

fn joined_names<'e>(expression: &'e Expression, names: &mut Vec<&'e str>) {
    match expression {
        Expression::Reference(name, _) | Expression::Call(name, _) => names.push(name),
        Expression::Parentheses(inner) => joined_names(inner, names),
        Expression::Binary(_, left, right) => {
            joined_names(left, names);
            joined_names(right, names);
        }
        _ => {}
    }
}

/// What the columns are called beside each other, the tags of `top` and `bottom` among them.
pub(super) fn column_names(columns: &[SelectColumn]) -> Vec<String> {
    let mut all: Vec<(Option<String>, String)> = Vec::new();
    for column in columns {
        all.push((column.alias.clone(), column_name(column)));
        let tags = best_tags(&column.value).iter();
        all.extend(tags.map(|tag| (None, spelled(tag))));
    }
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    for alias in all.iter().filter_map(|(alias, _)| alias.as_ref()) {
        taken.insert(alias.clone(), 1);
    }
    let mut names = Vec::new();
    for (alias, name) in all {
        if let Some(alias) = alias {
            names.push(alias);
            continue;
        }
        let mut unique = name.clone();
        if let Some(known) = taken.get(&name).copied() {
            let mut count = known;
            unique = loop {
                let numbered = format!("{name}_{count}");
                if !taken.contains_key(&numbered) {
                    taken.insert(name.clone(), count + 1);
                    break numbered;
                }
                count += 1;
            };
        }
        *taken.entry(unique.clone()).or_insert(0) += 1;
        names.push(unique);
    }
    names
}

/// The fields and tags that `top` and `bottom` show beside their own column.
pub(super) fn best_tags(value: &Expression) -> &[Expression] {
    match value {
        Expression::Call(name, arguments) if matches!(name.as_str(), "top" | "bottom") => {
            let last = arguments.len().saturating_sub(1);
            arguments.get(1..last).unwrap_or_default()
        }
        _ => &[],
    }
}

/// Gives names their kinds and replaces `*` and patterns, in subqueries first.
pub(super) fn resolve(
    compiled: &mut Compiled,
    catalogue: &Catalogue<'_>,
) -> Result<(), QueryError> {
    for inner in compiled.subqueries.iter_mut().flatten() {
        resolve(inner, catalogue)?;
    }
    let mut kinds: BTreeMap<String, Kind> = BTreeMap::new();
    let mut names = Vec::new();
    let mut gather = |part: &Expression| {
        if let Expression::Reference(name, Kind::Unknown | Kind::AnyField) = part {
            names.push(name.clone());
        }
    };
    let values = compiled.select.columns.iter().map(|column| &column.value);
    values
        .chain(&compiled.condition)
        .for_each(|value| value.walk(&mut gather));
    for name in names {
        if let Entry::Vacant(place) = kinds.entry(name) {
            let kind = catalogue.kind_of(place.key(), compiled)?;
            place.insert(kind);
        }
    }
    let mut assign = |part: &mut Expression| {
        if let Expression::Reference(name, kind @ (Kind::Unknown | Kind::AnyField)) = part
            && let Some(found) = kinds.get(name)
            && !(*found == Kind::Tag && *kind == Kind::AnyField)
        {
            *kind = *found;
        }
    };
    for column in &mut compiled.select.columns {
        column.value.walk_mut(&mut assign);
    }
    if let Some(condition) = &mut compiled.condition {
        condition.walk_mut(&mut assign);
    }
    expand(compiled, catalogue)?;
    for column in &compiled.select.columns {
        catalogue.kind(&column.value, compiled)?;
    }
    Ok(())
}
