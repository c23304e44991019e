//! Groups: alerts that are told together, and when.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::alert::{Nanos, SECOND};
use crate::labels::{Fingerprint, Labels};

/// An empty group keeps its rhythm this long, in case its alert comes back.
pub const EMPTY_GROUP_KEPT: Nanos = 30 * SECOND;
/// Smallest interval, so that a group of interval zero is not due for ever.
const MINIMUM_INTERVAL: Nanos = SECOND / 1_000;

/// The text of a [`GroupName`]: the key of the log, the outbox and the store.
pub type GroupId = Arc<str>;

/// Who is told, by which route, about which common labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupName {
    pub receiver: String,
    pub route_key: String,
    pub labels: Labels,
}

impl GroupName {
    pub fn id(&self) -> GroupId {
        format!("{}|{}|{}", self.receiver, self.route_key, self.labels).into()
    }

    /// The name with this id, receiver and labels.
    pub fn of(id: &GroupId, receiver: &str, labels: &Labels) -> Option<GroupName> {
        let rest = id.strip_prefix(receiver)?.strip_prefix('|')?;
        let key = rest.strip_suffix(&labels.to_string())?.strip_suffix('|')?;
        Some(GroupName {
            receiver: receiver.to_owned(),
            route_key: key.to_owned(),
            labels: labels.clone(),
        })
    }
}

/// Not stored: alerts, routes and the notification log give it back after a restart.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Shared with the log.
    pub name: Arc<GroupName>,
    /// Index of the route's node.
    pub route: usize,
    pub members: BTreeSet<Fingerprint>,
    pub next_flush: Nanos,
    pub flushed: bool,
    pub empty_since: Option<Nanos>,
    /// Members of which nothing could be said when the group was last flushed.
    pub unsettled: BTreeSet<Fingerprint>,
}

impl Group {
    pub fn new(name: Arc<GroupName>, route: usize, due: Nanos) -> Group {
        Group {
            name,
            route,
            members: BTreeSet::new(),
            next_flush: due,
            flushed: false,
            empty_since: None,
            unsettled: BTreeSet::new(),
        }
    }

    /// Moves the timer on by whole intervals, past `now`: what was missed is not made up for.
    pub fn advance(&mut self, interval: Nanos, now: Nanos) {
        self.next_flush = next_after(self.next_flush, interval, now.saturating_add(1));
        self.flushed = true;
    }
}

/// The first instant `start + n * interval`, n at least 1, that is not before `earliest`.
pub fn next_after(start: Nanos, interval: Nanos, earliest: Nanos) -> Nanos {
    let interval = interval.max(MINIMUM_INTERVAL);
    let missed = earliest.saturating_sub(start).max(1);
    let steps = (missed - 1) / interval + 1;
    start.saturating_add(interval.saturating_mul(steps))
}
