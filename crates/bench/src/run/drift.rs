//! What changed over a soak: memory and disk by a straight line, latency from its first tenth to
//! its last.

use std::time::Duration;

use crate::load::Tick;
use crate::report::{Drift, Run};
use crate::scenario::{Kind, Scenario};
use crate::usage::{Sample, Usage};

const HOUR: f64 = 3_600.0;

/// From this time on what grows is a drift and not a start.
const SETTLED: Duration = Duration::from_secs(1_800);

/// The drift of a soak; `None` for other kinds.
pub(super) fn drift(scenario: &Scenario, run: &Run, server: Option<&Usage>) -> Option<Drift> {
    if scenario.kind != Kind::Soak {
        return None;
    }
    let warmup = scenario.warmup.get().as_secs_f64();
    let samples: Vec<&Sample> = server
        .iter()
        .flat_map(|usage| &usage.samples)
        .filter(|sample| sample.second >= warmup)
        .collect();
    let memory = samples
        .iter()
        .map(|sample| (sample.second, sample.memory as f64));
    let disk = samples
        .iter()
        .filter_map(|sample| Some((sample.second, sample.disk? as f64)));
    let ticks: Vec<&Tick> = run
        .loads
        .get("write")
        .into_iter()
        .flat_map(|load| &load.summary.timeline)
        .filter(|tick| tick.second as f64 >= warmup && tick.operations > 0)
        .collect();
    let tenth = (ticks.len() / 10).max(1).min(ticks.len());
    Some(Drift {
        memory_per_hour: slope(memory).map(|slope| slope * HOUR),
        disk_per_hour: slope(disk).map(|slope| slope * HOUR),
        first_p99: middle(&ticks[..tenth]),
        last_p99: middle(&ticks[ticks.len() - tenth..]),
    })
}

/// What must be known of a drift that was measured over a short time.
pub(super) fn caveat(scenario: &Scenario) -> Option<String> {
    let measured = scenario
        .duration?
        .get()
        .saturating_sub(scenario.warmup.get());
    (scenario.kind == Kind::Soak && measured < SETTLED).then(|| {
        format!(
            "{} s are too short for a drift by the hour: a server still fills its caches then",
            measured.as_secs()
        )
    })
}

/// Slope of the straight line with the least squares; `None` for fewer than two points.
fn slope(points: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let points: Vec<(f64, f64)> = points.collect();
    let count = points.len() as f64;
    let (x, y) = points
        .iter()
        .fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
    let (mean_x, mean_y) = (x / count, y / count);
    let (mut over, mut under) = (0.0, 0.0);
    for (x, y) in &points {
        over += (x - mean_x) * (y - mean_y);
        under += (x - mean_x).powi(2);
    }
    (points.len() > 1 && under > 0.0).then(|| over / under)
}

fn middle(ticks: &[&Tick]) -> f64 {
    let mut values: Vec<f64> = ticks.iter().map(|tick| tick.p99).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
