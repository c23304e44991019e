//! `watchpost-check`: brings a platform up in a temporary folder, judges it, and stops it.
//!
//! `cargo xtask up --check` builds the binaries and runs this beside them.

use std::io::Write as _;
use std::process::ExitCode;

use lexopt::prelude::{Long, Short, ValueExt};
use watchpost_e2e::criteria::{Terms, judge_all};
use watchpost_e2e::platform::{Named, Server, interrupt};

const HELP: &str = "\
watchpost-check [--quick] [--external | --kind KIND --url URL] [--output human|json]

Judges the platform of the binaries beside it: a line for each criterion with PASS, FAIL or SKIPPED
and a figure. The exit code is 0 if none failed. `cargo xtask up --check` builds them and runs this.

  --quick      two days of past instead of a week, and a shorter outage
  --external   on the server of INFLUX_URL with INFLUX_TOKEN or INFLUX_TOKEN_FILE, and INFLUX_ORG;
               it is written to and keeps a few points of `judged` hosts
  --kind       victoriametrics or influxdb3, which runs at --url (a cluster also takes --write-url and
               --tenant); what such a server cannot be judged by is skipped
  --output     json prints one document at the end";

fn main() -> ExitCode {
    let (terms, json) = match arguments() {
        Ok(Some(found)) => found,
        Ok(None) => return ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "watchpost-check: {error}\n\n{HELP}");
            return ExitCode::from(64);
        }
    };
    if let Err(error) = interrupt::clean_up_on_signal() {
        let _ = writeln!(
            std::io::stderr(),
            "watchpost-check: cannot listen for signals: {error}"
        );
        return ExitCode::FAILURE;
    }
    // A judge that panics has found something, which its line tells; the trace would bury it.
    std::panic::set_hook(Box::new(|_| {}));
    let tell = |judged: &_| {
        if !json {
            let _ = writeln!(std::io::stdout(), "{judged}");
        }
    };
    match judge_all(&terms, tell) {
        Ok(report) => {
            if json {
                let _ = writeln!(std::io::stdout(), "{:#}", report.json());
            } else {
                let _ = writeln!(std::io::stdout(), "\n{report}");
            }
            ExitCode::from(u8::from(!report.holds()))
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "watchpost-check: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The terms and whether JSON is wanted; `None` if help was asked for and printed.
fn arguments() -> Result<Option<(Terms, bool)>, lexopt::Error> {
    let (mut terms, mut json) = (Terms::default(), false);
    let mut named = Named::default();
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("help") | Short('h') => {
                let _ = writeln!(std::io::stdout(), "{HELP}");
                return Ok(None);
            }
            Long("quick") => terms.quick = true,
            Long("external") => {
                terms.external = Some(Server::from_variables(|name| std::env::var(name).ok())?);
            }
            Long("kind") => named.kind = parser.value()?.string()?,
            Long("url") => named.url = parser.value()?.string()?,
            Long("write-url") => named.write_url = parser.value()?.string()?,
            Long("tenant") => named.tenant = parser.value()?.string()?,
            Long("output") => match parser.value()?.string()?.as_str() {
                "json" => json = true,
                "human" => json = false,
                other => return Err(format!("--output {other}: expected human or json").into()),
            },
            _ => return Err(argument.unexpected()),
        }
    }
    if !named.url.is_empty() || !named.kind.is_empty() {
        terms.external = Some(Server::named(named, |name| std::env::var(name).ok())?);
    }
    Ok(Some((terms, json)))
}
