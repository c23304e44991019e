//! The columns of a `SELECT`: what `*` and patterns stand for, what they are called.

use std::collections::{BTreeMap, BTreeSet};

use watchpost_core::point::FieldType;

use super::plan::is_time;
use super::relation::Relation;
use crate::influxql::ast::{Expression, Select, SelectColumn, TagChoice};

/// The columns with `*` and patterns replaced by what there is in any of the relations, and the tags of `top` and `bottom`
/// as columns.
pub(super) fn expanded(select: &Select, relations: &[Relation]) -> Vec<SelectColumn> {
    let all = relations
        .iter()
        .flat_map(|relation| relation.fields.clone());
    let fields: BTreeMap<String, FieldType> = all.collect();
    let tags: BTreeSet<&String> = relations
        .iter()
        .flat_map(|relation| &relation.tags)
        .collect();
    let is_grouped = |tag: &String| match &select.tags {
        TagChoice::All => true,
        TagChoice::Names(names) => names.contains(tag),
        TagChoice::Pattern(pattern) => pattern.is_match(tag),
    };
    let tags = tags.into_iter().filter(|tag| !is_grouped(tag));
    let names: BTreeSet<&String> = fields.keys().chain(tags).collect();
    let plain = |name: &String| SelectColumn {
        value: Expression::Reference(name.clone()),
        alias: None,
    };
    let mut columns = Vec::new();
    for column in select.columns.iter().filter(|column| !is_time(column)) {
        match &column.value {
            Expression::Wildcard => columns.extend(names.iter().map(|name| plain(name))),
            Expression::Pattern(pattern) => {
                let matching = names.iter().filter(|name| pattern.is_match(name));
                columns.extend(matching.map(|name| plain(name)));
            }
            Expression::Call(function, arguments) => {
                columns.extend(of_call(column, function, &fields));
                if matches!(function.as_str(), "top" | "bottom") {
                    let tags = arguments
                        .iter()
                        .skip(1)
                        .filter_map(|argument| match argument {
                            Expression::Reference(name) => Some(plain(name)),
                            _ => None,
                        });
                    columns.extend(tags);
                }
            }
            _ => columns.push(column.clone()),
        }
    }
    columns
}

/// A call, or one for each field if it takes `*` or a pattern.
fn of_call(
    column: &SelectColumn,
    function: &str,
    fields: &BTreeMap<String, FieldType>,
) -> Vec<SelectColumn> {
    let (innermost, chosen) = innermost(&column.value);
    let takes = |field: &String, kind: FieldType| match chosen {
        Expression::Wildcard => is_defined(innermost, kind),
        Expression::Pattern(pattern) => is_defined(innermost, kind) && pattern.is_match(field),
        _ => false,
    };
    if !matches!(chosen, Expression::Wildcard | Expression::Pattern(_)) {
        return vec![column.clone()];
    }
    let name = column.alias.as_deref().unwrap_or(function);
    let fields = fields.iter().filter(|(field, kind)| takes(field, **kind));
    fields
        .map(|(field, _)| SelectColumn {
            value: with_field(&column.value, field),
            alias: Some(format!("{name}_{field}")),
        })
        .collect()
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
fn with_field(expression: &Expression, field: &str) -> Expression {
    match expression {
        Expression::Call(name, arguments) => {
            let mut arguments = arguments.clone();
            arguments[0] = with_field(&arguments[0], field);
            Expression::Call(name.clone(), arguments)
        }
        _ => Expression::Reference(field.to_owned()),
    }
}

/// Whether a function can be computed of fields of a type; `*` leaves the others out.
fn is_defined(function: &str, kind: FieldType) -> bool {
    let any = ["count", "first", "last", "mode", "distinct", "elapsed"];
    any.contains(&function) || !matches!(kind, FieldType::String | FieldType::Boolean)
}

pub(super) fn column_names(columns: &[SelectColumn]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for column in columns {
        let name = match (&column.alias, &column.value) {
            (Some(alias), _) => alias.clone(),
            (None, expression) => spelled(expression),
        };
        let mut unique = name.clone();
        let mut number = 0;
        while names.contains(&unique) {
            number += 1;
            unique = format!("{name}_{number}");
        }
        names.push(unique);
    }
    names
}

/// The name of a column without one: the names of what it is made of.
fn spelled(expression: &Expression) -> String {
    match expression {
        Expression::Reference(name) | Expression::Call(name, _) => name.clone(),
        Expression::Binary(_, left, right) => {
            let parts = [spelled(left), spelled(right)];
            let named = parts.into_iter().filter(|part| !part.is_empty());
            named.collect::<Vec<_>>().join("_")
        }
        _ => String::new(),
    }
}
