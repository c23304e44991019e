//! What each advice of `docs/tuning.md` brings: pairs of scenarios that differ in one thing, compared
//! in one run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::options::Options;
use super::scenarios;

/// What is advised, and what it is held against.
const PAIRS: &[(&str, &str)] = &[
    ("tuning-batch-5000", "tuning-batch-100"),
    ("tuning-batch-5000", "tuning-gzip-off"),
    ("tuning-batch-5000", "tuning-precision-seconds"),
    ("tuning-batch-5000", "tuning-unsorted-tags"),
    ("tuning-batch-5000", "tuning-cardinality-10k"),
    ("tuning-batch-5000", "tuning-cardinality-100k"),
    ("tuning-range-1h", "tuning-range-24h"),
    ("tuning-pushdown", "tuning-no-pushdown"),
    ("tuning-tier-hourly", "tuning-tier-raw"),
];

/// Repetitions, for a spread.
const ROUNDS: &str = "3";

/// The figures of the page, where a pair has them.
const COLUMNS: &[(&str, &str)] = &[
    ("write points/s", "points/s"),
    ("query p50 ms", "query p50"),
    ("server processor s", "processor"),
    ("server memory MiB", "memory"),
    ("server disk MiB", "disk"),
];

/// What `watchpost-bench compare --output json` prints.
#[derive(Debug, Deserialize)]
struct Comparison {
    ratios: Vec<Ratio>,
}

#[derive(Debug, Deserialize)]
struct Ratio {
    figure: String,
    ratio: f64,
    spread: (f64, f64),
}

/// Runs every scenario once for all pairs, and compares them; gives a table as Markdown.
pub(super) fn measure(root: &Path, options: &Options) -> Result<String> {
    let bench = scenarios::binaries(root, options).join("watchpost-bench");
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let pairs = if options.quick { &PAIRS[..1] } else { PAIRS };
    let rounds = if options.quick { "1" } else { ROUNDS };
    let mut reports: BTreeMap<&str, PathBuf> = BTreeMap::new();
    for name in pairs.iter().flat_map(|(one, other)| [*one, *other]) {
        if reports.contains_key(name) {
            continue;
        }
        let mut command = Command::new(&bench);
        command.args(["run", name, "--spawn", "engine", "--rounds", rounds]);
        reports.insert(name, scenarios::report(name, command, folder.path())?);
    }
    let mut text = head();
    for (one, other) in pairs {
        text += &row(
            one,
            other,
            &compare(&bench, &reports[one], &reports[other])?,
        );
    }
    text += "\nThe second scenario by the first, as ratios of medians and (least to greatest of the rounds).\n\n";
    let reports: Vec<PathBuf> = reports.into_values().collect();
    text += &scenarios::table(&bench, &reports)?;
    Ok(text)
}

fn compare(bench: &Path, one: &Path, other: &Path) -> Result<Comparison> {
    let output = Command::new(bench)
        .args(["compare", "--across", "--output", "json"])
        .args([one, other])
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {}", bench.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    // Beyond the bound it ends with 1, and with the comparison all the same.
    serde_json::from_str(&text)
        .with_context(|| format!("no comparison, but {}: {text}", output.status))
}

fn head() -> String {
    let titles: String = COLUMNS
        .iter()
        .map(|(_, title)| format!(" {title} |"))
        .collect();
    let lines = "---:|".repeat(COLUMNS.len());
    format!("| scenario | against |{titles}\n|---|---|{lines}\n")
}

fn row(one: &str, other: &str, found: &Comparison) -> String {
    let cells = COLUMNS.iter().map(|(figure, _)| {
        let ratio = found.ratios.iter().find(|ratio| ratio.figure == *figure);
        ratio.map_or_else(String::new, |Ratio { ratio, spread, .. }| {
            format!("{ratio:.2} ({:.2} to {:.2})", spread.0, spread.1)
        })
    });
    let cells: String = cells.map(|cell| format!(" {cell} |")).collect();
    format!("| `{one}` | `{other}` |{cells}\n")
}

#[cfg(test)]
mod tests {
    use super::{Comparison, head, row};

    #[test]
    fn a_pair_is_a_row_with_the_columns_of_the_head() {
        let text = r#"{"bound":100.0,"ratios":[{"figure":"server disk MiB","a":1.0,"b":2.0,"ratio":2.0,
            "spread":[1.5,2.5],"beyond":false}]}"#;
        let found: Comparison = serde_json::from_str(text).expect("what compare prints");
        let row = row("a", "b", &found);
        assert_eq!(
            row,
            "| `a` | `b` | | | | | 2.00 (1.50 to 2.50) |\n".replace("| | | | |", "|  |  |  |  |")
        );
        let bars = |line: &str| line.matches('|').count();
        assert_eq!(bars(&row), bars(head().lines().next().unwrap_or_default()));
    }
}
