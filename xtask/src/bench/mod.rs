//! `cargo xtask bench`: runs the project's own benches and scenarios and writes what they measured
//! into `docs/benchmarks.md`. A section is rewritten only if its suite ran; the others keep their
//! own machine, commit and date.

mod cargo_bench;
mod figures;
mod machine;
mod options;
mod page;
mod scenarios;
mod servers;
mod suites;
mod tuning;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};

use self::machine::Circumstances;
use self::options::Options;
use self::page::{Page, Section};
use self::suites::{Suite, Work};

/// Builds, measures, writes; the exit code is a failure if any suite gave no figures.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    let Some(options) = Options::parse(arguments)? else {
        return Ok(ExitCode::SUCCESS);
    };
    let path = options
        .page
        .clone()
        .unwrap_or_else(|| root.join(page::PATH));
    // All is built first: a compiler beside a measurement would be measured too.
    for suite in &options.suites {
        build(root, suite, &options).with_context(|| format!("{} does not build", suite.name))?;
    }
    let mut failed = Vec::new();
    for (at, suite) in options.suites.iter().enumerate() {
        let (number, all) = (at + 1, options.suites.len());
        eprintln!("[{number}/{all}] {}: about {} s", suite.name, suite.seconds);
        let began = Instant::now();
        match measure(root, suite, &options) {
            Ok(section) => {
                Page::read(&path)?.with(section).write(&path)?;
                eprintln!(
                    "[{number}/{all}] {}: done in {} s",
                    suite.name,
                    began.elapsed().as_secs()
                );
            }
            Err(error) => {
                eprintln!("[{number}/{all}] {}: FAILED: {error:#}", suite.name);
                failed.push(suite.name);
            }
        }
    }
    println!("{}", path.display());
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("no new figures of: {}", failed.join(", "));
    Ok(ExitCode::FAILURE)
}

fn build(root: &Path, suite: &Suite, options: &Options) -> Result<()> {
    match &suite.work {
        Work::CargoBench(bench) => cargo_bench::build(root, bench, options),
        Work::Scenarios(_) | Work::Tuning => scenarios::build(root, scenarios::PACKAGES, options),
        Work::Servers => scenarios::build(root, servers::PACKAGES, options),
    }
}

fn measure(root: &Path, suite: &Suite, options: &Options) -> Result<Section> {
    let before = machine::load();
    let began = Instant::now();
    let body = match &suite.work {
        Work::CargoBench(bench) => cargo_bench::measure(root, bench, options)?,
        Work::Tuning => tuning::measure(root, options)?,
        Work::Servers => servers::measure(root, options)?,
        Work::Scenarios(names) => scenarios::measure(root, suite, names, options)?,
    };
    Ok(Section {
        suite: suite.name.to_owned(),
        about: suite.about.to_owned(),
        command: options.command(suite.name),
        circumstances: Circumstances::here(root, before, began.elapsed()),
        body,
    })
}
