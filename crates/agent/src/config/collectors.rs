//! The sections of the collectors: what is collected, how often, and of what.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchpost_service::config::Interval;

use super::programs::{
    ExecConfig, LineProtocolConfig, LogsConfig, OtlpConfig, PrometheusConfig, StatsDConfig,
    TextFileConfig,
};
use crate::collectors::checks::CheckConfig;

/// What to collect. On macOS and Windows one collector gives what the system tells; `cpu`, `network`,
/// `file_systems` and `processes` shape it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CollectorsConfig {
    /// Share of time per CPU mode.
    pub cpu: CoresConfig,
    /// Load averages.
    pub load: CollectorConfig,
    /// Clock frequency. Slow: a file a core.
    pub cpu_frequency: CoresConfig,
    /// Memory and swap.
    pub memory: CollectorConfig,
    /// Pressure stall information (PSI), where the kernel has it.
    pub pressure: CollectorConfig,
    /// Sessions of logged-in users. Slow: they change seldom.
    pub users: CollectorConfig,
    /// Uptime.
    pub uptime: CollectorConfig,
    /// Space and inodes of mounted file systems. Slow: each is asked, and may be far away.
    pub file_systems: FileSystemsConfig,
    /// Bytes and operations of block devices.
    pub disk_io: DiskIoConfig,
    /// Bytes, packets and errors of interfaces.
    pub network: NetworkConfig,
    /// Sockets by state. Slow: the kernel lists every socket.
    pub connections: CollectorConfig,
    /// Containers, where there are any. Slow: some files a container.
    pub containers: ContainersConfig,
    /// Units of systemd. Slow: systemctl is asked.
    pub services: ServicesConfig,
    /// Retransmits, overflows and drops of the network stack, tracked connections. Slow.
    pub protocols: CollectorConfig,
    /// Processes killed for want of memory, open files, a pending reboot, package updates. Slow.
    pub kernel: CollectorConfig,
    /// Whether the clock follows a source of time, and how far it is off. Slow.
    pub clock: CollectorConfig,
    /// Graphics processors of AMD and Intel. Slow.
    pub gpu: CollectorConfig,
    /// Graphics processors of NVIDIA, where nvidia-smi is installed. Every 30 seconds, and never of a card that sleeps.
    pub nvidia: CollectorConfig,
    /// Errors in systemd's journal by unit. Every 30 seconds: journalctl is asked.
    pub journal: CollectorConfig,
    /// Thin pools of LVM. Every 30 seconds: dmsetup is asked, where there is one.
    pub thin_pools: CollectorConfig,
    /// Power supplies that NUT watches. Every 30 seconds.
    pub ups: UpsConfig,
    /// Packages with an update, by the package manager's lists. Every hour.
    pub packages: CollectorConfig,
    /// Fans and batteries. Slow.
    pub power: CollectorConfig,
    /// Arrays (md), pools (ZFS), errors of btrfs, wear of eMMC. Slow.
    pub disk_health: DevicesConfig,
    /// What disks say of themselves (SMART), where smartctl is installed and allowed. Every 30 minutes, and never
    /// of a disk that sleeps.
    pub smart: DevicesConfig,
    /// Checks of what is elsewhere. Slow.
    pub checks: ChecksConfig,
    /// StatsD, by UDP and a Unix socket.
    pub statsd: StatsDConfig,
    /// Prometheus' pages, scraped.
    pub prometheus: PrometheusConfig,
    /// Prometheus' text in files.
    pub textfile: TextFileConfig,
    /// OTLP metrics over HTTP.
    pub otlp: OtlpConfig,
    /// Line protocol on a Unix socket.
    pub line_protocol: LineProtocolConfig,
    /// Output of commands.
    pub exec: ExecConfig,
    /// Lines of logs.
    pub logs: LogsConfig,
    /// Counts and top lists of processes. Slow: a folder a process.
    pub processes: ProcessesConfig,
    /// Temperatures. Slow: a sensor may take milliseconds to answer.
    pub temperature: TemperatureConfig,
    /// What the agent reports of itself: gathered, written, dropped, buffered, and what it costs. Slow.
    pub agent: CollectorConfig,
}

/// Whether and when a collector runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Whether it runs at all.
    pub enabled: bool,
    /// Its interval, if it has one of its own.
    pub interval: Option<Interval>,
    /// Its timeout, if it has one of its own.
    pub timeout: Option<Interval>,
}

