//! A scenario: what is sent to a server and asked of it, as a TOML file that people can read and
//! add to.

mod catalogue;
mod check;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use watchpost_core::line_protocol::Precision;
use watchpost_service::config::Interval;

pub use self::catalogue::{Listed, find, list, source};

/// What a scenario is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A number of points, as fast or as evenly as asked.
    #[default]
    Write,
    /// Many writers at once.
    Concurrent,
    /// A mix of queries over data written before.
    Query,
    /// Writes at a constant rate while queries and alert rules run.
    Mixed,
    /// Hosts come and go.
    Churn,
    /// A fleet that reports at an interval, in real time.
    Fleet,
    /// Raises the rate until the latency goal breaks.
    Saturate,
    /// The server is away for a while.
    Outage,
    /// The server is killed under load.
    Kill,
    /// Hours of load; what drifts?
    Soak,
}

/// A scenario.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// Name: that of the file.
    #[serde(skip_deserializing)]
    pub name: String,
    /// What it shows, in a sentence.
    pub about: String,
    /// What it is about.
    pub kind: Kind,
    /// Makes the data and the order of the queries; the same seed gives the same run.
    pub seed: u64,
    /// How long the load lasts; without it, until all points and queries are done.
    pub duration: Option<Interval>,
    /// Results of this first time are kept apart.
    pub warmup: Interval,
    /// The data.
    pub data: Data,
    /// How it is written.
    pub write: Write,
    /// What is asked as a dashboard would.
    pub query: Option<Reads>,
    /// What is asked as alert rules would, beside `query`.
    pub alerts: Option<Reads>,
    /// What befalls the server.
    pub fault: Option<Fault>,
    /// How the rate is raised.
    pub saturate: Option<Saturate>,
    /// How the data is verified.
    pub verify: Verify,
}

/// The shape of the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// Hosts that report at a time; hosts × fields is the number of series.
    pub hosts: u64,
    /// Fields of a point.
    pub fields: u64,
    /// Time between two points of a host.
    pub interval: Interval,
    /// Precision of the written times.
    pub precision: TimePrecision,
    /// Write tags sorted by name.
    pub sorted_tags: bool,
    /// Share of the lines that are sent out of the order of time, 0 to 1.
    pub out_of_order: f64,
    /// Share of the lines that are sent again with other values once all were sent, 0 to 1.
    pub rewritten: f64,
    /// How long a host reports before another takes its place; without it, for ever.
    pub lifetime: Option<Interval>,
}

/// Precision of written times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimePrecision {
    /// Seconds.
    #[serde(rename = "s")]
    Seconds,
    /// Milliseconds.
    #[serde(rename = "ms")]
    Milliseconds,
    /// Nanoseconds.
    #[serde(rename = "ns")]
    Nanoseconds,
}

/// When an operation begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Model {
    /// When the one before is done: measures what the server can take.
    #[default]
    Closed,
    /// At a constant arrival rate, whatever the server does: measures what users wait.
    Open,
}

/// How points are written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Write {
    /// Points to write; with `duration` and a rate they follow from those.
    pub points: Option<u64>,
    /// Points of a request.
    pub batch_size: u64,
    /// Requests under way at a time.
    pub connections: usize,
    /// Compress bodies.
    pub gzip: bool,
    /// When a request begins.
    pub model: Model,
    /// Points a second in the open model.
    pub rate: Option<f64>,
    /// How long a request is repeated before the load gives up.
    pub retry_for: Interval,
}

/// How queries are asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reads {
    /// Queries to ask; with `duration` and a rate they follow from those.
    pub count: Option<u64>,
    /// Queries under way at a time.
    pub connections: usize,
    /// When a query begins.
    pub model: Model,
    /// Queries a second in the open model.
    pub rate: Option<f64>,
    /// Time range of a query, back from the newest data.
    pub range: Interval,
    /// Shapes by name, with their weights.
    pub mix: BTreeMap<String, u64>,
}

/// What befalls the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// Time under load before it.
    pub after: Interval,
    /// Time the server is away.
    pub down_for: Interval,
    /// How often, with `after` between.
    pub times: u64,
    /// The load has caught up when nothing waits longer than this.
    pub caught_up_below: Interval,
}

