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

/// What judges the platform, beside it.
const CHECK_PACKAGES: &[&str] = &["watchpost-e2e", "xtask"];

/// Builds them, showing cargo's own progress, and gives their folder.
pub(super) fn release(root: &Path, options: &Options) -> Result<PathBuf> {
    match &options.binaries {
        Some(folder) => Ok(folder.clone()),
        None => build(root, options.check),
    }
}

/// Builds them, with what judges them if that is wanted.
pub(super) fn build(root: &Path, with_judge: bool) -> Result<PathBuf> {
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["build", "--release", "--bins"])
        .current_dir(root);
    let judged = if with_judge { CHECK_PACKAGES } else { &[] };
    for package in PACKAGES.iter().chain(judged) {
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
