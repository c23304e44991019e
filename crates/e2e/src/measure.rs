//! The rim of the programs that measure a platform of their own: arguments in, a report and an exit code out.

use std::fmt::Display;
use std::process::ExitCode;

use crate::platform::interrupt;

/// What was measured.
pub trait Report: Display {
    /// Whether all that was asked for is so.
    fn holds(&self) -> bool;
}

/// Runs a program to its exit code: 0 if the report holds, 64 for arguments that are none. `terms` is `None` if help was
/// asked for and printed; `run` gives `None` where something is missing, which it said.
pub fn program<T, R: Report>(
    name: &str,
    help: &str,
    terms: Result<Option<T>, lexopt::Error>,
    run: impl FnOnce(&T) -> Result<Option<R>, String>,
) -> ExitCode {
    let terms = match terms {
        Ok(Some(terms)) => terms,
        Ok(None) => return ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}\n\n{help}");
            return ExitCode::from(64);
        }
    };
    if let Err(error) = interrupt::clean_up_on_signal() {
        eprintln!("{name}: cannot listen for signals: {error}");
        return ExitCode::FAILURE;
    }
    match run(&terms) {
        Ok(None) => ExitCode::FAILURE,
        Ok(Some(report)) => {
            println!("{report}");
            ExitCode::from(u8::from(!report.holds()))
        }
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}
