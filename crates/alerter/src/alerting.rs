//! Rules and pipeline together: answers in, messages out. No clock, no I/O: the daemon, the
//! timelines and the backtest run this same code.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::alert::{Alert, AlertState, Nanos, Origin};
use crate::event::{Event, EventKind};
use crate::labels::{Fingerprint, Labels, SEVERITY};
use crate::pipeline::delivery::{Delivery, Failure};
use crate::pipeline::dispatcher::{Dispatcher, Newest};
use crate::pipeline::notification::Notification;
use crate::pipeline::snapshot::Snapshot;
use crate::rule_file::RuleFile;
use crate::rules::definition::{Kind, Rule};
use crate::rules::evaluator::{Evaluator, Outcome, Transition};
use crate::rules::life::{Effect, Life, Reason};
use crate::rules::sample::Row;
use crate::template;
use crate::trouble::{self, Component, SELF_JOB, Troubles};

/// A life as the store keeps it.
#[derive(Clone, Debug)]
pub struct StoredLife {
    pub rule: String,
    pub series: Fingerprint,
    pub labels: Labels,
    pub life: Life,
}

#[derive(Debug)]
pub struct Alerting {
    pub evaluator: Evaluator,
    pub dispatcher: Dispatcher,
    rules: HashMap<String, Arc<Rule>>,
    events: Vec<Event>,
    changed_lives: BTreeSet<(String, Fingerprint)>,
    troubles: Troubles,
    ticked_at: Nanos,
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
            evaluator.restore(&stored.rule, stored.series, stored.labels, stored.life);
        }
        let mut alerting = Alerting {
            evaluator,
            dispatcher: Dispatcher::new(Arc::clone(&file.routing), snapshot, now),
            rules: HashMap::new(),
            events: Vec::new(),
            changed_lives: BTreeSet::new(),
            troubles: Troubles::default(),
            ticked_at: now,
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
        for (rule, id, series) in self.evaluator.reload(file.rules.clone()) {
            let fingerprint = series.labels.fingerprint();
            self.close(
                fingerprint,
                AlertState::Removed,
                "its rule was removed",
                now,
            );
            self.changed_lives.insert((rule, id));
        }
        let (rules, receivers) = (&self.rules, &file.receivers);
        let past = |labels: &Labels| {
            let is_rule = |name: &str| rules.contains_key(name);
            trouble::is_of_the_past(labels, is_rule, |name| receivers.contains_key(name))
        };
        self.troubles.retain(|labels| !past(labels));
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

    // === evaluation ===

    /// Takes the answer to one rule's query: its rows, or why there are none.
    pub fn evaluate(&mut self, rule: &Arc<Rule>, answer: Result<&[&Row], &str>, now: Nanos) {
        // A reload may have replaced the rule while its query ran.
        if self
            .rules
            .get(&rule.name)
            .is_none_or(|current| current != rule)
        {
            return;
        }
        let outcome = self.evaluator.evaluate(rule, answer, now);
        let failed = answer.err().map(str::to_owned);
        let query = Component::Query {
            rule: rule.name.clone(),
        };
        self.trouble(query, failed, now);
        self.apply(rule, outcome, now);
    }

    fn apply(&mut self, rule: &Arc<Rule>, outcome: Outcome, now: Nanos) {
        for transition in &outcome.transitions {
            self.events.push(Event::transition(transition));
            self.act(transition, now);
        }
        for (fingerprint, value, state) in outcome.values {
            self.judged(fingerprint, value, state, &rule.kind, now);
        }
        self.changed_lives.extend(
            outcome
                .changed
                .into_iter()
                .map(|id| (rule.name.clone(), id)),
        );
        let refused =
            (outcome.refused > 0).then(|| format!("{} series are not watched", outcome.refused));
        let limit = Component::SeriesLimit {
            rule: rule.name.clone(),
        };
        self.trouble(limit, refused, now);
    }

    fn act(&mut self, transition: &Transition, now: Nanos) {
        let kind = &transition.rule.kind;
        match transition.effect {
            Some(Effect::Fire(severity)) => {
                let mut alert = Alert::of_rule((*transition.labels).clone(), severity, now);
                alert.flapping = transition.reason == Reason::Flapping;
                self.put(alert, transition, now);
            }
            Some(Effect::Escalate(severity) | Effect::Lower(severity)) => {
                let Some(mut alert) = self.dispatcher.alert(transition.fingerprint).cloned() else {
                    return;
                };
                alert.severity = severity;
                alert.labels = Arc::new((*alert.labels).clone().with(SEVERITY, severity.as_str()));
                self.put(alert, transition, now);
            }
            Some(Effect::Resolve | Effect::Forget) => {
                let state = match transition.effect {
                    Some(Effect::Forget) => AlertState::Forgotten,
                    _ => AlertState::Resolved,
                };
                if let Some(value) = transition.value {
                    self.judged(transition.fingerprint, value, state, kind, now);
                }
                self.end(
                    transition.fingerprint,
                    state,
                    &transition.reason.to_string(),
                    now,
                );
            }
            None => {
                if let Some(value) = transition.value.filter(|_| !transition.state.is_over()) {
                    self.judged(transition.fingerprint, value, transition.state, kind, now);
                }
            }
        }
    }

    /// Puts an alert that fires, with what its transition says of it.
    fn put(&mut self, mut alert: Alert, transition: &Transition, now: Nanos) {
        let worst = |value| transition.rule.kind.worst(alert.worst, value);
        alert.worst = transition.value.map(worst).or(alert.worst);
        alert.value = transition.value;
        alert.threshold = transition.threshold;
        alert.reason = transition.reason.to_string();
        alert.state = transition.state;
        alert.updated_at = now;
        self.dispatcher.put(alert, now);
    }

    /// The newest value of an alert that fires, and how it stands.
    fn judged(
        &mut self,
        fingerprint: Fingerprint,
        value: f64,
        state: AlertState,
        kind: &Kind,
        now: Nanos,
    ) {
        let Some(alert) = self.dispatcher.alert(fingerprint) else {
            return;
        };
        if alert.is_resolved(now) {
            return;
        }
        let newest = Newest {
            value,
            worst: kind.worst(alert.worst, value),
            state,
        };
        self.dispatcher.update_value(fingerprint, newest, now);
    }

    fn end(
        &mut self,
        fingerprint: Fingerprint,
        state: AlertState,
        reason: &str,
        now: Nanos,
    ) -> Option<Alert> {
        let mut alert = self.dispatcher.alert(fingerprint)?.clone();
        if alert.is_resolved(now) {
            return None;
        }
        alert.ends_at = Some(now);
        alert.updated_at = now;
        alert.state = state;
        alert.reason = reason.to_owned();
        self.dispatcher.put(alert.clone(), now);
        Some(alert)
    }

    /// Ends an alert that no transition of a series ends.
    fn close(&mut self, fingerprint: Fingerprint, state: AlertState, reason: &str, now: Nanos) {
        let ended = self.end(fingerprint, state, reason, now);
        self.events
            .extend(ended.map(|alert| Event::alert_changed(now, "resolved", &alert)));
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

    // === the alerter's own troubles ===

    /// Notes that something of ours fails (`Some(why)`) or works again; what lasts is an alert.
    pub fn trouble(&mut self, component: Component, failed: Option<String>, now: Nanos) {
        match failed {
            Some(why) => self.troubles.fails(component, why, now),
            None => {
                self.troubles.works(&component);
                let id = component.labels().fingerprint();
                self.close(id, AlertState::Resolved, "works again", now);
            }
        }
    }

    /// What fails now.
    pub fn troubles(&self) -> &Troubles {
        &self.troubles
    }

    fn tell_troubles(&mut self, now: Nanos) {
        for alert in self.troubles.alerts(now) {
            let known = self.dispatcher.alert(alert.fingerprint);
            let known = known.filter(|known| !known.is_resolved(now));
            if known.is_none() {
                self.events
                    .push(Event::alert_changed(now, "firing", &alert));
            }
            if known.is_none_or(|known| known.reason != alert.reason) {
                self.dispatcher.put(alert, now);
            }
        }
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
            alerts.for_each(|alert| self.annotate(alert, at));
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

    /// Fills the annotations of a rule's alert from its templates.
    pub fn annotate(&self, alert: &mut Alert, now: Nanos) {
        if let Some(rule) = self
            .rules
            .get(alert.name())
            .filter(|_| alert.origin == Origin::Rule)
        {
            template::annotate(&rule.annotations, alert, now);
        }
    }

    /// When something of messages or troubles is due after `now`.
    pub fn next_due(&self, now: Nanos) -> Option<Nanos> {
        let due = self.dispatcher.next_due(now);
        let due = due.into_iter().chain(self.troubles.next_due(now)).min();
        due.filter(|_| self.may_dispatch())
    }

    pub fn delivered(&mut self, delivery: &Delivery, answer: &str, now: Nanos) {
        self.dispatcher.delivered(delivery, now);
        self.events.extend(Event::notifications(
            EventKind::Notification,
            &delivery.message,
            answer,
            now,
        ));
        self.trouble(receiver(delivery), None, now);
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

    /// The lives to store; `None` for a series that is gone.
    pub fn take_changed_lives(&mut self) -> Vec<(String, Fingerprint, Option<StoredLife>)> {
        let changed = std::mem::take(&mut self.changed_lives);
        let stored = |rule: &str, series| {
            let found = self.evaluator.find(rule, series)?;
            let (labels, life) = ((*found.labels).clone(), found.life.clone());
            Some(StoredLife {
                rule: rule.to_owned(),
                series,
                labels,
                life,
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
