//! From a group to the message about it.

use std::cmp::Ordering;

use super::dedup::News;
use super::dispatcher::Dispatcher;
use super::grouping::{Group, GroupId};
use super::notification::Notification;
use crate::alert::{Alert, AlertState, Nanos};

impl Dispatcher {
    pub(super) fn compose(
        &mut self,
        id: &GroupId,
        group: &Group,
        news: News,
        now: Nanos,
    ) -> Notification {
        let (firing, resolved) = self.partition(id, group, now);
        let send_resolved = self.routing.policy(&group.name.receiver).send_resolved;
        let mut alerts: Vec<Alert> = firing
            .keys()
            .chain(resolved.iter().filter(|_| send_resolved))
            .filter_map(|id| self.alerts.get(id).cloned())
            .map(|alert| self.beside_told(id, alert, now))
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
            repeated: false,
        }
    }

    /// The alert as this group's receiver reads it: worse or better than it was told last.
    fn beside_told(&self, id: &GroupId, mut alert: Alert, now: Nanos) -> Alert {
        let logged = self.log.get(id);
        alert.severity_before =
            logged.and_then(|logged| logged.entry.firing.get(&alert.fingerprint).copied());
        if let (AlertState::Firing, false, Some(before)) =
            (alert.state, alert.is_resolved(now), alert.severity_before)
        {
            alert.state = match alert.severity.cmp(&before) {
                Ordering::Greater => AlertState::Worse,
                Ordering::Less => AlertState::Better,
                Ordering::Equal => AlertState::Firing,
            };
        }
        if alert.is_resolved(now) && !alert.state.is_over() {
            alert.state = AlertState::Resolved; // A pushed alert ends by its time.
        }
        alert
    }
}