/// How the rate is raised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Saturate {
    /// Points a second of the first step.
    pub first_rate: f64,
    /// Factor from step to step.
    pub factor: f64,
    /// Length of a step.
    pub step: Interval,
    /// The goal: 99 % of the requests are done in this time.
    pub goal_p99: Interval,
    /// Steps between the last rate that held and the first that broke.
    pub refinements: u32,
    /// Points a second at which the search ends in any case.
    pub highest_rate: f64,
}

/// How the data is verified.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Verify {
    /// Verify at all.
    pub enabled: bool,
    /// How long a point may take to be found after its acknowledgement.
    pub settle: Interval,
}

impl Data {
    /// Intervals a host reports; `None` for ever.
    pub fn lifetime_points(&self) -> Option<u64> {
        let lifetime = self.lifetime?.get().as_nanos();
        let points = lifetime / self.interval.get().as_nanos().max(1);
        Some(u64::try_from(points).unwrap_or(u64::MAX).max(1))
    }
}

impl Scenario {
    /// Points a second of the open model; `None` in the closed one.
    pub fn write_rate(&self) -> Option<f64> {
        if self.kind == Kind::Fleet {
            return Some(self.data.hosts as f64 / self.data.interval.get().as_secs_f64());
        }
        (self.write.model == Model::Open)
            .then_some(self.write.rate)
            .flatten()
    }

    /// Points the whole run may send.
    pub fn lines(&self) -> u64 {
        if let Some(saturate) = &self.saturate {
            // More than all steps together: each is `factor` above the one before.
            let steps = (saturate.highest_rate / saturate.first_rate)
                .log(saturate.factor)
                .ceil()
                + 1.0
                + f64::from(saturate.refinements);
            let most = saturate.highest_rate * saturate.step.get().as_secs_f64() * steps;
            return (most as u64).min(LINE_LIMIT);
        }
        let by_rate = self
            .duration
            .zip(self.write_rate())
            .map(|(duration, rate)| (duration.get().as_secs_f64() * rate).ceil() as u64);
        self.write.points.or(by_rate).unwrap_or(LINE_LIMIT)
    }

    /// The same load for another time. Of a shorter one at most a quarter is warm-up, so that the
    /// rest is measured.
    #[must_use]
    pub fn lasting(self, duration: Interval) -> Self {
        let quarter = Interval(duration.get() / 4);
        Self {
            warmup: self.warmup.min(quarter),
            duration: Some(duration),
            ..self
        }
    }
}

/// Points of a run that names neither a number nor a rate: hours at full speed.
pub const LINE_LIMIT: u64 = 1_000_000_000;

impl Default for Data {
    fn default() -> Self {
        Self {
            hosts: 100,
            fields: 10,
            interval: Interval::seconds(10),
            precision: TimePrecision::Nanoseconds,
            sorted_tags: true,
            out_of_order: 0.0,
            rewritten: 0.0,
            lifetime: None,
        }
    }
}

impl Default for Write {
    fn default() -> Self {
        Self {
            points: None,
            batch_size: 1_000,
            connections: 1,
            gzip: true,
            model: Model::Closed,
            rate: None,
            // InfluxDB gives up a write after 10 s of its own: time for two more.
            retry_for: Interval::seconds(30),
        }
    }
}

impl Default for Reads {
    fn default() -> Self {
        Self {
            count: None,
            connections: 1,
            model: Model::Closed,
            rate: None,
            range: Interval::seconds(3_600),
            mix: BTreeMap::new(),
        }
    }
}

impl Default for Fault {
    fn default() -> Self {
        Self {
            after: Interval::seconds(5),
            down_for: Interval::seconds(10),
            times: 1,
            caught_up_below: Interval::seconds(1),
        }
    }
}

impl Default for Saturate {
    fn default() -> Self {
        Self {
            first_rate: 10_000.0,
            factor: 1.5,
            step: Interval::seconds(10),
            goal_p99: Interval::milliseconds(250),
            refinements: 2,
            highest_rate: 1_000_000.0,
        }
    }
}

impl Default for Verify {
    fn default() -> Self {
        Self {
            enabled: true,
            settle: Interval::seconds(2),
        }
    }
}

impl From<TimePrecision> for Precision {
    fn from(precision: TimePrecision) -> Self {
        match precision {
            TimePrecision::Seconds => Precision::Seconds,
            TimePrecision::Milliseconds => Precision::Milliseconds,
            TimePrecision::Nanoseconds => Precision::Nanoseconds,
        }
    }
}
