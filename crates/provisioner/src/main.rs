//! `watchpost-provisioner`: reads the command line and does what it says ([`watchpost_provisioner::cli`]).

use std::process::ExitCode;

use clap::Parser as _;
use watchpost_provisioner::cli::Cli;

fn main() -> ExitCode {
    watchpost_service::private_files::keep();
    Cli::parse().run()
}
