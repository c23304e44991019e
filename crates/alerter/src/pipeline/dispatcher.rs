//! Drives the stages: takes alerts in, flushes groups that are due, fills the outbox.
//!
//! Nothing here waits or asks for the time: the daemon, the timelines and the backtest
//! call `put`, `tick` and the delivery functions with the `now` of their own clock.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::acknowledgement::{Acknowledgement, Acknowledgements};
use super::dedup::{self, Decision, News, Situation};
use super::delivery::{DeliveryPolicy, Outbox};
use super::grouping::{EMPTY_GROUP_KEPT, Group, GroupId, GroupName};
use super::inhibition::{InhibitRule, Inhibitor};
use super::route::RouteTree;
use super::silence::{Silence, SilenceError, Silences};
use super::snapshot::{Changes, Logged, Snapshot};
use super::{Suppression, mute};
use crate::alert::{Alert, Nanos, Origin, SECOND, Severity};
use crate::labels::Fingerprint;
use crate::trouble::SELF_JOB;

/// A group whose message is on the way is looked at again after this.
const BUSY_GROUP_PAUSE: Nanos = SECOND;
/// A pushed alert without an end is over when it was not pushed again for this long.
pub const RESOLVE_TIMEOUT: Nanos = 300 * SECOND;

/// Who is told what: the part of the configuration that the dispatcher needs.
#[derive(Clone, Debug)]
pub struct Routing {
    pub routes: RouteTree,
    pub inhibit: Vec<InhibitRule>,
    pub policies: BTreeMap<String, DeliveryPolicy>,
    /// How long before its end a silence is announced, if at all.
    pub silence_notice: Option<Nanos>,
}

impl Routing {
    pub fn policy(&self, receiver: &str) -> DeliveryPolicy {
        self.policies.get(receiver).cloned().unwrap_or_default()
    }
}

#[derive(Debug)]
pub struct Dispatcher {
    pub(super) routing: Arc<Routing>,
    pub(super) alerts: HashMap<Fingerprint, Alert>,
    pub(super) groups: HashMap<GroupId, Group>,
    /// The groups of each alert: the other direction of `Group::members`.
    pub(super) memberships: HashMap<Fingerprint, Vec<GroupId>>,
    pub(super) due: BTreeSet<(Nanos, GroupId)>,
    pub(super) log: HashMap<GroupId, Logged>,
    /// Logs whose group is gone, by the time of their last message.
    pub(super) ended: BTreeSet<(Nanos, GroupId)>,
    pub(super) silences: Silences,
    pub(super) acknowledgements: Acknowledgements,
    pub(super) inhibitor: Inhibitor,
    pub(super) outbox: Outbox,
    pub(super) changes: Changes,
    pub(super) last_notification_id: u64,
    /// Pushed alerts that were not pushed again, and so ended by themselves.
    pub(super) lapsed: Vec<Alert>,
}

impl Dispatcher {
    pub fn new(routing: Arc<Routing>, snapshot: Snapshot, now: Nanos) -> Dispatcher {
        let mut dispatcher = Dispatcher {
            inhibitor: Inhibitor::default(),
            routing,
            alerts: snapshot
                .alerts
                .into_iter()
                .map(|alert| (alert.fingerprint, alert))
                .collect(),
            groups: HashMap::new(),
            memberships: HashMap::new(),
            due: BTreeSet::new(),
            log: snapshot
                .log
                .into_iter()
                .map(|logged| (logged.group.id(), logged))
                .collect(),
            ended: BTreeSet::new(),
            silences: Silences::default(),
            acknowledgements: Acknowledgements::default(),
            outbox: Outbox::default(),
            changes: Changes::default(),
            last_notification_id: snapshot.last_notification_id,
            lapsed: Vec::new(),
        };
        snapshot
            .silences
            .into_iter()
            .for_each(|silence| dispatcher.silences.restore(silence));
        snapshot
            .acknowledgements
            .into_iter()
            .for_each(|found| dispatcher.acknowledgements.set(found));
        for pending in snapshot.outbox {
            dispatcher.last_notification_id =
                dispatcher.last_notification_id.max(pending.notification.id);
            dispatcher.outbox.restore(pending);
        }
        for alert in dispatcher
            .alerts
            .values_mut()
            .filter(|alert| alert.end_assumed)
        {
            // Nobody could push while we were down: an assumed end starts anew.
            alert.ends_at = alert
                .ends_at
                .map(|end| end.max(now.saturating_add(RESOLVE_TIMEOUT)));
        }
        dispatcher.rebuild(now);
        dispatcher
    }

