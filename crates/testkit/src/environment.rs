//! Programs under test are configured by their test alone, not by the shell of who runs it.

use std::ffi::OsStr;
use std::process::Command;

/// Variables by which the roles and the tests themselves are configured.
const PREFIXES: [&str; 3] = ["INFLUX_", "WATCHPOST_", "ALERTER_"];
const NAMES: [&str; 3] = ["REGION", "ENVIRONMENT", "RUST_LOG"];

/// A command for a program, or for one that runs a role, without the variables that would configure the
/// role: it refuses those that name no key of its own.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (key, _) in std::env::vars_os() {
        let name = key.to_string_lossy();
        if PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || NAMES.contains(&&*name) {
            command.env_remove(&key);
        }
    }
    command
}
