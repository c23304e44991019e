//! Rules and pipeline together: answers in, messages out. No clock, no I/O: the daemon, the
//! timelines and the backtest run this same code.

mod evaluation;
mod troubles;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::alert::{Alert, AlertState, Nanos, Origin, SECOND};
use crate::answering::Answering;
use crate::event::{Event, EventKind};
use crate::labels::{Fingerprint, Labels};
use crate::pipeline::delivery::{Delivery, Failure};
use crate::pipeline::dispatcher::Dispatcher;
use crate::pipeline::notification::Notification;
use crate::pipeline::snapshot::Snapshot;
use crate::reach::Reach;
use crate::rule_file::RuleFile;
use crate::rules::definition::Rule;
use crate::rules::evaluator::{Evaluator, Series};
use crate::rules::watch::Watch;
use crate::template;
use crate::trouble::{self, Component, SELF_JOB, Troubles};

/// A life as the store keeps it.
#[derive(Clone, Debug)]
pub struct StoredLife {
    pub rule: String,
    pub id: Fingerprint,
    pub series: Series,
}

/// How often it is stored when rules were looked at.
const WATCHES_EVERY: Nanos = 30 * SECOND;

#[derive(Debug)]
pub struct Alerting {
    pub evaluator: Evaluator,
    pub dispatcher: Dispatcher,
    rules: HashMap<String, Arc<Rule>>,
    events: Vec<Event>,
    changed_lives: BTreeSet<(String, Fingerprint)>,
    troubles: Troubles,
    answering: Answering,
    reach: Reach,
    /// When a clock that was set counts as right again.
    clock_steady_at: Option<Nanos>,
    ticked_at: Nanos,
    watches_taken_at: Nanos,
}

impl Alerting {
    pub fn new(
        file: &RuleFile,
        snapshot: Snapshot,
        lives: Vec<StoredLife>,
        now: Nanos,
    ) -> Alerting {
        let mut evaluator = Evaluator::default();
        for stored in lives {
            evaluator.restore(&stored.rule, stored.id, stored.series);
        }
        let mut alerting = Alerting {
            evaluator,
            dispatcher: Dispatcher::new(Arc::clone(&file.routing), snapshot, now),
            rules: HashMap::new(),
            events: Vec::new(),
            changed_lives: BTreeSet::new(),
            troubles: Troubles::default(),
            answering: Answering::default(),
            reach: Reach::default(),
            clock_steady_at: None,
            ticked_at: now,
            watches_taken_at: Nanos::MIN,
        };
        alerting.take_rules(file, now);
        alerting.close_orphans(now);
        for message in alerting.dispatcher.settle_interrupted(now) {
            let why =
                "the alerter was killed while it was being sent; not sent again (after_crash)";
            let events = Event::notifications(EventKind::Failure, &message, why, now);
            alerting.events.extend(events);
        }
        alerting
    }

    /// Takes a new rule file. States, silences and what was said stay.
    pub fn reload(&mut self, file: &RuleFile, now: Nanos) {
        self.dispatcher.reload(Arc::clone(&file.routing), now);
        self.take_rules(file, now);
    }

    fn take_rules(&mut self, file: &RuleFile, now: Nanos) {
        self.rules = file
            .rules
            .iter()
            .map(|rule| (rule.name.clone(), Arc::clone(rule)))
            .collect();
        for departure in self.evaluator.reload(file.rules.clone()) {
            self.depart(departure, now);
        }
        let (rules, receivers) = (&self.rules, &file.receivers);
        let past = |labels: &Labels| {
            let is_rule = |name: &str| rules.contains_key(name);
            trouble::is_of_the_past(labels, is_rule, |name| receivers.contains_key(name))
        };
        self.troubles.retain(|labels| !past(labels));
        self.answering.retain(|rule| rules.contains_key(rule));
        self.reach.retain(|name| receivers.contains_key(name));
        let alerts = self.dispatcher.alerts().filter(|alert| past(&alert.labels));
        let gone: Vec<Fingerprint> = alerts.map(|alert| alert.fingerprint).collect();
        gone.into_iter().for_each(|id| {
            self.close(
                id,
                AlertState::Removed,
                "it is no longer in the rule file",
                now,
            )
        });
        self.trouble(Component::RuleFile, None, now);
    }

