//! What the gate runs, so that a person can run the same at their desk.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

const HELP: &str = "\
cargo xtask ci

Checks the formatting, then clippy with warnings denied, then runs `cargo xtask test`.";

/// Each check in turn; the first that fails ends the run.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    if arguments.iter().any(|it| it == "--help" || it == "-h") {
        println!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    cargo(root, &["fmt", "--all", "--check"])?;
    cargo(
        root,
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ],
    )?;
    crate::test::run(root, &[])
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<()> {
    println!("$ cargo {}", arguments.join(" "));
    let status = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(root)
        .status()
        .context("cannot start cargo")?;
    if !status.success() {
        bail!("`cargo {}` failed", arguments.join(" "));
    }
    Ok(())
}
