//! Where the last message about each group stands in a chat, so that it can be edited in place.
//! The store keeps it over a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::pipeline::notification::Notification;

/// Messages that can still be edited: one a group of a receiver.
const EDITABLE_LIMIT: usize = 10_000;

/// A message as Slack names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posted {
    /// Receiver and group.
    pub key: String,
    pub channel: String,
    /// Slack's timestamp, which is the message's name within its channel.
    pub ts: String,
}

/// What can be edited. Clones are of the same memory.
#[derive(Clone, Debug, Default)]
pub struct PostedMessages(Arc<Mutex<Memory>>);

#[derive(Debug, Default)]
struct Memory {
    known: BTreeMap<String, Posted>,
    /// Keys that the store does not have as they are.
    changed: BTreeSet<String>,
}

impl PostedMessages {
    /// What the store kept.
    pub fn restored(posted: Vec<Posted>) -> PostedMessages {
        let known = posted
            .into_iter()
            .map(|posted| (posted.key.clone(), posted))
            .collect();
        PostedMessages(Arc::new(Mutex::new(Memory {
            known,
            changed: BTreeSet::new(),
        })))
    }

    pub(super) fn key(message: &Notification) -> String {
        format!("{}\n{}", message.receiver, message.group)
    }

    pub(super) fn get(&self, key: &str) -> Option<Posted> {
        self.memory().known.get(key).cloned()
    }

    /// Beyond the limit nothing is remembered: then a new message is posted instead of an edit.
    pub(super) fn put(&self, posted: Posted) {
        let mut memory = self.memory();
        if memory.known.contains_key(&posted.key) || memory.known.len() < EDITABLE_LIMIT {
            memory.changed.insert(posted.key.clone());
            memory.known.insert(posted.key.clone(), posted);
        }
    }

    pub(super) fn remove(&self, key: &str) {
        let mut memory = self.memory();
        if memory.known.remove(key).is_some() {
            memory.changed.insert(key.to_owned());
        }
    }

    /// What changed since the last call; `None` for what is gone.
    pub fn take_changes(&self) -> Vec<(String, Option<Posted>)> {
        let mut memory = self.memory();
        let changed = std::mem::take(&mut memory.changed);
        changed
            .into_iter()
            .map(|key| {
                let posted = memory.known.get(&key).cloned();
                (key, posted)
            })
            .collect()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
