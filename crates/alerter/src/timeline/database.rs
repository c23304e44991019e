//! A database of virtual series that answers the rules' questions as the server would.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::series::VirtualSeries;
use crate::alert::Nanos;
use crate::labels::{Fingerprint, Labels};
use crate::matcher::all_match;
use crate::rules::baseline;
use crate::rules::definition::{Aggregate, Kind, Rule};
use crate::rules::sample::{Row, Sample, aggregate, rate};

#[derive(Debug, Default)]
pub struct VirtualDatabase {
    /// Invariant: the samples of a series are in the order of their time.
    series: Vec<VirtualSeries>,
    /// Field and labels to the place in `series`.
    index: HashMap<(String, Fingerprint), usize>,
    /// Samples are values of whole windows, at the windows' ends.
    of_windows: bool,
}

impl VirtualDatabase {
    /// For the values that a server computed of whole windows of one rule, in series that bear the
    /// rule's name.
    pub fn of_windows() -> VirtualDatabase {
        VirtualDatabase {
            of_windows: true,
            ..VirtualDatabase::default()
        }
    }

    pub fn add(&mut self, series: VirtualSeries) {
        self.series.push(series);
    }

    /// Adds a sample, which is newer than those its series has.
    pub fn append(&mut self, field: &str, labels: &Arc<Labels>, sample: Sample) {
        let key = (field.to_owned(), labels.fingerprint());
        let index = *self.index.entry(key).or_insert_with(|| {
            let series = VirtualSeries {
                field: field.to_owned(),
                labels: Arc::clone(labels),
                samples: Vec::new(),
            };
            self.series.push(series);
            self.series.len() - 1
        });
        self.series[index].samples.push(sample);
    }

    /// The rows of a rule's values. A `flux` rule is fed by the series that bear its name.
    pub fn values(&self, rule: &Rule, now: Nanos) -> Vec<Row> {
        let stop = now - rule.offset;
        match rule.kind {
            Kind::Threshold {
                aggregate, window, ..
            } if rule.cells().is_some() => {
                let cell = rule.cells().unwrap_or(window);
                self.rows(rule, stop - window, stop, |samples| match self.of_windows {
                    true => samples.iter().map(|s| (s.value, Some(s.time))).collect(),
                    false => windows(samples, cell, aggregate),
                })
            }
            Kind::Threshold { .. } | Kind::Anomaly { .. } | Kind::Rate { .. }
                if self.of_windows =>
            {
                self.rows(rule, stop - rule.every, stop, |samples| {
                    one(samples.last().map(|newest| newest.value))
                })
            }
            Kind::Threshold {
                aggregate: how,
                window,
                ..
            }
            | Kind::Anomaly {
                aggregate: how,
                window,
                ..
            } => self.rows(rule, stop - window, stop, |samples| {
                one(aggregate(samples, how))
            }),
            Kind::Rate { window, .. } => {
                self.rows(rule, stop - window, stop, |samples| one(rate(samples)))
            }
            Kind::NoData { .. } => self.rows(rule, now - rule.forget_after, stop, |samples| {
                samples
                    .last()
                    .map(|newest| (newest.value, Some(newest.time)))
                    .into_iter()
                    .collect()
            }),
            Kind::Forecast { window, step, .. } => {
                self.rows(rule, stop - window, stop, |samples| match self.of_windows {
                    true => samples.iter().map(|s| (s.value, Some(s.time))).collect(),
                    false => windows(samples, step, Aggregate::Mean),
                })
            }
            Kind::Flux { .. } => self.rows(rule, now - rule.every, now, |samples| {
                one(samples.last().map(|newest| newest.value))
            }),
        }
    }

    /// The oldest point of each series of a rule.
    pub fn beginnings(&self, rule: &Rule, now: Nanos) -> Vec<Row> {
        self.rows(rule, Nanos::MIN, now - rule.offset, |samples| {
            let oldest = samples.first();
            oldest
                .map(|oldest| (oldest.value, Some(oldest.time)))
                .into_iter()
                .collect()
        })
    }

