//! Inhibition: a firing alert (the source) keeps back others (the targets).

use std::collections::{BTreeSet, HashMap};

use super::{Stage, Suppression};
use crate::alert::{Alert, Nanos};
use crate::labels::{Fingerprint, Labels};
use crate::matcher::{Matcher, all_match};

/// Keeps back every target whose `equal` labels are those of a firing source. A label
/// missing on both sides counts as equal, as in Alertmanager.
#[derive(Clone, Debug, PartialEq)]
pub struct InhibitRule {
    pub name: String,
    pub source: Vec<Matcher>,
    pub target: Vec<Matcher>,
    pub equal: Vec<String>,
}

/// Firing sources by the values of their `equal` labels.
type Sources = HashMap<Vec<String>, BTreeSet<Fingerprint>>;

/// The rules and, per rule, the sources by the values of their `equal` labels, so that a
/// storm of alerts costs one lookup each.
#[derive(Debug, Default)]
pub struct Inhibitor {
    rules: Vec<(InhibitRule, Sources)>,
}

impl Inhibitor {
    pub fn new(rules: &[InhibitRule]) -> Inhibitor {
        Inhibitor {
            rules: rules
                .iter()
                .map(|rule| (rule.clone(), Sources::new()))
                .collect(),
        }
    }

    /// Remembers an alert as a source where it is one. Call it before the alert's labels change, too.
    pub fn observe(&mut self, alert: &Alert, firing: bool) {
        for (rule, sources) in &mut self.rules {
            let key = equal_values(&rule.equal, &alert.labels);
            if firing && all_match(&rule.source, &alert.labels) {
                sources.entry(key).or_default().insert(alert.fingerprint);
            } else if let Some(found) = sources.get_mut(&key) {
                found.remove(&alert.fingerprint);
                if found.is_empty() {
                    sources.remove(&key);
                }
            }
        }
    }

    /// The first rule that inhibits the alert. An alert that is both source and target of a
    /// rule is not inhibited by others that are both.
    pub fn judge<'a>(
        &self,
        alert: &Alert,
        now: Nanos,
        find: impl Fn(Fingerprint) -> Option<&'a Alert>,
    ) -> Option<Suppression> {
        self.rules.iter().find_map(|(rule, sources)| {
            if !all_match(&rule.target, &alert.labels) {
                return None;
            }
            let two_sided = all_match(&rule.source, &alert.labels);
            let found = sources.get(&equal_values(&rule.equal, &alert.labels))?;
            let source = found.iter().filter_map(|id| find(*id)).find(|source| {
                source.fingerprint != alert.fingerprint
                    && !source.is_resolved(now)
                    && !(two_sided && all_match(&rule.target, &source.labels))
            })?;
            Some(Suppression {
                stage: Stage::Inhibition,
                by: source.fingerprint.to_string(),
                reason: format!(
                    "inhibited by {} ({}), rule {}",
                    source.name(),
                    source.labels,
                    rule.name
                ),
            })
        })
    }
}

fn equal_values(equal: &[String], labels: &Labels) -> Vec<String> {
    equal
        .iter()
        .map(|name| labels.get(name).to_owned())
        .collect()
}
