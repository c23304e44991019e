//! `explain`: why an alert was or was not told, computed anew from the stages.

use serde::Serialize;

use super::Suppression;
use super::dedup::Decision;
use super::dispatcher::Dispatcher;
use super::grouping::{Group, GroupId};
use crate::alert::{Alert, Nanos};
use crate::labels::Fingerprint;

/// What holds for one alert and one receiver.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    pub receiver: String,
    pub route: String,
    pub group: String,
    /// Every stage that keeps the alert back now; empty when nothing does.
    pub suppressed_by: Vec<Suppression>,
    /// An end is told although a stage keeps the alert back.
    pub end_is_owed: bool,
    /// What deduplication says about the group.
    pub dedup: String,
    pub last_message_at: Option<Nanos>,
    pub told_at: Option<Nanos>,
    pub next_flush_at: Nanos,
    pub repeat_at: Option<Nanos>,
    /// The message that waits for its receiver, if there is one.
    pub waiting: Option<Waiting>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Waiting {
    pub attempts: u32,
    pub next_attempt_at: Nanos,
    pub last_error: String,
}

impl Dispatcher {
    /// One explanation a group of the alert.
    pub fn explain(&self, fingerprint: Fingerprint, now: Nanos) -> Vec<Explanation> {
        let Some(alert) = self.alert(fingerprint) else {
            return Vec::new();
        };
        self.groups_of(fingerprint)
            .map(|(id, group)| self.explain_in_group(id, group, alert, now))
            .collect()
    }

    fn explain_in_group(
        &self,
        id: &GroupId,
        group: &Group,
        alert: &Alert,
        now: Nanos,
    ) -> Explanation {
        let entry = self.log_entry(id);
        let told_at = entry
            .and_then(|entry| entry.told.get(&alert.fingerprint))
            .copied();
        let (dedup, repeat_at) = match self.decide(id, group, now) {
            Decision::Send(news) => (format!("will be sent: {news}"), None),
            Decision::Record => ("not sent: send_resolved is off".to_owned(), None),
            Decision::Quiet {
                repeat_at: Some(at),
            } => ("nothing new since the last message".to_owned(), Some(at)),
            Decision::Quiet { repeat_at: None } => ("nothing to send".to_owned(), None),
        };
        Explanation {
            receiver: group.name.receiver.clone(),
            route: group.name.route_key.clone(),
            group: group.name.labels.to_string(),
            suppressed_by: self.suppressions(alert, group.route, now),
            end_is_owed: alert.is_resolved(now) && told_at.is_some(),
            dedup,
            last_message_at: entry.map(|entry| entry.at),
            told_at,
            next_flush_at: group.next_flush,
            repeat_at,
            waiting: self
                .outbox()
                .get(&group.name.receiver, id)
                .map(|pending| Waiting {
                    attempts: pending.attempts,
                    next_attempt_at: pending.next_attempt,
                    last_error: pending.last_error.clone(),
                }),
        }
    }
}