    /// Takes a new configuration; nothing that was said is forgotten.
    pub fn reload(&mut self, routing: Arc<Routing>, now: Nanos) {
        self.routing = routing;
        self.rebuild(now);
    }

    /// The machine slept, or its clock was set: what lies in the future by mistake is now.
    pub fn resume(&mut self, now: Nanos) {
        for (id, logged) in &mut self.log {
            if logged.entry.at > now {
                logged.entry.at = now;
                self.changes.log.insert(id.clone());
            }
        }
        self.outbox.resume(now);
        self.rebuild(now);
    }

    // === alerts come in ===

    /// Takes a new, changed or ended alert.
    pub fn put(&mut self, mut alert: Alert, now: Nanos) {
        let (mut escalated, mut relabelled) = (false, false);
        let mut waits_since = now;
        if let Some(old) = self.alerts.get(&alert.fingerprint) {
            self.inhibitor.observe(old, false);
            if !old.is_resolved(now) {
                alert.starts_at = alert.starts_at.min(old.starts_at);
            }
            relabelled = alert.labels != old.labels;
            if relabelled && !old.is_resolved(now) {
                // What it waited for in another group counts.
                waits_since = alert.starts_at.min(now);
            }
            escalated = alert.severity > old.severity;
        }
        let significant = self.alerts.get(&alert.fingerprint).is_none_or(|old| {
            (
                old.severity,
                old.starts_at,
                old.ends_at,
                old.state,
                &old.labels,
                &old.annotations,
            ) != (
                alert.severity,
                alert.starts_at,
                alert.ends_at,
                alert.state,
                &alert.labels,
                &alert.annotations,
            )
        });
        self.inhibitor.observe(&alert, !alert.is_resolved(now));
        if significant {
            self.changes.alerts.insert(alert.fingerprint);
        }
        if alert.is_resolved(now) && self.acknowledgements.remove(alert.fingerprint) {
            self.changes.acknowledgements.insert(alert.fingerprint);
        }
        self.alerts.insert(alert.fingerprint, alert.clone());
        if significant {
            self.join_groups(&alert, waits_since);
        }
        if relabelled {
            self.leave_former_groups(alert.fingerprint);
        }
        if !alert.is_resolved(now) {
            self.flush_contradicted(&alert, escalated, now);
        }
    }

    // === silences and acknowledgements ===

    pub fn set_silence(
        &mut self,
        silence: Silence,
        fresh_id: &str,
        now: Nanos,
    ) -> Result<String, SilenceError> {
        let changed = self.silences.set(silence, fresh_id, now)?;
        let id = changed[0].clone();
        self.changes.silences.extend(changed);
        Ok(id)
    }

    pub fn expire_silence(&mut self, id: &str, now: Nanos) -> Result<(), SilenceError> {
        self.silences.expire(id, now)?;
        self.changes.silences.insert(id.to_owned());
        Ok(())
    }

    /// False when there is no such firing alert.
    pub fn acknowledge(&mut self, acknowledgement: Acknowledgement, now: Nanos) -> bool {
        let firing = self
            .alerts
            .get(&acknowledgement.fingerprint)
            .is_some_and(|alert| !alert.is_resolved(now));
        if firing {
            self.changes
                .acknowledgements
                .insert(acknowledgement.fingerprint);
            self.acknowledgements.set(acknowledgement);
        }
        firing
    }

    pub fn unacknowledge(&mut self, fingerprint: Fingerprint) -> bool {
        self.changes.acknowledgements.insert(fingerprint);
        self.acknowledgements.remove(fingerprint)
    }

