//! `cargo xtask dist`: what is handed to people who do not build. A tarball, packages for Debian and for RPM, images of
//! containers, sums, and a bill of materials; the same bytes of the same commit.
//!
//! The formats' own programs make them (`tar`, `dpkg-deb`, `rpmbuild`): they are on the machines where packages are made,
//! are deterministic under `SOURCE_DATE_EPOCH`, and cost those who only want `up` no minute of compiling, as a crate in this
//! one would.

mod bill;
mod binaries;
mod check;
mod contents;
mod deb;
mod images;
mod manual;
mod options;
mod rpm;
mod script;
mod tarball;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use binaries::Binaries;
use contents::ROLES;
use options::Options;

/// What all packages of a release have in common.
#[derive(Debug, Clone)]
struct Release {
    /// The workspace's folder.
    root: PathBuf,
    version: String,
    /// Seconds since 1970 of the commit: the time of every file.
    epoch: u64,
    binaries: Binaries,
    /// Where the results go.
    output: PathBuf,
    /// Stands for the version before in `--check`: the same programs under a lower number, with other shipped files.
    is_previous: bool,
}

pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    let Some(options) = Options::parse(arguments)? else {
        return Ok(ExitCode::SUCCESS);
    };
    let release = prepare(root, &options)?;
    let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
    manual::make(&release, &scratch.path().join("manual"))?;
    let mut skipped = packages(&release, scratch.path())?;
    tarball::make(&release, scratch.path())?;
    bill::make(&release)?;
    skipped.extend(images::make(&release, scratch.path())?);
    sums(&release)?;
    report(&release, &skipped)?;
    match &options.check {
        None => Ok(ExitCode::SUCCESS),
        Some(parts) => check::run(&release, parts, scratch.path()),
    }
}

/// Both formats; gives what was skipped and why.
fn packages(release: &Release, scratch: &Path) -> Result<Vec<String>> {
    let made = [deb::make(release, scratch)?, rpm::make(release, scratch)?];
    Ok(made.into_iter().flatten().collect())
}

fn prepare(root: &Path, options: &Options) -> Result<Release> {
    let binaries = match &options.binaries {
        Some(folder) => Binaries::found(folder)?,
        None => Binaries::build(root)?,
    };
    let output = options
        .output
        .clone()
        .unwrap_or_else(|| binaries::target_folder(root).join("dist"));
    if output.exists() {
        fs::remove_dir_all(&output)
            .with_context(|| format!("cannot empty {}", output.display()))?;
    }
    fs::create_dir_all(&output).with_context(|| format!("cannot make {}", output.display()))?;
    let epoch = run_quietly(
        Command::new("git")
            .args(["log", "-1", "--format=%ct"])
            .current_dir(root),
    )?;
    Ok(Release {
        root: root.to_path_buf(),
        version: version(root)?,
        epoch: epoch
            .trim()
            .parse()
            .context("git gave no time of the commit")?,
        binaries,
        output: std::path::absolute(output)?,
        is_previous: false,
    })
}

/// The version that all crates of the workspace have.
fn version(root: &Path) -> Result<String> {
    let text = fs::read_to_string(root.join("Cargo.toml"))?;
    let manifest: toml::Table = text.parse().context("Cargo.toml")?;
    let version = manifest["workspace"]["package"]["version"].as_str();
    Ok(version.context("the workspace has no version")?.to_owned())
}

/// `SHA256SUMS` over everything, as `sha256sum --check` reads it.
fn sums(release: &Release) -> Result<()> {
    let names = names(&release.output)?;
    let text = run_quietly(
        Command::new("sha256sum")
            .args(names)
            .current_dir(&release.output),
    )?;
    fs::write(release.output.join("SHA256SUMS"), text).context("cannot write the sums")
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn report(release: &Release, skipped: &[String]) -> Result<()> {
    for name in names(&release.output)? {
        let bytes = fs::metadata(release.output.join(&name))?.len();
        println!("{:>9.2} MB  {name}", bytes as f64 / 1e6);
    }
    println!("in {}", release.output.display());
    println!("{}", release.binaries.libc());
    for reason in skipped {
        println!("skipped: {reason}");
    }
    Ok(())
}

/// True if the program can be started.
fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

/// Runs a command and gives its output; what it said goes into the error.
fn run_quietly(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("cannot start {program}"))?;
    if !output.status.success() {
        let said = [output.stdout.as_slice(), &output.stderr].concat();
        bail!(
            "{program} failed: {}",
            String::from_utf8_lossy(&said).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Roles whose package may be made one by one.
fn roles() -> impl Iterator<Item = &'static contents::Role> {
    ROLES.iter()
}
