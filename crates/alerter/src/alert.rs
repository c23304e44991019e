//! The alert: what rules make, others push, and the pipeline carries.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::labels::{Fingerprint, Labels, SEVERITY};

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
    pub value: Option<f64>,
    pub threshold: Option<f64>,
    /// Why it fires or why it ended, in one sentence.
    #[serde(default)]
    pub reason: String,
    #[serde(default)]
    pub generator_url: String,
    /// It comes and goes; told as such, and its end only after a calm.
    #[serde(default)]
    pub flapping: bool,
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
            reason: String::new(),
            generator_url: String::new(),
            flapping: false,
        }
    }

    pub fn is_resolved(&self, now: Nanos) -> bool {
        self.ends_at.is_some_and(|end| end <= now)
    }

    pub fn name(&self) -> &str {
        self.labels.get(crate::labels::ALERT_NAME)
    }
}
