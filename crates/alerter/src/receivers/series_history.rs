//! The recent past of an alert's series, for charts.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use watchpost_client::Client;
use watchpost_client::ask::Limits;

use super::chart::{ChartData, POINTS};
use crate::alert::{Alert, Nanos, SECOND};
use crate::asking;
use crate::dialect::shape::{Batch, Content, Member, Operation, Purpose, Shape};
use crate::labels::{ALERT_NAME, SEVERITY};
use crate::matcher::{Matcher, Operator};
use crate::rules::definition::{Aggregate, Kind, Rule};
use crate::rules::sample::{Sample, rate};

/// How much is shown, at least; a longer window is shown twice.
const SHORTEST: Nanos = 3_600 * SECOND;
/// A message does not wait longer for its chart.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Where charts get their data. Clones share the rules.
#[derive(Clone)]
pub struct SeriesHistory {
    client: Client,
    rules: Arc<RwLock<HashMap<String, Arc<Rule>>>>,
}

impl std::fmt::Debug for SeriesHistory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SeriesHistory")
    }
}

impl SeriesHistory {
    pub fn new(client: Client) -> SeriesHistory {
        SeriesHistory {
            client,
            rules: Arc::default(),
        }
    }

    pub fn take_rules(&self, rules: &[Arc<Rule>]) {
        let map = rules
            .iter()
            .map(|rule| (rule.name.clone(), Arc::clone(rule)))
            .collect();
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = map;
    }

    /// What happened up to `now`; `None` when it cannot be had in time.
    pub(super) async fn of(&self, alert: &Alert, now: Nanos) -> Option<ChartData> {
        let known = self
            .rules
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(alert.name())
            .cloned();
        let rule = known.filter(|rule| !matches!(rule.kind, Kind::Flux { .. }))?;
        let batch = batch(&rule, alert, now);
        let limits = Limits {
            rows: 10_000,
            timeout: Some(TIMEOUT),
            ..Limits::default()
        };
        let lists = asking::rows(&self.client, &batch, &limits).await;
        let lists = lists.inspect_err(|error| {
            tracing::warn!(rule = rule.name, %error, "no chart: its data could not be queried");
        });
        let rows = lists.ok()?.swap_remove(0);
        let mut samples: Vec<Sample> = rows
            .iter()
            .filter_map(|row| {
                Some(Sample {
                    time: row.time?,
                    value: row.value,
                })
            })
            .collect();
        samples.sort_by_key(|sample| sample.time);
        if let Kind::Rate { .. } = rule.kind {
            samples = rates(&samples);
        }
        Some(ChartData {
            samples,
            level: level(&rule.kind, alert),
            unit: rule.series_unit(),
        })
    }
}

/// The change a second between neighbours; none where a counter began anew.
fn rates(samples: &[Sample]) -> Vec<Sample> {
    let pairs = samples.windows(2);
    let rate = |pair: &[Sample]| {
        let value = rate(pair)?;
        Some(Sample {
            time: pair[1].time,
            value,
        })
    };
    pairs.filter_map(rate).collect()
}

/// The level that was passed, where it is on the axis of the series.
fn level(kind: &Kind, alert: &Alert) -> Option<f64> {
    match kind {
        Kind::Threshold { .. } | Kind::Rate { .. } => alert.threshold,
        Kind::Forecast { level, .. } => Some(*level),
        Kind::NoData { .. } | Kind::Anomaly { .. } | Kind::Flux { .. } => None,
    }
}

/// How long, in what steps, and by which aggregate: what is drawn must be able to pass the level.
fn windows(kind: &Kind) -> (Nanos, Nanos, Aggregate) {
    let length = SHORTEST.max(2 * kind.window());
    let step = (length / POINTS).max(SECOND);
    match *kind {
        // Sums of shorter windows are smaller.
        Kind::Threshold {
            aggregate: aggregate @ (Aggregate::Sum | Aggregate::Count),
            window,
            ..
        } => (length.max(20 * window), window, aggregate),
        Kind::Threshold { aggregate, .. } => (length, step, aggregate),
        Kind::Rate { .. } => (length, step, Aggregate::Last),
        _ => (length, step, Aggregate::Mean),
    }
}

/// The alert's series alone.
fn batch(rule: &Rule, alert: &Alert, now: Nanos) -> Batch {
    let mut rule = rule.clone();
    let own =
        |name: &str| name == ALERT_NAME || name == SEVERITY || !rule.labels.get(name).is_empty();
    let tags = alert.labels.iter().filter(|(name, _)| !own(name));
    let matchers: Vec<Matcher> = tags
        .filter_map(|(name, value)| Matcher::new(name, Operator::Equal, value).ok())
        .collect();
    rule.selector.matchers.extend(matchers);
    let (length, every, aggregate) = windows(&rule.kind);
    let shape = Shape {
        bucket: rule.selector.bucket.clone(),
        measurement: rule.selector.measurement.clone(),
        group_by: rule.selector.group_by.clone(),
        operation: Operation::Windows { every, aggregate },
        start: now - length,
        stop: now,
        conditions: Vec::new(),
    };
    let member = Member {
        rule: Arc::new(rule),
        purpose: Purpose::Values,
    };
    Batch {
        content: Content::Shaped(shape),
        members: vec![member],
    }
}
