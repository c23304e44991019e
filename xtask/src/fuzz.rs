//! `cargo xtask fuzz`: changed inputs for every parser and route, by `crates/fuzz`, in a release build.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

/// Crates in which arithmetic that overflows ends the process, as in a debug build: a wrapped number is a fault, too.
const CHECKED: [&str; 7] = [
    "core", "durable", "flux", "storage", "engine", "alerter", "agent",
];

/// Builds, then passes the arguments on; `--help` is answered there.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(root)
        .args(["run", "--quiet", "--release", "--package", "watchpost-fuzz"]);
    for name in CHECKED {
        cargo.args([
            "--config",
            &format!("profile.release.package.watchpost-{name}.overflow-checks=true"),
        ]);
    }
    let status = cargo.arg("--").args(arguments).status();
    let status = status.context("cannot start cargo")?;
    Ok(ExitCode::from(
        u8::try_from(status.code().unwrap_or(1)).unwrap_or(1),
    ))
}
