//! From the rows of a query to one observation per series, by the kind of the rule.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::baseline::{self, BaselineSamples};
use super::definition::{Direction, Kind, Levels, Rule};
use super::life::Observation;
use super::sample::Row;
use super::statistics;
use crate::alert::{Nanos, SECOND};
use crate::labels::{Fingerprint, Labels};

/// A forecast further away than this is no forecast (ten years, in seconds).
const FORECAST_HORIZON_SECONDS: f64 = 3.156e8;

/// An observation with the labels of its series.
#[derive(Clone, Debug)]
pub struct Judged {
    pub labels: Arc<Labels>,
    pub observation: Observation,
    /// The newest point, where the query tells it.
    pub newest: Option<Nanos>,
}

/// Judges all series of one answer.
pub fn judge(
    rule: &Rule,
    rows: &[&Row],
    baseline: &BaselineSamples,
    now: Nanos,
) -> BTreeMap<Fingerprint, Judged> {
    match &rule.kind {
        Kind::Threshold { levels, .. } | Kind::Rate { levels, .. } | Kind::Flux { levels, .. } => {
            last_of_each(rows, |row| by_levels(row.value, levels))
        }
        Kind::Anomaly {
            levels, scoring, ..
        } => last_of_each(rows, |row| {
            let score = baseline::score(row.value, baseline.of(row.series), scoring);
            score.map_or(Observation::Unjudged, |score| by_levels(score, levels))
        }),
        Kind::NoData { .. } => last_of_each(rows, |row| {
            let age = row.time.map_or(0, |time| now.saturating_sub(time));
            by_age(rule, age)
        }),
        Kind::Forecast {
            level,
            toward,
            levels,
            ..
        } => forecasts(rows, (*level, *toward), levels, now),
    }
}

/// What levels say about a value; a value that is no number is no value.
fn by_levels(value: f64, levels: &Levels) -> Observation {
    if value.is_nan() {
        return Observation::Unjudged;
    }
    Observation::Value {
        value,
        severity: levels.severity(value),
        holds: levels.holds(value),
    }
}

/// What a `no_data` rule says about a series whose newest point has this age.
pub fn by_age(rule: &Rule, age: Nanos) -> Observation {
    let Kind::NoData { after, severity } = rule.kind else {
        return Observation::Unjudged;
    };
    let silent = (age > after).then_some(severity);
    Observation::Value {
        value: age as f64 / SECOND as f64,
        severity: silent,
        holds: false,
    }
}

fn last_of_each(
    rows: &[&Row],
    observe: impl Fn(&Row) -> Observation,
) -> BTreeMap<Fingerprint, Judged> {
    let judged = |row: &&Row| {
        let observation = observe(row);
        (
            row.series,
            Judged {
                labels: Arc::clone(&row.labels),
                observation,
                newest: row.time,
            },
        )
    };
    rows.iter().map(judged).collect()
}

/// The labels of a series and its points: seconds from now, value.
type Points = (Arc<Labels>, Vec<(f64, f64)>);

/// Fits a line to each series; the value is the seconds until it reaches the level.
fn forecasts(
    rows: &[&Row],
    level: (f64, Direction),
    levels: &Levels,
    now: Nanos,
) -> BTreeMap<Fingerprint, Judged> {
    let mut series: BTreeMap<Fingerprint, Points> = BTreeMap::new();
    for row in rows {
        let Some(time) = row.time else { continue };
        let (_, points) = series
            .entry(row.series)
            .or_insert_with(|| (Arc::clone(&row.labels), Vec::new()));
        points.push(((time - now) as f64 / SECOND as f64, row.value));
    }
    let judged = |(labels, points): Points| {
        let seconds = seconds_until(&points, level);
        let observation =
            seconds.map_or(Observation::Unjudged, |seconds| by_levels(seconds, levels));
        Judged {
            labels,
            observation,
            newest: None,
        }
    };
    series
        .into_iter()
        .map(|(id, points)| (id, judged(points)))
        .collect()
}

/// When the fitted line reaches the level, in seconds from x = 0. A line that moves the other way
/// never does, which counts as the horizon; a series that is past the level is there, 0.
fn seconds_until(points: &[(f64, f64)], (level, toward): (f64, Direction)) -> Option<f64> {
    let (slope, intercept) = statistics::line(points)?;
    let (_, newest) = points.iter().copied().max_by(|a, b| a.0.total_cmp(&b.0))?;
    if newest == level || toward.past(newest, level) {
        return Some(0.0);
    }
    let seconds = (level - intercept) / slope;
    let approaches = toward.past(slope, 0.0) && seconds.is_finite();
    Some(if approaches {
        seconds.clamp(0.0, FORECAST_HORIZON_SECONDS)
    } else {
        FORECAST_HORIZON_SECONDS
    })
}
