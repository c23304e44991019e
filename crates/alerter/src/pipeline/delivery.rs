//! Delivery: the outbox, retries with backoff, the rate limit and the storm digest.
//!
//! Each receiver has a lane of its own with at most one message on the way, so that a slow
//! one never delays another. A message stays in the outbox until its receiver took it, a newer
//! one about the same group replaced it, or it was given up (the dead letters).
//!
//! That an attempt begins is stored before its request leaves. Whoever is killed between the
//! request and its answer finds the message marked after the restart (`interrupted`).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::grouping::GroupId;
use super::notification::Notification;
use crate::alert::{Nanos, SECOND, Severity};
use crate::labels::Labels;

/// First pause after a failure, its growth, and the longest pause.
const BACKOFF_FIRST: f64 = 0.5 * SECOND as f64;
const BACKOFF_FACTOR: f64 = 1.8;
const BACKOFF_LONGEST: f64 = 60.0 * SECOND as f64;
/// The pause grows by up to this part, at random, so that alerters do not knock in step.
const BACKOFF_JITTER: f64 = 0.2;
/// A message that could not be delivered for a day is a dead letter.
pub const GIVE_UP_AFTER: Nanos = 24 * 3_600 * SECOND;
/// Alerts shown in one digest; the rest is a number. More would not be read.
pub const DIGEST_ALERTS_LIMIT: usize = 1_000;

/// What a receiver asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryPolicy {
    pub send_resolved: bool,
    /// At most this many messages in `rate_window`.
    pub rate_limit: u32,
    pub rate_window: Nanos,
    /// More messages than this waiting at once become one digest.
    pub digest_over: usize,
    pub after_crash: AfterCrash,
    /// No network lies between.
    pub is_local: bool,
}

/// What becomes of a message whose answer we did not live to see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AfterCrash {
    /// A page that comes twice is better than one that does not come.
    #[default]
    Resend,
    Drop,
}

impl Default for DeliveryPolicy {
    /// One message every 2 s on average: the slowest of the supported services (Slack, one a
    /// second) takes it.
    fn default() -> DeliveryPolicy {
        DeliveryPolicy {
            send_resolved: true,
            rate_limit: 30,
            rate_window: 60 * SECOND,
            digest_over: 10,
            after_crash: AfterCrash::default(),
            is_local: false,
        }
    }
}

/// A message that waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    pub notification: Notification,
    pub attempts: u32,
    pub next_attempt: Nanos,
    #[serde(default)]
    pub last_error: String,
    /// An attempt was begun and has no outcome yet.
    #[serde(default)]
    pub begun: bool,
}

/// What goes to a receiver now: one notification, or a digest of several groups.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub receiver: String,
    pub message: Notification,
    pub parts: Vec<Notification>,
    /// Attempts before this one.
    pub attempts: u32,
}

/// How an attempt failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    pub reason: String,
    /// Whether trying again can help.
    pub retry: bool,
    /// The receiver asked for a pause.
    pub retry_after: Option<Nanos>,
    /// The request may have arrived: no answer came.
    pub unanswered: bool,
    /// Nothing of the receiver was heard: no connection, or no answer.
    pub unreachable: bool,
}

#[derive(Debug, Default)]
struct Lane {
    waiting: BTreeMap<GroupId, Pending>,
    /// The groups that wait, the worst first, then the oldest.
    by_rank: BTreeSet<(Reverse<Severity>, Nanos, u64, GroupId)>,
    /// The groups that wait by the time of their next attempt.
    by_time: BTreeSet<(Nanos, GroupId)>,
    in_flight: BTreeSet<GroupId>,
    /// Messages the rate limit still allows, and when it was computed.
    tokens: f64,
    refilled_at: Option<Nanos>,
}