    /// The rows of the baseline of an anomaly rule.
    pub fn baseline(&self, rule: &Rule, now: Nanos) -> Vec<Row> {
        let Kind::Anomaly {
            aggregate: how,
            window,
            baseline,
            ..
        } = rule.kind
        else {
            return Vec::new();
        };
        let ranges = baseline::ranges(baseline, window, now - rule.offset);
        let rows = |(start, stop)| {
            self.rows(rule, start, stop, |samples| {
                if self.of_windows {
                    newest_in_windows(samples, window)
                } else {
                    windows(samples, window, how)
                }
            })
        };
        ranges.into_iter().flat_map(rows).collect()
    }

    /// Points of (start, stop]: a point of this very instant counts.
    fn rows(
        &self,
        rule: &Rule,
        start: Nanos,
        stop: Nanos,
        compute: impl Fn(&[Sample]) -> Vec<(f64, Option<Nanos>)>,
    ) -> Vec<Row> {
        let own = self.of_windows || matches!(rule.kind, Kind::Flux { .. });
        let field = if own {
            &rule.name
        } else {
            &rule.selector.field
        };
        let selector = &rule.selector;
        let selected = self
            .series
            .iter()
            .filter(|s| s.field == *field && (own || all_match(&selector.matchers, &s.labels)));
        let mut rows = Vec::new();
        let mut add = |labels: &Arc<Labels>, samples: &[Sample]| {
            for (value, time) in compute(samples) {
                let series = labels.fingerprint();
                rows.push(Row {
                    series,
                    labels: Arc::clone(labels),
                    value,
                    time,
                });
            }
        };
        let mut groups: BTreeMap<Labels, Vec<Sample>> = BTreeMap::new();
        // Counters are not merged: their rates are added.
        let adds = matches!(rule.kind, Kind::Rate { .. });
        let mut sums: BTreeMap<Labels, (f64, Option<Nanos>)> = BTreeMap::new();
        for series in selected {
            let from = series
                .samples
                .partition_point(|sample| sample.time <= start);
            let to = series.samples.partition_point(|sample| sample.time <= stop);
            let inside = &series.samples[from..to.max(from)];
            if own || selector.group_by.is_empty() {
                add(&series.labels, inside);
            } else if adds {
                let labels = series.labels.project(&selector.group_by);
                for (value, time) in compute(inside) {
                    let (sum, oldest) = sums.entry(labels.clone()).or_default();
                    *sum += value;
                    *oldest = (*oldest).or(time).min(time);
                }
            } else {
                groups
                    .entry(series.labels.project(&selector.group_by))
                    .or_default()
                    .extend(inside);
            }
        }
        for (labels, mut samples) in groups {
            samples.sort_by_key(|sample| sample.time);
            add(&Arc::new(labels), &samples);
        }
        let sums = sums.into_iter();
        rows.extend(sums.map(|(labels, (value, time))| Row::new(labels, value, time)));
        rows
    }
}

fn one(value: Option<f64>) -> Vec<(f64, Option<Nanos>)> {
    value.map(|value| (value, None)).into_iter().collect()
}

/// Of values of whole windows, at their ends: the last that ends in each aligned window.
fn newest_in_windows(samples: &[Sample], every: Nanos) -> Vec<(f64, Option<Nanos>)> {
    let begun: Vec<Sample> = samples
        .iter()
        .map(|sample| Sample {
            // The end of a window is no part of it.
            time: sample.time - 1,
            ..*sample
        })
        .collect();
    windows(&begun, every, Aggregate::Last)
}

/// One value for each aligned window that has samples, with the window's end as its time.
fn windows(samples: &[Sample], every: Nanos, how: Aggregate) -> Vec<(f64, Option<Nanos>)> {
    let mut windows: BTreeMap<Nanos, Vec<Sample>> = BTreeMap::new();
    for sample in samples {
        let end = (sample.time.div_euclid(every) + 1) * every;
        windows.entry(end).or_default().push(*sample);
    }
    let value = |(end, samples): (Nanos, Vec<Sample>)| Some((aggregate(&samples, how)?, Some(end)));
    windows.into_iter().filter_map(value).collect()
}
