//! A series answer and its forms.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use watchpost_core::time::{NANOS_PER_MILLI, format_rfc3339};

use super::Request;
use crate::csv::Rows;
use crate::tier::Part;

/// What became of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What was asked.
    pub request: Request,
    /// Which tier answered for what, the oldest part first.
    pub parts: Vec<Part>,
    /// The series, by host and tags.
    pub series: Vec<Line>,
    /// What is left out, and why.
    pub warnings: Vec<String>,
}

/// One series.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The host.
    pub host: String,
    /// The tags that tell it from the host's other series of the metric.
    pub tags: BTreeMap<String, String>,
    /// In order of time.
    pub points: Vec<Point>,
}

/// One point: a window that begins at `time`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Nanoseconds since 1970.
    pub time: i64,
    /// Mean, or rate.
    pub value: f64,
    /// Least value in it.
    pub min: f64,
    /// Greatest value in it.
    pub max: f64,
    /// How many values it stands for; 1 where that was not asked for.
    pub weight: f64,
}

impl Answer {
    /// The JSON document. Times of points are milliseconds since 1970, in columns, as charts want
    /// them; other times are RFC 3339.
    pub fn document(&self) -> Value {
        let range = |range: crate::time_range::TimeRange| {
            (format_rfc3339(range.start), format_rfc3339(range.stop))
        };
        let (start, stop) = range(self.request.range);
        let tiers: Vec<Value> = self
            .parts
            .iter()
            .map(|part| {
                let (start, stop) = range(part.range);
                json!({ "tier": part.tier.name(), "start": start, "stop": stop })
            })
            .collect();
        json!({
            "metric": self.request.choice.name,
            "unit": self.request.choice.unit(),
            "kind": self.request.choice.metric.kind.name(),
            "start": start,
            "stop": stop,
            "resolution_seconds": self.request.step / 1_000_000_000,
            "tiers": tiers,
            "warnings": self.warnings,
            "series": self.series.iter().map(|line| self.line(line)).collect::<Vec<_>>(),
        })
    }

    fn line(&self, line: &Line) -> Value {
        let column = |of: fn(&Point) -> f64| -> Vec<f64> {
            line.points.iter().map(|p| rounded(of(p))).collect()
        };
        let times: Vec<i64> = line
            .points
            .iter()
            .map(|point| point.time / NANOS_PER_MILLI)
            .collect();
        let mut value = json!({
            "host": line.host,
            "tags": line.tags,
            "time": times,
            "value": column(|point| point.value),
        });
        if self.request.band {
            value["min"] = json!(column(|point| point.min));
            value["max"] = json!(column(|point| point.max));
        }
        value
    }

    /// One row a point.
    pub fn rows(&self) -> Rows {
        let metric = self.request.choice.metric;
        let tags: Vec<&str> = metric
            .tags
            .iter()
            .chain(metric.optional_tags)
            .copied()
            .collect();
        let mut columns = vec!["time", "host", "metric"];
        columns.extend(&tags);
        columns.push("value");
        if self.request.band {
            columns.extend(["min", "max"]);
        }
        let mut rows = Rows::new(columns);
        for line in &self.series {
            for point in &line.points {
                let mut row = vec![
                    json!(format_rfc3339(point.time)),
                    json!(line.host),
                    json!(self.request.choice.name),
                ];
                row.extend(tags.iter().map(|tag| json!(line.tags.get(*tag))));
                row.push(json!(rounded(point.value)));
                if self.request.band {
                    row.extend([json!(rounded(point.min)), json!(rounded(point.max))]);
                }
                rows.rows.push(row);
            }
        }
        rows
    }
}

/// Six significant places after the point are more than any sensor has; they halve the answer.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
