//! What each advice of `docs/tuning.md` brings: pairs of scenarios that differ in one thing, compared
//! in one run, on the engine and on the servers that are named.

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
    let rounds = options.rounds().to_string();
    let mut reports: BTreeMap<&str, PathBuf> = BTreeMap::new();
    for name in pairs.iter().flat_map(|(one, other)| [*one, *other]) {
        if reports.contains_key(name) {
            continue;
        }
        let mut command = Command::new(&bench);
        command.args(["run", name, "--spawn", "engine", "--rounds", &rounds]);
        command.args(options.server_arguments());
        reports.insert(name, scenarios::report(name, command, folder.path())?);
    }
    let mut servers = vec!["engine"];
    servers.extend(options.server_names());
    let mut text = head();
    for (one, other) in pairs {
        let found = compare(&bench, &reports[one], &reports[other])?;
        for server in &servers {
            // Figures bear the name of their server where there are several.
            let prefix = if servers.len() > 1 {
                format!("{server} ")
            } else {
                String::new()
            };
            text += &row(one, other, server, &prefix, &found);
        }
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
    format!("| scenario | against | server |{titles}\n|---|---|---|{lines}\n")
}

fn row(one: &str, other: &str, server: &str, prefix: &str, found: &Comparison) -> String {
    let cells = COLUMNS.iter().map(|(figure, _)| {
        let ratio = found
            .ratios
            .iter()
            .find(|ratio| ratio.figure.strip_prefix(prefix) == Some(*figure));
        ratio.map_or_else(String::new, |Ratio { ratio, spread, .. }| {
            format!("{ratio:.2} ({:.2} to {:.2})", spread.0, spread.1)
        })
    });
    let cells: String = cells.map(|cell| format!(" {cell} |")).collect();
    format!("| `{one}` | `{other}` | {server} |{cells}\n")
}

#[cfg(test)]
mod tests {
    use super::{Comparison, head, row};

    #[test]
    fn a_pair_is_a_row_with_the_columns_of_the_head() {
        let text = r#"{"bound":100.0,"ratios":[{"figure":"x server disk MiB","a":1.0,"b":2.0,"ratio":2.0,
            "spread":[1.5,2.5],"beyond":false}]}"#;
        let found: Comparison = serde_json::from_str(text).expect("what compare prints");
        let row = row("a", "b", "x", "x ", &found);
        assert_eq!(row, "| `a` | `b` | x |  |  |  |  | 2.00 (1.50 to 2.50) |\n");
        let bars = |line: &str| line.matches('|').count();
        assert_eq!(bars(&row), bars(head().lines().next().unwrap_or_default()));
    }
}
