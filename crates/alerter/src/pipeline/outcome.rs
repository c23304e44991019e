//! Messages go out, and what became of them is remembered: taken, failed, given up, or, after a
//! crash, unknown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::dedup::LogEntry;
use super::delivery::{AfterCrash, Delivery, DeliveryPolicy, Failure};
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
        for receiver in &receivers {
            self.look_again(receiver, &routing.policy(receiver), now);
        }
        let deliveries: Vec<Delivery> = receivers
            .iter()
            .filter_map(|receiver| self.outbox.take(receiver, &routing.policy(receiver), now))
            .collect();
        for delivery in &deliveries {
            self.note_outbox(delivery);
        }
        deliveries
    }

    /// What waited says what is so when it is sent, or nothing: meanwhile the alert may have ended, or
    /// was silenced or acknowledged.
    fn look_again(&mut self, receiver: &str, policy: &DeliveryPolicy, now: Nanos) {
        for id in self.outbox.waited(receiver, policy, now) {
            let Some(mut group) = self.groups.remove(&id) else {
                continue; // Its route is gone; the message stays as it is.
            };
            self.tell(&id, &mut group, now);
            self.groups.insert(id, group);
        }
    }

    fn note_outbox(&mut self, delivery: &Delivery) {
        let key = |part: &Notification| (delivery.receiver.clone(), part.group.clone());
        self.changes.outbox.extend(delivery.parts.iter().map(key));
    }

    /// Once, after a restart: what becomes of the messages that were on the way when the process
    /// before this one died. Returns those that are not sent again.
    pub fn settle_interrupted(&mut self, now: Nanos) -> Vec<Notification> {
        let mut dropped = Vec::new();
        for message in self.outbox.interrupted() {
            let (receiver, group) = (message.receiver.clone(), message.group.clone());
            match self.routing.policy(&receiver).after_crash {
                AfterCrash::Resend => {
                    self.outbox.set_repeated(&receiver, &group);
                    self.owe_both(&message);
                }
                AfterCrash::Drop => {
                    self.outbox.remove(&receiver, &group);
                    self.said(&message, message.created_at, now);
                    dropped.push(message);
                }
            }
            self.changes.outbox.insert((receiver, group));
        }
        dropped
    }

    /// A receiver that may have heard of a start is sent the end; one that may have heard of an end is
    /// sent the next start, even if the alert fires again before the end could be repeated.
    fn owe_both(&mut self, message: &Notification) {
        let Some(group) = self.groups.get(&message.group) else {
            return;
        };
        let logged = self
            .log
            .entry(message.group.clone())
            .or_insert_with(|| Logged {
                group: Arc::clone(&group.name),
                entry: LogEntry {
                    at: message.created_at,
                    ..LogEntry::default()
                },
            });
        for alert in message.firing() {
            let told = logged.entry.told.entry(alert.fingerprint);
            told.or_insert(message.created_at);
        }
        for id in message.resolved_ids() {
            if logged.entry.firing.remove(&id).is_some() {
                logged.entry.resolved.insert(id);
            }
        }
        self.changes.log.insert(message.group.clone());
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
        self.note_outbox(delivery);
        if failure.unanswered {
            delivery.parts.iter().for_each(|part| self.owe_both(part));
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
        let mut firing = self.unsettled_as_told(&part.group, &group, now);
        firing.extend(part.firing_severities());
        firing.retain(|id, _| !resolved.contains(id));
        self.record(&part.group, &group.name.clone(), &firing, &resolved, at);
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