    /// Alerts of rules whose series the store did not know any more.
    fn close_orphans(&mut self, now: Nanos) {
        let gone: Vec<Fingerprint> = self
            .dispatcher
            .alerts()
            .filter(|alert| alert.origin == Origin::Rule && !alert.is_resolved(now))
            .filter(|alert| {
                alert.labels.get("job") != SELF_JOB && !self.rules.contains_key(alert.name())
            })
            .map(|alert| alert.fingerprint)
            .collect();
        gone.into_iter()
            .for_each(|id| self.close(id, AlertState::Removed, "its rule was removed", now));
    }

    /// Watches a host no longer: its series are forgotten, their alerts end. Series that were forgotten.
    pub fn forget_host(&mut self, host: &str, now: Nanos) -> usize {
        let gone = self.evaluator.forget_host(host);
        for (rule, series_id, series) in &gone {
            let id = series.labels.fingerprint();
            self.close(id, AlertState::Removed, "its host was forgotten", now);
            self.changed_lives.insert((rule.clone(), *series_id));
        }
        gone.len()
    }

    // === alerts that others push ===

    /// Takes an alert that was pushed: new, again, or ended.
    pub fn push(&mut self, alert: Alert, now: Nanos) {
        let known = self.dispatcher.alert(alert.fingerprint);
        let fired = known.is_some_and(|known| !known.is_resolved(now));
        match (fired, alert.is_resolved(now)) {
            (false, false) => self
                .events
                .push(Event::alert_changed(now, "firing", &alert)),
            (true, true) => self
                .events
                .push(Event::alert_changed(now, "resolved", &alert)),
            _ => {}
        }
        self.dispatcher.put(alert, now);
    }

    // === messages ===

    /// Whether messages may go out: every rule was evaluated once since the start or the reload.
    pub fn may_dispatch(&self) -> bool {
        self.evaluator.is_complete()
    }

    /// Messages to send now. Nothing before every rule was evaluated once.
    pub fn tick(&mut self, now: Nanos) -> Vec<Delivery> {
        if !self.may_dispatch() {
            return Vec::new();
        }
        self.tell_troubles(now);
        self.ticked_at = self.ticked_at.min(now);
        for alert in self.dispatcher.silence_notices(now) {
            self.events
                .push(Event::alert_changed(now, "firing", &alert));
            self.dispatcher.put(alert, now);
        }
        self.dispatcher.tick(now);
        self.note_ends(now);
        let mut deliveries = self.dispatcher.take_deliveries(now);
        for delivery in &mut deliveries {
            // As of when it was composed: every attempt says the same.
            let at = delivery.message.created_at;
            let alerts = delivery.message.alerts.iter_mut();
            let failed: Vec<String> = alerts.flat_map(|alert| self.annotate(alert, at)).collect();
            if !failed.is_empty() {
                let failed = failed.join("; ");
                tracing::warn!(failed, "a template failed; the message goes out without it");
                let kind = EventKind::Failure;
                let events = Event::notifications(kind, &delivery.message, &failed, now);
                self.events.extend(events);
            }
        }
        deliveries
    }

    /// What ended by itself since the last tick: pushed alerts, silences, acknowledgements.
    fn note_ends(&mut self, now: Nanos) {
        let since = std::mem::replace(&mut self.ticked_at, now);
        for alert in self.dispatcher.take_lapsed() {
            let end = alert.ends_at.unwrap_or(now);
            self.events
                .push(Event::alert_changed(end, "resolved", &alert));
        }
        let over = |end: Nanos| since < end && end <= now;
        let silences = self.dispatcher.silences().iter();
        // One that was ended by hand was changed at its end.
        let silences = silences.filter(|s| over(s.ends_at) && s.updated_at < s.ends_at);
        self.events
            .extend(silences.map(|silence| Event::silence(silence, "expired", silence.ends_at)));
        for found in self.dispatcher.acknowledgements().iter() {
            let alert = self.dispatcher.alert(found.fingerprint);
            if let (Some(end), Some(alert)) = (found.expires_at.filter(|end| over(*end)), alert) {
                self.events
                    .push(Event::acknowledgement(found, "expired", alert, end));
            }
        }
    }

    /// Fills the annotations of a rule's alert from its templates. Returns what could not be filled.
    pub fn annotate(&self, alert: &mut Alert, now: Nanos) -> Vec<String> {
        let rule = self.rules.get(alert.name());
        match rule.filter(|_| alert.origin == Origin::Rule) {
            Some(rule) => template::annotate(rule, alert, now),
            None => Vec::new(),
        }
    }

