//! A crate's own bench, run by cargo: its figures come as JSON on standard output, or from the files
//! that Criterion leaves.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::figures::{self, Figure};
use super::options::Options;
use super::suites::{Bench, Kind};

/// Builds the bench and the binaries it starts.
pub(super) fn build(root: &Path, bench: &Bench, options: &Options) -> Result<()> {
    if !bench.binaries.is_empty() {
        let mut command = Command::new(env!("CARGO"));
        command.args(["build", "--bins", "--profile", profile(options, "release")]);
        for package in bench.binaries {
            command.args(["--package", package]);
        }
        succeed(command.current_dir(root))?;
    }
    succeed(cargo_bench(root, bench, options).arg("--no-run"))
}

/// Runs the bench; gives its figures as Markdown.
pub(super) fn measure(root: &Path, bench: &Bench, options: &Options) -> Result<String> {
    let kept = tempfile::tempdir().context("no temporary folder")?;
    let arguments = if options.quick {
        bench.quick
    } else {
        bench.full
    };
    let output = cargo_bench(root, bench, options)
        .arg("--")
        .args(arguments)
        .env("CRITERION_HOME", kept.path())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo bench")?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!(
            "cargo bench --package {} ended with {}:\n{text}",
            bench.package,
            output.status
        );
    }
    let figures = match bench.kind {
        Kind::Json => figures::of_output(&text)?,
        Kind::Criterion => Some(criterion(kept.path())?),
    };
    match figures {
        Some(figures) if !figures.is_empty() => Ok(figures::markdown(&figures)),
        None if !text.trim().is_empty() => Ok(format!("```text\n{}\n```", text.trim())),
        _ => bail!("it gave no figures:\n{text}"),
    }
}

fn cargo_bench(root: &Path, bench: &Bench, options: &Options) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["bench", "--package", bench.package])
        .args(["--profile", profile(options, "bench")])
        .current_dir(root);
    for target in bench.targets {
        command.args(["--bench", target]);
    }
    command
}

/// `--quick` takes what is compiled anyway for tests.
fn profile(options: &Options, full: &'static str) -> &'static str {
    if options.quick { "dev" } else { full }
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().context("cannot start cargo")?;
    if !status.success() {
        bail!("the messages above say why");
    }
    Ok(())
}

/// `estimates.json` of Criterion: nanoseconds an iteration.
#[derive(Debug, Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Debug, Deserialize)]
struct Estimate {
    point_estimate: f64,
}

/// `benchmark.json` of Criterion.
#[derive(Debug, Deserialize)]
struct Benchmark {
    full_id: String,
    throughput: Option<Throughput>,
}

/// What an iteration works through.
#[derive(Debug, Deserialize)]
enum Throughput {
    Elements(u64),
    Bytes(u64),
    #[serde(other)]
    Other,
}

/// The figures below Criterion's folder, by name.
fn criterion(folder: &Path) -> Result<Vec<Figure>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
        folders.extend(
            entries
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| path.is_dir()),
        );
        if !folder.ends_with("new") {
            continue;
        }
        let read = |name: &str| fs::read_to_string(folder.join(name));
        let (Ok(about), Ok(estimates)) = (read("benchmark.json"), read("estimates.json")) else {
            continue;
        };
        let about: Benchmark = serde_json::from_str(&about).context("benchmark.json")?;
        let estimates: Estimates = serde_json::from_str(&estimates).context("estimates.json")?;
        found.extend(of_estimate(&about, estimates.median.point_estimate));
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

fn of_estimate(about: &Benchmark, nanoseconds: f64) -> Vec<Figure> {
    let per_second = |count: u64| count as f64 / nanoseconds * 1e3;
    let mut figures = vec![Figure::new(&about.full_id, nanoseconds / 1e6, "ms")];
    figures.extend(match about.throughput {
        Some(Throughput::Elements(count)) => {
            Some(Figure::new(&about.full_id, per_second(count), "million/s"))
        }
        Some(Throughput::Bytes(count)) => {
            Some(Figure::new(&about.full_id, per_second(count), "MB/s"))
        }
        Some(Throughput::Other) | None => None,
    });
    figures
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::criterion;

    #[test]
    fn estimates_become_time_and_rate() {
        let folder = tempfile::tempdir().expect("a folder");
        let new = folder.path().join("csv/parse/new");
        fs::create_dir_all(&new).expect("a folder");
        let about = r#"{"group_id":"csv","full_id":"csv/parse","throughput":{"Elements":200000}}"#;
        fs::write(new.join("benchmark.json"), about).expect("written");
        let estimates = r#"{"mean":{"point_estimate":9.0},"median":{"point_estimate":20000000.0}}"#;
        fs::write(new.join("estimates.json"), estimates).expect("written");
        let figures = criterion(folder.path()).expect("readable");
        let told: Vec<_> = figures
            .iter()
            .map(|it| (it.name.as_str(), it.value, it.unit.as_str()))
            .collect();
        assert_eq!(
            told,
            [("csv/parse", 20.0, "ms"), ("csv/parse", 10.0, "million/s")]
        );
    }
}
