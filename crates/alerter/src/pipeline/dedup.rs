//! Deduplication: is there anything new to say to this receiver about this group?

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::alert::{Nanos, Severity};
use crate::labels::Fingerprint;

/// Most ended alerts remembered of a group; of more, only those of the last message.
const ENDS_LIMIT: usize = 1_000;

/// What was last said about a group, and to whom an end is still owed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    pub at: Nanos,
    /// Alerts that were firing in the last message, with the severity that it told.
    pub firing: BTreeMap<Fingerprint, Severity>,
    /// Alerts that were told as ended, and not as firing since.
    pub resolved: BTreeSet<Fingerprint>,
    /// Alerts told as firing whose end was not told yet, and when they were first told.
    pub told: BTreeMap<Fingerprint, Nanos>,
}

impl LogEntry {
    /// The entry after a message with these alerts was delivered.
    pub fn after(
        previous: Option<&LogEntry>,
        firing: &BTreeMap<Fingerprint, Severity>,
        resolved: &BTreeSet<Fingerprint>,
        now: Nanos,
    ) -> LogEntry {
        let mut told = previous.map(|entry| entry.told.clone()).unwrap_or_default();
        told.retain(|id, _| !resolved.contains(id));
        for id in firing.keys() {
            told.entry(*id).or_insert(now);
        }
        let mut ended = resolved.clone();
        if let Some(entry) = previous
            && entry.resolved.len() <= ENDS_LIMIT
        {
            ended.extend(&entry.resolved);
        }
        ended.retain(|id| !firing.contains_key(id));
        LogEntry {
            at: now,
            firing: firing.clone(),
            resolved: ended,
            told,
        }
    }

    /// Whether a firing alert is news that does not wait for the group's interval: its receiver was
    /// told last that it is over, or that it is less bad.
    pub fn contradicts(
        &self,
        id: Fingerprint,
        severity: Severity,
        (escalated, tells_ends): (bool, bool),
    ) -> bool {
        match self.firing.get(&id) {
            Some(told) => severity > *told,
            None => escalated || (tells_ends && self.resolved.contains(&id)),
        }
    }
}

/// Why a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    FirstFiring,
    NewFiring,
    Escalated,
    AllResolved,
    SomeResolved,
    Repeat,
    /// An earlier message about the group never arrived.
    Undelivered,
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            News::FirstFiring => "first message about this group",
            News::NewFiring => "a new alert joined the group",
            News::Escalated => "an alert became worse",
            News::AllResolved => "all alerts are resolved",
            News::SomeResolved => "some alerts are resolved",
            News::Repeat => "still firing after repeat_interval",
            News::Undelivered => "the previous message was never delivered",
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Send(News),
    /// Remember the state without a message: the receiver does not want resolves.
    Record,
    /// Nothing new before this instant.
    Quiet {
        repeat_at: Option<Nanos>,
    },
}

/// What dedup looks at.
#[derive(Debug)]
pub struct Situation<'a> {
    pub entry: Option<&'a LogEntry>,
    pub firing: &'a BTreeMap<Fingerprint, Severity>,
    pub resolved: &'a BTreeSet<Fingerprint>,
    /// A message about this group waits for its delivery.
    pub undelivered: bool,
    pub send_resolved: bool,
    pub repeat_interval: Nanos,
}

/// Alertmanager's decision (`notify/dedup_stage.go`), with escalation, and with one addition: an end
/// that is owed is news even if the last message did not hold the alert (it was suppressed).
pub fn decide(situation: &Situation<'_>, now: Nanos) -> Decision {
    let Situation {
        entry,
        firing,
        resolved,
        ..
    } = *situation;
    if situation.undelivered {
        return if firing.is_empty() && !situation.send_resolved {
            Decision::Record
        } else {
            Decision::Send(News::Undelivered)
        };
    }
    let Some(entry) = entry else {
        return if firing.is_empty() {
            Decision::Quiet { repeat_at: None }
        } else {
            Decision::Send(News::FirstFiring)
        };
    };
    let mut escalated = false;
    for (id, severity) in firing {
        match entry.firing.get(id) {
            None => return Decision::Send(News::NewFiring),
            Some(told) => escalated |= severity > told,
        }
    }
    if escalated {
        return Decision::Send(News::Escalated);
    }
    let owed = resolved.iter().any(|id| entry.told.contains_key(id));
    if firing.is_empty() {
        return match (owed || !entry.firing.is_empty(), situation.send_resolved) {
            (false, _) => Decision::Quiet { repeat_at: None },
            (true, true) => Decision::Send(News::AllResolved),
            (true, false) => Decision::Record,
        };
    }
    if situation.send_resolved && (owed || !resolved.is_subset(&entry.resolved)) {
        return Decision::Send(News::SomeResolved);
    }
    let repeat_at = entry.at.saturating_add(situation.repeat_interval);
    if repeat_at <= now {
        return Decision::Send(News::Repeat);
    }
    Decision::Quiet {
        repeat_at: Some(repeat_at),
    }
}
