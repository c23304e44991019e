//! The agent's configuration, as written in `watchpost-agent.toml`.

mod collectors;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchpost_service::config::{
    ByteSize, InfluxConfig, Interval, LogConfig, Problems, RoleConfig, TelemetryConfig,
};

pub use self::collectors::{CollectorConfig, CollectorsConfig, CoresConfig, Section, Timing};
use crate::filter::Filter;

/// Port of `/health`, `/ready` and `/metrics`.
pub const TELEMETRY_PORT: u16 = 9101;

/// Most lines of one request: what InfluxDB's guide to writing calls optimal.
pub const MAX_BATCH_LINES: u32 = 5_000;

/// The whole configuration. Every value has a default: an empty file is a working agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AgentConfig {
    /// Logging.
    pub log: LogConfig,
    /// The agent's own health and metrics.
    pub telemetry: TelemetryConfig,
    /// The server written to.
    pub influx: InfluxConfig,
    /// Further servers that get the same data, by name, each with a buffer of its own: for the time of a
    /// migration.
    pub outputs: BTreeMap<String, InfluxConfig>,
    /// Tags of every point.
    pub tags: TagsConfig,
    /// When and where to collect.
    pub collect: CollectConfig,
    /// What to collect.
    pub collectors: CollectorsConfig,
    /// What is kept while a server is away.
    pub buffer: BufferConfig,
    /// How it is written.
    pub write: WriteConfig,
}

impl Default for AgentConfig {
    fn default() -> Self {
        Self {
            log: LogConfig::default(),
            telemetry: TelemetryConfig::on_port(TELEMETRY_PORT),
            influx: InfluxConfig::default(),
            outputs: BTreeMap::new(),
            tags: TagsConfig::default(),
            collect: CollectConfig::default(),
            collectors: CollectorsConfig::default(),
            buffer: BufferConfig::default(),
            write: WriteConfig::default(),
        }
    }
}

/// Tags of every point. An empty value leaves a tag out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TagsConfig {
    /// Name of the host; unset, what the system calls itself.
    pub host: Option<String>,
    /// Where it stands.
    pub region: String,
    /// What it is for: production, staging …
    pub environment: String,
    /// What it serves.
    pub service: String,
    /// Further tags of your own.
    pub more: BTreeMap<String, String>,
}

impl Default for TagsConfig {
    fn default() -> Self {
        Self {
            host: None,
            region: "local".to_owned(),
            environment: "development".to_owned(),
            service: "system".to_owned(),
            more: BTreeMap::new(),
        }
    }
}

impl TagsConfig {
    /// The tags that are not empty, for a system that calls itself `host_name`.
    pub fn resolve(&self, host_name: &str) -> BTreeMap<String, String> {
        let host = self.host.as_deref().unwrap_or(host_name);
        let own = [
            ("host", host),
            ("region", self.region.as_str()),
            ("environment", self.environment.as_str()),
            ("service", self.service.as_str()),
        ];
        let own = own.map(|(key, value)| (key.to_owned(), value.to_owned()));
        self.more
            .clone()
            .into_iter()
            .chain(own)
            .filter(|(_, value)| !value.is_empty())
            .collect()
    }
}

/// When and where to collect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CollectConfig {
    /// Time between collections, at least 100ms, aligned: at 10s they are stamped :00, :10, :20 … The
    /// slow collectors (processes, file systems, connections, users, frequency, temperature, the agent
    /// itself) run every 10s, or at this interval if it is longer. 1s shows what minutes hide and costs
    /// some 4 ms of one processor.
    pub interval: Interval,
    /// A random delay of up to this much before each collection, so that the guests of one machine do not
    /// collect in the same instant. It does not move the timestamp and is shorter than the interval.
    pub jitter: Interval,
    /// Root of the `/proc` and `/sys` that are read: `/host` in a container that has its host's mounted
    /// there.
    pub host_root: PathBuf,
    /// Series the agent may write within an hour. New ones beyond it are dropped and counted, so that a host
    /// with thousands of short-lived interfaces does not fill the server with series. A host of 64 cores
    /// has some 300.
    pub max_series: usize,
}

