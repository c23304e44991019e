//! What `*` and patterns stand for, in columns and in GROUP BY.

use std::collections::{BTreeMap, BTreeSet};

use watchpost_core::point::FieldType;

use super::compile::Compiled;
use super::fields::{Catalogue, column_name};
use crate::influxql::QueryError;
use crate::influxql::ast::{Expression, Kind, Select, SelectColumn};

/// What a statement's sources have: fields with their kinds, and tags.
fn all_names(
    compiled: &Compiled,
    catalogue: &Catalogue<'_>,
) -> Result<(BTreeMap<String, Kind>, BTreeSet<String>), QueryError> {
    let (mut fields, mut tags): (BTreeMap<String, Kind>, BTreeSet<String>) = Default::default();
    let mut add = |name: String, kind: Kind| {
        let known = fields.entry(name).or_default();
        *known = known.widest(kind);
    };
    for (source, inner) in compiled.select.sources.iter().zip(&compiled.subqueries) {
        if let Some(inner) = inner {
            for column in &inner.select.columns {
                add(column_name(column), catalogue.kind(&column.value, inner)?);
            }
            let grouped = inner.select.dimensions.iter();
            tags.extend(grouped.filter_map(|dimension| match dimension {
                Expression::Reference(name, _) => Some(name.clone()),
                _ => None,
            }));
        }
        for measurement in catalogue.measurements(source)? {
            let names = catalogue.names(&measurement)?;
            for (field, kind) in names.fields {
                add(field, Kind::Field(kind));
            }
            tags.extend(names.tags);
        }
    }
    Ok((fields, tags))
}

fn has_wildcard(value: &Expression) -> bool {
    let mut found = false;
    let mut visit = |part: &Expression| {
        found |= matches!(part, Expression::Wildcard(_) | Expression::Pattern(_));
    };
    value.walk(&mut visit);
    found
}

/// Replaces them.
pub(super) fn expand(compiled: &mut Compiled, catalogue: &Catalogue<'_>) -> Result<(), QueryError> {
    let in_columns = compiled
        .select
        .columns
        .iter()
        .any(|column| has_wildcard(&column.value));
    let is_wild = |dimension: &Expression| {
        matches!(dimension, Expression::Wildcard(_) | Expression::Pattern(_))
    };
    let in_dimensions = compiled.select.dimensions.iter().any(is_wild);
    if !in_columns && !in_dimensions {
        return Ok(());
    }
    let (fields, mut tags) = all_names(compiled, catalogue)?;
    let select = &mut compiled.select;
    let mut names: Vec<(String, Kind)> = fields.into_iter().collect();
    if !in_dimensions {
        for dimension in &select.dimensions {
            if let Expression::Reference(name, _) = dimension {
                tags.remove(name);
            }
        }
        if !names.is_empty() {
            names.extend(tags.iter().map(|tag| (tag.clone(), Kind::Tag)));
            // A field comes before the tag of its name.
            names.sort_by(|left, right| left.0.cmp(&right.0));
        }
    }
    if in_columns {
        let mut columns = Vec::new();
        for column in &select.columns {
            columns.extend(expanded(column, &names)?);
        }
        select.columns = columns;
    }
    if in_dimensions {
        expand_dimensions(select, &tags);
    }
    Ok(())
}

fn expand_dimensions(select: &mut Select, tags: &BTreeSet<String>) {
    let mut dimensions = Vec::new();
    for dimension in &select.dimensions {
        let takes = |tag: &&String| match dimension {
            Expression::Pattern(pattern) => pattern.is_match(tag),
            _ => true,
        };
        match dimension {
            Expression::Wildcard(_) | Expression::Pattern(_) => {
                let chosen = tags.iter().filter(takes);
                dimensions
                    .extend(chosen.map(|tag| Expression::Reference(tag.clone(), Kind::Unknown)));
            }
            other => dimensions.push(other.clone()),
        }
    }
    select.dimensions = dimensions;
}

/// What a column stands for.
fn expanded(
    column: &SelectColumn,
    names: &[(String, Kind)],
) -> Result<Vec<SelectColumn>, QueryError> {
    let plain = |(name, kind): &(String, Kind)| SelectColumn {
        value: Expression::Reference(name.clone(), *kind),
        alias: None,
    };
    let chosen = |takes: &dyn Fn(&str, Kind) -> bool| {
        let taken = names.iter().filter(|(name, kind)| takes(name, *kind));
        taken.map(plain).collect::<Vec<_>>()
    };
    Ok(match &column.value {
        Expression::Wildcard(wanted) => chosen(&|_, kind| match wanted {
            Kind::AnyField => kind != Kind::Tag,
            Kind::Tag => kind == Kind::Tag,
            _ => true,
        }),
        Expression::Pattern(pattern) => chosen(&|name, _| pattern.is_match(name)),
        Expression::Call(..) => of_wild_call(column, names)?,
        value @ Expression::Binary(..) if has_wildcard(value) => {
            return Err(QueryError::new(format!(
                "unsupported expression with wildcard: {value}"
            )));
        }
        _ => vec![column.clone()],
    })
}

/// A call, or one for each field if it takes `*` or a pattern.
fn of_wild_call(
    column: &SelectColumn,
    names: &[(String, Kind)],
) -> Result<Vec<SelectColumn>, QueryError> {
    let (function, chosen) = innermost(&column.value);
    match chosen {
        Expression::Wildcard(Kind::Tag) => {
            return Err(QueryError::new(format!(
                "unable to use tag wildcard in {function}()"
            )));
        }
        Expression::Wildcard(_) | Expression::Pattern(_) => {}
        _ => return Ok(vec![column.clone()]),
    }
    let takes = |name: &str, kind: Kind| {
        use FieldType::{Boolean, String};
        let is_defined = match kind {
            Kind::Field(String) => {
                matches!(
                    function,
                    "count" | "first" | "last" | "distinct" | "elapsed" | "mode"
                )
            }
            Kind::Field(Boolean) => matches!(
                function,
                "count" | "first" | "last" | "distinct" | "elapsed" | "mode" | "min" | "max"
            ),
            Kind::Field(_) => true,
            _ => false,
        };
        is_defined && !matches!(chosen, Expression::Pattern(pattern) if !pattern.is_match(name))
    };
    let name = column_name(column);
    let fields = names.iter().filter(|(field, kind)| takes(field, *kind));
    Ok(fields
        .map(|(field, kind)| SelectColumn {
            value: with_field(&column.value, field, *kind),
            alias: Some(format!("{name}_{field}")),
        })
        .collect())
}

/// The innermost call of an expression, and what it takes.
fn innermost(expression: &Expression) -> (&str, &Expression) {
    match expression {
        Expression::Call(name, arguments) => match arguments.first() {
            Some(inner @ Expression::Call(..)) => innermost(inner),
            Some(other) => (name, other),
            None => (name, expression),
        },
        other => ("", other),
    }
}

/// The same expression, its innermost call taking a field.
fn with_field(expression: &Expression, field: &str, kind: Kind) -> Expression {
    match expression {
        Expression::Call(name, arguments) => {
            let mut arguments = arguments.clone();
            arguments[0] = with_field(&arguments[0], field, kind);
            Expression::Call(name.clone(), arguments)
        }
        _ => Expression::Reference(field.to_owned(), kind),
    }
}
