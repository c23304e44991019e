//! Drives the stages: takes alerts in, flushes groups that are due, fills the outbox.
//!
//! Nothing here waits or asks for the time: the daemon, the timelines and the backtest
//! call `put`, `tick` and the delivery functions with the `now` of their own clock.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::acknowledgement::{Acknowledgement, Acknowledgements};
use super::dedup::{self, Decision, LogEntry, News, Situation};
use super::delivery::{Delivery, DeliveryPolicy, Failure, Outbox, Pending};
use super::grouping::{EMPTY_GROUP_KEPT, Group, GroupId, GroupName, next_after};
use super::inhibition::{InhibitRule, Inhibitor};
use super::notification::Notification;
use super::route::RouteTree;
use super::silence::{Silence, SilenceError, Silences};
use super::{Suppression, mute};
use crate::alert::{Alert, Nanos, Origin, SECOND, Severity};
use crate::labels::{Fingerprint, Labels};

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
}

impl Routing {
    pub fn policy(&self, receiver: &str) -> DeliveryPolicy {
        self.policies.get(receiver).cloned().unwrap_or_default()
    }
}

/// A log entry with the name of its group, as it is stored.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Logged {
    pub group: GroupName,
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

#[derive(Debug)]
pub struct Dispatcher {
    routing: Arc<Routing>,
    alerts: HashMap<Fingerprint, Alert>,
    groups: HashMap<GroupId, Group>,
    /// The groups of each alert: the other direction of `Group::members`.
    memberships: HashMap<Fingerprint, BTreeSet<GroupId>>,
    due: BTreeSet<(Nanos, GroupId)>,
    log: HashMap<GroupId, Logged>,
    silences: Silences,
    acknowledgements: Acknowledgements,
    inhibitor: Inhibitor,
    outbox: Outbox,
    changes: Changes,
    last_notification_id: u64,
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
            silences: Silences::default(),
            acknowledgements: Acknowledgements::default(),
            outbox: Outbox::default(),
            changes: Changes::default(),
            last_notification_id: snapshot.last_notification_id,
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

    /// Lays out the groups anew from alerts, routes and the log.
    fn rebuild(&mut self, now: Nanos) {
        self.groups.clear();
        self.memberships.clear();
        self.due.clear();
        self.inhibitor = Inhibitor::new(&self.routing.inhibit);
        let alerts: Vec<Alert> = self.alerts.values().cloned().collect();
        for alert in &alerts {
            self.inhibitor.observe(alert, !alert.is_resolved(now));
            self.join_groups(alert, now);
        }
        let logged: Vec<Logged> = self.log.values().cloned().collect();
        for entry in logged {
            self.rejoin_told(&entry, now);
        }
        let ids: Vec<GroupId> = self.groups.keys().cloned().collect();
        for id in ids {
            let Some(at) = self.log.get(&id).map(|logged| logged.entry.at) else {
                continue;
            };
            let Some(group) = self.groups.get_mut(&id) else {
                continue;
            };
            let interval = self.routing.routes.node(group.route).route.group_interval;
            self.due.remove(&(group.next_flush, id.clone()));
            group.next_flush = next_after(at, interval, now);
            group.flushed = true;
            self.due.insert((group.next_flush, id));
        }
    }

    /// Those who were told of an alert stay in touch with it until it ends, even if it belongs
    /// elsewhere by now (it became critical, or the routes changed).
    fn rejoin_told(&mut self, logged: &Logged, now: Nanos) {
        let told = logged
            .entry
            .told
            .keys()
            .filter(|id| self.alerts.contains_key(id));
        let told: Vec<Fingerprint> = told.copied().collect();
        let place = self.routing.routes.nodes().find(|(_, node)| {
            node.key == logged.group.route_key && node.route.receiver == logged.group.receiver
        });
        let place = place.map(|(route, _)| route);
        for fingerprint in told {
            if let Some(route) = place
                && !self.inherited(logged, fingerprint)
            {
                self.join_group(logged.group.clone(), route, fingerprint, now);
            } else if place.is_none() {
                self.inherited(logged, fingerprint);
            }
        }
        if place.is_none() {
            let id = logged.group.id();
            self.log.remove(&id);
            self.changes.log.insert(id);
        }
    }

