//! What of the dispatcher must survive a crash, and which of it changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::acknowledgement::Acknowledgement;
use super::dedup::LogEntry;
use super::delivery::Pending;
use super::grouping::{GroupId, GroupName};
use super::silence::Silence;
use crate::alert::Alert;
use crate::labels::Fingerprint;

/// A log entry with the name of its group, as it is stored.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Logged {
    pub group: Arc<GroupName>,
    pub entry: LogEntry,
}

/// What must survive a crash.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub alerts: Vec<Alert>,
    pub log: Vec<Logged>,
    pub silences: Vec<Silence>,
    pub acknowledgements: Vec<Acknowledgement>,
    pub outbox: Vec<Pending>,
    pub last_notification_id: u64,
}

/// Keys whose stored value is out of date.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    pub alerts: BTreeSet<Fingerprint>,
    pub log: BTreeSet<GroupId>,
    pub silences: BTreeSet<String>,
    pub acknowledgements: BTreeSet<Fingerprint>,
    /// Receiver and group.
    pub outbox: BTreeSet<(String, GroupId)>,
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        self.alerts.is_empty()
            && self.log.is_empty()
            && self.silences.is_empty()
            && self.acknowledgements.is_empty()
            && self.outbox.is_empty()
    }
}
