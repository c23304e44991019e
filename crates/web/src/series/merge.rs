//! Rows of several tiers become one series: windows of one step, means weighted by their counts,
//! rates of counters. Pure.

use std::collections::BTreeMap;

use watchpost_core::time::NANOS_PER_SECOND;
use watchpost_query::{Answer, Series};

use super::Request;
use super::answer::{Line, Point};
use crate::tier::{Tier, floor};
use crate::time_range::TimeRange;

/// The host and the tags that tell series of one metric apart.
type Key = (String, BTreeMap<String, String>);

/// What one row of a tier, or several about the same time, say.
#[derive(Debug, Clone, Copy, Default)]
struct Sample {
    mean: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    count: Option<f64>,
}

/// Rows so far.
#[derive(Debug)]
pub struct Merge {
    rate: bool,
    step: i64,
    range: TimeRange,
    tags: Vec<&'static str>,
    samples: BTreeMap<Key, BTreeMap<i64, Sample>>,
}

impl Merge {
    /// Nothing yet.
    pub fn new(request: &Request) -> Merge {
        let metric = request.choice.metric;
        Merge {
            rate: request.choice.is_rate(),
            step: request.step,
            range: request.range,
            tags: metric
                .tags
                .iter()
                .chain(metric.optional_tags)
                .copied()
                .collect(),
            samples: BTreeMap::new(),
        }
    }

    /// Takes the answer of one tier.
    pub fn add(&mut self, tier: Tier, found: &Answer) {
        // The last value of a counter in a period stands at the period's start and was read at its end.
        let read_after = match (self.rate, tier) {
            (true, Tier::Hourly | Tier::Daily) => tier.period() - 1,
            _ => 0,
        };
        for series in &found.series {
            let key = self.key(series);
            let statistic = statistic(series);
            for point in &series.points {
                if let (Some(time), Some(value)) = (point.time, point.value.as_f64()) {
                    self.put(key.clone(), time + read_after, statistic, value);
                }
            }
        }
    }

    fn key(&self, series: &Series) -> Key {
        let tags = self.tags.iter().filter_map(|tag| {
            let value = series.labels.get(*tag)?;
            Some(((*tag).to_owned(), value.clone()))
        });
        (series.label("host").to_owned(), tags.collect())
    }

    fn put(&mut self, key: Key, time: i64, statistic: Statistic, value: f64) {
        let sample = self
            .samples
            .entry(key)
            .or_default()
            .entry(time)
            .or_default();
        match statistic {
            Statistic::Mean => sample.mean = Some(value),
            Statistic::Min => sample.min = Some(value),
            Statistic::Max => sample.max = Some(value),
            Statistic::Count => sample.count = Some(value),
        }
    }

    /// The series by host and tags, points in order of time.
    pub fn finish(self) -> Vec<Line> {
        let (rate, step, range) = (self.rate, self.step, self.range);
        self.samples
            .into_iter()
            .map(|((host, tags), samples)| {
                let windows = if rate {
                    rates(samples, step)
                } else {
                    means(samples, step)
                };
                let first = floor(range.start, step);
                let points = windows
                    .into_iter()
                    .filter(|point| (first..range.stop).contains(&point.time))
                    .collect();
                Line { host, tags, points }
            })
            .filter(|line: &Line| !line.points.is_empty())
            .collect()
    }
}

#[derive(Debug, Clone, Copy)]
enum Statistic {
    Mean,
    Min,
    Max,
    Count,
}

/// What a series' points are: as asked for (raw), or by the field's ending (lower tiers).
fn statistic(series: &Series) -> Statistic {
    use watchpost_query::Statistic as Asked;
    let field = &series.field;
    match series.statistic {
        Some(Asked::Min) => Statistic::Min,
        Some(Asked::Max) => Statistic::Max,
        Some(Asked::Count) => Statistic::Count,
        Some(_) => Statistic::Mean,
        None if field.ends_with("_min") => Statistic::Min,
        None if field.ends_with("_max") => Statistic::Max,
        None if field.ends_with("_count") && is_lower_count(field) => Statistic::Count,
        None => Statistic::Mean,
    }
}

/// `disk_read_count` and `process_count` are metrics; `disk_usage_percent_count` is a statistic.
fn is_lower_count(field: &str) -> bool {
    watchpost_core::catalogue::metric(field).is_none()
}

fn means(samples: BTreeMap<i64, Sample>, step: i64) -> Vec<Point> {
    let mut points: Vec<Point> = Vec::new();
    for (time, sample) in samples {
        let Some(mean) = sample.mean else { continue };
        let window = floor(time, step);
        let weight = sample.count.unwrap_or(1.0).max(1.0);
        let (min, max) = (sample.min.unwrap_or(mean), sample.max.unwrap_or(mean));
        match points.last_mut() {
            Some(point) if point.time == window => {
                point.value =
                    (point.value * point.weight + mean * weight) / (point.weight + weight);
                point.weight += weight;
                point.min = point.min.min(min);
                point.max = point.max.max(max);
            }
            _ => points.push(Point {
                time: window,
                value: mean,
                min,
                max,
                weight,
            }),
        }
    }
    points
}

/// Growth per second between the last values of windows. A counter that begins again at zero has
/// grown by its new value.
fn rates(samples: BTreeMap<i64, Sample>, step: i64) -> Vec<Point> {
    let mut windows: Vec<(i64, i64, f64)> = Vec::new();
    for (time, sample) in samples {
        let Some(value) = sample.mean else { continue };
        let window = floor(time, step);
        match windows.last_mut() {
            Some(last) if last.0 == window => (last.1, last.2) = (time, value),
            _ => windows.push((window, time, value)),
        }
    }
    let pairs = windows.windows(2);
    pairs
        .map(|pair| {
            let ((_, before, old), (window, at, new)) = (pair[0], pair[1]);
            let growth = if new >= old { new - old } else { new };
            let seconds = (at - before).max(1) as f64 / NANOS_PER_SECOND as f64;
            let rate = growth / seconds;
            Point {
                time: window,
                value: rate,
                min: rate,
                max: rate,
                weight: seconds,
            }
        })
        .collect()
}