    /// Whether the alert now belongs to another group of the same receiver. That one takes over
    /// what was said, so that the receiver does not hear it twice.
    fn inherited(&mut self, logged: &Logged, fingerprint: Fingerprint) -> bool {
        let old = logged.group.id();
        let routed = self.routed_groups(fingerprint);
        if routed.iter().any(|name| name.id() == old) {
            return false;
        }
        let heirs: Vec<GroupName> = routed
            .into_iter()
            .filter(|name| name.receiver == logged.group.receiver)
            .collect();
        for heir in &heirs {
            self.inherit(heir, &logged.entry, fingerprint);
        }
        if heirs.is_empty() {
            return false;
        }
        if let Some(logged) = self.log.get_mut(&old) {
            logged.entry.told.remove(&fingerprint);
            logged.entry.firing.remove(&fingerprint);
            self.changes.log.insert(old);
        }
        true
    }

    /// The groups that the routes give to an alert.
    fn routed_groups(&self, fingerprint: Fingerprint) -> Vec<GroupName> {
        let Some(alert) = self.alerts.get(&fingerprint) else {
            return Vec::new();
        };
        let routes = self.routing.routes.find(&alert.labels);
        routes
            .into_iter()
            .map(|route| self.group_name(route, &alert.labels))
            .collect()
    }

    fn group_name(&self, route: usize, labels: &Labels) -> GroupName {
        let node = self.routing.routes.node(route);
        GroupName {
            receiver: node.route.receiver.clone(),
            route_key: node.key.clone(),
            labels: self.routing.routes.group_labels(route, labels),
        }
    }

    fn inherit(&mut self, heir: &GroupName, entry: &LogEntry, fingerprint: Fingerprint) {
        let id = heir.id();
        let target = self.log.entry(id.clone()).or_insert_with(|| Logged {
            group: heir.clone(),
            entry: LogEntry::default(),
        });
        target.entry.at = target.entry.at.max(entry.at);
        if let Some(told) = entry.told.get(&fingerprint) {
            target.entry.told.insert(fingerprint, *told);
        }
        if let Some(severity) = entry.firing.get(&fingerprint) {
            target.entry.firing.insert(fingerprint, *severity);
        }
        self.changes.log.insert(id);
    }

    /// After its labels changed: groups that the alert no longer belongs to, but whose receiver
    /// hears of it elsewhere, let it go.
    fn leave_inherited(&mut self, fingerprint: Fingerprint) {
        let ids: Vec<GroupId> = self
            .groups_of(fingerprint)
            .map(|(id, _)| id.clone())
            .collect();
        for id in ids {
            let Some(logged) = self.log.get(&id).cloned() else {
                continue;
            };
            if self.inherited(&logged, fingerprint) {
                if let Some(group) = self.groups.get_mut(&id) {
                    group.members.remove(&fingerprint);
                }
                if let Some(groups) = self.memberships.get_mut(&fingerprint) {
                    groups.remove(&id);
                }
            }
        }
    }

    // === alerts come in ===

