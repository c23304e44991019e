//! Answers become transitions, and transitions alerts.

use std::sync::Arc;

use super::Alerting;
use crate::alert::{Alert, AlertState, Nanos, SECOND};
use crate::answering::QueryFailure;
use crate::event::Event;
use crate::labels::{Fingerprint, SEVERITY};
use crate::pipeline::acknowledgement::Acknowledgement;
use crate::pipeline::unsettled::Newest;
use crate::rules::definition::Rule;
use crate::rules::departure::{Departure, DepartureKind};
use crate::rules::evaluator::{Outcome, Transition};
use crate::rules::life::{Effect, Phase, Reason};
use crate::rules::sample::Row;
use crate::trouble::Component;

/// For how many evaluations, and how long at least, what one said of an alert is news.
const JUDGED_FOR_EVALUATIONS: Nanos = 3;
const JUDGED_FOR_AT_LEAST: Nanos = 120 * SECOND;
impl Alerting {
    /// Takes the answer to one rule's query: its rows, or why there are none.
    pub fn evaluate(
        &mut self,
        rule: &Arc<Rule>,
        answer: Result<&[&Row], &QueryFailure>,
        now: Nanos,
    ) {
        // A reload may have replaced the rule while its query ran.
        if self
            .rules
            .get(&rule.name)
            .is_none_or(|current| current != rule)
        {
            return;
        }
        let failure = answer.err();
        let answer = answer.map_err(|failure| failure.reason.as_str());
        let outcome = self.evaluator.evaluate(rule, answer, now);
        let finding = self.answering.take(&rule.name, failure, now);
        self.trouble(Component::Database, finding.database, now);
        for rule in finding.cleared {
            self.trouble(Component::Query { rule }, None, now);
        }
        for (rule, why) in finding.queries {
            self.trouble(Component::Query { rule }, Some(why), now);
        }
        self.apply(rule, outcome, now);
    }

    fn apply(&mut self, rule: &Arc<Rule>, outcome: Outcome, now: Nanos) {
        for transition in &outcome.transitions {
            self.events.push(Event::transition(transition));
            self.act(transition, now);
        }
        for (fingerprint, value, state) in outcome.values {
            self.judged(fingerprint, value, state, rule, now);
        }
        for departure in outcome.departed {
            self.depart(departure, now);
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
        let rule = &transition.rule;
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
                self.judged(transition.fingerprint, transition.value, state, rule, now);
                self.end(
                    transition.fingerprint,
                    state,
                    &transition.reason.to_string(),
                    now,
                );
            }
            None => {}
        }
        self.dispatcher
            .set_pending(transition.fingerprint, transition.pending, now);
    }

    /// Puts an alert that fires, with what its transition says of it.
    fn put(&mut self, mut alert: Alert, transition: &Transition, now: Nanos) {
        let worst = |value| transition.rule.kind.worst(alert.worst, value);
        alert.worst = transition.value.map(worst).or(alert.worst);
        alert.value = transition.value;
        alert.threshold = transition.threshold;
        alert.reason = transition.reason.to_string();
        alert.state = transition.state;
        alert.judged_until = Some(judged_until(&transition.rule, now));
        alert.pending = false;
        alert.updated_at = now;
        self.dispatcher.put(alert, now);
    }

    /// The newest value of an alert that fires, and how it stands.
    fn judged(
        &mut self,
        fingerprint: Fingerprint,
        value: Option<f64>,
        state: AlertState,
        rule: &Rule,
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
            worst: value
                .map(|value| rule.kind.worst(alert.worst, value))
                .or(alert.worst),
            state,
            judged_until: judged_until(rule, now),
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
    pub(super) fn close(
        &mut self,
        fingerprint: Fingerprint,
        state: AlertState,
        reason: &str,
        now: Nanos,
    ) {
        let ended = self.end(fingerprint, state, reason, now);
        self.events
            .extend(ended.map(|alert| Event::alert_changed(now, "resolved", &alert)));
    }

    /// A series left its rule, or its alert has other labels from now on.
    pub(super) fn depart(&mut self, departure: Departure, now: Nanos) {
        let Departure {
            rule,
            id,
            fingerprint,
            kind,
        } = departure;
        self.dispatcher.set_pending(fingerprint, false, now);
        if let DepartureKind::Relabelled(labels) = &kind {
            // An alert of these labels may have ended long ago, and is past its level again.
            let series = self.evaluator.find(&rule, id);
            let pends = series.is_some_and(|series| series.life.phase == Phase::Pending);
            self.dispatcher
                .set_pending(labels.fingerprint(), pends, now);
        }
        self.changed_lives.insert((rule, id));
        let reason = match &kind {
            DepartureKind::RuleRemoved => "its rule was removed",
            DepartureKind::NotSelected => "its rule no longer selects it",
            DepartureKind::Relabelled(_) => "the labels of its rule changed",
        };
        let known = self.dispatcher.alert(fingerprint).cloned();
        let acknowledgement = self.dispatcher.acknowledgements().get(fingerprint).cloned();
        self.close(fingerprint, AlertState::Removed, reason, now);
        let known = known.filter(|alert| !alert.is_resolved(now));
        let (DepartureKind::Relabelled(labels), Some(known)) = (kind, known) else {
            return;
        };
        let mut alert = Alert {
            fingerprint: labels.fingerprint(),
            labels: Arc::new((*labels).clone().with(SEVERITY, known.severity.as_str())),
            ..known
        };
        alert.updated_at = now;
        self.events
            .push(Event::alert_changed(now, "firing", &alert));
        self.dispatcher.put(alert, now);
        if let Some(acknowledgement) = acknowledgement {
            let fingerprint = labels.fingerprint();
            let moved = Acknowledgement {
                fingerprint,
                ..acknowledgement
            };
            self.dispatcher.acknowledge(moved, now);
        }
    }
}

/// Until when what is found now is news.
fn judged_until(rule: &Rule, now: Nanos) -> Nanos {
    let evaluations = rule.every.saturating_mul(JUDGED_FOR_EVALUATIONS);
    now.saturating_add(evaluations.max(JUDGED_FOR_AT_LEAST))
}
