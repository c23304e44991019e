//! From the rows of a query to one observation per series, by the kind of the rule.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::baseline::{self, BaselineSamples};
use super::definition::{Kind, Levels, Rule};
use super::life::Observation;
use super::sample::Row;
use super::{cells, forecast};
use crate::alert::{Nanos, SECOND};
use crate::labels::{Fingerprint, Labels};

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
        Kind::Threshold { window, levels, .. } if rule.cells().is_some() => {
            let cell = rule.cells().unwrap_or(SECOND);
            of_series(rows, now, |points| {
                cells::total(
                    &points,
                    cell,
                    (now - rule.offset - window, now - rule.offset),
                )
                .map_or(Observation::Unjudged, |total| by_levels(total, levels))
            })
        }
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
            window,
            step,
            level,
            toward,
            levels,
        } => of_series(rows, now, |points| {
            let seconds = forecast::seconds_until(
                &points,
                (*level, *toward),
                (*window, *step),
                (rule.minimum_share, now),
            );
            seconds.map_or(Observation::Unjudged, |seconds| by_levels(seconds, levels))
        }),
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

/// The labels of a series and its points, time and value.
type Points = (Arc<Labels>, Vec<(Nanos, f64)>);

/// Judges each series by all its points, in the order of their time.
fn of_series(
    rows: &[&Row],
    now: Nanos,
    observe: impl Fn(Vec<(Nanos, f64)>) -> Observation,
) -> BTreeMap<Fingerprint, Judged> {
    let mut series: BTreeMap<Fingerprint, Points> = BTreeMap::new();
    for row in rows {
        let (_, points) = series
            .entry(row.series)
            .or_insert_with(|| (Arc::clone(&row.labels), Vec::new()));
        points.push((row.time.unwrap_or(now), row.value));
    }
    let judged = |(labels, mut points): Points| {
        points.sort_by_key(|(time, _)| *time);
        Judged {
            labels,
            observation: observe(points),
            newest: None,
        }
    };
    series
        .into_iter()
        .map(|(id, points)| (id, judged(points)))
        .collect()
}
