//! Acknowledgements: someone owns a firing alert, so it is not repeated to others.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Stage, Suppression};
use crate::alert::{Alert, Nanos, Severity};
use crate::labels::Fingerprint;

/// `owner` looks after the alert. It ends with the alert, at `expires_at`, or when the
/// alert gets worse than it was when it was acknowledged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Acknowledgement {
    pub fingerprint: Fingerprint,
    pub owner: String,
    pub comment: String,
    pub at: Nanos,
    pub expires_at: Option<Nanos>,
    pub severity: Severity,
}

impl Acknowledgement {
    pub fn holds_for(&self, alert: &Alert, now: Nanos) -> bool {
        alert.severity <= self.severity && !self.expired(now)
    }

    pub fn expired(&self, now: Nanos) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

#[derive(Debug, Default)]
pub struct Acknowledgements(BTreeMap<Fingerprint, Acknowledgement>);

impl Acknowledgements {
    pub fn set(&mut self, acknowledgement: Acknowledgement) {
        self.0.insert(acknowledgement.fingerprint, acknowledgement);
    }

    pub fn remove(&mut self, fingerprint: Fingerprint) -> bool {
        self.0.remove(&fingerprint).is_some()
    }

    pub fn get(&self, fingerprint: Fingerprint) -> Option<&Acknowledgement> {
        self.0.get(&fingerprint)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Acknowledgement> {
        self.0.values()
    }

    pub fn judge(&self, alert: &Alert, now: Nanos) -> Option<Suppression> {
        let found = self
            .get(alert.fingerprint)
            .filter(|found| found.holds_for(alert, now))?;
        Some(Suppression {
            stage: Stage::Acknowledgement,
            by: found.owner.clone(),
            reason: match found.comment.as_str() {
                "" => format!("acknowledged by {}", found.owner),
                comment => format!("acknowledged by {}: {comment}", found.owner),
            },
        })
    }

    /// Whether an alert that was told at `told_at` must go to the next route: nobody has
    /// acknowledged it for `after`, or the acknowledgement ran out.
    pub fn escalates(&self, alert: &Alert, told_at: Nanos, after: Nanos, now: Nanos) -> bool {
        match self.get(alert.fingerprint) {
            Some(found) if found.holds_for(alert, now) => false,
            Some(found) if found.expired(now) => true,
            _ => told_at.saturating_add(after) <= now,
        }
    }
}
