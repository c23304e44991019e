//! What a person may ask of `dist`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use lexopt::prelude::{Long, Short, ValueExt};

use super::check::PARTS;

const HELP: &str = "\
cargo xtask dist [OPTIONS]

Builds the release binaries of all roles and makes of them a tarball, a .deb and an .rpm a role, one of
each for the whole platform, an image of a container a role, a bill of materials (CycloneDX) and
SHA256SUMS. The musl target is taken if the toolchain has it: `rustup target add x86_64-unknown-linux-musl`.
The same commit gives the same bytes.

  --binaries DIR    package the binaries of this folder instead of building them
  --output DIR      where the results go; it is emptied first (target/dist)
  --check           then judge them: lint, debian12, debian13, rpm, stack. Packages are installed,
                    upgraded, downgraded, removed and purged in Debian's own systems under systemd, and
                    the compose stack is run from the images. What a machine lacks is skipped, with its
                    reason. Needs root, for it starts machines of its own (systemd-nspawn)
  --only PART       with --check: this part alone (repeatable)";

/// The options, read and checked.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) binaries: Option<PathBuf>,
    pub(super) output: Option<PathBuf>,
    /// The parts to judge.
    pub(super) check: Option<Vec<String>>,
}

impl Options {
    /// `None` if help was asked for and printed.
    pub(super) fn parse(arguments: &[String]) -> Result<Option<Self>> {
        let mut options = Options::default();
        let mut only = Vec::new();
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("binaries") => options.binaries = Some(parser.value()?.parse()?),
                Long("output") => options.output = Some(parser.value()?.parse()?),
                Long("check") => options.check = Some(PARTS.map(str::to_owned).to_vec()),
                Long("only") => only.push(part(parser.value()?.string()?)?),
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
        if !only.is_empty() {
            if options.check.is_none() {
                bail!("--only goes with --check");
            }
            options.check = Some(only);
        }
        Ok(Some(options))
    }
}

fn part(name: String) -> Result<String> {
    match PARTS.contains(&name.as_str()) {
        true => Ok(name),
        false => bail!("--only {name}: expected one of {}", PARTS.join(", ")),
    }
}
