//! The alert: what rules make, others push, and the pipeline carries.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::labels::{Fingerprint, Labels, SEVERITY};
use crate::summary::Wording;

/// Nanoseconds since 1970, UTC.
pub type Nanos = i64;

/// Nanoseconds of a second.
pub const SECOND: Nanos = 1_000_000_000;

/// How bad it is. The order is the order of escalation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Info,
    Warning,
    Critical,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Severity {
    type Err = String;

    fn from_str(text: &str) -> Result<Severity, String> {
        match text {
            "info" => Ok(Severity::Info),
            "warning" | "warn" => Ok(Severity::Warning),
            "critical" => Ok(Severity::Critical),
            other => Err(format!(
                "{other:?} is not a severity: info, warning or critical"
            )),
        }
    }
}

/// Who made the alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A rule of ours: it ends only when its rule says so.
    Rule,
    /// Pushed through the API: it ends at `ends_at`, unless it is pushed again.
    Pushed,
}

/// How an alert stands when a message tells of it, beside what its receiver was told last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    #[default]
    Firing,
    /// Firing at a higher severity than the receiver was told last.
    Worse,
    /// Firing at a lower severity than the receiver was told last.
    Better,
    /// Past no level any more, but not yet over: the recovery level or `keep_firing_for` is waited for.
    Recovering,
    /// It was firing when its data ended, and nothing is known since `updated_at`.
    NoData,
    Resolved,
    /// Over because its series gave no data for `forget_after`: nobody knows how it is.
    Forgotten,
    /// Over because its rule was removed, or no longer looks at its series.
    Removed,
}

impl AlertState {
    pub fn as_str(self) -> &'static str {
        match self {
            AlertState::Firing => "firing",
            AlertState::Worse => "worse",
            AlertState::Better => "better",
            AlertState::Recovering => "recovering",
            AlertState::NoData => "no_data",
            AlertState::Resolved => "resolved",
            AlertState::Forgotten => "forgotten",
            AlertState::Removed => "removed",
        }
    }

    /// Whether the alert has ended.
    pub fn is_over(self) -> bool {
        matches!(
            self,
            AlertState::Resolved | AlertState::Forgotten | AlertState::Removed
        )
    }
}

/// One alert. Invariant: `labels` holds the severity, `fingerprint` does not depend on it
/// for an alert of a rule (so that an escalation is the same alert), and does for a pushed one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    pub fingerprint: Fingerprint,
    pub labels: Arc<Labels>,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    pub severity: Severity,
    pub origin: Origin,
    pub starts_at: Nanos,
    /// When it ended or will end by itself.
    pub ends_at: Option<Nanos>,
    /// The end was not told but assumed: `resolve_timeout` after the last push.
    #[serde(default)]
    pub end_assumed: bool,
    pub updated_at: Nanos,
    /// The newest value. Of an alert that ended: the one that ended it.
    pub value: Option<f64>,
    pub threshold: Option<f64>,
    /// The value farthest past the level since it began to fire.
    #[serde(default)]
    pub worst: Option<f64>,
    /// How it stands. In a message, beside what its receiver was told last.
    #[serde(default)]
    pub state: AlertState,
    /// In a message: the severity that its receiver was told last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity_before: Option<Severity>,
    /// It ended, but its series is past the level again and waits for `for`: it is not told as over.
    #[serde(default)]
    pub pending: bool,
    /// Until when its last judgement is news; `None`: for ever. It is over while queries fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged_until: Option<Nanos>,
    /// Why it fires or why it ended, in one sentence.
    #[serde(default)]
    pub reason: String,
    #[serde(default)]
    pub generator_url: String,
    /// It comes and goes; told as such, and its end only after a calm.
    #[serde(default)]
    pub flapping: bool,
    /// How a message writes its numbers; set just before one goes out.
    #[serde(skip)]
    pub wording: Option<Wording>,
}

impl Alert {
    /// An alert of a rule. `labels` come without severity.
    pub fn of_rule(labels: Labels, severity: Severity, starts_at: Nanos) -> Alert {
        let fingerprint = labels.fingerprint();
        Alert::new(
            fingerprint,
            labels.with(SEVERITY, severity.as_str()),
            severity,
            Origin::Rule,
            starts_at,
        )
    }

    /// An alert that someone pushed: all its labels are its identity.
    pub fn pushed(labels: Labels, starts_at: Nanos) -> Alert {
        let severity = labels.get(SEVERITY).parse().unwrap_or(Severity::Warning);
        Alert::new(
            labels.fingerprint(),
            labels,
            severity,
            Origin::Pushed,
            starts_at,
        )
    }

    fn new(
        fingerprint: Fingerprint,
        labels: Labels,
        severity: Severity,
        origin: Origin,
        starts_at: Nanos,
    ) -> Alert {
        Alert {
            fingerprint,
            labels: Arc::new(labels),
            annotations: BTreeMap::new(),
            severity,
            origin,
            starts_at,
            ends_at: None,
            end_assumed: false,
            updated_at: starts_at,
            value: None,
            threshold: None,
            worst: None,
            state: AlertState::Firing,
            severity_before: None,
            pending: false,
            judged_until: None,
            reason: String::new(),
            generator_url: String::new(),
            flapping: false,
            wording: None,
        }
    }

    pub fn is_resolved(&self, now: Nanos) -> bool {
        self.ends_at.is_some_and(|end| end <= now)
    }

    /// Whether nothing can be said of it now: it ended but is past its level again, or it fires but was
    /// not judged for long.
    pub fn is_unsettled(&self, now: Nanos) -> bool {
        if self.is_resolved(now) {
            self.pending
        } else {
            self.judged_until.is_some_and(|until| until < now)
        }
    }

    pub fn name(&self) -> &str {
        self.labels.get(crate::labels::ALERT_NAME)
    }
}
