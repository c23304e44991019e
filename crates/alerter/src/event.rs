//! Events: what happened, as the store keeps it, the API lists it and `alerts_history` gets it.

use serde::{Deserialize, Serialize};
use watchpost_core::point::Point;

use crate::alert::{Alert, Nanos, SECOND};
use crate::pipeline::acknowledgement::Acknowledgement;
use crate::pipeline::notification::Notification;
use crate::pipeline::silence::Silence;
use crate::rules::evaluator::Transition;

/// Measurement of `alerts_history`.
pub const MEASUREMENT: &str = "alerts";
/// Longest text field, in bytes: a message of a thousand alerts is not history's business.
const TEXT_LIMIT: usize = 2_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    Transition,
    Notification,
    Failure,
    DeadLetter,
    Silence,
    Acknowledgement,
}

impl EventKind {
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::Transition => "transition",
            EventKind::Notification => "notification",
            EventKind::Failure => "failure",
            EventKind::DeadLetter => "dead_letter",
            EventKind::Silence => "silence",
            EventKind::Acknowledgement => "acknowledgement",
        }
    }
}

/// One event. Empty texts mean "does not apply".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub at: Nanos,
    pub event: EventKind,
    pub state: String,
    #[serde(default)]
    pub rule: String,
    #[serde(default)]
    pub severity: String,
    #[serde(default)]
    pub host: String,
    #[serde(default)]
    pub receiver: String,
    #[serde(default)]
    pub fingerprint: String,
    #[serde(default)]
    pub message: String,
    #[serde(default)]
    pub reason: String,
    #[serde(default)]
    pub value: Option<f64>,
    #[serde(default)]
    pub threshold: Option<f64>,
    /// Since when the alert fires or fired.
    #[serde(default)]
    pub since: Option<Nanos>,
}

impl Event {
    pub fn new(at: Nanos, event: EventKind, state: &str) -> Event {
        Event {
            at,
            event,
            state: state.to_owned(),
            rule: String::new(),
            severity: String::new(),
            host: String::new(),
            receiver: String::new(),
            fingerprint: String::new(),
            message: String::new(),
            reason: String::new(),
            value: None,
            threshold: None,
            since: None,
        }
    }

    pub fn transition(transition: &Transition) -> Event {
        Event {
            rule: transition.rule.name.clone(),
            severity: transition
                .severity
                .map(|s| s.as_str().to_owned())
                .unwrap_or_default(),
            host: transition.labels.get("host").to_owned(),
            fingerprint: transition.fingerprint.to_string(),
            message: format!(
                "{} → {} {}",
                transition.from, transition.to, transition.labels
            ),
            reason: transition.reason.to_string(),
            value: transition.value,
            threshold: transition.threshold,
            since: transition.fired_at,
            ..Event::new(transition.at, EventKind::Transition, transition.to)
        }
    }

    /// An alert began or ended that no series of a rule stands for.
    pub fn alert_changed(at: Nanos, state: &str, alert: &Alert) -> Event {
        Event {
            message: format!("{state} {}", alert.labels),
            reason: alert.reason.clone(),
            ..Event::of_alert(at, EventKind::Transition, state, alert)
        }
    }

    pub fn silence(silence: &Silence, state: &str, at: Nanos) -> Event {
        let matchers: Vec<String> = silence.matchers.iter().map(ToString::to_string).collect();
        Event {
            message: format!("{} by {}", matchers.join(","), silence.created_by),
            reason: silence.comment.clone(),
            ..Event::new(at, EventKind::Silence, state)
        }
    }

    pub fn acknowledgement(
        found: &Acknowledgement,
        state: &str,
        alert: &Alert,
        at: Nanos,
    ) -> Event {
        Event {
            message: format!("{} by {}", alert.labels, found.owner),
            reason: found.comment.clone(),
            ..Event::of_alert(at, EventKind::Acknowledgement, state, alert)
        }
    }

    /// One event for each alert of a message.
    pub fn notifications(
        kind: EventKind,
        message: &Notification,
        why: &str,
        at: Nanos,
    ) -> Vec<Event> {
        let of = |alert: &Alert| {
            let state = if alert.is_resolved(message.created_at) {
                "resolved"
            } else {
                "firing"
            };
            Event {
                receiver: message.receiver.clone(),
                reason: why.to_owned(),
                message: format!("{} ({})", alert.labels, message.news),
                ..Event::of_alert(at, kind, state, alert)
            }
        };
        message.alerts.iter().map(of).collect()
    }

    pub fn of_alert(at: Nanos, kind: EventKind, state: &str, alert: &Alert) -> Event {
        Event {
            rule: alert.name().to_owned(),
            severity: alert.severity.as_str().to_owned(),
            host: alert.labels.get("host").to_owned(),
            fingerprint: alert.fingerprint.to_string(),
            value: alert.value,
            threshold: alert.threshold,
            since: Some(alert.starts_at),
            ..Event::new(at, kind, state)
        }
    }

    /// The point for `alerts_history`. `sequence` makes the timestamp unique: two events of one
    /// evaluation may have the same tags.
    pub fn point(&self, sequence: u64) -> Point {
        let nanos = Nanos::try_from(sequence % 1_000_000).unwrap_or(0);
        let mut point = Point::new(MEASUREMENT, self.at - self.at.rem_euclid(1_000_000) + nanos);
        let tags = [
            ("event", self.event.as_str()),
            ("rule", &self.rule),
            ("severity", &self.severity),
            ("host", &self.host),
            ("state", &self.state),
            ("receiver", &self.receiver),
        ];
        for (name, value) in tags.into_iter().filter(|(_, value)| !value.is_empty()) {
            point = point.tag(name, single_line(value));
        }
        let texts = [
            ("message", &self.message),
            ("reason", &self.reason),
            ("fingerprint", &self.fingerprint),
        ];
        for (name, text) in texts {
            point = point.field(name, cut(text));
        }
        let seconds = |since: Nanos| self.at.saturating_sub(since) as f64 / SECOND as f64;
        let numbers = [
            ("value", self.value),
            ("threshold", self.threshold),
            ("duration_seconds", self.since.map(seconds)),
        ];
        for (name, number) in numbers {
            if let Some(number) = number.filter(|number| number.is_finite()) {
                point = point.field(name, number);
            }
        }
        point
    }
}

/// Line protocol has no line breaks in tags.
fn single_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(TEXT_LIMIT)].to_owned()
}