impl Default for CollectConfig {
    fn default() -> Self {
        Self {
            interval: Interval::seconds(1),
            jitter: Interval::seconds(0),
            host_root: PathBuf::from("/"),
            max_series: 2_000,
        }
    }
}

/// What is kept while a server is away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BufferConfig {
    /// Folder of the queue on disk and of the dead letters; unset, `$STATE_DIRECTORY` (which systemd
    /// sets), else the buffer is memory alone.
    pub directory: Option<PathBuf>,
    /// Line protocol held in memory, at least 64KiB: all there is while the disk cannot be written. The
    /// default is some minutes of one host at 1s, and keeps the agent within 10 MB.
    pub memory_limit: ByteSize,
    /// Queue on disk, at least 64KiB. Beyond it the oldest data goes first. It is compressed, about tenfold:
    /// the default is a day or two of one host at 1s.
    pub disk_limit: ByteSize,
    /// What is not written to the server after this long (at least 10ms) goes to disk: the most a `kill -9`
    /// can lose. While the server answers within it, the disk is not touched.
    pub sync_interval: Interval,
    /// File to append to, as line protocol, what the buffer drops; it has no limit of its own. Unset, it is
    /// dropped and counted.
    pub overflow_log: Option<PathBuf>,
}

impl Default for BufferConfig {
    fn default() -> Self {
        Self {
            directory: None,
            memory_limit: ByteSize::mebibytes(2),
            disk_limit: ByteSize::mebibytes(128),
            sync_interval: Interval::seconds(1),
            overflow_log: None,
        }
    }
}

/// How data is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WriteConfig {
    /// Lines of one request at most, 500 to 5000: what InfluxDB calls optimal is 5000.
    pub batch_lines: u32,
    /// Write at least this often, full batch or not; at least 10ms.
    pub flush_interval: Interval,
    /// A random delay of up to this much before each write, so that a fleet does not write in one instant.
    pub flush_jitter: Interval,
    /// First wait after a write failed, at least 10ms; it doubles up to `backoff_max` and is jittered, so that
    /// a fleet does not come back in one instant.
    pub backoff_min: Interval,
    /// Longest wait after a write failed. A server's `Retry-After` may be longer, up to ten minutes.
    pub backoff_max: Interval,
    /// Lines per second of the backlog after an outage, so that a fleet that catches up leaves the server
    /// room for queries; fresh data goes first and does not count.
    pub backlog_lines_per_second: u32,
    /// Time to write out what is buffered when it is stopped. What remains goes to disk.
    pub drain_timeout: Interval,
}

impl Default for WriteConfig {
    fn default() -> Self {
        Self {
            batch_lines: MAX_BATCH_LINES,
            flush_interval: Interval::seconds(1),
            flush_jitter: Interval::milliseconds(100),
            backoff_min: Interval::seconds(1),
            backoff_max: Interval::seconds(60),
            backlog_lines_per_second: 20_000,
            drain_timeout: Interval::seconds(5),
        }
    }
}

impl RoleConfig for AgentConfig {
    const ROLE: &'static str = "agent";
    const ENVIRONMENT: &'static [(&'static str, &'static str)] = InfluxConfig::ENVIRONMENT;

    fn check(&self, problems: &mut Problems) {
        self.log.check("log", problems);
        self.influx.check("influx", problems);
        for (name, output) in &self.outputs {
            output.check(&format!("outputs.{name}"), problems);
            if !name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
                || name == PRIMARY_OUTPUT
            {
                problems.add(
                    format!("outputs.{name}"),
                    format!("a name has letters, digits, - and _, and is not {PRIMARY_OUTPUT:?}: it names a folder"),
                );
            }
        }
        for key in self
            .tags
            .more
            .keys()
            .filter(|key| key.is_empty() || RESERVED_TAGS.contains(&key.as_str()))
        {
            problems.add(
                format!("tags.more.{key}"),
                "is set by the agent itself; choose another name",
            );
        }
        self.check_times(problems);
        self.check_globs(problems);
    }

    fn log(&self) -> &LogConfig {
        &self.log
    }
}

