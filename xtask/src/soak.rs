//! `cargo xtask soak`: the platform under connections, a full disk and a clock that steps, for an hour.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use lexopt::prelude::{Long, Short, ValueExt as _};

use crate::beside;

const HELP: &str = "\
cargo xtask soak [--seconds N] [--connections N] [--folder DIR] [--binaries DIR]

Builds the release binaries and holds a platform of its own under 10,000 connections of which one in a
hundred is slow, readers that do not read, a full disk, and a clock that steps a year each way. It ends
well if each write that was acknowledged is there, and health answered within a second throughout.

  --seconds N       how long [3600]
  --connections N   to all daemons together [10000]
  --folder DIR      where the platform lies: on a file system with less than 4 GiB free it is filled up
                    (mount -t tmpfs -o size=2g tmpfs DIR)
  --binaries DIR    run the binaries of this folder instead of building them

The clock steps where libfaketime is installed (apt-get install faketime).";

/// Builds the binaries and runs the one that lies beside them.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    let mut passed: Vec<String> = Vec::new();
    let (mut folder, mut binaries): (Option<PathBuf>, Option<PathBuf>) = (None, None);
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Long(name @ ("seconds" | "connections")) => {
                let flag = format!("--{name}");
                passed.extend([flag, parser.value()?.string()?]);
            }
            Long("folder") => folder = Some(parser.value()?.into()),
            Long("binaries") => binaries = Some(std::path::absolute(parser.value()?)?),
            Long("help") | Short('h') => {
                println!("{HELP}");
                return Ok(ExitCode::SUCCESS);
            }
            other => bail!("{}", other.unexpected()),
        }
    }
    beside::run(root, binaries, "watchpost-soak", |command| {
        command.args(passed);
        if let Some(folder) = folder {
            command.env("TMPDIR", folder);
        }
    })
}
