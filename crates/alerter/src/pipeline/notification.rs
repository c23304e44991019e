//! A message to one receiver about one group.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::dedup::News;
use super::grouping::GroupId;
use crate::alert::{Alert, Nanos, Severity};
use crate::labels::{Fingerprint, Labels};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// Unique, and the same for every attempt.
    pub id: u64,
    pub group: GroupId,
    pub receiver: String,
    pub group_labels: Labels,
    pub news: News,
    /// Firing first, then resolved; each by labels.
    pub alerts: Vec<Alert>,
    pub created_at: Nanos,
    /// How many messages of other groups this digest stands for; 0 for an ordinary message.
    #[serde(default)]
    pub digest_of: usize,
    /// The receiver may have it already: an attempt was begun, and its answer was never seen.
    #[serde(default)]
    pub repeated: bool,
}

impl Notification {
    /// An alert counts as resolved by the time the message was made, not by the time it is sent.
    pub fn firing(&self) -> impl Iterator<Item = &Alert> {
        self.alerts
            .iter()
            .filter(|alert| !alert.is_resolved(self.created_at))
    }

    pub fn resolved(&self) -> impl Iterator<Item = &Alert> {
        self.alerts
            .iter()
            .filter(|alert| alert.is_resolved(self.created_at))
    }

    pub fn is_resolved(&self) -> bool {
        self.firing().next().is_none()
    }

    /// Whether both tell the same: the same alerts fire, as badly, and the same have ended.
    pub fn says_the_same(&self, other: &Notification) -> bool {
        self.firing_severities() == other.firing_severities()
            && self.resolved_ids() == other.resolved_ids()
    }

    /// `firing` or `resolved`, as Alertmanager names it.
    pub fn status(&self) -> &'static str {
        if self.is_resolved() {
            "resolved"
        } else {
            "firing"
        }
    }

    /// The worst severity: of the firing alerts, or of all when none fires.
    pub fn severity(&self) -> Severity {
        let worst = self.firing().map(|alert| alert.severity).max();
        worst
            .or_else(|| self.alerts.iter().map(|alert| alert.severity).max())
            .unwrap_or(Severity::Info)
    }

    pub fn firing_severities(&self) -> BTreeMap<Fingerprint, Severity> {
        self.firing()
            .map(|alert| (alert.fingerprint, alert.severity))
            .collect()
    }

    pub fn resolved_ids(&self) -> BTreeSet<Fingerprint> {
        self.resolved().map(|alert| alert.fingerprint).collect()
    }

    /// Labels that all alerts have in common.
    pub fn common_labels(&self) -> Labels {
        let Some((first, rest)) = self.alerts.split_first() else {
            return Labels::new();
        };
        let common = |(name, value): &(&str, &str)| {
            rest.iter().all(|alert| alert.labels.get(name) == *value)
        };
        first
            .labels
            .iter()
            .filter(common)
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }
}