    /// Whether some receiver was sent that the alert fires, and not yet its end.
    pub fn was_sent(&self, fingerprint: Fingerprint) -> bool {
        let mut logs = self.log.values();
        logs.any(|logged| logged.entry.told.contains_key(&fingerprint))
    }

    // === time passes ===

    /// Flushes the groups that are due and forgets what is over.
    pub fn tick(&mut self, now: Nanos) {
        while let Some((at, id)) = self.due.first().cloned() {
            if at > now {
                break;
            }
            self.due.remove(&(at, id.clone()));
            self.flush(&id, now);
        }
        self.forget_ended_groups(now);
        self.changes
            .silences
            .extend(self.silences.forget_expired(now));
    }

    /// When a group, the outbox or a silence has something to do next.
    pub fn next_due(&self, now: Nanos) -> Option<Nanos> {
        let group = self.due.first().map(|(at, _)| *at);
        let message = self
            .outbox
            .next_due(|receiver| self.routing.policy(receiver));
        let notice = self.next_silence_notice(now);
        group.into_iter().chain(message).chain(notice).min()
    }

    fn flush(&mut self, id: &GroupId, now: Nanos) {
        let Some(mut group) = self.groups.remove(id) else {
            return;
        };
        if self.outbox.in_flight(&group.name.receiver, id) {
            group.next_flush = now.saturating_add(BUSY_GROUP_PAUSE);
        } else {
            group.advance(
                self.routing.routes.node(group.route).route.group_interval,
                now,
            );
            self.tell(id, &mut group, now);
        }
        if group.members.is_empty() && group.empty_since.is_none() {
            group.empty_since = Some(now);
        }
        if group
            .empty_since
            .is_some_and(|since| since.saturating_add(EMPTY_GROUP_KEPT) <= now)
        {
            self.end_group(id);
            return;
        }
        self.due.insert((group.next_flush, id.clone()));
        self.groups.insert(id.clone(), group);
    }

    /// Decides about one group and does what was decided.
    pub(super) fn tell(&mut self, id: &GroupId, group: &mut Group, now: Nanos) {
        group.unsettled = self.unsettled(group, now).collect();
        match self.decide(id, group, now) {
            Decision::Send(news) => {
                let notification = self.compose(id, group, news, now);
                self.escalate(group, now);
                self.changes
                    .outbox
                    .insert((notification.receiver.clone(), id.clone()));
                self.outbox.put(notification);
                return; // Ended alerts stay members until their end was delivered.
            }
            Decision::Record => {
                self.withdraw(id, group);
                let (firing, resolved) = self.partition(id, group, now);
                self.record(id, &group.name.clone(), &firing, &resolved, now);
            }
            Decision::Quiet { .. } => {
                // A waiting message whose alerts are all kept back by now is not sent any more.
                self.withdraw(id, group);
                self.escalate(group, now);
            }
        }
        self.leave_resolved(id, group, now, |_| true);
    }

    /// Drops the message about a group that waits.
    fn withdraw(&mut self, id: &GroupId, group: &Group) {
        let receiver = &group.name.receiver;
        if self.outbox.get(receiver, id).is_some() {
            self.outbox.remove(receiver, id);
            self.changes.outbox.insert((receiver.clone(), id.clone()));
        }
    }

    /// What dedup says about a group now.
    pub fn decide(&self, id: &GroupId, group: &Group, now: Nanos) -> Decision {
        let (mut firing, resolved) = self.partition(id, group, now);
        let policy = self.routing.policy(&group.name.receiver);
        let nothing = firing.is_empty() && resolved.is_empty();
        let undelivered = !nothing && self.outbox.get(&group.name.receiver, id).is_some();
        if nothing {
            return Decision::Quiet { repeat_at: None };
        }
        let all_unsettled = firing.is_empty();
        firing.extend(self.unsettled_as_told(id, group, now));
        let situation = Situation {
            entry: self.log.get(id).map(|logged| &logged.entry),
            firing: &firing,
            resolved: &resolved,
            undelivered,
            send_resolved: policy.send_resolved,
            repeat_interval: self.routing.routes.node(group.route).route.repeat_interval,
        };
        match dedup::decide(&situation, now) {
            // There is nothing to repeat.
            Decision::Send(News::Repeat) if all_unsettled => Decision::Quiet { repeat_at: None },
            decision => decision,
        }
    }

