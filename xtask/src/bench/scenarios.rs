//! Scenarios of `watchpost-bench`: against an engine of their own, beside other servers, and against
//! a server that keeps nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::options::Options;
use super::suites::{Names, PEERS, Suite};

/// Packages whose binaries take part.
pub(super) const PACKAGES: &[&str] = &["watchpost-bench", "watchpost-engine"];

/// What a reader of the comparison must know of a server.
const OF_VICTORIA_METRICS: &str = "
VictoriaMetrics takes part with writes alone. Start it with `-dedup.minScrapeInterval=1ms`: without, it keeps both of
two points of one series and time. It answers 204 before a point is on disk; the engine and InfluxDB answer after.
";

/// Builds what takes part, unless it is given.
pub(super) fn build(root: &Path, packages: &[&str], options: &Options) -> Result<()> {
    if options.binaries.is_some() {
        return Ok(());
    }
    let profile = if options.quick { "dev" } else { "release" };
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--bins", "--profile", profile]);
    for package in packages {
        command.args(["--package", package]);
    }
    let status = command
        .current_dir(root)
        .status()
        .context("cannot start cargo")?;
    if !status.success() {
        bail!("the messages above say why");
    }
    Ok(())
}

/// Runs the scenarios one after the other; gives the table of all, as Markdown.
pub(super) fn measure(
    root: &Path,
    suite: &Suite,
    names: &Names,
    options: &Options,
) -> Result<String> {
    let bench = binaries(root, options).join("watchpost-bench");
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let scenarios = if options.quick {
        names.quick
    } else {
        names.full
    };
    let mut reports = Vec::new();
    for name in scenarios {
        let mut command = Command::new(&bench);
        command.args(["run", name, "--spawn", "engine"]);
        if suite.name == PEERS {
            command.args(["--rounds", &options.rounds().to_string()]);
            command.args(options.server_arguments());
        }
        reports.push(report(name, command, folder.path())?);
    }
    let mut text = table(&bench, &reports)?;
    if suite.name == PEERS && options.has_victoria_metrics() {
        text += OF_VICTORIA_METRICS;
    }
    let null = if options.quick { &[] } else { names.null };
    let mut reports = Vec::new();
    for name in null {
        let mut command = Command::new(&bench);
        command.args(["run", name, "--spawn", "null"]);
        reports.push(report(name, command, folder.path())?);
    }
    if !reports.is_empty() {
        text += "\nWhat one process of the bench drives when the server keeps nothing:\n\n";
        text += &table(&bench, &reports)?;
    }
    if let Some(name) = names.delayed.filter(|_| !options.quick) {
        let mut command = Command::new(&bench);
        command.args(["run", name, "--spawn", "delayed"]);
        text += &accuracy(&report(name, command, folder.path())?)?;
    }
    Ok(text)
}

/// The percentiles of 1 ms, 2 ms and so on to 100 ms, each as often, by their keys in a report.
const KNOWN_DELAYS: &[(&str, &str, f64)] = &[
    ("min", "min", 1.0),
    ("mean", "mean", 50.5),
    ("p50", "P50", 50.0),
    ("p95", "P95", 95.0),
    ("p99", "P99", 99.0),
    ("p999", "P99.9", 100.0),
    ("max", "max", 100.0),
];

/// What a report tells of a server that answers after known delays, beside them.
fn accuracy(report: &Path) -> Result<String> {
    let text = fs::read_to_string(report).with_context(|| report.display().to_string())?;
    let report: serde_json::Value = serde_json::from_str(&text).context("the report")?;
    let latency = &report["runs"][0]["loads"]["write"]["latency"];
    let mut text = "\nWhat it reports of a server that answers after 1 ms, 2 ms and so on to 100 ms, in turn, at \
        100 requests a second (the way there and back and the server's own time stand in the difference):\n\n\
        | latency | known ms | reported ms |\n|---|---:|---:|\n"
        .to_owned();
    for (key, title, known) in KNOWN_DELAYS {
        let reported = latency[key].as_f64();
        let reported = reported.with_context(|| format!("no {key} of a run that failed?"))?;
        text += &format!("| {title} | {known} | {reported:.2} |\n");
    }
    Ok(text)
}

/// Runs a scenario and gives the path of its report. A run that fails is a row of the table that is
/// missing and a line below it, so that it does not hide the others.
pub(super) fn report(name: &str, mut command: Command, folder: &Path) -> Result<PathBuf> {
    let path = folder.join(format!("{name}.json"));
    eprintln!("      {name}");
    let status = command
        .arg("--json")
        .arg(&path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    if !path.is_file() {
        bail!("{name} gave no report and ended with {status}");
    }
    Ok(path)
}

/// The reports as one table, in Markdown.
pub(super) fn table(bench: &Path, reports: &[PathBuf]) -> Result<String> {
    let output = Command::new(bench)
        .arg("table")
        .args(reports)
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {}", bench.display()))?;
    if !output.status.success() {
        bail!("watchpost-bench table ended with {}", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The folder with the binaries.
pub(super) fn binaries(root: &Path, options: &Options) -> PathBuf {
    if let Some(folder) = &options.binaries {
        return folder.clone();
    }
    let target = std::env::var_os("CARGO_TARGET_DIR");
    let target = target.map_or_else(|| root.join("target"), PathBuf::from);
    let profile = if options.quick { "debug" } else { "release" };
    root.join(target).join(profile)
}
