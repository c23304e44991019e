//! `--once --explain`: for each source of metrics whether this host has it, why not, and what it costs.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;
use watchpost_service::cli::Output;
use watchpost_service::metrics::Registry;

use crate::clock;
use crate::config::{AgentConfig, CollectorsConfig};
use crate::metrics::AgentMetrics;
use crate::pipeline::{Surroundings, plan};
use crate::schedule::{Look, Round};

/// What each collector reads, by its name.
const SOURCES: [(&str, &str); 37] = [
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
    ("exec", "the commands of collectors.exec"),
    ("file_systems", "/proc/self/mountinfo and statvfs(2)"),
    ("gpu", "/sys/class/drm"),
    ("journal", "journalctl, where systemd's journal is"),
    ("kernel", "/proc/vmstat, /proc/sys, /run/reboot-required"),
    ("line_protocol", "programs that connect to its socket"),
    ("load", "/proc/loadavg"),
    ("logs", "the files of collectors.logs"),
    ("memory", "/proc/meminfo"),
    ("network", "/proc/net/dev"),
    ("nvidia", "nvidia-smi, for cards that are awake"),
    ("otlp", "programs that send to its address"),
    ("packages", "the lists of apt-get or dnf"),
    ("portable", "the system's own interfaces"),
    ("power", "fans in /sys/class/hwmon, /sys/class/power_supply"),
    ("pressure", "/proc/pressure"),
    ("processes", "/proc/PID"),
    ("prometheus", "the pages of collectors.prometheus.targets"),
    (
        "protocols",
        "/proc/net/snmp, netstat, softnet_stat, nf_conntrack",
    ),
    ("services", "systemctl, where /run/systemd/system is"),
    ("smart", "smartctl, for the disks in /sys/block"),
    ("statsd", "programs that send to its address"),
    ("temperature", "/sys/class/hwmon, /sys/class/thermal"),
    ("textfile", "*.prom in the folders of collectors.textfile"),
    ("thin_pools", "dmsetup, where LVM has a thin pool"),
    ("ups", "NUT's daemon at collectors.ups.address"),
    ("uptime", "/proc/uptime"),
    ("users", "/run/systemd/sessions, /run/utmp"),
];

/// Looks twice, as `--once` does, and tells of the second.
pub(super) fn run(config: &AgentConfig, surroundings: &Surroundings, output: Output) -> ExitCode {
    let metrics = AgentMetrics::new(&Registry::new());
    let plan = match plan(config, surroundings, &metrics) {
        Ok(plan) => super::once::without_listeners(plan),
        Err(error) => return super::fail(&error),
    };
    let mut round = Round::new(plan, metrics, clock::now());
    round.warm_up(clock::now());
    std::thread::sleep(super::once::APART);
    let looks = round.looks(clock::now());
    let others = others(config, &looks);
    let text = match output {
        Output::Human => table(&looks, &others),
        Output::Json => lines(&looks, &others),
    };
    // A reader that has left (`| head`) is no mistake.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

/// A collector that was not run: whether it is switched on, and why it was not.
type Other = (&'static str, bool, String);

/// The collectors that the configuration switches off or gives nothing to do, and those that listen while the
/// agent runs.
fn others(config: &AgentConfig, looks: &[Look]) -> Vec<Other> {
    let listening = listening(&config.collectors);
    let known = |name: &str| {
        let mut asked = looks.iter().map(|look| look.name);
        let mut waiting = listening.iter().map(|(name, ..)| *name);
        asked.any(|asked| asked == name) || waiting.any(|waiting| waiting == name)
    };
    let timings = config.collectors.timings();
    let rest = timings.into_iter().filter(|(name, _)| !known(name));
    let mut others: Vec<Other> = rest
        .map(|(name, timing)| match timing.enabled {
            true => (name, true, format!("nothing to ask: {}", source(name))),
            false => (name, false, "switched off".to_owned()),
        })
        .collect();
    others.extend(listening);
    others
}

/// The collectors that listen while the agent runs, and where.
fn listening(collectors: &CollectorsConfig) -> Vec<Other> {
    let statsd = &collectors.statsd;
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let places = |places: [Option<String>; 2]| {
        let places: Vec<String> = places.into_iter().flatten().collect();
        format!("listens while the agent runs: {}", places.join(", "))
    };
    let udp = (!statsd.address.is_empty()).then(|| format!("udp {}", statsd.address));
    let http = format!("http://{}/v1/metrics", collectors.otlp.listen);
    let lines = path(&collectors.line_protocol.socket);
    let listening = [
        (
            statsd.enabled,
            "statsd",
            places([udp, path(&statsd.socket)]),
        ),
        (collectors.otlp.enabled, "otlp", places([Some(http), None])),
        (
            collectors.line_protocol.enabled,
            "line_protocol",
            places([lines, None]),
        ),
    ];
    let listening = listening.into_iter().filter(|(enabled, ..)| *enabled);
    listening.map(|(_, name, why)| (name, true, why)).collect()
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

fn table(looks: &[Look], others: &[Other]) -> String {
    let mut out = format!(
        "{:<14} {:<5} {:>6} {:>9} {:>13}  source\n",
        "collector", "found", "series", "per run", "per minute"
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
    for (name, _, why) in others {
        let _ = writeln!(
            out,
            "{name:<14} {:<5} {:>6} {:>9} {:>13}  {why}",
            "–", "–", "–", "–"
        );
    }
    out
}

fn lines(looks: &[Look], others: &[Other]) -> String {
    let of_looks = looks.iter().map(|look| {
        json!({
            "collector": look.name, "enabled": true, "found": look.series > 0, "series": look.series,
            "fields": look.fields, "seconds": look.took.as_secs_f64(), "interval_seconds": look.interval.as_secs_f64(),
            "why": why(look),
        })
    });
    let of_others = others.iter().map(|(name, enabled, why)| {
        json!({ "collector": name, "enabled": enabled, "found": false, "why": why })
    });
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