/// The name of the output that `[influx]` describes.
pub const PRIMARY_OUTPUT: &str = "influx";

/// Tags with a key of their own, and those that tell the points of one host apart.
const RESERVED_TAGS: &[&str] = &[
    "host",
    "region",
    "environment",
    "service",
    "metric_type",
    "cpu",
    "device",
    "mountpoint",
    "interface",
    "process",
    "sensor",
    "output",
    "reason",
];

impl AgentConfig {
    fn check_times(&self, problems: &mut Problems) {
        let shortest = Duration::from_millis(100);
        if self.collect.interval.get() < shortest {
            problems.add("collect.interval", "must be at least 100ms");
        }
        if self.collect.jitter.get() >= self.collect.interval.get() {
            problems.add("collect.jitter", "must be shorter than collect.interval");
        }
        for (name, timing) in self.collectors.timings() {
            if timing
                .interval
                .is_some_and(|interval| interval.get() < shortest)
            {
                problems.add(
                    format!("collectors.{name}.interval"),
                    "must be at least 100ms",
                );
            }
            if timing
                .timeout
                .is_some_and(|timeout| timeout.get().is_zero())
            {
                problems.add(
                    format!("collectors.{name}.timeout"),
                    "must be longer than zero",
                );
            }
        }
        for (key, value) in [
            ("write.flush_interval", self.write.flush_interval),
            ("write.backoff_min", self.write.backoff_min),
            ("buffer.sync_interval", self.buffer.sync_interval),
        ] {
            if value.get() < Duration::from_millis(10) {
                problems.add(key, "must be at least 10ms");
            }
        }
        if self.write.backoff_max < self.write.backoff_min {
            problems.add(
                "write.backoff_max",
                "must not be shorter than write.backoff_min",
            );
        }
        if !(500..=MAX_BATCH_LINES).contains(&self.write.batch_lines) {
            problems.add(
                "write.batch_lines",
                format!("must be between 500 and {MAX_BATCH_LINES}"),
            );
        }
        if self.write.backlog_lines_per_second == 0 {
            problems.add(
                "write.backlog_lines_per_second",
                "must be at least 1, or a backlog would stay for ever",
            );
        }
        if self.buffer.memory_limit < ByteSize::kibibytes(64) {
            problems.add("buffer.memory_limit", "must be at least 64KiB");
        }
        if self.buffer.disk_limit < ByteSize::kibibytes(64) {
            problems.add("buffer.disk_limit", "must be at least 64KiB");
        }
        if self.collect.max_series == 0 {
            problems.add("collect.max_series", "must be at least 1");
        }
    }

    fn check_globs(&self, problems: &mut Problems) {
        let collectors = &self.collectors;
        let globs: [(&str, &[String], &[String]); 5] = [
            (
                "file_systems",
                &collectors.file_systems.include,
                &collectors.file_systems.exclude,
            ),
            (
                "disk_io",
                &collectors.disk_io.include,
                &collectors.disk_io.exclude,
            ),
            (
                "network",
                &collectors.network.include,
                &collectors.network.exclude,
            ),
            (
                "processes",
                &collectors.processes.include,
                &collectors.processes.exclude,
            ),
            (
                "temperature",
                &collectors.temperature.include,
                &collectors.temperature.exclude,
            ),
        ];
        for (name, include, exclude) in globs {
            for (key, patterns) in [("include", include), ("exclude", exclude)] {
                if let Err(error) = Filter::new(patterns, &[]) {
                    problems.add(format!("collectors.{name}.{key}"), error.to_string());
                }
            }
        }
        if let Err(error) = Filter::new(&collectors.file_systems.exclude_types, &[]) {
            problems.add("collectors.file_systems.exclude_types", error.to_string());
        }
    }

    /// The outputs by name, that of `[influx]` first.
    pub fn outputs(&self) -> Vec<(String, InfluxConfig)> {
        let primary = (PRIMARY_OUTPUT.to_owned(), self.influx.clone());
        let further = self
            .outputs
            .iter()
            .map(|(name, output)| (name.clone(), output.clone()));
        std::iter::once(primary).chain(further).collect()
    }
}
