//! Processes: started in a group of their own, and ended with patience first.

use std::io::IsTerminal;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Ctrl-C reaches every process of the terminal's group at once; the roles must not be in it, for
/// they end in order.
pub(super) fn in_own_group(command: &mut Command) -> &mut Command {
    command.process_group(0)
}

/// Set by Ctrl-C, SIGTERM, or the end of the terminal. In the background, where nobody looks at a
/// terminal, its end is ignored.
pub(super) fn stop_signals() -> Result<Arc<AtomicBool>> {
    let (stop, ignored) = (Arc::new(AtomicBool::new(false)), Arc::default());
    let hangup = if std::io::stdout().is_terminal() {
        &stop
    } else {
        &ignored
    };
    for (signal, flag) in [(SIGINT, &stop), (SIGTERM, &stop), (SIGHUP, hangup)] {
        signal_hook::flag::register(signal, Arc::clone(flag))
            .context("cannot listen for signals")?;
    }
    Ok(stop)
}

/// Variables by which a role is configured; those of the person's own shell are not meant for these roles.
const SETTINGS: [&str; 2] = ["INFLUX_", "WATCHPOST_"];

/// Takes the settings of other roles, tokens among them, out of the environment.
pub(super) fn without_settings(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if SETTINGS.iter().any(|it| text.starts_with(it)) {
            command.env_remove(&name);
        }
    }
    command
}

/// Asks a process to end (SIGTERM); one that is gone is fine.
pub(super) fn terminate(process: u32) -> Result<()> {
    send(process, Signal::TERM)
}

/// Ends a process that did not listen (SIGKILL).
pub(super) fn kill(process: u32) -> Result<()> {
    send(process, Signal::KILL)
}

fn send(process: u32, signal: Signal) -> Result<()> {
    match pid(process).map(|it| kill_process(it, signal)) {
        Some(Err(error)) if error != rustix::io::Errno::SRCH => {
            Err(error).with_context(|| format!("cannot signal process {process}"))
        }
        _ => Ok(()),
    }
}

/// Whether a process of that number runs this program: numbers are given again.
pub(super) fn is_alive(process: u32, program: &Path) -> bool {
    let alive = pid(process).is_some_and(|it| test_kill_process(it).is_ok());
    let runs = std::fs::read_link(format!("/proc/{process}/exe"));
    // A binary that was built anew while the old one runs is shown as "… (deleted)".
    let same = match runs {
        Ok(it) => it.to_string_lossy().trim_end_matches(" (deleted)") == program.to_string_lossy(),
        // One that has ended and that nobody waited for has no program any more.
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    };
    alive && same
}

fn pid(process: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(process).ok()?)
}