    /// Takes a new, changed or ended alert.
    pub fn put(&mut self, mut alert: Alert, now: Nanos) {
        let (mut escalated, mut relabelled) = (false, false);
        if let Some(old) = self.alerts.get(&alert.fingerprint) {
            self.inhibitor.observe(old, false);
            if !old.is_resolved(now) {
                alert.starts_at = alert.starts_at.min(old.starts_at);
            }
            relabelled = alert.labels != old.labels;
            escalated = alert.severity > old.severity && !alert.is_resolved(now);
        }
        let significant = self.alerts.get(&alert.fingerprint).is_none_or(|old| {
            (
                old.severity,
                old.starts_at,
                old.ends_at,
                &old.labels,
                &old.annotations,
            ) != (
                alert.severity,
                alert.starts_at,
                alert.ends_at,
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
            self.join_groups(&alert, now);
        }
        if relabelled {
            self.leave_inherited(alert.fingerprint);
        }
        if escalated {
            self.flush_soon(alert.fingerprint, now);
        }
    }

    /// The newest value of an alert that goes on firing; not worth a write to the store.
    pub fn update_value(&mut self, fingerprint: Fingerprint, value: f64, now: Nanos) {
        if let Some(alert) = self.alerts.get_mut(&fingerprint) {
            alert.value = Some(value);
            alert.updated_at = now;
        }
    }

    fn join_groups(&mut self, alert: &Alert, now: Nanos) {
        for route in self.routing.routes.find(&alert.labels) {
            let name = self.group_name(route, &alert.labels);
            self.join_group(name, route, alert.fingerprint, now);
        }
    }

    fn join_group(&mut self, name: GroupName, route: usize, fingerprint: Fingerprint, now: Nanos) {
        let id = name.id();
        let wait = self.routing.routes.node(route).route.group_wait;
        let group = self.groups.entry(id.clone()).or_insert_with(|| {
            self.due.insert((now.saturating_add(wait), id.clone()));
            Group::new(name, route, now.saturating_add(wait))
        });
        group.members.insert(fingerprint);
        group.empty_since = None;
        self.memberships
            .entry(fingerprint)
            .or_default()
            .insert(id.clone());
        let starts_at = self
            .alerts
            .get(&fingerprint)
            .map_or(now, |alert| alert.starts_at);
        if !group.flushed && starts_at.saturating_add(wait) < now {
            self.due.remove(&(group.next_flush, id.clone()));
            group.next_flush = now;
            self.due.insert((now, id));
        }
    }

    /// An alert that became worse is told at once by every group that holds it.
    fn flush_soon(&mut self, fingerprint: Fingerprint, now: Nanos) {
        for id in self.memberships.get(&fingerprint).into_iter().flatten() {
            let Some(group) = self.groups.get_mut(id) else {
                continue;
            };
            self.due.remove(&(group.next_flush, id.clone()));
            group.next_flush = group.next_flush.min(now);
            self.due.insert((group.next_flush, id.clone()));
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
        self.changes
            .silences
            .extend(self.silences.forget_expired(now));
    }

    /// When a group or the outbox has something to do next.
    pub fn next_due(&self) -> Option<Nanos> {
        let group = self.due.first().map(|(at, _)| *at);
        let message = self
            .outbox
            .next_due(|receiver| self.routing.policy(receiver));
        group.into_iter().chain(message).min()
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
            if self.log.remove(id).is_some() {
                self.changes.log.insert(id.clone());
            }
            return;
        }
        self.due.insert((group.next_flush, id.clone()));
        self.groups.insert(id.clone(), group);
    }

    /// Decides about one group and does what was decided.
    fn tell(&mut self, id: &GroupId, group: &mut Group, now: Nanos) {
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
                let (firing, resolved) = self.partition(group, now);
                self.record(id, &group.name.clone(), &firing, &resolved, now);
            }
            Decision::Quiet { .. } => {
                // A waiting message whose alerts are all kept back by now is not sent any more.
                if self.outbox.get(&group.name.receiver, id).is_some() {
                    self.outbox.remove(&group.name.receiver, id);
                    self.changes
                        .outbox
                        .insert((group.name.receiver.clone(), id.clone()));
                }
                self.escalate(group, now);
            }
        }
        self.leave_resolved(id, group, now, |_| true);
    }

