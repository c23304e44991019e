//! The agent's configuration, as written in `watchpost-agent.toml`.

mod check;
mod check_programs;
mod collectors;
pub mod edit;
mod programs;

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchpost_service::config::{
    ByteSize, InfluxConfig, Interval, LogConfig, Problems, RoleConfig, TelemetryConfig,
};

use crate::collectors::row::tag_text;

pub use self::collectors::{CollectorConfig, CollectorsConfig, CoresConfig, Section, Timing};
pub use self::programs::{
    ExecConfig, LineProtocolConfig, LogsConfig, OtlpConfig, PrometheusConfig, StatsDConfig,
    TextFileConfig,
};

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

/// Tags of every point. An empty value leaves a tag out, but for `host`. A value has no control characters, no
/// backslash at its end nor before a comma, a blank or an equals sign: line protocol has no text for those.
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
    /// Further tags of your own. Their keys begin with no underscore and are none that the platform uses.
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
        let host_name = tag_text(host_name);
        let host = self.host.as_deref().unwrap_or(&host_name);
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
    /// Series the agent writes at most at a time; one that was not written for an hour makes room. Others are left
    /// out and counted, so that a host with thousands of short-lived interfaces does not fill the server with
    /// series. The host's own come first: processor, memory, swap, uptime, all its network, its root file
    /// system. A host of 64 cores has some 300.
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
        check::check(self, problems);
    }

    fn log(&self) -> &LogConfig {
        &self.log
    }
}

/// The name of the output that `[influx]` describes.
pub const PRIMARY_OUTPUT: &str = "influx";

impl AgentConfig {
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
