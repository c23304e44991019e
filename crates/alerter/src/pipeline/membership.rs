//! Which alerts belong to which groups: after a start, a reload, a change of labels, an end.

use std::sync::Arc;

use super::dedup::LogEntry;
use super::dispatcher::Dispatcher;
use super::grouping::{Group, GroupId, GroupName, next_after};
use super::inhibition::Inhibitor;
use super::snapshot::Logged;
use crate::alert::{Alert, Nanos, Origin};
use crate::labels::{Fingerprint, Labels};

impl Dispatcher {
    /// Lays out the groups anew from alerts, routes and the log.
    pub(super) fn rebuild(&mut self, now: Nanos) {
        self.groups.clear();
        self.memberships.clear();
        self.due.clear();
        self.inhibitor = Inhibitor::new(&self.routing.inhibit);
        let mut alerts: Vec<Alert> = self.alerts.values().cloned().collect();
        alerts.sort_by_key(|alert| (alert.starts_at, alert.fingerprint));
        for alert in &alerts {
            self.inhibitor.observe(alert, !alert.is_resolved(now));
            // `group_wait` goes on, it does not begin anew.
            self.join_groups(alert, alert.starts_at.min(now));
        }
        let logged: Vec<Logged> = self.log.values().cloned().collect();
        for entry in logged {
            self.rejoin_told(&entry, now);
        }
        self.rejoin_waiting(now);
        self.go_on_in_rhythm(now);
        self.find_ended_groups();
        for alert in alerts.iter().filter(|alert| !alert.is_resolved(now)) {
            self.flush_contradicted(alert, false, now);
        }
    }

