//! Series that leave a rule, or bear other labels, because the rule file changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::definition::Rule;
use super::evaluator::{Outcome, RuleState, Series};
use super::judgement::Judged;
use crate::labels::{Fingerprint, Labels};

/// A series that is no longer watched, or whose alert has other labels by now.
#[derive(Clone, Debug)]
pub struct Departure {
    pub rule: String,
    pub id: Fingerprint,
    /// Of the alert, until now.
    pub fingerprint: Fingerprint,
    pub kind: DepartureKind,
}

#[derive(Clone, Debug)]
pub enum DepartureKind {
    RuleRemoved,
    /// The rule looks elsewhere.
    NotSelected,
    /// The labels of the alert from now on.
    Relabelled(Arc<Labels>),
}

/// A rule of that name is in force now: its series as it has them, and those that it has no more.
pub(super) fn take_rule(state: &mut RuleState, rule: &Rule) -> Vec<Departure> {
    let source = rule.source();
    let mut departures = Vec::new();
    let mut departs = |id: Fingerprint, series: &Series, kind| {
        departures.push(Departure {
            rule: rule.name.clone(),
            id,
            fingerprint: series.labels.fingerprint(),
            kind,
        });
    };
    state.series.retain(|id, series| {
        if !rule.selects(&series.tags) {
            departs(*id, series, DepartureKind::NotSelected);
            return false;
        }
        if series.source != source {
            series.source = source;
            series.uncertain = true;
        }
        let labels = rule.labels_of(&series.tags);
        if labels != *series.labels {
            let labels = Arc::new(labels);
            departs(*id, series, DepartureKind::Relabelled(Arc::clone(&labels)));
            series.labels = labels;
        }
        true
    });
    departures
}

/// Closes the series that the changed rule does not have: its answer is here, and they are not in it.
pub(super) fn depart(
    rule: &Rule,
    state: &mut RuleState,
    judged: &BTreeMap<Fingerprint, Judged>,
    outcome: &mut Outcome,
) {
    let gone = |id: &Fingerprint, series: &mut Series| {
        std::mem::take(&mut series.uncertain) && !judged.contains_key(id)
    };
    for (id, series) in state.series.extract_if(.., gone) {
        outcome.departed.push(Departure {
            rule: rule.name.clone(),
            id,
            fingerprint: series.labels.fingerprint(),
            kind: DepartureKind::NotSelected,
        });
    }
}