    /// When something of messages or troubles is due after `now`.
    pub fn next_due(&self, now: Nanos) -> Option<Nanos> {
        let due = self.dispatcher.next_due(now);
        let due = due.into_iter().chain(self.troubles.next_due(now));
        let due = due.chain(self.clock_steady_at).min();
        due.filter(|_| self.may_dispatch())
    }

    pub fn delivered(&mut self, delivery: &Delivery, answer: &str, now: Nanos) {
        self.note_delivery(delivery, answer, now);
        self.note_reach(&delivery.receiver, None, now);
        self.trouble(receiver(delivery), None, now);
    }

    /// The receiver has the message, but not whole: an address was refused, a template failed.
    pub fn delivered_in_part(
        &mut self,
        delivery: &Delivery,
        answer: &str,
        failed: &str,
        now: Nanos,
    ) {
        self.note_delivery(delivery, answer, now);
        self.note_reach(&delivery.receiver, None, now);
        let events = Event::notifications(EventKind::Failure, &delivery.message, failed, now);
        self.events.extend(events);
        self.trouble(receiver(delivery), Some(failed.to_owned()), now);
    }

    fn note_delivery(&mut self, delivery: &Delivery, answer: &str, now: Nanos) {
        self.dispatcher.delivered(delivery, now);
        let kind = EventKind::Notification;
        let events = Event::notifications(kind, &delivery.message, answer, now);
        self.events.extend(events);
    }

    /// Returns what was given up.
    pub fn failed(
        &mut self,
        delivery: &Delivery,
        failure: &Failure,
        now: Nanos,
        jitter: f64,
    ) -> Vec<Notification> {
        let dead = self.dispatcher.failed(delivery, failure, now, jitter);
        for message in &dead {
            self.events.extend(Event::notifications(
                EventKind::DeadLetter,
                message,
                &failure.reason,
                now,
            ));
        }
        if delivery.attempts == 0 && dead.is_empty() {
            let message = &delivery.message;
            self.events.extend(Event::notifications(
                EventKind::Failure,
                message,
                &failure.reason,
                now,
            ));
        }
        // A receiver that left the file fails no more: its messages are given up.
        let routing = self.dispatcher.routing();
        if routing.policies.contains_key(&delivery.receiver) {
            self.trouble(receiver(delivery), Some(failure.reason.clone()), now);
            let away = failure.unreachable.then_some(failure.reason.as_str());
            self.note_reach(&delivery.receiver, away, now);
        }
        dead
    }

    // === what the rim takes away ===

    pub fn record(&mut self, event: Event) {
        self.events.push(event);
    }

    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// When each rule was looked at, now and then: what a restart takes for a time without a look is at
    /// most so much too long.
    pub fn take_watches(&mut self) -> Option<BTreeMap<String, Watch>> {
        let taken_at = self.watches_taken_at;
        let fresh = taken_at.saturating_add(WATCHES_EVERY) > self.ticked_at;
        if !self.may_dispatch() || (fresh && taken_at <= self.ticked_at) {
            return None;
        }
        self.watches_taken_at = self.ticked_at;
        Some(self.evaluator.watches())
    }

    /// The machine slept, or its clock was set: nothing is sent before every rule was evaluated.
    pub fn resume(&mut self, now: Nanos) {
        self.evaluator.resume();
        self.ticked_at = self.ticked_at.min(now);
        self.dispatcher.resume(now);
        self.troubles.resume(now);
    }

    /// The lives to store; `None` for a series that is gone.
    pub fn take_changed_lives(&mut self) -> Vec<(String, Fingerprint, Option<StoredLife>)> {
        let changed = std::mem::take(&mut self.changed_lives);
        let stored = |rule: &str, series| {
            let found = self.evaluator.find(rule, series)?;
            Some(StoredLife {
                rule: rule.to_owned(),
                id: series,
                series: found.clone(),
            })
        };
        changed
            .into_iter()
            .map(|(rule, series)| (rule.clone(), series, stored(&rule, series)))
            .collect()
    }
}

fn receiver(delivery: &Delivery) -> Component {
    Component::Receiver {
        name: delivery.receiver.clone(),
    }
}
