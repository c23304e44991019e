//! What is normal for a series: the samples that an anomaly is compared with.

use std::collections::HashMap;

use super::definition::{Baseline, Method, Scoring, Side};
use super::sample::Row;
use super::statistics;
use crate::alert::{Nanos, SECOND};
use crate::labels::Fingerprint;

/// Most samples kept for one series; more make a verdict no better.
pub const SAMPLES_LIMIT: usize = 2_000;
/// Turns a median absolute deviation into an estimate of the standard deviation.
const MAD_TO_DEVIATION: f64 = 0.6745;
/// A baseline is queried anew this often at most.
const SHORTEST_REFRESH: Nanos = 300 * SECOND;

/// The samples of each series of one rule.
#[derive(Debug, Default)]
pub struct BaselineSamples {
    fetched_at: Option<Nanos>,
    samples: HashMap<Fingerprint, Vec<f64>>,
}

impl BaselineSamples {
    pub fn is_stale(&self, window: Nanos, now: Nanos) -> bool {
        self.fetched_at
            .is_none_or(|at| now.saturating_sub(at) >= window.max(SHORTEST_REFRESH))
    }

    pub fn replace(&mut self, rows: &[&Row], now: Nanos) {
        self.samples.clear();
        for row in rows.iter().filter(|row| row.value.is_finite()) {
            let samples = self.samples.entry(row.series).or_default();
            if samples.len() < SAMPLES_LIMIT {
                samples.push(row.value);
            }
        }
        self.fetched_at = Some(now);
    }

    pub fn of(&self, series: Fingerprint) -> &[f64] {
        self.samples.get(&series).map_or(&[], Vec::as_slice)
    }
}

/// The time ranges, start and stop, whose windows are the baseline of a window that ends at `stop`.
pub fn ranges(baseline: Baseline, window: Nanos, stop: Nanos) -> Vec<(Nanos, Nanos)> {
    const WEEK: Nanos = 7 * 24 * 3_600 * SECOND;
    const HALF_HOUR: Nanos = 1_800 * SECOND;
    match baseline {
        Baseline::Trailing { length } => vec![(stop - window - length, stop - window)],
        Baseline::SameHourOfWeek { weeks } => (1..=Nanos::from(weeks))
            .map(|n| (stop - n * WEEK - HALF_HOUR, stop - n * WEEK + HALF_HOUR))
            .collect(),
    }
}

/// How many deviations the value is off. `None` when nothing can be said: too few samples, or
/// a flat baseline and no minimum spread.
pub fn score(value: f64, samples: &[f64], scoring: &Scoring) -> Option<f64> {
    if samples.len() < scoring.minimum_samples.max(2) {
        return None;
    }
    let (centre, spread) = match scoring.method {
        Method::ZScore => (
            statistics::mean(samples)?,
            statistics::standard_deviation(samples)?,
        ),
        Method::RobustZScore => {
            let (median, deviation) = statistics::median_and_deviation(samples)?;
            (median, deviation / MAD_TO_DEVIATION)
        }
    };
    let spread = spread.max(scoring.minimum_spread);
    if spread <= f64::EPSILON * centre.abs().max(1.0) {
        return None;
    }
    let score = (value - centre) / spread;
    Some(match scoring.side {
        Side::Both => score.abs(),
        Side::Above => score,
        Side::Below => -score,
    })
}
