//! The `watchpost-web` binary.

use std::process::ExitCode;

use clap::Parser as _;
use watchpost_web::cli::{Arguments, run};

fn main() -> ExitCode {
    run(Arguments::parse(), std::env::vars().collect())
}