impl Lane {
    fn insert(&mut self, pending: Pending) {
        let group = pending.notification.group.clone();
        self.remove(&group);
        self.by_rank.insert(rank(&pending));
        self.by_time.insert((pending.next_attempt, group.clone()));
        self.waiting.insert(group, pending);
    }

    fn remove(&mut self, group: &GroupId) -> Option<Pending> {
        let pending = self.waiting.remove(group)?;
        self.by_rank.remove(&rank(&pending));
        self.by_time.remove(&(pending.next_attempt, group.clone()));
        Some(pending)
    }

    /// Messages that are due, by rank.
    fn due(&self, now: Nanos) -> impl Iterator<Item = &Pending> {
        let pending = self
            .by_rank
            .iter()
            .filter_map(|(.., group)| self.waiting.get(group));
        pending.filter(move |pending| pending.next_attempt <= now)
    }

    /// When the rate limit allows the next message.
    fn allowed_at(&self, policy: &DeliveryPolicy) -> Nanos {
        let Some(at) = self.refilled_at else {
            return Nanos::MIN;
        };
        if self.tokens >= 1.0 {
            return Nanos::MIN;
        }
        let interval = policy.rate_window as f64 / f64::from(policy.rate_limit.max(1));
        at.saturating_add(((1.0 - self.tokens) * interval).ceil() as Nanos)
    }
}

fn rank(pending: &Pending) -> (Reverse<Severity>, Nanos, u64, GroupId) {
    let notification = &pending.notification;
    let group = notification.group.clone();
    (
        Reverse(notification.severity()),
        notification.created_at,
        notification.id,
        group,
    )
}

#[derive(Debug, Default)]
pub struct Outbox {
    lanes: BTreeMap<String, Lane>,
}

impl Outbox {
    /// Puts a message in, in place of an older one about the same group, whose attempts and
    /// pause it inherits. When it says the same it is still the older one, with newer values.
    pub fn put(&mut self, notification: Notification) {
        let lane = self.lanes.entry(notification.receiver.clone()).or_default();
        let fresh = Pending {
            attempts: 0,
            next_attempt: notification.created_at,
            last_error: String::new(),
            begun: false,
            notification,
        };
        let pending = match lane.remove(&fresh.notification.group) {
            Some(old) => Pending {
                notification: newest(&old.notification, fresh.notification),
                ..old
            },
            None => fresh,
        };
        lane.insert(pending);
    }

    /// Puts back what the store kept.
    pub fn restore(&mut self, pending: Pending) {
        self.lanes
            .entry(pending.notification.receiver.clone())
            .or_default()
            .insert(pending);
    }

    /// No pause is longer than one that begins now.
    pub fn resume(&mut self, now: Nanos) {
        let latest = now.saturating_add(BACKOFF_LONGEST as Nanos);
        for lane in self.lanes.values_mut() {
            lane.refilled_at = lane.refilled_at.map(|at| at.min(now));
            let late = lane.by_time.iter().filter(|(at, _)| *at > latest);
            let late: Vec<GroupId> = late.map(|(_, group)| group.clone()).collect();
            for group in late {
                if let Some(pending) = lane.remove(&group) {
                    lane.insert(Pending {
                        next_attempt: latest,
                        ..pending
                    });
                }
            }
        }
    }

    pub fn get(&self, receiver: &str, group: &GroupId) -> Option<&Pending> {
        self.lanes.get(receiver)?.waiting.get(group)
    }

