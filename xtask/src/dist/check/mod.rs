//! `dist --check`: the packages live a whole life on machines of their own, and the images run.
//!
//! A machine is Debian's own system (debootstrap) on a disk of its own, booted by systemd-nspawn with its own systemd. A
//! story, which is a shell script, runs there as a unit and turns the machine off at its end; each of its steps is a line of
//! the report. Nothing is installed on the machine that checks.

mod lint;
mod machine;
mod stack;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use super::{Release, packages};
use machine::Machine;

/// What can be judged, in this order.
pub(super) const PARTS: [&str; 5] = ["lint", "debian12", "debian13", "rpm", "stack"];

/// Those that need a version to upgrade from.
const MACHINES: [&str; 3] = ["debian12", "debian13", "rpm"];

/// Older than every version of ours, and named so that it is seen to be none.
const PREVIOUS: &str = "0.0.1";

/// What came of a part.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Lines that begin with `ok`, `FAIL` or `skipped:`.
    pub(super) lines: Vec<String>,
}

impl Outcome {
    pub(super) fn skipped(reason: impl std::fmt::Display) -> Self {
        Self {
            lines: vec![format!("skipped: {reason}")],
        }
    }

    fn count(&self, beginning: &str) -> usize {
        let lines = self.lines.iter();
        lines.filter(|line| line.starts_with(beginning)).count()
    }
}

/// Runs the parts and prints a line a step. The exit code is 0 if none failed.
pub(super) fn run(release: &Release, parts: &[String], scratch: &Path) -> Result<ExitCode> {
    let machines = |part: &String| MACHINES.contains(&part.as_str());
    let previous = match parts.iter().any(machines) {
        true => Some(previous(release, scratch)?),
        false => None,
    };
    let mut failed = 0;
    for part in parts {
        println!("\n{part}");
        let outcome = match (part.as_str(), &previous) {
            ("debian12", Some(old)) => Machine::debian("bookworm").live(release, old, "debian")?,
            ("debian13", Some(old)) => Machine::debian("trixie").live(release, old, "debian")?,
            ("rpm", Some(old)) => Machine::debian("bookworm")
                .with_rpm()
                .live(release, old, "rpm")?,
            ("lint", _) => lint::run(release)?,
            _ => stack::run(release)?,
        };
        for line in &outcome.lines {
            println!("  {line}");
        }
        println!(
            "  {part}: {} ok, {} failed, {} skipped",
            outcome.count("ok"),
            outcome.count("FAIL"),
            outcome.count("skipped")
        );
        failed += outcome.count("FAIL");
    }
    Ok(match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// Packages of the version before, to upgrade from.
fn previous(release: &Release, scratch: &Path) -> Result<Release> {
    let scratch = scratch.join("previous");
    let previous = Release {
        version: PREVIOUS.to_owned(),
        output: scratch.join("output"),
        is_previous: true,
        ..release.clone()
    };
    fs::create_dir_all(&previous.output)?;
    // The same programs say the same of themselves.
    let manual = scratch.join("manual");
    super::manual::make(&previous, &manual)?;
    packages(&previous, &scratch)?;
    Ok(previous)
}
