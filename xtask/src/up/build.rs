//! The release binaries that `up` runs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::options::Options;

/// The packages whose binaries the platform is made of.
const PACKAGES: &[&str] = &[
    "watchpost-engine",
    "watchpost-provisioner",
    "watchpost-agent",
    "watchpost-alerter",
    "watchpost-web",
];

/// What copies it elsewhere, where that is asked for.
const BACKUP_PACKAGES: &[&str] = &["watchpost-archive"];

/// What judges the platform, beside it.
const CHECK_PACKAGES: &[&str] = &["watchpost-e2e", "xtask"];

/// Builds them, showing cargo's own progress, and gives their folder.
pub(super) fn release(root: &Path, options: &Options) -> Result<PathBuf> {
    match &options.binaries {
        Some(folder) => Ok(folder.clone()),
        None if options.check => build(root, CHECK_PACKAGES),
        None if options.backup.is_some() => build(root, BACKUP_PACKAGES),
        None => build(root, &[]),
    }
}

/// Builds them and what judges them.
pub(super) fn with_judge(root: &Path) -> Result<PathBuf> {
    build(root, CHECK_PACKAGES)
}

fn build(root: &Path, beside: &[&str]) -> Result<PathBuf> {
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["build", "--release", "--bins"])
        .current_dir(root);
    for package in PACKAGES.iter().chain(beside) {
        command.args(["--package", package]);
    }
    let status = command.status().context("cannot start cargo")?;
    if !status.success() {
        bail!(
            "the binaries did not build: the messages above say why{}",
            hint(root)
        );
    }
    let target = std::env::var_os("CARGO_TARGET_DIR");
    let target = target.map_or_else(|| root.join("target"), PathBuf::from);
    Ok(root.join(target).join("release"))
}

/// What to do where the crates are not on this machine and cannot be fetched.
fn hint(root: &Path) -> &'static str {
    let offline = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--offline", "--locked"])
        .current_dir(root)
        .stderr(Stdio::null())
        .output();
    if offline.is_ok_and(|it| it.status.success()) {
        return "";
    }
    ".\nCrates are missing here: the first build needs the network once (`cargo fetch --locked` gets all of them). \
     Binaries that were built elsewhere run without it: `cargo xtask up --binaries DIR`"
}
