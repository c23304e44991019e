//! `--once --explain`: for each source of metrics whether this host has it, why not, and what it costs.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use serde_json::json;
use watchpost_service::cli::Output;
use watchpost_service::metrics::Registry;

use crate::clock;
use crate::config::AgentConfig;
use crate::metrics::AgentMetrics;
use crate::pipeline::{Surroundings, plan};
use crate::schedule::{Look, Round};

/// What each collector reads, by its name.
const SOURCES: [(&str, &str); 25] = [
    ("agent", "its own counters"),
    ("checks", "collectors.checks.targets of the configuration"),
    ("clock", "chronyc, /run/systemd/timesync"),
    ("connections", "/proc/net/tcp, tcp6, udp, udp6"),
    (
        "containers",
        "control groups of containers in /sys/fs/cgroup; the runtime's socket for their state",
    ),
    ("cpu", "/proc/stat"),
    (
        "cpu_frequency",
        "cpufreq in /sys/devices/system/cpu, /proc/cpuinfo",
    ),
    (
        "disk_health",
        "arrays in /sys/block/md*, pools in /proc/spl/kstat/zfs, /sys/fs/btrfs, eMMC",
    ),
    ("disk_io", "/proc/diskstats"),
    ("file_systems", "/proc/self/mountinfo and statvfs(2)"),
    ("gpu", "/sys/class/drm"),
    ("kernel", "/proc/vmstat, /proc/sys, /run/reboot-required"),
    ("load", "/proc/loadavg"),
    ("memory", "/proc/meminfo"),
    ("network", "/proc/net/dev"),
    ("portable", "the system's own interfaces"),
    ("power", "fans in /sys/class/hwmon, /sys/class/power_supply"),
    ("pressure", "/proc/pressure"),
    ("processes", "/proc/PID"),
    (
        "protocols",
        "/proc/net/snmp, netstat, softnet_stat, nf_conntrack",
    ),
    ("services", "systemctl, where /run/systemd/system is"),
    ("smart", "smartctl, for the disks in /sys/block"),
    ("temperature", "/sys/class/hwmon, /sys/class/thermal"),
    ("uptime", "/proc/uptime"),
    ("users", "/run/systemd/sessions, /run/utmp"),
];

/// Looks twice, as `--once` does, and tells of the second.
pub(super) fn run(config: &AgentConfig, surroundings: &Surroundings, output: Output) -> ExitCode {
    let metrics = AgentMetrics::new(&Registry::new());
    let plan = match plan(config, surroundings, &metrics) {
        Ok(plan) => plan,
        Err(error) => return super::fail(&error),
    };
    let off = switched_off(config);
    let mut round = Round::new(plan, metrics, clock::now());
    drop(round.looks(clock::now()));
    std::thread::sleep(super::once::APART);
    let looks = round.looks(clock::now());
    let text = match output {
        Output::Human => table(&looks, &off),
        Output::Json => lines(&looks, &off),
    };
    // A reader that has left (`| head`) is no mistake.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

/// The collectors that the configuration switches off.
fn switched_off(config: &AgentConfig) -> Vec<&'static str> {
    let timings = config.collectors.timings();
    timings
        .into_iter()
        .filter(|(_, timing)| !timing.enabled)
        .map(|(name, _)| name)
        .collect()
}

fn source(name: &str) -> &'static str {
    SOURCES
        .iter()
        .find(|(known, _)| *known == name)
        .map_or("", |(_, source)| source)
}

/// Why a look gave what it gave.
fn why(look: &Look) -> String {
    match (&look.failure, look.series) {
        (Some(failure), _) => failure.clone(),
        (None, 0) => format!("not found: {}", source(look.name)),
        (None, _) => source(look.name).to_owned(),
    }
}

/// Milliseconds of waiting a minute: the time of a look, as often as there is one.
fn cost(look: &Look) -> f64 {
    1000.0 * look.took.as_secs_f64() * 60.0 / look.interval.as_secs_f64().max(0.1)
}

fn table(looks: &[Look], off: &[&str]) -> String {
    let mut out = format!(
        "{:<14} {:<5} {:>6} {:>9} {:>13}  source\n",
        "collector", "found", "series", "a look", "a minute"
    );
    for look in looks {
        let found = if look.series > 0 { "yes" } else { "no" };
        let (took, cost) = (1000.0 * look.took.as_secs_f64(), cost(look));
        // Writing to a text does not fail.
        let _ = writeln!(
            out,
            "{:<14} {found:<5} {:>6} {took:>6.1} ms {cost:>10.1} ms  {}",
            look.name,
            look.series,
            why(look)
        );
    }
    for name in off {
        let _ = writeln!(
            out,
            "{name:<14} {:<5} {:>6} {:>9} {:>13}  switched off",
            "–", "–", "–", "–"
        );
    }
    out
}

fn lines(looks: &[Look], off: &[&str]) -> String {
    let of_looks = looks.iter().map(|look| {
        json!({
            "collector": look.name, "enabled": true, "found": look.series > 0, "series": look.series,
            "fields": look.fields, "seconds": look.took.as_secs_f64(), "interval_seconds": look.interval.as_secs_f64(),
            "why": why(look),
        })
    });
    let of_others = off
        .iter()
        .map(|name| json!({ "collector": name, "enabled": false, "found": false }));
    of_looks
        .chain(of_others)
        .map(|line| format!("{line}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::SOURCES;
    use crate::config::AgentConfig;

    #[test]
    fn every_collector_has_a_source() {
        for (name, _) in AgentConfig::default().collectors.timings() {
            assert!(SOURCES.iter().any(|(known, _)| *known == name), "{name}");
        }
        assert!(SOURCES.is_sorted());
    }
}
