//! `cargo xtask tidy`: the checks that rustc and clippy cannot make.
//!
//! Each check is a file of its own and gives a list of complaints; none stops the others.

mod budgets;
mod functions;
mod layers;
mod licences;
mod links;
mod metadata;
mod modules;
mod purity;
mod sources;
mod threats;
mod words;
mod writers;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use metadata::Metadata;
use sources::Sources;

const HELP: &str = "\
cargo xtask tidy [--write]

Checks the layer table of ARCHITECTURE.md against cargo metadata, that every module says why it
exists, the names of modules, the size of files and functions (xtask/budgets.toml holds the
exceptions, which may only shrink; --write lowers them), that files are written through the crate
durable (xtask/writers.toml holds the exceptions), the licences of all dependencies, the
purity of the pure crates, the manners of tests, the links of the documents, that each line of the
threat model names tests that exist, and the words that people read.";

/// Runs every check and prints all complaints, each with its place.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    if arguments.iter().any(|it| it == "--help" || it == "-h") {
        println!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    let write = arguments.iter().any(|it| it == "--write");
    let metadata = Metadata::read(root)?;
    let sources = Sources::read(root)?;
    let mut complaints = Vec::new();
    complaints.extend(layers::check(root, &metadata)?);
    complaints.extend(purity::check(root)?);
    complaints.extend(modules::check(&sources));
    complaints.extend(budgets::check(root, &sources, write)?);
    complaints.extend(writers::check(root, &sources)?);
    complaints.extend(licences::check(&metadata));
    complaints.extend(links::check(root)?);
    complaints.extend(threats::check(root, &sources)?);
    complaints.extend(words::check(root)?);
    for complaint in &complaints {
        println!("tidy: {complaint}");
    }
    let files = sources.files.len();
    match complaints.len() {
        0 => {
            println!(
                "tidy: {files} files, {} packages, all in order",
                metadata.packages.len()
            );
            Ok(ExitCode::SUCCESS)
        }
        n => {
            println!("tidy: {n} complaints in {files} files");
            Ok(ExitCode::FAILURE)
        }
    }
}
