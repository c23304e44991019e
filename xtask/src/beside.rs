//! Programs that lie beside the binaries which they try.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::up;

/// Builds the release binaries, unless they are given, and runs the program beside them as `change` completes it.
pub(crate) fn run(
    root: &Path,
    binaries: Option<PathBuf>,
    name: &str,
    change: impl FnOnce(&mut Command),
) -> Result<ExitCode> {
    let program = up::binaries_to_judge(root, binaries)?.join(name);
    let mut command = Command::new(&program);
    change(&mut command);
    // Ctrl-C reaches both: the other one stops what it started, and this waits for it.
    signal_hook::flag::register(signal_hook::consts::SIGINT, std::sync::Arc::default())
        .context("cannot listen for signals")?;
    let status = command
        .status()
        .with_context(|| format!("cannot start {}", program.display()))?;
    Ok(ExitCode::from(u8::from(!status.success())))
}