    /// Groups of which something was sent are due an interval after that.
    fn go_on_in_rhythm(&mut self, now: Nanos) {
        let ids: Vec<GroupId> = self.groups.keys().cloned().collect();
        for id in ids {
            let logged = self.log.get(&id);
            let goes_on = logged.filter(|logged| !logged.entry.told.is_empty());
            let Some(at) = goes_on.map(|logged| logged.entry.at) else {
                continue; // What was sent of it is over: it begins anew.
            };
            let Some(group) = self.groups.get_mut(&id) else {
                continue;
            };
            let interval = self.routing.routes.node(group.route).route.group_interval;
            let unsettled = |id: &&Fingerprint| {
                let alert = self.alerts.get(*id);
                alert.is_some_and(|alert| alert.is_unsettled(now))
            };
            group.unsettled = group.members.iter().filter(unsettled).copied().collect();
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
        let place = self.place_of(&logged.group);
        for fingerprint in told {
            if !self.inherited(logged, fingerprint)
                && let Some(route) = place
            {
                self.join_group(logged.group.clone(), route, fingerprint, now);
            }
        }
        if place.is_none() {
            let id = logged.group.id();
            self.log.remove(&id);
            self.changes.log.insert(id);
        }
    }

    /// The route of a group. One whose route left the file goes on under the root, for as long as its
    /// receiver is there: what was sent as firing is sent as ended.
    fn place_of(&self, name: &GroupName) -> Option<usize> {
        let mut nodes = self.routing.routes.nodes();
        let own = nodes
            .find(|(_, node)| node.key == name.route_key && node.route.receiver == name.receiver);
        let is_there = self.routing.policies.contains_key(&name.receiver);
        own.map(|(route, _)| route).or(is_there.then_some(0))
    }

    /// The alerts of a message that waits stay with its group: the message may arrive yet, or has arrived
    /// and its answer was not seen. Where its receiver hears of all of them in other groups by now, those
    /// say what is so, and the message is not sent any more.
    fn rejoin_waiting(&mut self, now: Nanos) {
        for pending in self.outbox.iter().cloned().collect::<Vec<_>>() {
            let message = pending.notification;
            let name = GroupName::of(&message.group, &message.receiver, &message.group_labels);
            let place = name.and_then(|name| Some((self.place_of(&name)?, Arc::new(name))));
            let Some((route, name)) = place else {
                continue;
            };
            let known = message.alerts.iter().map(|alert| alert.fingerprint);
            let known = known.filter(|id| self.alerts.contains_key(id));
            let known: Vec<Fingerprint> = known.collect();
            let mut heard_elsewhere = !known.is_empty();
            for fingerprint in known {
                let mut heirs = self.routed_groups(fingerprint);
                heirs.retain(|other| other.receiver == name.receiver && *other != name);
                if heirs.is_empty() {
                    self.join_group(Arc::clone(&name), route, fingerprint, now);
                    heard_elsewhere = false;
                } else if pending.begun || message.repeated {
                    let may_have_heard = LogEntry {
                        at: message.created_at,
                        told: [(fingerprint, message.created_at)].into(),
                        ..LogEntry::default()
                    };
                    let heirs = heirs.iter();
                    heirs.for_each(|heir| self.inherit(heir, &may_have_heard, fingerprint));
                }
            }
            if heard_elsewhere {
                self.outbox.remove(&message.receiver, &message.group);
                let key = (message.receiver, message.group);
                self.changes.outbox.insert(key);
            }
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
        let heirs: Vec<Arc<GroupName>> = routed
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
    fn routed_groups(&self, fingerprint: Fingerprint) -> Vec<Arc<GroupName>> {
        let Some(alert) = self.alerts.get(&fingerprint) else {
            return Vec::new();
        };
        let routes = self.routing.routes.find(&alert.labels);
        routes
            .into_iter()
            .map(|route| self.group_name(route, &alert.labels))
            .collect()
    }

    fn group_name(&self, route: usize, labels: &Labels) -> Arc<GroupName> {
        let node = self.routing.routes.node(route);
        Arc::new(GroupName {
            receiver: node.route.receiver.clone(),
            route_key: node.key.clone(),
            labels: self.routing.routes.group_labels(route, labels),
        })
    }

    fn inherit(&mut self, heir: &Arc<GroupName>, entry: &LogEntry, fingerprint: Fingerprint) {
        let id = heir.id();
        let target = self.log.entry(id.clone()).or_insert_with(|| Logged {
            group: Arc::clone(heir),
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

    /// After its labels changed: groups that the alert no longer belongs to let it go if their receiver
    /// hears of it elsewhere, or has not heard of it yet.
    pub(super) fn leave_former_groups(&mut self, fingerprint: Fingerprint) {
        let ids: Vec<GroupId> = self
            .groups_of(fingerprint)
            .map(|(id, _)| id.clone())
            .collect();
        for id in ids {
            let logged = self.log.get(&id).cloned();
            let inherited = logged.is_some_and(|logged| self.inherited(&logged, fingerprint));
            if inherited || self.is_unheard_of(&id, fingerprint) {
                if let Some(group) = self.groups.get_mut(&id) {
                    group.members.remove(&fingerprint);
                }
                if let Some(groups) = self.memberships.get_mut(&fingerprint) {
                    groups.retain(|known| *known != id);
                }
            }
        }
    }

    /// Whether the routes give the alert to other groups by now, and nothing was sent of it to this one.
    fn is_unheard_of(&self, id: &GroupId, fingerprint: Fingerprint) -> bool {
        let Some(group) = self.groups.get(id) else {
            return false;
        };
        let told = |entry: &LogEntry| entry.told.contains_key(&fingerprint);
        let mut nodes = self.routing.routes.nodes();
        let escalation = nodes.any(|(_, node)| node.escalates_to == Some(group.route));
        let mut routed = self.routed_groups(fingerprint).into_iter();
        !escalation
            && !self.log_entry(id).is_some_and(told)
            && self.outbox.get(&group.name.receiver, id).is_none()
            && !routed.any(|name| name == group.name)
    }

    pub(super) fn join_groups(&mut self, alert: &Alert, now: Nanos) {
        for route in self.routing.routes.find(&alert.labels) {
            let name = self.group_name(route, &alert.labels);
            self.join_group(name, route, alert.fingerprint, now);
        }
    }

    pub(super) fn join_group(
        &mut self,
        name: Arc<GroupName>,
        route: usize,
        fingerprint: Fingerprint,
        now: Nanos,
    ) {
        let id = name.id();
        let wait = self.routing.routes.node(route).route.group_wait;
        let group = self.groups.entry(id.clone()).or_insert_with(|| {
            self.due.insert((now.saturating_add(wait), id.clone()));
            Group::new(name, route, now.saturating_add(wait))
        });
        group.members.insert(fingerprint);
        group.empty_since = None;
        let groups = self.memberships.entry(fingerprint).or_default();
        if !groups.contains(&id) {
            groups.push(id.clone());
        }
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

    /// An alert that became worse, or fires again after its end was told, is told at once by every group
    /// that holds it.
    pub(super) fn flush_contradicted(&mut self, alert: &Alert, escalated: bool, now: Nanos) {
        let log = &self.log;
        let contradicted = |id: &GroupId| match log.get(id) {
            Some(logged) => {
                let tells_ends = self.routing.policy(&logged.group.receiver).send_resolved;
                let entry = &logged.entry;
                entry.contradicts(alert.fingerprint, alert.severity, (escalated, tells_ends))
            }
            None => escalated,
        };
        let groups = self.memberships.get(&alert.fingerprint);
        let groups = groups.into_iter().flatten().filter(|id| contradicted(id));
        let groups: Vec<GroupId> = groups.cloned().collect();
        groups.iter().for_each(|id| self.flush_soon(id, now));
    }

    pub(super) fn flush_soon(&mut self, id: &GroupId, now: Nanos) {
        let Some(group) = self.groups.get_mut(id) else {
            return;
        };
        self.due.remove(&(group.next_flush, id.clone()));
        group.next_flush = group.next_flush.min(now);
        self.due.insert((group.next_flush, id.clone()));
    }

    /// Ended alerts leave the group; an alert without a group is forgotten.
    pub(super) fn leave_resolved(
        &mut self,
        id: &GroupId,
        group: &mut Group,
        now: Nanos,
        which: impl Fn(&Fingerprint) -> bool,
    ) {
        let ended = |id: &Fingerprint| {
            self.alerts
                .get(id)
                .is_none_or(|alert| alert.is_resolved(now) && !alert.is_unsettled(now))
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
            groups.retain(|known| known != id);
            if groups.is_empty() {
                self.memberships.remove(&alert);
                self.lapsed
                    .extend(self.alerts.remove(&alert).filter(lapses));
                self.changes.alerts.insert(alert);
            }
        }
    }
}

/// Whether the alert ended because nobody pushed it again, not because its end was told.
fn lapses(alert: &Alert) -> bool {
    alert.origin == Origin::Pushed && alert.ends_at > Some(alert.updated_at)
}
