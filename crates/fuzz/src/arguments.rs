//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lexopt::prelude::*;

use crate::corpus::root;
use crate::targets::{self, Target};

const HELP: &str = "\
cargo xtask fuzz [--target NAME]… [--inputs N] [--seconds N] [--seed N] [--found FOLDER]

Gives every parser and route the inputs of crates/fuzz/corpus and then changed ones, each under limits of
stack, memory and processor time. What passes a limit or ends the process is kept in FOLDER.

  --target NAME    only this one (again for more); --list shows all
  --inputs N       inputs for each target [100000]
  --seconds N      ends a target earlier [no end]
  --seed N         other changes [1]
  --found FOLDER   where inputs are kept [target/fuzz]
  --file FILE      gives this one input to the target";

/// What is to be done.
pub(crate) struct Arguments {
    pub(crate) targets: Vec<&'static Target>,
    pub(crate) inputs: u64,
    pub(crate) time: Option<Duration>,
    pub(crate) seed: u64,
    pub(crate) found: PathBuf,
    /// The one input.
    pub(crate) file: Option<PathBuf>,
    /// This process does the work.
    pub(crate) is_worker: bool,
    /// The number of a worker's first input: those before it are done.
    pub(crate) first: u64,
}

impl Arguments {
    /// `None`: the help was shown.
    pub(crate) fn parse() -> Result<Option<Self>> {
        let mut arguments = Self {
            targets: Vec::new(),
            inputs: 100_000,
            time: None,
            seed: 1,
            found: root().join("target/fuzz"),
            file: None,
            is_worker: false,
            first: 0,
        };
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("target") => {
                    let name = parser.value()?.string()?;
                    let target = targets::named(&name);
                    let target = target
                        .with_context(|| format!("there is no target {name}; --list shows all"))?;
                    arguments.targets.push(target);
                }
                Long("inputs") => arguments.inputs = parser.value()?.parse()?,
                Long("seconds") => {
                    arguments.time = Some(Duration::try_from_secs_f64(parser.value()?.parse()?)?)
                }
                Long("seed") => arguments.seed = parser.value()?.parse()?,
                Long("found") => arguments.found = parser.value()?.into(),
                Long("file") => arguments.file = Some(parser.value()?.into()),
                Long("worker") => arguments.is_worker = true,
                Long("first") => arguments.first = parser.value()?.parse()?,
                Long("list") => {
                    for target in targets::all() {
                        println!("{:<20} {}", target.name, target.about);
                    }
                    return Ok(None);
                }
                Long("help") | Short('h') => {
                    println!("{HELP}");
                    return Ok(None);
                }
                other => bail!("{}", other.unexpected()),
            }
        }
        if arguments.file.is_some() && arguments.targets.len() != 1 {
            bail!("--file is for one --target");
        }
        if arguments.targets.is_empty() {
            arguments.targets = targets::all().collect();
        }
        Ok(Some(arguments))
    }
}
