//! What a run came to: as data (JSON), as text, as one HTML file, and compared with another.

mod compare;
mod figures;
mod html;
mod plot;
mod table;
mod text;

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use self::compare::{Comparison, compare};
pub use self::html::html;
pub use self::table::{Row, Spread, Table, table};
pub use self::text::text;
use crate::load::Summary;
use crate::target::Description;
use crate::usage::Usage;
use crate::verify::Verification;
use crate::{Error, Result};

/// Version of the JSON; raised when a reader of the old one would misread it.
pub const SCHEMA: u32 = 1;

/// Largest report read for a comparison.
const FILE_LIMIT: u64 = 256 * 1024 * 1024;

/// A report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Name of the scenario.
    pub scenario: String,
    /// What it shows.
    pub about: String,
    /// The whole scenario, as it ran.
    pub settings: serde_json::Value,
    /// When it began, RFC 3339.
    pub started: String,
    /// Where the bench ran.
    pub machine: Machine,
    /// Version of the bench.
    pub version: String,
    /// Every run, in the order they ran.
    pub runs: Vec<Run>,
}

/// A machine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Model of its processor.
    pub processor: String,
    /// Cores.
    pub cores: usize,
    /// Bytes of memory.
    pub memory: u64,
    /// Operating system and its version.
    pub system: String,
}

/// One run against one server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Run {
    /// The server.
    pub server: Description,
    /// Which repetition, from 1.
    pub round: u32,
    /// Whether it was ended before its time.
    pub interrupted: bool,
    /// Why the run failed; empty if it did not.
    pub problems: Vec<String>,
    /// What a reader of the figures should know.
    pub notes: Vec<String>,
    /// What was done, by name: `write`, `query`, `alerts`.
    pub loads: BTreeMap<String, Load>,
    /// Whether the data arrived.
    pub verification: Option<Verification>,
    /// The search for the knee.
    pub knee: Option<Knee>,
    /// What an outage came to.
    pub outage: Option<Outage>,
    /// What changed over the time of a soak.
    pub drift: Option<Drift>,
    /// What the server used, if it runs on the bench's machine.
    pub server_usage: Option<Usage>,
    /// What the bench used.
    pub own_usage: Usage,
}

/// A load and how it was offered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// Operations a second that were offered; `None` in the closed model.
    pub offered: Option<f64>,
    /// Operations under way at a time.
    pub connections: usize,
    /// What it came to.
    #[serde(flatten)]
    pub summary: Summary,
}

/// A search for the highest rate that keeps the latency goal.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Knee {
    /// Points a second of the highest step that held; `None` if not even the first did.
    pub rate: Option<f64>,
    /// The goal for the 99th percentile, ms.
    pub goal_p99: f64,
    /// Every step.
    pub steps: Vec<Step>,
}

/// A step of the search.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Points a second that were offered.
    pub offered: f64,
    /// Points a second that were written.
    pub achieved: f64,
    /// 99th percentile, ms.
    pub p99: f64,
    /// Whether the goal was kept.
    pub held: bool,
}

/// What outages came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outage {
    /// Seconds from each order to end until the server listened again.
    pub down_seconds: Vec<f64>,
    /// Seconds from the last return until nothing waited longer than the limit; `None` if that
    /// did not come.
    pub catch_up_seconds: Option<f64>,
    /// Longest wait of a request from its intended start, seconds.
    pub greatest_lag_seconds: f64,
}

/// Change over a run, from its first tenth to its last.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// Resident bytes an hour, by least squares; `None` without samples of the server.
    pub memory_per_hour: Option<f64>,
    /// Bytes on disk an hour.
    pub disk_per_hour: Option<f64>,
    /// Median of the 99th percentiles of the first tenth, ms.
    pub first_p99: f64,
    /// The same of the last tenth.
    pub last_p99: f64,
}

impl Run {
    /// Whether the server did what was asked of it.
    pub fn passed(&self) -> bool {
        self.problems.is_empty()
    }
}

impl Report {
    /// Whether runs of several servers are in it.
    pub fn has_several_servers(&self) -> bool {
        let name = |run: &Run| run.server.name.clone();
        let first = self.runs.first().map(name);
        self.runs.iter().map(name).any(|name| Some(name) != first)
    }

    /// Whether every run passed.
    pub fn passed(&self) -> bool {
        !self.runs.is_empty() && self.runs.iter().all(Run::passed)
    }

    /// Reads a report.
    ///
    /// Errors: the file cannot be read, or is no report of this schema.
    pub fn read(path: &Path) -> Result<Self> {
        let fail = |reason: String| Error::File {
            path: path.to_owned(),
            reason,
        };
        let length = std::fs::metadata(path)
            .map_err(|error| fail(error.to_string()))?
            .len();
        if length > FILE_LIMIT {
            return Err(fail(format!(
                "is {length} bytes long; a report has at most {FILE_LIMIT}"
            )));
        }
        let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
        let report: Self =
            serde_json::from_str(&text).map_err(|error| fail(format!("is no report: {error}")))?;
        if report.schema != SCHEMA {
            return Err(fail(format!(
                "has schema {}; this version reads {SCHEMA}",
                report.schema
            )));
        }
        Ok(report)
    }

    /// As JSON.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

impl Machine {
    /// This machine.
    pub fn here() -> Self {
        // Where the system tells nothing of itself, the report says nothing of it.
        let Ok(mut system) = sysinfo::System::new() else {
            return Self::default();
        };
        system.refresh_cpu_all();
        system.refresh_memory();
        let processor = system
            .cpus()
            .first()
            .map(|cpu| cpu.brand().trim().to_owned());
        Self {
            processor: processor.unwrap_or_default(),
            cores: system.cpus().len(),
            memory: system.total_memory(),
            system: sysinfo::System::long_os_version().unwrap_or_default(),
        }
    }
}
