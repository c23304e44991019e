//! The recent past of an alert's series, for charts.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use watchpost_client::Client;
use watchpost_client::query::Query;

use super::chart::POINTS;
use crate::alert::{Alert, Nanos, SECOND};
use crate::dialect::flux;
use crate::dialect::shape::{Batch, Content, Member, Operation, Purpose, Shape};
use crate::labels::{ALERT_NAME, SEVERITY};
use crate::matcher::{Matcher, Operator};
use crate::rules::definition::{Aggregate, Kind, Rule};
use crate::rules::sample::Sample;

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

    /// The samples up to `now`; empty when they cannot be had in time.
    pub(super) async fn of(&self, alert: &Alert, now: Nanos) -> Vec<Sample> {
        let known = self
            .rules
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(alert.name())
            .cloned();
        let Some(rule) = known.filter(|rule| !matches!(rule.kind, Kind::Flux { .. })) else {
            return Vec::new();
        };
        let batch = batch(&rule, alert, now);
        let query = Query::new(flux::text(&batch))
            .timeout(TIMEOUT)
            .row_limit(10_000);
        match self.client.query(&query).await {
            Ok(tables) => {
                let rows = flux::assign(&batch, &tables).swap_remove(0);
                rows.iter()
                    .filter_map(|row| {
                        Some(Sample {
                            time: row.time?,
                            value: row.value,
                        })
                    })
                    .collect()
            }
            Err(error) => {
                tracing::warn!(rule = rule.name, %error, "no chart: its data could not be queried");
                Vec::new()
            }
        }
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
    let length = SHORTEST.max(2 * rule.kind.window());
    let shape = Shape {
        bucket: rule.selector.bucket.clone(),
        measurement: rule.selector.measurement.clone(),
        group_by: rule.selector.group_by.clone(),
        operation: Operation::Windows {
            every: (length / POINTS).max(SECOND),
            aggregate: Aggregate::Mean,
        },
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
