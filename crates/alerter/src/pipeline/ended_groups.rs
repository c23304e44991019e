//! The log outlives its group for a while: an outage that comes back soon after its end was sent goes
//! out at once, and not only after `group_wait`.

use super::dispatcher::Dispatcher;
use super::grouping::GroupId;
use crate::alert::{Nanos, SECOND};

/// An outage that begins later than this after the last message is a new one, and waits for company
/// again. Flapping looks back as far.
const LOG_KEPT: Nanos = 3_600 * SECOND;
/// Most logs kept of groups that are gone, the newest. Each is a record of the store, and pushed alerts
/// may have any labels.
const ENDED_GROUPS_LIMIT: usize = 10_000;

impl Dispatcher {
    /// The group is gone. Its log stays for a while if an end was sent.
    pub(super) fn end_group(&mut self, id: &GroupId) {
        match self.log.get(id) {
            Some(logged) if !logged.entry.resolved.is_empty() => {
                self.ended.insert((logged.entry.at, id.clone()));
            }
            Some(_) => self.forget_log(id),
            None => {}
        }
    }

    /// Finds the logs without a group anew.
    pub(super) fn find_ended_groups(&mut self) {
        let without_group = |id: &&GroupId| !self.groups.contains_key(*id);
        let ended: Vec<GroupId> = self.log.keys().filter(without_group).cloned().collect();
        self.ended.clear();
        ended.iter().for_each(|id| self.end_group(id));
    }

    /// Forgets the logs of groups that ended long ago.
    pub(super) fn forget_ended_groups(&mut self, now: Nanos) {
        while let Some((at, id)) = self.ended.pop_first() {
            if at.saturating_add(LOG_KEPT) > now && self.ended.len() < ENDED_GROUPS_LIMIT {
                self.ended.insert((at, id));
                return;
            }
            // A group that came back ends with an entry of its own.
            let newer = |logged: &super::snapshot::Logged| logged.entry.at > at;
            if !self.groups.contains_key(&id) && !self.log.get(&id).is_some_and(newer) {
                self.forget_log(&id);
            }
        }
    }

    fn forget_log(&mut self, id: &GroupId) {
        if self.log.remove(id).is_some() {
            self.changes.log.insert(id.clone());
        }
    }
}
