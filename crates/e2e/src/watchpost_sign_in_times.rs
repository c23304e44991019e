//! `watchpost-sign-in-times`: measures whether the time of a refusal shows that a name is there ([`sign_in_times`]).
//! `cargo xtask sign-in-times` builds the binaries and runs it beside them.

use std::process::ExitCode;

use lexopt::prelude::{Long, Short, ValueExt};
use watchpost_e2e::measure;
use watchpost_e2e::sign_in_times::{self, Terms};

const HELP: &str = "\
watchpost-sign-in-times [--samples N]

Tries wrong passwords for names that are there and for names that are not, turn by turn, at the server and
at the web page of the binaries beside it, and compares the times of the refusals by their ranks. The exit
code is 0 if no kind of name differs by more than 4.5 standard deviations.

  --samples N   tries of each kind of name [1000]";

fn main() -> ExitCode {
    measure::program(
        "watchpost-sign-in-times",
        HELP,
        arguments(),
        sign_in_times::run,
    )
}

fn arguments() -> Result<Option<Terms>, lexopt::Error> {
    let mut terms = Terms { samples: 1_000 };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("samples") => terms.samples = parser.value()?.parse()?,
            Long("help") | Short('h') => {
                println!("{HELP}");
                return Ok(None);
            }
            _ => return Err(argument.unexpected()),
        }
    }
    Ok(Some(terms))
}