    pub fn in_flight(&self, receiver: &str, group: &GroupId) -> bool {
        self.lanes
            .get(receiver)
            .is_some_and(|lane| lane.in_flight.contains(group))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Pending> {
        self.lanes.values().flat_map(|lane| lane.waiting.values())
    }

    pub fn len(&self) -> usize {
        self.lanes.values().map(|lane| lane.waiting.len()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn receivers(&self) -> impl Iterator<Item = &str> {
        self.lanes.keys().map(String::as_str)
    }

    /// Messages whose attempt was begun before this process was.
    pub fn interrupted(&self) -> Vec<Notification> {
        let begun = self.iter().filter(|pending| pending.begun);
        begun.map(|pending| pending.notification.clone()).collect()
    }

    /// The attempt is over without an answer: the receiver may have the message.
    pub fn set_repeated(&mut self, receiver: &str, group: &GroupId) {
        let lane = self.lanes.get_mut(receiver);
        if let Some(pending) = lane.and_then(|lane| lane.waiting.get_mut(group)) {
            pending.begun = false;
            pending.notification.repeated = true;
        }
    }

    /// Messages that could be sent now and were composed before.
    pub fn waited(&self, receiver: &str, policy: &DeliveryPolicy, now: Nanos) -> Vec<GroupId> {
        let lane = self.lanes.get(receiver);
        let Some(lane) = lane.filter(|lane| lane.in_flight.is_empty()) else {
            return Vec::new();
        };
        let waits = lane.by_time.first().is_none_or(|(at, _)| *at > now);
        if waits || lane.allowed_at(policy) > now {
            return Vec::new();
        }
        let waited = lane.due(now).map(|pending| &pending.notification);
        let waited = waited.filter(|message| message.created_at < now);
        waited.map(|message| message.group.clone()).collect()
    }

    /// The next message for a receiver, if one is due, none is on the way, and the rate allows it.
    /// It is marked as begun; its caller stores that before it sends.
    pub fn take(
        &mut self,
        receiver: &str,
        policy: &DeliveryPolicy,
        now: Nanos,
    ) -> Option<Delivery> {
        let lane = self.lanes.get_mut(receiver)?;
        if !lane.in_flight.is_empty() || lane.by_time.first().is_none_or(|(at, _)| *at > now) {
            return None;
        }
        refill(&mut lane.tokens, &mut lane.refilled_at, policy, now);
        if lane.tokens < 1.0 {
            return None;
        }
        let limit = policy.digest_over.max(1);
        let storm = lane.waiting.len() > limit && lane.due(now).nth(limit).is_some();
        let due: Vec<&Pending> = lane
            .due(now)
            .take(if storm { usize::MAX } else { 1 })
            .collect();
        let attempts = due
            .iter()
            .map(|pending| pending.attempts)
            .max()
            .unwrap_or(0);
        let parts: Vec<Notification> = due
            .iter()
            .map(|pending| pending.notification.clone())
            .collect();
        for part in &parts {
            if let Some(pending) = lane.waiting.get_mut(&part.group) {
                pending.begun = true;
            }
        }
        lane.tokens -= 1.0;
        lane.in_flight = parts.iter().map(|part| part.group.clone()).collect();
        Some(Delivery {
            receiver: receiver.to_owned(),
            message: digest(&parts),
            parts,
            attempts,
        })
    }

    /// The receiver took it. The groups whose message is out of the outbox now.
    pub fn delivered(&mut self, delivery: &Delivery) -> Vec<GroupId> {
        let Some(lane) = self.lanes.get_mut(&delivery.receiver) else {
            return Vec::new();
        };
        lane.in_flight.clear();
        let mut gone = Vec::new();
        for part in &delivery.parts {
            // A newer message took its place while this one was on the way: that one stays.
            if lane
                .waiting
                .get(&part.group)
                .is_some_and(|pending| pending.notification.id == part.id)
            {
                lane.remove(&part.group);
                gone.push(part.group.clone());
            }
        }
        gone
    }

    /// The attempt failed. What is given up comes back; the rest waits. `jitter` is in 0..1.
    pub fn failed(
        &mut self,
        delivery: &Delivery,
        failure: &Failure,
        now: Nanos,
        jitter: f64,
    ) -> Vec<Notification> {
        let Some(lane) = self.lanes.get_mut(&delivery.receiver) else {
            return Vec::new();
        };
        lane.in_flight.clear();
        let mut dead = Vec::new();
        for part in &delivery.parts {
            let Some(mut pending) = lane.remove(&part.group) else {
                continue;
            };
            if !failure.retry || now.saturating_sub(part.created_at) >= GIVE_UP_AFTER {
                dead.push(part.clone());
                continue;
            }
            pending.attempts += 1;
            pending.begun = false;
            pending.notification.repeated |= failure.unanswered;
            pending.last_error.clone_from(&failure.reason);
            let pause = backoff(pending.attempts, jitter).max(failure.retry_after.unwrap_or(0));
            pending.next_attempt = now.saturating_add(pause);
            lane.insert(pending);
        }
        dead
    }

    /// Drops the message about a group.
    pub fn remove(&mut self, receiver: &str, group: &GroupId) {
        if let Some(lane) = self.lanes.get_mut(receiver) {
            lane.remove(group);
        }
    }

    /// When something may become due next, for any receiver without a message on the way.
    pub fn next_due(&self, policy: impl Fn(&str) -> DeliveryPolicy) -> Option<Nanos> {
        let lanes = self
            .lanes
            .iter()
            .filter(|(_, lane)| lane.in_flight.is_empty());
        lanes
            .filter_map(|(receiver, lane)| {
                let (due, _) = lane.by_time.first()?;
                Some((*due).max(lane.allowed_at(&policy(receiver))))
            })
            .min()
    }
}

/// Token bucket: `rate_limit` messages at once, then one each `rate_window / rate_limit`.
fn refill(tokens: &mut f64, refilled_at: &mut Option<Nanos>, policy: &DeliveryPolicy, now: Nanos) {
    let full = f64::from(policy.rate_limit.max(1));
    let interval = policy.rate_window.max(1) as f64 / full;
    *tokens = match *refilled_at {
        None => full,
        Some(at) => (*tokens + now.saturating_sub(at).max(0) as f64 / interval).min(full),
    };
    *refilled_at = Some(now);
}

/// The pause after the n-th failure, n from 1.
fn backoff(attempts: u32, jitter: f64) -> Nanos {
    let exponent = i32::try_from(attempts.saturating_sub(1)).unwrap_or(i32::MAX);
    let pause = (BACKOFF_FIRST * BACKOFF_FACTOR.powi(exponent)).min(BACKOFF_LONGEST);
    (pause * (1.0 + BACKOFF_JITTER * jitter)) as Nanos
}

/// The message that goes out when a newer one about the group is composed while the old one waits.
fn newest(old: &Notification, fresh: Notification) -> Notification {
    if !old.says_the_same(&fresh) {
        return fresh;
    }
    let refreshed = Notification {
        id: old.id,
        news: old.news,
        created_at: old.created_at,
        repeated: old.repeated,
        ..fresh
    };
    // What the receiver may have is repeated to the letter, so that it can be recognised.
    if old.repeated || !old.says_the_same(&refreshed) {
        return old.clone();
    }
    refreshed
}

/// One message for all parts; a single part stays as it is. The digest's own group is of these
/// very parts: no receiver takes it for one of them, or for a digest of others.
fn digest(parts: &[Notification]) -> Notification {
    let mut message = parts[0].clone();
    if parts.len() == 1 {
        return message;
    }
    let pairs = parts
        .iter()
        .map(|part| (part.id.to_string(), part.group.to_string()));
    let name = pairs.collect::<Labels>().fingerprint();
    message.group = format!("{}|digest|{name}", message.receiver).into();
    message.repeated = parts.iter().any(|part| part.repeated);
    message.digest_of = parts.len();
    message.created_at = parts
        .iter()
        .map(|part| part.created_at)
        .max()
        .unwrap_or(message.created_at);
    message.alerts = parts
        .iter()
        .flat_map(|part| part.alerts.iter().cloned())
        .collect();
    message.alerts.truncate(DIGEST_ALERTS_LIMIT);
    message.group_labels = message.common_labels();
    message
}