    /// The firing and the resolved alerts of the group that pass all stages.
    pub(super) fn partition(
        &self,
        id: &GroupId,
        group: &Group,
        now: Nanos,
    ) -> (BTreeMap<Fingerprint, Severity>, BTreeSet<Fingerprint>) {
        let told = self.log.get(id).map(|logged| &logged.entry.told);
        let mut firing = BTreeMap::new();
        let mut resolved = BTreeSet::new();
        for alert in group.members.iter().filter_map(|id| self.alerts.get(id)) {
            if alert.is_unsettled(now) {
                continue;
            }
            let ended = alert.is_resolved(now);
            let owed = ended && told.is_some_and(|told| told.contains_key(&alert.fingerprint));
            // Nobody needs to hear that the alerter had a trouble which was over before it was told.
            if ended && !owed && alert.labels.get("job") == SELF_JOB {
                continue;
            }
            if !owed && self.first_suppression(alert, group.route, now).is_some() {
                continue;
            }
            if ended {
                resolved.insert(alert.fingerprint);
            } else {
                firing.insert(alert.fingerprint, alert.severity);
            }
        }
        (firing, resolved)
    }

    fn first_suppression(&self, alert: &Alert, route: usize, now: Nanos) -> Option<Suppression> {
        let node = &self.routing.routes.node(route).route;
        self.inhibitor
            .judge(alert, now, |id| self.alerts.get(&id))
            .or_else(|| mute::judge(&node.mute, &node.active, now))
            .or_else(|| self.silences.judge(alert, now))
            .or_else(|| self.acknowledgements.judge(alert, now))
    }

    /// Every stage that keeps the alert back on this route now.
    pub fn suppressions(&self, alert: &Alert, route: usize, now: Nanos) -> Vec<Suppression> {
        let node = &self.routing.routes.node(route).route;
        [
            self.inhibitor.judge(alert, now, |id| self.alerts.get(&id)),
            mute::judge(&node.mute, &node.active, now),
            self.silences.judge(alert, now),
            self.acknowledgements.judge(alert, now),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Alerts that nobody acknowledged in time join the group of the next route.
    fn escalate(&mut self, group: &Group, now: Nanos) {
        let node = self.routing.routes.node(group.route);
        let (Some(route), Some(escalation)) = (node.escalates_to, &node.route.escalation) else {
            return;
        };
        let Some(logged) = self.log.get(&group.name.id()) else {
            return;
        };
        let overdue: Vec<Fingerprint> = logged
            .entry
            .told
            .iter()
            .filter(|(id, told_at)| {
                let alert = self.alerts.get(id).filter(|alert| !alert.is_resolved(now));
                alert.is_some_and(|a| {
                    self.acknowledgements
                        .escalates(a, **told_at, escalation.after, now)
                })
            })
            .map(|(id, _)| *id)
            .collect();
        let next = self.routing.routes.node(route);
        let name = Arc::new(GroupName {
            receiver: next.route.receiver.clone(),
            route_key: next.key.clone(),
            labels: group.name.labels.clone(),
        });
        for fingerprint in overdue {
            self.join_group(name.clone(), route, fingerprint, now);
        }
    }
}

/// Prepares an alert that someone pushed, as Alertmanager does: without an end it is over
/// after [`RESOLVE_TIMEOUT`].
pub fn accept_pushed(mut alert: Alert, now: Nanos) -> Alert {
    alert.origin = Origin::Pushed;
    alert.updated_at = now;
    if alert.ends_at.is_none() {
        alert.ends_at = Some(now.saturating_add(RESOLVE_TIMEOUT));
        alert.end_assumed = true;
    }
    alert
}
