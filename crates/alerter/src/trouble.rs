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
/// So is a query that fails again and again: so many times within so long, with successes between. It
/// is over when that is no longer so.
const EPISODES: usize = 3;
const EPISODES_WITHIN: Nanos = 600 * SECOND;

/// What of the alerter can fail.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    /// No query is answered, whatever its rule: one trouble, not one a rule.
    Database,
    Query {
        rule: String,
    },
    SeriesLimit {
        rule: String,
    },
    Receiver {
        name: String,
    },
    /// Several receivers cannot be reached and none is: one trouble, not one a receiver.
    Network,
    RuleFile,
    Store,
    /// It jumped: what is timed by it came too early or too late.
    Clock,
    DeadLetters,
    History,
    Heartbeat,
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Component::Database => f.write_str("database"),
            Component::Query { rule } => write!(f, "query of rule {rule}"),
            Component::SeriesLimit { rule } => write!(f, "series limit of rule {rule}"),
            Component::Receiver { name } => write!(f, "receiver {name}"),
            Component::Network => f.write_str("network"),
            Component::RuleFile => f.write_str("rule file"),
            Component::Store => f.write_str("store"),
            Component::Clock => f.write_str("clock"),
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

    /// Whether failing now and then is a trouble, too. Messages are tried again until they arrive.
    fn may_recur(&self) -> bool {
        matches!(self, Component::Database | Component::Query { .. })
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

#[derive(Clone, Debug, Default)]
struct Trouble {
    since: Nanos,
    why: String,
    fails: bool,
    /// When it began to fail, the last times, oldest first.
    episodes: Vec<Nanos>,
}

impl Trouble {
    fn episodes(&self, now: Nanos) -> usize {
        let recent = |at: &&Nanos| at.saturating_add(EPISODES_WITHIN) >= now;
        self.episodes.iter().filter(recent).count()
    }

    fn recurs(&self, now: Nanos) -> bool {
        self.episodes(now) >= EPISODES
    }

    fn is_told(&self, now: Nanos) -> bool {
        self.recurs(now) || (self.fails && self.since.saturating_add(HOLD) <= now)
    }
}

/// What fails now, or did again and again.
#[derive(Debug, Default)]
pub struct Troubles(BTreeMap<Component, Trouble>);

impl Troubles {
    pub fn fails(&mut self, component: Component, why: String, now: Nanos) {
        let recurs = component.may_recur();
        let trouble = self.0.entry(component).or_default();
        if !trouble.fails {
            if !trouble.recurs(now) {
                trouble.since = now;
            }
            trouble.fails = true;
            if recurs {
                trouble.episodes.push(now);
                let old = trouble.episodes.len().saturating_sub(EPISODES);
                trouble.episodes.drain(..old);
            }
        }
        trouble.why = why;
    }

    pub fn fails_now(&self, component: &Component) -> bool {
        self.0.get(component).is_some_and(|trouble| trouble.fails)
    }

    /// It works. Says whether the trouble is over, too.
    pub fn works(&mut self, component: &Component, now: Nanos) -> bool {
        let Some(trouble) = self.0.get_mut(component) else {
            return true;
        };
        trouble.fails = false;
        let over = !trouble.recurs(now);
        if trouble.episodes(now) == 0 {
            self.0.remove(component);
        }
        over
    }

    /// What works and no longer fails again and again.
    pub fn settled(&mut self, now: Nanos) -> Vec<Component> {
        let settled =
            |_: &Component, trouble: &mut Trouble| !trouble.fails && trouble.episodes(now) == 0;
        let mut over: Vec<Component> = self
            .0
            .extract_if(.., settled)
            .map(|(component, _)| component)
            .collect();
        let calm = self
            .0
            .iter()
            .filter(|(_, trouble)| !trouble.fails && !trouble.recurs(now));
        over.extend(calm.map(|(component, _)| component.clone()));
        over
    }

    /// The clock was set back: nothing began in the future.
    pub fn resume(&mut self, now: Nanos) {
        for trouble in self.0.values_mut() {
            trouble.since = trouble.since.min(now);
            trouble
                .episodes
                .iter_mut()
                .for_each(|at| *at = (*at).min(now));
        }
    }

    /// Forgets what concerns rules and receivers that are gone.
    pub fn retain(&mut self, keeps: impl Fn(&Labels) -> bool) {
        self.0.retain(|component, _| keeps(&component.labels()));
    }

    /// What fails now or again and again, since when, and why.
    pub fn iter(&self, now: Nanos) -> impl Iterator<Item = (&Component, Nanos, &str)> {
        let active = self
            .0
            .iter()
            .filter(move |(_, trouble)| trouble.fails || trouble.recurs(now));
        active.map(|(component, trouble)| (component, trouble.since, trouble.why.as_str()))
    }

    /// The alerts about what has failed for long enough, or often enough.
    pub fn alerts(&self, now: Nanos) -> impl Iterator<Item = Alert> {
        let told = self
            .0
            .iter()
            .filter(move |(_, trouble)| trouble.is_told(now));
        told.map(move |(component, trouble)| {
            let mut alert = Alert::of_rule(component.labels(), Severity::Critical, trouble.since);
            let (fails, answers_not) = if trouble.recurs(now) {
                ("keeps failing", "keeps failing to answer")
            } else {
                ("fails", "does not answer")
            };
            alert.reason = trouble.why.clone();
            let what = match component {
                Component::Database => {
                    format!("The database {answers_not}, and no rule can be evaluated")
                }
                Component::Network => "No receiver can be reached".to_owned(),
                Component::Clock => "The clock of the alerter's host is not steady".to_owned(),
                Component::SeriesLimit { rule } => format!("Rule {rule} has too many series"),
                Component::RuleFile => {
                    "The rule file is not valid; the rules before it stay in force".to_owned()
                }
                Component::DeadLetters => "Messages that were given up cannot be kept".to_owned(),
                Component::History => "The history cannot be written".to_owned(),
                Component::Heartbeat => "No heartbeat is sent".to_owned(),
                _ => format!("The alerter's {component} {fails}"),
            };
            let summary = format!("{what}: {}", trouble.why);
            alert.annotations.insert("summary".to_owned(), summary);
            alert.updated_at = now;
            alert
        })
    }

    /// When the next trouble will have lasted long enough, or is over.
    pub fn next_due(&self, now: Nanos) -> Option<Nanos> {
        let lasting = self.0.values().filter(|trouble| trouble.fails);
        let lasting = lasting.map(|trouble| trouble.since.saturating_add(HOLD));
        let calm = self
            .0
            .values()
            .filter(|trouble| !trouble.fails && trouble.recurs(now));
        let calm = calm.filter_map(|trouble| {
            let oldest = trouble.episodes.first()?;
            Some(oldest.saturating_add(EPISODES_WITHIN).saturating_add(1))
        });
        lasting.chain(calm).filter(|at| *at > now).min()
    }
}
