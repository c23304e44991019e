//! What a person may ask of `dist`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use lexopt::prelude::{Long, Short, ValueExt};

const HELP: &str = "\
cargo xtask dist [OPTIONS]

Builds the release binaries of all roles and makes of them a tarball, a .deb and an .rpm a role, one
of each for the whole platform, a bill of materials (CycloneDX) and SHA256SUMS. The musl target is
taken if the toolchain has it: `rustup target add x86_64-unknown-linux-musl`. The same commit gives the same bytes.

  --binaries DIR    package the binaries of this folder instead of building them
  --output DIR      where the results go; it is emptied first (target/dist)";

/// The options, read and checked.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) binaries: Option<PathBuf>,
    pub(super) output: Option<PathBuf>,
}

impl Options {
    /// `None` if help was asked for and printed.
    pub(super) fn parse(arguments: &[String]) -> Result<Option<Self>> {
        let mut options = Options::default();
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("binaries") => options.binaries = Some(parser.value()?.parse()?),
                Long("output") => options.output = Some(parser.value()?.parse()?),
                Short('h') | Long("help") => {
                    println!("{HELP}");
                    return Ok(None);
                }
                other => bail!(
                    "{}; `cargo xtask dist --help` lists what there is",
                    other.unexpected()
                ),
            }
        }
        Ok(Some(options))
    }
}
