//! Scenarios of `watchpost-bench`: against an engine of their own, beside other servers, and against
//! a server that keeps nothing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::options::Options;
use super::suites::{Names, PEERS, Suite};

const PACKAGES: &[&str] = &["watchpost-bench", "watchpost-engine"];

/// What a reader of the comparison must know of a server.
const OF_VICTORIA_METRICS: &str = "
VictoriaMetrics takes part with writes alone. Start it with `-dedup.minScrapeInterval=1ms`: without, it keeps both of
two points of one series and time. It answers 204 before a point is on disk; the engine and InfluxDB answer after.
";

/// Builds the bench and the engine, unless they are given.
pub(super) fn build(root: &Path, options: &Options) -> Result<()> {
    if options.binaries.is_some() {
        return Ok(());
    }
    let profile = if options.quick { "dev" } else { "release" };
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--bins", "--profile", profile]);
    for package in PACKAGES {
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
            let rounds = if options.quick { 1 } else { options.rounds };
            command.args(["--rounds", &rounds.to_string()]);
            for server in &options.servers {
                command.args(["--server", server]);
            }
        }
        reports.push(report(name, command, folder.path())?);
    }
    let mut text = table(&bench, &reports)?;
    if options
        .servers
        .iter()
        .any(|server| server.contains("kind=victoriametrics"))
    {
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
