//! The configuration of a role that exists for these tests: every kind of key once.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchpost_service::config::{
    ByteSize, InfluxConfig, Interval, LogConfig, Problems, RoleConfig, TelemetryConfig,
};

/// Configuration of the sample role.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Sample {
    /// Name of this machine.
    pub(crate) host: String,
    /// Region of this machine.
    pub(crate) region: String,
    /// Tags added to every point.
    pub(crate) tags: BTreeMap<String, String>,
    /// The server.
    pub(crate) influx: InfluxConfig,
    /// What is kept in memory.
    pub(crate) buffer: Buffer,
    /// Logging.
    pub(crate) log: LogConfig,
    /// Self-metrics.
    pub(crate) telemetry: TelemetryConfig,
    /// Further servers to write to.
    pub(crate) outputs: Vec<OutputConfig>,
}

/// What is kept in memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Buffer {
    /// Most bytes kept.
    pub(crate) size: ByteSize,
    /// Longest a point waits.
    pub(crate) flush: Interval,
    /// Points a request holds.
    pub(crate) batch: u32,
    /// Share of the buffer that may be filled, 0 to 1.
    pub(crate) share: f64,
    /// Keep on disk what does not fit.
    pub(crate) spill: bool,
    /// Measurements left out, as globs.
    pub(crate) ignore: Vec<String>,
    /// What goes first when it is full.
    pub(crate) drop: DropPolicy,
}

impl Default for Buffer {
    fn default() -> Self {
        Self {
            size: ByteSize::mebibytes(64),
            flush: Interval::seconds(10),
            batch: 500,
            share: 0.8,
            spill: true,
            ignore: vec!["debug*".into()],
            drop: DropPolicy::Oldest,
        }
    }
}

/// What goes first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DropPolicy {
    /// The oldest.
    Oldest,
    /// The newest.
    Newest,
}

/// One further server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutputConfig {
    /// Its name in logs.
    pub(crate) name: String,
    /// Its URL.
    pub(crate) url: String,
    /// Its share of the points.
    #[serde(default)]
    pub(crate) share: f64,
}

impl RoleConfig for Sample {
    const ROLE: &'static str = "sample";
    const ENVIRONMENT: &'static [(&'static str, &'static str)] = &[
        ("INFLUX_URL", "influx.url"),
        ("INFLUX_TOKEN", "influx.token"),
        ("INFLUX_ORG", "influx.org"),
        ("INFLUX_BUCKET", "influx.bucket"),
        ("REGION", "region"),
    ];

    fn check(&self, problems: &mut Problems) {
        self.influx.check("influx", problems);
        self.log.check("log", problems);
        let holds = (1..=5000).contains(&self.buffer.batch);
        problems.require(holds, "buffer.batch", "must be 1 to 5000");
        for (index, output) in self.outputs.iter().enumerate() {
            if output.name.contains(' ') {
                problems.add(format!("outputs.{index}.name"), "must not hold a space");
            }
        }
    }

    fn log(&self) -> &LogConfig {
        &self.log
    }
}
