//! The alerter's own troubles: what of it fails, since when, and the alert that tells of it once it
//! lasts. The routes send that alert like any other, but past the receiver that fails.

use std::collections::BTreeMap;
use std::fmt;

use crate::alert::{Alert, Nanos, SECOND, Severity};
use crate::labels::{ALERT_NAME, Labels};

/// Name and job of the alerts about the alerter itself.
pub const SELF_ALERT: &str = "watchpost_alerter";
pub const SELF_JOB: &str = "watchpost-alerter";
/// The labels that name a failing receiver, and a rule that cannot be evaluated.
pub const RECEIVER_LABEL: &str = "receiver";
const RULE_LABEL: &str = "rule";

/// A trouble is told once it lasts.
const HOLD: Nanos = 30 * SECOND;

/// What of the alerter can fail.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    Query { rule: String },
    SeriesLimit { rule: String },
    Receiver { name: String },
    RuleFile,
    Store,
    DeadLetters,
    History,
    Heartbeat,
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Component::Query { rule } => write!(f, "query of rule {rule}"),
            Component::SeriesLimit { rule } => write!(f, "series limit of rule {rule}"),
            Component::Receiver { name } => write!(f, "receiver {name}"),
            Component::RuleFile => f.write_str("rule file"),
            Component::Store => f.write_str("store"),
            Component::DeadLetters => f.write_str("dead letters"),
            Component::History => f.write_str("history"),
            Component::Heartbeat => f.write_str("heartbeat"),
        }
    }
}

impl Component {
    /// Of the alert about it.
    pub fn labels(&self) -> Labels {
        let labels = Labels::from([
            (ALERT_NAME, SELF_ALERT),
            ("job", SELF_JOB),
            ("component", &self.to_string()),
        ]);
        match self {
            Component::Receiver { name } => labels.with(RECEIVER_LABEL, name),
            Component::Query { rule } | Component::SeriesLimit { rule } => {
                labels.with(RULE_LABEL, rule)
            }
            _ => labels,
        }
    }
}

/// The receiver that an alert of ours is about.
pub fn failing_receiver(labels: &Labels) -> Option<&str> {
    let name = labels.get(RECEIVER_LABEL);
    (labels.get(ALERT_NAME) == SELF_ALERT && !name.is_empty()).then_some(name)
}

/// Whether the labels are of an alert of ours about a rule or a receiver that is not in the file.
pub fn is_of_the_past(
    labels: &Labels,
    is_rule: impl Fn(&str) -> bool,
    is_receiver: impl Fn(&str) -> bool,
) -> bool {
    let (rule, receiver) = (labels.get(RULE_LABEL), labels.get(RECEIVER_LABEL));
    labels.get("job") == SELF_JOB
        && ((!rule.is_empty() && !is_rule(rule))
            || (!receiver.is_empty() && !is_receiver(receiver)))
}

#[derive(Clone, Debug)]
struct Trouble {
    since: Nanos,
    why: String,
}

/// What fails now.
#[derive(Debug, Default)]
pub struct Troubles(BTreeMap<Component, Trouble>);

impl Troubles {
    pub fn fails(&mut self, component: Component, why: String, now: Nanos) {
        let trouble = self.0.entry(component).or_insert(Trouble {
            since: now,
            why: String::new(),
        });
        trouble.why = why;
    }

    pub fn works(&mut self, component: &Component) {
        self.0.remove(component);
    }

    /// Forgets what concerns rules and receivers that are gone.
    pub fn retain(&mut self, keeps: impl Fn(&Labels) -> bool) {
        self.0.retain(|component, _| keeps(&component.labels()));
    }

    /// What fails now, since when, and why.
    pub fn iter(&self) -> impl Iterator<Item = (&Component, Nanos, &str)> {
        let parts = self.0.iter();
        parts.map(|(component, trouble)| (component, trouble.since, trouble.why.as_str()))
    }

    /// The alerts about what has failed for long enough.
    pub fn alerts(&self, now: Nanos) -> impl Iterator<Item = Alert> {
        let lasting = self.iter().filter(move |(_, since, _)| since + HOLD <= now);
        lasting.map(move |(component, since, why)| {
            let mut alert = Alert::of_rule(component.labels(), Severity::Critical, since);
            alert.reason = why.to_owned();
            let summary = format!("The alerter's {component} fails: {why}");
            alert.annotations.insert("summary".to_owned(), summary);
            alert.updated_at = now;
            alert
        })
    }

    /// When the next trouble will have lasted long enough.
    pub fn next_due(&self, now: Nanos) -> Option<Nanos> {
        let told = self.0.values().map(|trouble| trouble.since + HOLD);
        told.filter(|at| *at > now).min()
    }
}
