//! Which alerts fire about which host, as the alerter says, for the fleet.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use watchpost_service::shutdown::Shutdown;

use crate::alerter::Alerter;
use crate::level::Levels;

/// Time between looks: rules are evaluated every ten seconds.
const INTERVAL: Duration = Duration::from_secs(5);

/// Looks at the alerts between two at the rules, whose levels colour values: they seldom change.
const LOOKS_PER_RULES: u32 = 12;

/// Characters of what an alert says: a line of the table.
const SUMMARY_LIMIT: usize = 160;

/// Alerts that are named of one host; further ones are counted.
const NAMED: usize = 4;

/// One alert that fires.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Firing {
    /// Severity first, so that the worst comes first.
    pub severity: Severity,
    /// Its name.
    pub name: String,
    /// Whether somebody is told: not while it is silenced or inhibited.
    pub suppressed: bool,
    /// What it says.
    pub summary: String,
    /// The alert, for its page.
    pub fingerprint: String,
}

/// How bad an alert is, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Act now.
    Critical,
    /// Look at it.
    Warning,
    /// Good to know.
    Info,
}

/// The alerts of the fleet by host. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Alerts {
    known: Arc<RwLock<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    by_host: BTreeMap<String, Vec<Firing>>,
    problem: Option<String>,
    levels: Arc<Levels>,
}

impl Alerts {
    /// From which values on metrics look alarming.
    pub(crate) fn levels(&self) -> Arc<Levels> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&known.levels)
    }

    /// The alerts of a host, the worst first, at most [`NAMED`].
    pub(crate) fn of(&self, host: &str) -> Vec<Firing> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut alerts = known.by_host.get(host).cloned().unwrap_or_default();
        alerts.truncate(NAMED);
        alerts
    }

    /// How many fire about hosts, and why that is not known.
    pub(crate) fn count(&self) -> (usize, Option<String>) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        (
            known.by_host.values().map(Vec::len).sum(),
            known.problem.clone(),
        )
    }

    fn take(&self, answer: crate::Result<Value>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Ok(document) => {
                known.by_host = by_host(&document);
                known.problem = None;
            }
            Err(error) => {
                if known.problem.is_none() {
                    tracing::warn!(%error, "alerts are unavailable");
                }
                known.by_host.clear();
                known.problem = Some(error.to_string());
            }
        }
    }

    /// Looks at the alerter until shutdown.
    pub(crate) async fn watch(self, alerter: Alerter, shutdown: Shutdown) {
        for looks in 0_u32.. {
            if looks.is_multiple_of(LOOKS_PER_RULES) {
                let look = alerter.get("/api/v1/rules");
                let Some(answer) = shutdown.unless_requested(look).await else {
                    return;
                };
                // Without an answer those that are known hold on.
                if let Ok(document) = answer {
                    let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
                    known.levels = Arc::new(Levels::of_rules(&document));
                }
            }
            let look = alerter.get("/api/v1/alerts?state=firing");
            let Some(answer) = shutdown.unless_requested(look).await else {
                return;
            };
            self.take(answer);
            let pause = tokio::time::sleep(INTERVAL);
            if shutdown.unless_requested(pause).await.is_none() {
                return;
            }
        }
    }
}

fn by_host(document: &Value) -> BTreeMap<String, Vec<Firing>> {
    let mut found: BTreeMap<String, Vec<Firing>> = BTreeMap::new();
    for alert in document["alerts"].as_array().into_iter().flatten() {
        let (Some(host), Some(name)) = (alert["labels"]["host"].as_str(), alert["name"].as_str())
        else {
            continue;
        };
        let severity = match alert["severity"].as_str() {
            Some("critical") => Severity::Critical,
            Some("info") => Severity::Info,
            _ => Severity::Warning,
        };
        let suppressed = alert["suppressedBy"]
            .as_array()
            .is_some_and(|by| !by.is_empty());
        let annotation = alert["annotations"]["summary"].as_str();
        let says = annotation.or(alert["reason"].as_str()).unwrap_or_default();
        found.entry(host.to_owned()).or_default().push(Firing {
            severity,
            name: name.to_owned(),
            suppressed,
            summary: says.chars().take(SUMMARY_LIMIT).collect(),
            fingerprint: alert["fingerprint"].as_str().unwrap_or_default().to_owned(),
        });
    }
    for alerts in found.values_mut() {
        alerts.sort();
    }
    found
}
