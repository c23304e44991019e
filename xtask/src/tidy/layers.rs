//! The layer table of `ARCHITECTURE.md` against the dependencies that cargo knows.
//!
//! The table is the law: a crate that it does not name, a name that is no crate, a dependency that a
//! row does not allow, or one that does not point downwards is a complaint.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::metadata::Metadata;

/// A row of the table: `| layer | crate | what it is | pure | may depend on |`.
#[derive(Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) layer: String,
    pub(crate) name: String,
    pub(crate) pure_part: String,
    pub(crate) allowed: Vec<String>,
}

/// Compares the table with the workspace.
pub(crate) fn check(root: &Path, metadata: &Metadata) -> Result<Vec<String>> {
    let rows = read_table(root)?;
    let used = metadata
        .members()
        .map(|package| {
            let normal = package
                .dependencies
                .iter()
                .filter(|it| it.kind.as_deref() != Some("dev"));
            let ours =
                normal.filter_map(|it| it.name.strip_prefix("watchpost-").map(str::to_owned));
            (
                package.name.trim_start_matches("watchpost-").to_owned(),
                ours.collect(),
            )
        })
        .collect();
    Ok(compare(&rows, &used))
}

/// The rows of the layer table, as `ARCHITECTURE.md` writes them.
pub(crate) fn read_table(root: &Path) -> Result<Vec<Row>> {
    let path = root.join("ARCHITECTURE.md");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(parse_table(&text))
}

fn parse_table(text: &str) -> Vec<Row> {
    let lines = text
        .lines()
        .skip_while(|line| !line.starts_with("| layer | crate |"));
    let rows = lines.skip(2).take_while(|line| line.starts_with('|'));
    rows.filter_map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [layer, name, _what, pure_part, allowed] = cells[..] else {
            return None;
        };
        let names = allowed
            .split(',')
            .map(|it| it.trim().trim_matches('`').to_owned());
        Some(Row {
            layer: layer.to_owned(),
            name: name.trim_matches('`').to_owned(),
            pure_part: pure_part.trim_matches('`').to_owned(),
            allowed: names.filter(|it| !it.is_empty() && it != "–").collect(),
        })
    })
    .collect()
}

fn compare(rows: &[Row], used: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut complaints = Vec::new();
    let table: BTreeMap<&str, &Row> = rows.iter().map(|row| (row.name.as_str(), row)).collect();
    if table.is_empty() {
        complaints.push("ARCHITECTURE.md: the layer table is missing".to_owned());
    }
    for name in table.keys().filter(|name| !used.contains_key(**name)) {
        complaints.push(format!(
            "ARCHITECTURE.md: the layer table names `{name}`, but there is no such crate"
        ));
    }
    for (name, dependencies) in used {
        let Some(row) = table.get(name.as_str()) else {
            complaints.push(format!(
                "ARCHITECTURE.md: the layer table lacks the crate `{name}`"
            ));
            continue;
        };
        for dependency in dependencies {
            if !row.allowed.contains(dependency) {
                complaints.push(format!(
                    "crates/{name}/Cargo.toml: `{name}` may not depend on `{dependency}` (layer table of ARCHITECTURE.md)"
                ));
            }
        }
    }
    for row in rows {
        for below in row.allowed.iter().filter_map(|it| table.get(it.as_str())) {
            if below.layer >= row.layer {
                complaints.push(format!(
                    "ARCHITECTURE.md: `{}` (layer {}) may not use `{}` (layer {}): dependencies point down",
                    row.name, row.layer, below.name, below.layer
                ));
            }
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::{compare, parse_table};

    const TABLE: &str = "\
| layer | crate | what it is | pure | may depend on |
|---|---|---|---|---|
| 0 | `core` | words | all | – |
| 1 | `client` | speaks | – | `core` |
";

    fn complaints(used: &[(&str, &[&str])]) -> Vec<String> {
        let used = used.iter().map(|(name, dependencies)| {
            (
                (*name).to_owned(),
                dependencies.iter().map(|it| (*it).to_owned()).collect(),
            )
        });
        compare(&parse_table(TABLE), &used.collect())
    }

    #[test]
    fn what_the_table_allows_is_in_order() {
        assert_eq!(
            complaints(&[("core", &[]), ("client", &["core"])]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_dependency_upwards_a_stranger_and_a_missing_crate_are_named() {
        let found = complaints(&[("core", &["client"]), ("web", &[])]);
        assert_eq!(found.len(), 3, "{found:#?}");
        assert!(found[0].contains("names `client`"));
        assert!(found[1].contains("`core` may not depend on `client`"));
        assert!(found[2].contains("lacks the crate `web`"));
    }
}
