//! `watchpost-engine`: reads the command line and does what it says ([`watchpost_engine::cli`]).

use std::process::ExitCode;

use clap::Parser;
use watchpost_engine::cli::Cli;

fn main() -> ExitCode {
    watchpost_service::private_files::keep();
    Cli::parse().run()
}
