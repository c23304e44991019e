//! What programs on the host send or show: StatsD, Prometheus text, OTLP, line protocol, the output of commands, lines
//! of logs. Each source is a collector of its own file with limits of its own, and one bad line costs itself.
//!
//! | source | how it comes | where |
//! |---|---|---|
//! | StatsD | datagrams, by UDP and a Unix socket | [`statsd`] |
//! | Prometheus | pages that are scraped, files in folders | [`prometheus`] |
//! | OTLP metrics | HTTP, JSON or protobuf | [`otlp`] |
//! | line protocol | a Unix socket | [`line_protocol`] |
//! | commands | line protocol or Prometheus text on their output | [`exec`] |
//! | logs | lines that match patterns are counted | [`logs`] |
//!
//! Their metrics are measurements of their own: none can write what the platform measures itself, nor for another
//! host (a tag `host` becomes `exported_host`, as Prometheus has it).

use std::borrow::Cow;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use watchpost_core::catalogue::{
    MEASUREMENT, MEASUREMENT_AGENT, MEASUREMENT_ALERTS, MEASUREMENT_DAILY, MEASUREMENT_HOURLY,
};
use watchpost_core::point::{FieldValue, Point, SeriesKey};
use watchpost_service::metrics::Counter;

use crate::collectors::row::tag_text;
use crate::metrics::AgentMetrics;

mod asked;
pub mod exec;
#[cfg(unix)]
pub mod inbox;
mod line;
#[cfg(unix)]
pub mod line_protocol;
pub mod logs;
#[cfg(unix)]
pub mod otlp;
pub mod prometheus;
#[cfg(unix)]
mod socket;
#[cfg(unix)]
pub mod statsd;

/// Measurements of the platform: what a program writes there would be taken for the truth about a host.
const OWN_MEASUREMENTS: [&str; 6] = [
    MEASUREMENT,
    MEASUREMENT_HOURLY,
    MEASUREMENT_DAILY,
    MEASUREMENT_AGENT,
    MEASUREMENT_ALERTS,
    "annotations",
];

/// Bytes of a refused line that the log quotes.
const QUOTED_BYTES: usize = 120;

/// Why a point of a program is refused whose measurement is the platform's.
pub const OWN_MEASUREMENT: &str = "the measurement is one of the platform's own";

/// Keys that InfluxDB keeps for its own columns.
const KEYS_OF_INFLUXDB: [&str; 3] = ["_field", "_measurement", "time"];

/// Bytes of a name at most: of a measurement, a field, or a tag's key.
const MAX_NAME_BYTES: usize = 256;

/// A name from outside as a measurement, a field or a tag's key: control characters become blanks and backslashes
/// slashes, for which line protocol has no text, and what is longer than 256 bytes is cut.
pub fn name_text(name: &str) -> Cow<'_, str> {
    let name = &name[..name.floor_char_boundary(MAX_NAME_BYTES)];
    if !name.contains(|any: char| any == '\\' || any.is_control()) {
        return Cow::Borrowed(name);
    }
    let plain = |any: char| match any {
        '\\' => '/',
        any if any.is_control() => ' ',
        any => any,
    };
    Cow::Owned(name.chars().map(plain).collect())
}

/// The measurement of a name from outside.
///
/// Errors: it is the platform's own, empty, or would make the line a comment.
pub fn measurement(name: &str) -> Result<Cow<'_, str>, &'static str> {
    let text = name_text(name);
    match &*text {
        "" => Err("it has no name"),
        text if text.starts_with('#') => Err("its name begins with #"),
        text if is_own(text) => Err(OWN_MEASUREMENT),
        _ => Ok(text),
    }
}

/// Sets a tag whose key and value come from outside.
pub fn set_tag(series: &mut SeriesKey, key: &str, value: &str) {
    let (key, value) = (name_text(key), tag_text(value));
    if KEYS_OF_INFLUXDB.contains(&&*key) {
        series.set_tag(format!("exported_{key}"), value);
    } else if !key.is_empty() {
        series.set_tag(key, value);
    }
}

/// Whether a measurement is the platform's own.
pub fn is_own(measurement: &str) -> bool {
    OWN_MEASUREMENTS.contains(&measurement)
}

/// Sets the tags of the agent. A program's tag of the same key is kept as `exported_KEY`.
pub fn set_own_tags<'t>(
    point: &mut Point,
    tags: impl IntoIterator<Item = (&'t String, &'t String)>,
) {
    let is_of_program = !is_own(point.series.measurement());
    for (key, value) in tags {
        if is_of_program && let Some(theirs) = point.series.tag(key) {
            let theirs = theirs.to_owned();
            point.series.set_tag(format!("exported_{key}"), theirs);
        }
        point.series.set_tag(key, value);
    }
}

/// About the bytes that a point takes in memory: names, values, and what holds them.
pub fn size_of(point: &Point) -> usize {
    let tags = point.series.tags().iter();
    let tags: usize = tags.map(|(key, value)| key.len() + value.len() + 48).sum();
    let fields = point.fields().iter().map(|(key, value)| {
        let text = match value {
            FieldValue::String(text) => text.len(),
            _ => 0,
        };
        key.len() + text + 56
    });
    point.series.measurement().len() + 96 + tags + fields.sum::<usize>()
}

/// Counts what one source gives and what of it is refused; the first refusal is logged.
#[derive(Clone, Debug)]
pub struct Intake {
    source: &'static str,
    taken: Counter,
    refused: Counter,
    logged: Arc<AtomicBool>,
}

impl Intake {
    /// The counters of `source`, the name of a collector.
    pub fn new(metrics: &AgentMetrics, source: &'static str) -> Self {
        let collecting = &metrics.collecting;
        Self {
            source,
            taken: collecting.lines_taken.with(&[source]),
            refused: collecting.lines_refused.with(&[source]),
            logged: Arc::default(),
        }
    }

    /// Counts lines, samples or points that were taken.
    pub fn take(&self, count: u64) {
        self.taken.add(count);
    }

    /// Counts one that was refused.
    pub fn refuse(&self, why: &dyn Display, line: &[u8]) {
        self.refuse_many(1, why, line);
    }

    /// Counts several that were refused for one reason.
    pub fn refuse_many(&self, count: u64, why: &dyn Display, line: &[u8]) {
        self.refused.add(count);
        if count > 0 && !self.logged.swap(true, Ordering::Relaxed) {
            let line = &line[..line.len().min(QUOTED_BYTES)];
            tracing::warn!(
                source = self.source,
                line = %String::from_utf8_lossy(line).escape_debug(),
                "A line is refused: {why}. Further ones are counted alone."
            );
        }
    }

    /// How many were taken and refused.
    pub fn counts(&self) -> (u64, u64) {
        (self.taken.get(), self.refused.get())
    }
}
