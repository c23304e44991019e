//! `watchpost-soak`: holds a platform of its own under connections, a full disk and a clock that steps ([`soak`]).
//! `cargo xtask soak` builds the binaries and runs it beside them.

use std::process::ExitCode;
use std::time::Duration;

use lexopt::prelude::{Long, Short, ValueExt};
use watchpost_e2e::measure;
use watchpost_e2e::soak::{self, Terms};

const HELP: &str = "\
watchpost-soak [--seconds N] [--connections N]

Holds the daemons of the binaries beside it under connections of which one in a hundred is slow, a full
disk and a clock that steps a year each way. The exit code is 0 if each write that was acknowledged is
there at the end, and health answered within a second throughout.

  --seconds N       how long [3600]
  --connections N   to all daemons together [10000]

The disk is filled if the temporary folder is on a file system with less than 4 GiB free:
  mount -t tmpfs -o size=2g tmpfs /mnt/small && TMPDIR=/mnt/small …
The clock steps if libfaketime is installed.";

fn main() -> ExitCode {
    measure::program("watchpost-soak", HELP, arguments(), soak::run)
}

fn arguments() -> Result<Option<Terms>, lexopt::Error> {
    let mut terms = Terms {
        time: Duration::from_secs(3_600),
        connections: 10_000,
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("seconds") => terms.time = Duration::from_secs(parser.value()?.parse()?),
            Long("connections") => terms.connections = parser.value()?.parse()?,
            Long("help") | Short('h') => {
                println!("{HELP}");
                return Ok(None);
            }
            _ => return Err(argument.unexpected()),
        }
    }
    Ok(Some(terms))
}
