//! The columns of a `SELECT`: which fields they read, what `*` and patterns stand for, what they are called.

use std::collections::{BTreeMap, BTreeSet};

use super::Rows;
use crate::influxql::ast::{Expression, Select, SelectColumn, TagChoice};
use crate::influxql::condition::names;

/// The names that the columns and the condition use; none if all fields are wanted.
pub(super) fn wanted(select: &Select, condition: Option<&Expression>) -> Option<BTreeSet<String>> {
    let mut wanted = BTreeSet::new();
    for column in &select.columns {
        if !collect(&column.value, &mut wanted) {
            return None;
        }
    }
    let mut used = Vec::new();
    if let Some(condition) = condition {
        names(condition, &mut used);
    }
    wanted.extend(used.into_iter().map(str::to_owned));
    Some(wanted)
}

/// Collects the names of an expression; false if it stands for all fields.
fn collect(expression: &Expression, found: &mut BTreeSet<String>) -> bool {
    match expression {
        Expression::Reference(name) => {
            found.insert(name.clone());
            true
        }
        Expression::Wildcard | Expression::Pattern(_) => false,
        Expression::Call(_, arguments) => arguments.iter().all(|argument| collect(argument, found)),
        Expression::Binary(_, left, right) => collect(left, found) && collect(right, found),
        _ => true,
    }
}

/// The columns with `*` and patterns replaced by what there is.
pub(super) fn expanded(select: &Select, rows: &[Rows]) -> Vec<SelectColumn> {
    let fields: BTreeSet<&String> = rows
        .iter()
        .flat_map(|one| one.rows.values())
        .flat_map(BTreeMap::keys)
        .collect();
    let grouped: &[String] = match &select.tags {
        TagChoice::Names(names) => names,
        TagChoice::All => &[],
    };
    let tags = rows
        .iter()
        .flat_map(|one| one.series.tags())
        .map(|(key, _)| key);
    let tags: BTreeSet<&String> = match select.tags {
        TagChoice::All => BTreeSet::new(),
        TagChoice::Names(_) => tags.filter(|key| !grouped.contains(key)).collect(),
    };
    let plain = |name: &String| SelectColumn {
        value: Expression::Reference(name.clone()),
        alias: None,
    };
    let mut columns = Vec::new();
    for column in &select.columns {
        match &column.value {
            Expression::Wildcard => columns.extend(fields.union(&tags).map(|name| plain(name))),
            Expression::Pattern(pattern) => {
                columns.extend(
                    fields
                        .union(&tags)
                        .filter(|name| pattern.is_match(name))
                        .map(|name| plain(name)),
                );
            }
            Expression::Call(function, arguments) => match arguments.first() {
                Some(Expression::Wildcard | Expression::Pattern(_)) => {
                    for field in &fields {
                        if matches!(arguments.first(), Some(Expression::Pattern(pattern)) if !pattern.is_match(field))
                        {
                            continue;
                        }
                        let mut arguments = arguments.clone();
                        arguments[0] = Expression::Reference((*field).clone());
                        let value = Expression::Call(function.clone(), arguments);
                        columns.push(SelectColumn {
                            value,
                            alias: Some(format!("{function}_{field}")),
                        });
                    }
                }
                _ => columns.push(column.clone()),
            },
            _ => columns.push(column.clone()),
        }
    }
    columns
}

pub(super) fn column_names(columns: &[SelectColumn]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for column in columns {
        let name = match (&column.alias, &column.value) {
            (Some(alias), _) => alias.clone(),
            (None, Expression::Reference(name) | Expression::Call(name, _)) => name.clone(),
            (None, expression) => spelled(expression),
        };
        let taken = names
            .iter()
            .filter(|known| **known == name || known.starts_with(&format!("{name}_")))
            .count();
        names.push(if taken == 0 {
            name
        } else {
            format!("{name}_{taken}")
        });
    }
    names
}

/// The name of an arithmetic column: its operands' names.
fn spelled(expression: &Expression) -> String {
    match expression {
        Expression::Reference(name) | Expression::Call(name, _) => name.clone(),
        Expression::Binary(_, left, right) => {
            let parts = [spelled(left), spelled(right)];
            parts
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join("_")
        }
        _ => String::new(),
    }
}
