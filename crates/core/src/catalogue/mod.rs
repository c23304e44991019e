//! The metric catalogue: every metric the agent sends, as data. The agent, the dashboards, the
//! default rules and `docs/metrics.md` are derived from it or checked against it.
//!
//! All metrics of hosts are fields of one measurement, [`MEASUREMENT`]; a point carries the fields of one
//! metric type and one device. Names are those users query, so they never change; a metric that
//! goes away stays listed until no bucket can hold it.

mod agent;
mod archive;
mod checks;
mod containers;
mod disk_health;
mod gpus;
mod kernel;
mod legacy;
mod markdown;
mod metrics;
mod units;

use crate::point::FieldType;

pub use agent::{AGENT_METRICS, AgentMetric};
pub use archive::ARCHIVE_METRICS;
pub use legacy::{LEGACY_FIELDS, LegacyField, legacy_cpu_field};
pub use markdown::render_markdown;

/// Every metric, grouped by type; within a group in the order of the documentation.
pub static METRICS: &[Metric] = &joined::<{ length(PARTS) }>(PARTS);

const PARTS: [&[Metric]; 7] = [
    metrics::OF_HOST,
    kernel::OF_KERNEL,
    disk_health::OF_DISKS,
    containers::OF_CONTAINERS,
    units::OF_UNITS,
    checks::OF_CHECKS,
    gpus::OF_GPUS,
];

const fn length(parts: [&[Metric]; PARTS.len()]) -> usize {
    let (mut part, mut sum) = (0, 0);
    while part < parts.len() {
        (part, sum) = (part + 1, sum + parts[part].len());
    }
    sum
}

/// The parts behind one another; `N` is the sum of their lengths.
const fn joined<const N: usize>(parts: [&[Metric]; PARTS.len()]) -> [Metric; N] {
    let mut all = [parts[0][0]; N];
    let (mut part, mut at) = (0, 0);
    while part < parts.len() {
        let mut index = 0;
        while index < parts[part].len() {
            all[at] = parts[part][index];
            (index, at) = (index + 1, at + 1);
        }
        part += 1;
    }
    all
}

/// The measurement of every metric.
pub const MEASUREMENT: &str = "system_metrics";
/// What the hourly task writes it to.
pub const MEASUREMENT_HOURLY: &str = "system_metrics_hourly";
/// What the daily task writes it to.
pub const MEASUREMENT_DAILY: &str = "system_metrics_daily";
/// The measurement of what an agent tells of itself, see [`AGENT_METRICS`].
pub const MEASUREMENT_AGENT: &str = "watchpost_agent";
/// The measurement of what is known of the copies elsewhere, see [`ARCHIVE_METRICS`].
pub const MEASUREMENT_ARCHIVE: &str = "watchpost_archive";
/// The measurement of the alert history.
pub const MEASUREMENT_ALERTS: &str = "alerts";

/// The tag that tells the kinds of points apart, see [`MetricType`].
pub const TAG_METRIC_TYPE: &str = "metric_type";
/// Tags of every point, with their meaning.
pub const COMMON_TAGS: [(&str, &str); 5] = [
    ("host", "name of the machine"),
    ("region", "where the machine stands, from the configuration"),
    (
        "environment",
        "production, staging, …, from the configuration",
    ),
    ("service", "what the machine serves, from the configuration"),
    (TAG_METRIC_TYPE, "group of the metric, the headings below"),
];

/// Tags that name one of many things on a host, sorted; points without any tell of the host as a whole.
pub const ITEM_TAGS: [&str; 11] = [
    "check",
    "container",
    "cpu",
    "device",
    "gpu",
    "image",
    "interface",
    "mountpoint",
    "process",
    "sensor",
    "unit",
];

/// The value of the tag `metric_type`: one collector, one group of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MetricType {
    Cpu,
    Memory,
    Swap,
    Disk,
    DiskHealth,
    Diskio,
    Network,
    Process,
    Container,
    Unit,
    Check,
    Gpu,
    System,
}

impl MetricType {
    pub const ALL: [MetricType; 13] = [
        MetricType::Cpu,
        MetricType::Memory,
        MetricType::Swap,
        MetricType::Disk,
        MetricType::DiskHealth,
        MetricType::Diskio,
        MetricType::Network,
        MetricType::Process,
        MetricType::Container,
        MetricType::Unit,
        MetricType::Check,
        MetricType::Gpu,
        MetricType::System,
    ];

    /// The tag's value: `cpu`, `memory`, `swap`, `disk`, `disk_health`, `diskio`, `network`, `process`,
    /// `container`, `unit`, `check`, `gpu`, `system`.
    pub fn name(self) -> &'static str {
        match self {
            MetricType::Cpu => "cpu",
            MetricType::Memory => "memory",
            MetricType::Swap => "swap",
            MetricType::Disk => "disk",
            MetricType::DiskHealth => "disk_health",
            MetricType::Diskio => "diskio",
            MetricType::Network => "network",
            MetricType::Process => "process",
            MetricType::Container => "container",
            MetricType::Unit => "unit",
            MetricType::Check => "check",
            MetricType::Gpu => "gpu",
            MetricType::System => "system",
        }
    }

    pub fn from_name(name: &str) -> Option<MetricType> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// The unit of a metric's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// 0 to 100.
    Percent,
    Bytes,
    /// Things counted.
    Count,
    Seconds,
    Milliseconds,
    Microseconds,
    Megahertz,
    Celsius,
    /// A number without a unit, such as the load.
    None,
}

impl Unit {
    /// The name in documents and JSON: `percent`, `bytes`, `count`, …
    pub fn name(self) -> &'static str {
        match self {
            Unit::Percent => "percent",
            Unit::Bytes => "bytes",
            Unit::Count => "count",
            Unit::Seconds => "seconds",
            Unit::Milliseconds => "milliseconds",
            Unit::Microseconds => "microseconds",
            Unit::Megahertz => "megahertz",
            Unit::Celsius => "celsius",
            Unit::None => "none",
        }
    }

    /// The unit's id in Grafana's field options.
    pub fn grafana(self) -> &'static str {
        match self {
            Unit::Percent => "percent",
            Unit::Bytes => "bytes",
            Unit::Count | Unit::None => "short",
            Unit::Seconds => "s",
            Unit::Milliseconds => "ms",
            Unit::Microseconds => "µs",
            Unit::Megahertz => "rotmhz",
            Unit::Celsius => "celsius",
        }
    }
}

/// How values of a metric relate over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Goes up and down; a mean of it means something.
    Gauge,
    /// Only grows, and begins at zero again after a restart; look at its rate.
    Counter,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
        }
    }
}

/// One field of [`MEASUREMENT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// The field's name.
    pub name: &'static str,
    pub metric_type: MetricType,
    pub field_type: FieldType,
    pub unit: Unit,
    pub kind: Kind,
    /// Tags that points with this field carry beside the common ones.
    pub tags: &'static [&'static str],
    /// Tags that only some points with this field carry: without them it is the total.
    pub optional_tags: &'static [&'static str],
    /// One sentence.
    pub help: &'static str,
}

/// The metric of a field name.
pub fn metric(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name)
}

/// The metrics of one type, in the order of the catalogue.
pub fn metrics_of(metric_type: MetricType) -> impl Iterator<Item = &'static Metric> {
    METRICS
        .iter()
        .filter(move |metric| metric.metric_type == metric_type)
}
