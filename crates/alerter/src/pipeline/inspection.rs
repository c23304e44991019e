//! What others may look at: the API, `explain`, the store and the meters.

use std::sync::Arc;

use super::acknowledgement::Acknowledgements;
use super::dedup::LogEntry;
use super::delivery::Outbox;
use super::dispatcher::{Dispatcher, Routing};
use super::grouping::{Group, GroupId};
use super::silence::Silences;
use super::snapshot::{Changes, Logged, Snapshot};
use crate::alert::Alert;
use crate::labels::Fingerprint;

impl Dispatcher {
    pub fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    pub fn alert(&self, fingerprint: Fingerprint) -> Option<&Alert> {
        self.alerts.get(&fingerprint)
    }

    pub fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.values()
    }

    pub fn groups(&self) -> impl Iterator<Item = (&GroupId, &Group)> {
        self.groups.iter()
    }

    pub fn groups_of(&self, fingerprint: Fingerprint) -> impl Iterator<Item = (&GroupId, &Group)> {
        let ids = self.memberships.get(&fingerprint).into_iter().flatten();
        ids.filter_map(|id| Some((id, self.groups.get(id)?)))
    }

    pub fn log_entry(&self, id: &GroupId) -> Option<&LogEntry> {
        self.log.get(id).map(|logged| &logged.entry)
    }

    pub fn logged(&self, id: &GroupId) -> Option<&Logged> {
        self.log.get(id)
    }

    pub fn silences(&self) -> &Silences {
        &self.silences
    }

    pub fn acknowledgements(&self) -> &Acknowledgements {
        &self.acknowledgements
    }

    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    pub fn routing(&self) -> &Arc<Routing> {
        &self.routing
    }

    /// Pushed alerts that ended by themselves since the last call.
    pub fn take_lapsed(&mut self) -> Vec<Alert> {
        std::mem::take(&mut self.lapsed)
    }

    /// Alerts, groups and waiting messages.
    pub fn sizes(&self) -> (usize, usize, usize) {
        (self.alerts.len(), self.groups.len(), self.outbox.len())
    }

    pub fn last_notification_id(&self) -> u64 {
        self.last_notification_id
    }

    /// Everything that must survive, as one value.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            alerts: self.alerts.values().cloned().collect(),
            log: self.log.values().cloned().collect(),
            silences: self.silences.iter().cloned().collect(),
            acknowledgements: self.acknowledgements.iter().cloned().collect(),
            outbox: self.outbox.iter().cloned().collect(),
            last_notification_id: self.last_notification_id,
        }
    }
}
