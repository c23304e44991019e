//! Which metric a request names: one of the catalogue, or a name of the older single-host tool.

use watchpost_core::catalogue::{self, Kind, LEGACY_FIELDS, METRICS, Metric, Unit};

use crate::{ApiError, Result};

/// A metric and how its series are told apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// As the request named it.
    pub name: String,
    /// What it is.
    pub metric: &'static Metric,
    /// Which of its series.
    pub series: Series,
}

/// Which series of a metric with tags of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Series {
    /// Without the optional tags: the total of the host. For metrics that have required tags: all.
    Total,
    /// Those that have the optional tag: each core, each interface.
    Each,
    /// The core of this number, counted from 0.
    Core(u32),
}

impl Choice {
    /// The metric of a name; `each` asks for its parts.
    ///
    /// Errors: there is none; the message has names that are near.
    pub fn find(field: &str, name: &str, each: bool) -> Result<Choice> {
        let choice = |metric, series| Choice {
            name: name.to_owned(),
            metric,
            series,
        };
        let all = if each { Series::Each } else { Series::Total };
        if let Some(metric) = catalogue::metric(name) {
            return Ok(choice(metric, all));
        }
        if let Some(legacy) = LEGACY_FIELDS.iter().find(|legacy| legacy.name == name)
            && let Some(metric) = catalogue::metric(legacy.metric)
        {
            return Ok(choice(metric, all));
        }
        let core = name
            .strip_prefix("cpu_usage_")
            .and_then(|number| number.parse::<u32>().ok());
        if let (Some(number @ 1..), Some(metric)) = (core, catalogue::metric("cpu_usage_percent")) {
            return Ok(choice(metric, Series::Core(number - 1)));
        }
        Err(ApiError::invalid(field, unknown(name)))
    }

    /// The unit of its values as a chart shows them: a counter is shown as its rate.
    pub fn unit(&self) -> String {
        let unit = match self.metric.unit {
            Unit::None => "",
            other => other.name(),
        };
        match self.metric.kind {
            Kind::Gauge => unit.to_owned(),
            Kind::Counter => format!("{unit}/s"),
        }
    }

    /// Whether it is shown as a rate per second.
    pub fn is_rate(&self) -> bool {
        self.metric.kind == Kind::Counter
    }
}

fn unknown(name: &str) -> String {
    let words: Vec<&str> = name.split('_').filter(|word| word.len() > 2).collect();
    let near: Vec<&str> = METRICS
        .iter()
        .map(|metric| metric.name)
        .chain(LEGACY_FIELDS.iter().map(|legacy| legacy.name))
        .filter(|known| words.iter().any(|word| known.contains(word)))
        .take(8)
        .collect();
    match near.is_empty() {
        true => format!("{name:?} is not a metric; /api/v1/metrics lists them"),
        false => format!(
            "{name:?} is not a metric; did you mean one of {}?",
            near.join(", ")
        ),
    }
}