/// A section of the configuration that says when a collector runs. Its debug text is its identity: a reload
/// leaves a collector alone whose section reads the same.
pub trait Section: std::fmt::Debug {
    /// Whether and when it runs.
    fn timing(&self) -> Timing;
}

/// Declares the section of a collector: the keys every collector has, and its own. One that is `off` waits to be
/// switched on.
macro_rules! collector_section {
    ($(#[$doc:meta])* off $name:ident { $($fields:tt)* }) => {
        collector_section! { @ $(#[$doc])* $name false { $($fields)* } }
    };
    ($(#[$doc:meta])* $name:ident { $($fields:tt)* }) => {
        collector_section! { @ $(#[$doc])* $name true { $($fields)* } }
    };
    (@ $(#[$doc:meta])* $name:ident $enabled:literal {
        $($(#[$field_doc:meta])* $field:ident: $kind:ty = $default:expr),* $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            /// Run it.
            pub enabled: bool,
            /// Time between its collections, at least 100ms; unset, that of `collect.interval`, for a slow
            /// collector not below 10s.
            pub interval: Option<Interval>,
            /// Time one collection may take; beyond it the others go on without it, and it is asked again
            /// when it answers. Unset, half the interval, within 100ms and 5s.
            pub timeout: Option<Interval>,
            $($(#[$field_doc])* pub $field: $kind,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { enabled: $enabled, interval: None, timeout: None, $($field: $default,)* }
            }
        }

        impl Section for $name {
            fn timing(&self) -> Timing {
                Timing { enabled: self.enabled, interval: self.interval, timeout: self.timeout }
            }
        }
    };
}
pub(super) use collector_section;

collector_section! {
    /// A collector without settings of its own.
    CollectorConfig {}
}

collector_section! {
    /// A collector that tells of the host and of each core.
    CoresConfig {
        /// Write a series a core too.
        per_core: bool = true,
    }
}

collector_section! {
    /// Globs for mounts.
    FileSystemsConfig {
        /// Mount points to collect, as globs (`*` matches `/` too); all, if empty.
        include: Vec<String> = Vec::new(),
        /// Mount points to leave out, as globs. By default those of containers, packages and sessions.
        exclude: Vec<String> = strings(&["/run/*", "/var/lib/docker/*", "/var/lib/containers/*", "/snap/*"]),
        /// File system types to leave out, as globs. Those without files of a user (proc, tmpfs …) always are.
        exclude_types: Vec<String> = Vec::new(),
    }
}

collector_section! {
    /// Globs for block devices.
    DiskIoConfig {
        /// Devices to collect, as globs; all, if empty.
        include: Vec<String> = Vec::new(),
        /// Devices to leave out, as globs. By default those backed by memory, files or media that are changed.
        exclude: Vec<String> = strings(&["loop*", "ram*", "zram*", "sr*", "fd*"]),
    }
}

collector_section! {
    /// Globs for interfaces.
    NetworkConfig {
        /// Interfaces to collect, as globs; all, if empty.
        include: Vec<String> = Vec::new(),
        /// Interfaces to leave out, as globs: they are not in the total either. By default those within the
        /// host: the cables of containers, and the bridges for them alone. The total counts what passed once:
        /// bonds, VLANs, bridges, tunnels and the ports of virtual machines are series, but not in it.
        exclude: Vec<String> = strings(&[
            "lo", "veth*", "docker*", "br-*", "virbr*", "cni*", "cali*", "flannel*", "ifb*", "fwbr*", "fwpr*", "fwln*",
            "lxc*", "lxdbr*", "incusbr*", "podman*", "cilium*",
        ]),
    }
}

collector_section! {
    /// Globs for containers.
    ContainersConfig {
        /// Names of containers to collect, as globs; all, if empty. Those of Kubernetes are called
        /// `NAMESPACE/POD/CONTAINER`.
        include: Vec<String> = Vec::new(),
        /// Names of containers to leave out, as globs.
        exclude: Vec<String> = Vec::new(),
        /// Containers at most; the rest is in the count alone.
        max: usize = 100,
        /// Ask the sockets of Docker and Podman, where they may be read, which containers stopped or are
        /// unhealthy. Nothing is changed through them.
        sockets: bool = true,
    }
}

collector_section! {
    /// Globs for units.
    ServicesConfig {
        /// Units that always have a series, with what they use, as globs: `nginx.service`, `postgresql@*`. Others
        /// have one when they fail.
        include: Vec<String> = Vec::new(),
        /// Units to leave out, as globs.
        exclude: Vec<String> = Vec::new(),
        /// Units by name at most, those that fail first.
        max: usize = 50,
    }
}

collector_section! {
    /// What is checked from this host.
    ChecksConfig {
        /// The checks by name, which becomes the tag `check`: `[collectors.checks.targets.shop]` and below it
        /// `target = "https://shop.example.org/health"`.
        targets: BTreeMap<String, CheckConfig> = BTreeMap::new(),
    }
}

collector_section! {
    /// Globs for devices.
    DevicesConfig {
        /// Devices to collect, as globs; all, if empty.
        include: Vec<String> = Vec::new(),
        /// Devices to leave out, as globs.
        exclude: Vec<String> = Vec::new(),
    }
}

collector_section! {
    /// Power supplies.
    UpsConfig {
        /// Where NUT's daemon (upsd) listens.
        address: String = "127.0.0.1:3493".to_owned(),
    }
}

collector_section! {
    /// Top lists of processes.
    ProcessesConfig {
        /// Names in each top list (CPU, memory, I/O); 0 for counts only. Each name is a series.
        top: usize = 5,
        /// Names to consider, as globs; all, if empty.
        include: Vec<String> = Vec::new(),
        /// Names to leave out, as globs.
        exclude: Vec<String> = Vec::new(),
    }
}

collector_section! {
    /// Globs for sensors.
    TemperatureConfig {
        /// Sensors to collect, as globs; all, if empty.
        include: Vec<String> = Vec::new(),
        /// Sensors to leave out, as globs.
        exclude: Vec<String> = Vec::new(),
    }
}

pub(super) fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

impl CollectorsConfig {
    pub(crate) fn timings(&self) -> [(&'static str, Timing); 36] {
        [
            ("cpu", self.cpu.timing()),
            ("load", self.load.timing()),
            ("cpu_frequency", self.cpu_frequency.timing()),
            ("memory", self.memory.timing()),
            ("pressure", self.pressure.timing()),
            ("users", self.users.timing()),
            ("uptime", self.uptime.timing()),
            ("file_systems", self.file_systems.timing()),
            ("disk_io", self.disk_io.timing()),
            ("network", self.network.timing()),
            ("connections", self.connections.timing()),
            ("containers", self.containers.timing()),
            ("services", self.services.timing()),
            ("protocols", self.protocols.timing()),
            ("kernel", self.kernel.timing()),
            ("clock", self.clock.timing()),
            ("gpu", self.gpu.timing()),
            ("nvidia", self.nvidia.timing()),
            ("journal", self.journal.timing()),
            ("thin_pools", self.thin_pools.timing()),
            ("ups", self.ups.timing()),
            ("packages", self.packages.timing()),
            ("power", self.power.timing()),
            ("disk_health", self.disk_health.timing()),
            ("smart", self.smart.timing()),
            ("checks", self.checks.timing()),
            ("statsd", self.statsd.timing()),
            ("prometheus", self.prometheus.timing()),
            ("textfile", self.textfile.timing()),
            ("otlp", self.otlp.timing()),
            ("line_protocol", self.line_protocol.timing()),
            ("exec", self.exec.timing()),
            ("logs", self.logs.timing()),
            ("processes", self.processes.timing()),
            ("temperature", self.temperature.timing()),
            ("agent", self.agent.timing()),
        ]
    }
}

impl CollectorsConfig {
    /// The globs: collector, include, exclude.
    pub(super) fn globs(&self) -> [(&'static str, &[String], &[String]); 9] {
        [
            (
                "file_systems",
                &self.file_systems.include,
                &self.file_systems.exclude,
            ),
            ("disk_io", &self.disk_io.include, &self.disk_io.exclude),
            ("network", &self.network.include, &self.network.exclude),
            (
                "containers",
                &self.containers.include,
                &self.containers.exclude,
            ),
            ("services", &self.services.include, &self.services.exclude),
            (
                "disk_health",
                &self.disk_health.include,
                &self.disk_health.exclude,
            ),
            ("smart", &self.smart.include, &self.smart.exclude),
            (
                "processes",
                &self.processes.include,
                &self.processes.exclude,
            ),
            (
                "temperature",
                &self.temperature.include,
                &self.temperature.exclude,
            ),
        ]
    }
}

/// The one collector of macOS and Windows is shaped by the whole, and timed as `cpu` is.
impl Section for CollectorsConfig {
    fn timing(&self) -> Timing {
        self.cpu.timing()
    }
}
