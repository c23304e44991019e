//! Alerts of which nothing can be said now: they ended but are past their level again, or they fire but
//! were not judged for long. For their receivers they are as they were told last.

use std::collections::BTreeMap;

use super::dispatcher::Dispatcher;
use super::grouping::{Group, GroupId};
use crate::alert::{AlertState, Nanos, Severity};
use crate::labels::Fingerprint;

/// What an evaluation says of an alert that goes on firing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Newest {
    pub value: Option<f64>,
    pub worst: Option<f64>,
    pub state: AlertState,
    pub judged_until: Nanos,
}

impl Dispatcher {
    /// What an evaluation says of an alert that goes on firing. A value is worth a write to the store
    /// only when it is the worst so far.
    pub fn update_value(&mut self, fingerprint: Fingerprint, newest: Newest, now: Nanos) {
        let Some(alert) = self.alerts.get_mut(&fingerprint) else {
            return;
        };
        let settled = alert.is_unsettled(now);
        if (alert.worst, alert.state) != (newest.worst, newest.state) {
            self.changes.alerts.insert(fingerprint);
        }
        alert.value = newest.value.or(alert.value);
        alert.worst = newest.worst;
        alert.state = newest.state;
        alert.judged_until = Some(newest.judged_until);
        if newest.value.is_some() {
            alert.updated_at = now;
        }
        if settled {
            self.flush_unsettled(fingerprint, now);
        }
    }

    /// An alert that ended is past its level again, or no longer.
    pub fn set_pending(&mut self, fingerprint: Fingerprint, pending: bool, now: Nanos) {
        let alert = self.alerts.get_mut(&fingerprint);
        let Some(alert) = alert.filter(|alert| alert.pending != pending) else {
            return;
        };
        alert.pending = pending;
        self.changes.alerts.insert(fingerprint);
        if !pending {
            self.flush_unsettled(fingerprint, now);
        }
    }

    /// The members of which nothing can be said now.
    pub(super) fn unsettled(&self, group: &Group, now: Nanos) -> impl Iterator<Item = Fingerprint> {
        let alerts = group.members.iter().filter_map(|id| self.alerts.get(id));
        let unsettled = alerts.filter(move |alert| alert.is_unsettled(now));
        unsettled.map(|alert| alert.fingerprint)
    }

    /// Those of them that the receiver was told of last as firing: for it they still are.
    pub(super) fn unsettled_as_told(
        &self,
        id: &GroupId,
        group: &Group,
        now: Nanos,
    ) -> BTreeMap<Fingerprint, Severity> {
        let Some(logged) = self.log.get(id) else {
            return BTreeMap::new();
        };
        self.unsettled(group, now)
            .filter_map(|id| Some((id, *logged.entry.firing.get(&id)?)))
            .collect()
    }

    /// Something can be said again of an alert that groups left out when they were flushed.
    pub(super) fn flush_unsettled(&mut self, fingerprint: Fingerprint, now: Nanos) {
        let groups = self.memberships.get(&fingerprint).into_iter().flatten();
        let left_out = groups.filter(|id| {
            let group = self.groups.get(*id);
            group.is_some_and(|group| group.unsettled.contains(&fingerprint))
        });
        let groups: Vec<GroupId> = left_out.cloned().collect();
        groups.iter().for_each(|id| self.flush_soon(id, now));
    }
}
