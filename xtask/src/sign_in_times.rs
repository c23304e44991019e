//! `cargo xtask sign-in-times`: whether the time of a refusal shows that a name is there, measured on the running platform.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use lexopt::prelude::{Long, Short, ValueExt as _};

use crate::beside;

const HELP: &str = "\
cargo xtask sign-in-times [--samples N] [--binaries DIR]

Builds the release binaries, brings a platform of its own up, and tries wrong passwords for names that are
there and for names that are not, at the server and at the web page. The times of the refusals are compared
by their ranks: it ends well if no kind of name differs by more than 4.5 standard deviations, and says how
small a difference would have shown.

  --samples N      tries of each kind of name [1000]
  --binaries DIR   run the binaries of this folder instead of building them";

/// Builds the binaries and runs the one that lies beside them.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    let mut passed: Vec<String> = Vec::new();
    let mut binaries: Option<PathBuf> = None;
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("samples") => passed.extend(["--samples".to_owned(), parser.value()?.string()?]),
            Long("binaries") => binaries = Some(std::path::absolute(parser.value()?)?),
            Long("help") | Short('h') => {
                println!("{HELP}");
                return Ok(ExitCode::SUCCESS);
            }
            other => bail!("{}", other.unexpected()),
        }
    }
    beside::run(root, binaries, "watchpost-sign-in-times", |command| {
        command.args(passed);
    })
}
