//! Where, of what and under what load a suite was measured: without these a figure says little.

use std::fmt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// What stands beside the figures of a section.
#[derive(Debug, Clone)]
pub(super) struct Circumstances {
    machine: String,
    commit: String,
    date: String,
    load: (Option<String>, Option<String>),
    seconds: u64,
}

impl Circumstances {
    /// Those of a measurement that ends now.
    pub(super) fn here(root: &Path, load_before: Option<String>, length: Duration) -> Self {
        Self {
            machine: machine(),
            commit: commit(root),
            date: output(Command::new("date").args(["-u", "+%Y-%m-%d %H:%M UTC"]))
                .unwrap_or_default(),
            load: (load_before, load()),
            seconds: length.as_secs(),
        }
    }
}

impl fmt::Display for Circumstances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let load = |one: &Option<String>| one.clone().unwrap_or_else(|| "unknown".into());
        write!(
            f,
            "commit {}; {}; load {} before, {} after; {} s; {}",
            self.commit,
            self.date,
            load(&self.load.0),
            load(&self.load.1),
            self.seconds,
            self.machine
        )
    }
}

/// Mean number of running processes over the last minute; Linux alone tells it.
pub(super) fn load() -> Option<String> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next().map(str::to_owned)
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = value_of("/proc/meminfo", "MemTotal")
        .and_then(|value| value.split(' ').next()?.parse::<u64>().ok())
        .map(|kilobytes| format!(", {} GiB", (kilobytes + (1 << 19)) >> 20));
    let processor =
        value_of("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.into());
    let system = std::fs::read_to_string("/etc/os-release")
        .ok()
        .and_then(|text| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
            Some(format!(", {}", line.trim_matches('"')))
        });
    format!(
        "{cores} × {processor}{}{}",
        memory.unwrap_or_default(),
        system.unwrap_or_else(|| format!(", {}", std::env::consts::OS))
    )
}

/// The value of `key : value` in a file of `/proc`.
fn value_of(path: &str, key: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    Some(line.trim_start_matches([' ', '\t', ':']).trim().to_owned())
}

/// The commit, and whether files differ from it.
fn commit(root: &Path) -> String {
    let git = |arguments: &[&str]| output(Command::new("git").args(arguments).current_dir(root));
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else {
        return "unknown".into();
    };
    // The page itself changes with each suite.
    let others = [
        "status",
        "--porcelain",
        "--untracked-files=no",
        "--",
        ".",
        ":!docs/benchmarks.md",
    ];
    match git(&others) {
        Some(changes) if !changes.is_empty() => format!("{commit} with changes"),
        _ => commit,
    }
}

fn output(command: &mut Command) -> Option<String> {
    let output = command
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
