//! Starts a worker for each target, keeps what ended it, and starts it again behind that.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::arguments::Arguments;
use crate::targets::Target;
use crate::work::{self, Report};

/// Faults of one target after which it is given up: they are mostly one.
const ENOUGH: usize = 10;

/// Characters of a worker's last words that are shown.
const LAST_WORDS: usize = 600;

/// Runs all targets; a failure if anything was found.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut found = 0;
    println!(
        "{:<22} {:>12} {:>12} {:>7} {:>8} {:>9}",
        "target", "inputs", "taken", "kinds", "seconds", "found"
    );
    for target in &arguments.targets {
        let began = Instant::now();
        let outcome = one(arguments, target)?;
        let seconds = began.elapsed().as_secs_f64();
        let Report {
            inputs,
            taken,
            kinds,
        } = outcome.report;
        println!(
            "{:<22} {inputs:>12} {taken:>12} {kinds:>7} {seconds:>8.1} {:>9}",
            target.name,
            outcome.found.len()
        );
        for (path, reason) in &outcome.found {
            println!(
                "  {}\n    {}",
                path.display(),
                reason.replace('\n', "\n    ")
            );
        }
        found += outcome.found.len();
    }
    Ok(match found {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

#[derive(Default)]
struct Outcome {
    report: Report,
    /// An input, and what it did.
    found: Vec<(PathBuf, String)>,
}

fn one(arguments: &Arguments, target: &Target) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let began = Instant::now();
    let mut first = 0;
    loop {
        let left = arguments
            .time
            .map(|time| time.saturating_sub(began.elapsed()));
        if left == Some(Duration::ZERO) || outcome.found.len() >= ENOUGH {
            return Ok(outcome);
        }
        let ended = worker(arguments, target, first, left)?;
        outcome.report.add(&ended.report);
        let Some(reason) = ended.fault else {
            return Ok(outcome);
        };
        let current = work::current_file(&arguments.found, target);
        let (number, input) = work::read_current(&current)
            .with_context(|| format!("{} did not begin: {reason}", target.name))?;
        let path = keep(&arguments.found, target, &input)?;
        outcome.found.push((path, reason));
        outcome.report.inputs += number + 1 - first;
        first = number + 1;
        if arguments.file.is_some() || first >= arguments.inputs {
            return Ok(outcome);
        }
    }
}

/// How a worker ended: what it counted if it ended well, else its last words.
struct Ended {
    report: Report,
    fault: Option<String>,
}

fn worker(
    arguments: &Arguments,
    target: &Target,
    first: u64,
    left: Option<Duration>,
) -> Result<Ended> {
    fs::create_dir_all(&arguments.found)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--worker", "--target", target.name]);
    command.args([
        "--inputs",
        &arguments.inputs.to_string(),
        "--seed",
        &arguments.seed.to_string(),
    ]);
    command
        .args(["--first", &first.to_string()])
        .arg("--found")
        .arg(&arguments.found);
    if let Some(left) = left {
        command.args(["--seconds", &left.as_secs_f64().to_string()]);
    }
    if let Some(file) = &arguments.file {
        command.arg("--file").arg(file);
    }
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start a worker")?;
    let mut stderr = child.stderr.take().context("no standard error")?;
    let words = std::thread::spawn(move || {
        let mut text = Vec::new();
        // What a broken pipe cuts off is not needed.
        let _ = stderr.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let output = child.wait_with_output()?;
    let words = words.join().unwrap_or_default();
    if output.status.success() {
        let report = String::from_utf8_lossy(&output.stdout).parse()?;
        return Ok(Ended {
            report,
            fault: None,
        });
    }
    let begin = words
        .char_indices()
        .rev()
        .nth(LAST_WORDS)
        .map_or(0, |(place, _)| place);
    let fault = format!("{} ({})", words[begin..].trim(), output.status);
    Ok(Ended {
        report: Report::default(),
        fault: Some(fault),
    })
}

/// Puts an input beside the others that were found.
fn keep(folder: &Path, target: &Target, input: &[u8]) -> Result<PathBuf> {
    let folder = folder.join(target.name);
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{:08x}", crc32fast::hash(input)));
    fs::write(&path, input)?;
    Ok(path)
}
