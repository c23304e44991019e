//! `watchpost-check`: brings a platform up in a temporary folder, judges it, and stops it.
//!
//! `cargo xtask up --check` builds the binaries and runs this beside them.

use std::process::ExitCode;

fn main() -> ExitCode {
    if watchpost_e2e::criteria::judge_all(&mut std::io::stdout()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