    /// What dedup says about a group now.
    pub fn decide(&self, id: &GroupId, group: &Group, now: Nanos) -> Decision {
        let (firing, resolved) = self.partition(group, now);
        let policy = self.routing.policy(&group.name.receiver);
        let undelivered = self.outbox.get(&group.name.receiver, id).is_some();
        if firing.is_empty() && resolved.is_empty() && !undelivered {
            return Decision::Quiet { repeat_at: None };
        }
        let situation = Situation {
            entry: self.log.get(id).map(|logged| &logged.entry),
            firing: &firing,
            resolved: &resolved,
            undelivered: undelivered && !(firing.is_empty() && resolved.is_empty()),
            send_resolved: policy.send_resolved,
            repeat_interval: self.routing.routes.node(group.route).route.repeat_interval,
        };
        dedup::decide(&situation, now)
    }

    /// The firing and the resolved alerts of the group that pass all stages.
    fn partition(
        &self,
        group: &Group,
        now: Nanos,
    ) -> (BTreeMap<Fingerprint, Severity>, BTreeSet<Fingerprint>) {
        let told = self
            .log
            .get(&group.name.id())
            .map(|logged| &logged.entry.told);
        let mut firing = BTreeMap::new();
        let mut resolved = BTreeSet::new();
        for alert in group.members.iter().filter_map(|id| self.alerts.get(id)) {
            let ended = alert.is_resolved(now);
            let owed = ended && told.is_some_and(|told| told.contains_key(&alert.fingerprint));
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

    fn compose(&mut self, id: &GroupId, group: &Group, news: News, now: Nanos) -> Notification {
        let (firing, resolved) = self.partition(group, now);
        let send_resolved = self.routing.policy(&group.name.receiver).send_resolved;
        let mut alerts: Vec<Alert> = firing
            .keys()
            .chain(resolved.iter().filter(|_| send_resolved))
            .filter_map(|id| self.alerts.get(id).cloned())
            .collect();
        alerts
            .sort_by(|a, b| (a.is_resolved(now), &a.labels).cmp(&(b.is_resolved(now), &b.labels)));
        self.last_notification_id += 1;
        Notification {
            id: self.last_notification_id,
            group: id.clone(),
            receiver: group.name.receiver.clone(),
            group_labels: group.name.labels.clone(),
            news,
            alerts,
            created_at: now,
            digest_of: 0,
        }
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
        let name = GroupName {
            receiver: next.route.receiver.clone(),
            route_key: next.key.clone(),
            labels: group.name.labels.clone(),
        };
        for fingerprint in overdue {
            self.join_group(name.clone(), route, fingerprint, now);
        }
    }

    /// Ended alerts leave the group; an alert without a group is forgotten.
    fn leave_resolved(
        &mut self,
        id: &GroupId,
        group: &mut Group,
        now: Nanos,
        which: impl Fn(&Fingerprint) -> bool,
    ) {
        let ended = |id: &Fingerprint| {
            self.alerts
                .get(id)
                .is_none_or(|alert| alert.is_resolved(now))
        };
        let gone: Vec<Fingerprint> = group
            .members
            .iter()
            .copied()
            .filter(|id| which(id) && ended(id))
            .collect();
        for alert in gone {
            group.members.remove(&alert);
            let Some(groups) = self.memberships.get_mut(&alert) else {
                continue;
            };
            groups.remove(id);
            if groups.is_empty() {
                self.memberships.remove(&alert);
                self.alerts.remove(&alert);
                self.changes.alerts.insert(alert);
            }
        }
    }

    // === messages go out ===

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

    fn record(
        &mut self,
        id: &GroupId,
        name: &GroupName,
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
                group: name.clone(),
                entry,
            },
        );
        self.changes.log.insert(id.clone());
    }

    // === what others may look at ===

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

    /// Alerts, groups and waiting messages.
    pub fn sizes(&self) -> (usize, usize, usize) {
        (
            self.alerts.len(),
            self.groups.len(),
            self.outbox.iter().count(),
        )
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
