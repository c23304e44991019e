//! Messages go out, and what became of them is remembered: taken, failed, given up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::dedup::LogEntry;
use super::delivery::{Delivery, Failure};
use super::dispatcher::Dispatcher;
use super::grouping::{GroupId, GroupName};
use super::notification::Notification;
use super::snapshot::Logged;
use crate::alert::{Nanos, Severity};
use crate::labels::Fingerprint;

impl Dispatcher {
    /// Messages that are to be sent now, at most one a receiver.
    pub fn take_deliveries(&mut self, now: Nanos) -> Vec<Delivery> {
        let receivers: Vec<String> = self.outbox.receivers().map(str::to_owned).collect();
        let routing = Arc::clone(&self.routing);
        receivers
            .iter()
            .filter_map(|receiver| self.outbox.take(receiver, &routing.policy(receiver), now))
            .collect()
    }

    /// The receiver has it: from now on it counts as said.
    pub fn delivered(&mut self, delivery: &Delivery, now: Nanos) {
        let gone = self.outbox.delivered(delivery);
        self.changes.outbox.extend(
            gone.into_iter()
                .map(|group| (delivery.receiver.clone(), group)),
        );
        for part in &delivery.parts {
            // At the first attempt it counts from when it was composed, so that repeats keep the
            // rhythm of the group however long the receiver takes.
            self.said(
                part,
                if delivery.attempts == 0 {
                    part.created_at
                } else {
                    now
                },
                now,
            );
        }
    }

    /// The attempt failed. Returns what was given up; it counts as said until its repeat.
    pub fn failed(
        &mut self,
        delivery: &Delivery,
        failure: &Failure,
        now: Nanos,
        jitter: f64,
    ) -> Vec<Notification> {
        let dead = self.outbox.failed(delivery, failure, now, jitter);
        for part in &delivery.parts {
            self.changes
                .outbox
                .insert((delivery.receiver.clone(), part.group.clone()));
        }
        for part in &dead {
            self.said(part, now, now);
        }
        dead
    }

    fn said(&mut self, part: &Notification, at: Nanos, now: Nanos) {
        let Some(mut group) = self.groups.remove(&part.group) else {
            return;
        };
        let resolved = part.resolved_ids();
        self.record(
            &part.group,
            &group.name.clone(),
            &part.firing_severities(),
            &resolved,
            at,
        );
        self.leave_resolved(&part.group, &mut group, now, |id| resolved.contains(id));
        if group.members.is_empty() {
            group.empty_since = Some(now);
        }
        self.groups.insert(part.group.clone(), group);
    }

    pub(super) fn record(
        &mut self,
        id: &GroupId,
        name: &Arc<GroupName>,
        firing: &BTreeMap<Fingerprint, Severity>,
        resolved: &BTreeSet<Fingerprint>,
        at: Nanos,
    ) {
        let entry = LogEntry::after(
            self.log.get(id).map(|logged| &logged.entry),
            firing,
            resolved,
            at,
        );
        self.log.insert(
            id.clone(),
            Logged {
                group: Arc::clone(name),
                entry,
            },
        );
        self.changes.log.insert(id.clone());
    }
}
