//! The `watchpost-archive` binary.

use std::process::ExitCode;

use clap::Parser as _;
use watchpost_archive::cli::{Arguments, run};

fn main() -> ExitCode {
    watchpost_service::private_files::keep();
    run(Arguments::parse(), std::env::vars().collect())
}
