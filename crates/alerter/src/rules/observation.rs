//! What a series is shown: its value, or its silence, as far as either can be judged.

use std::collections::BTreeMap;

use super::definition::{Kind, Rule};
use super::evaluator::{RuleState, Series};
use super::judgement::{self, Judged};
use super::life::{Feed, Life, Observation};
use super::watch::Watch;
use crate::alert::{Nanos, SECOND};
use crate::labels::Fingerprint;

/// Data that was there so recently is late, not gone.
const SHORTEST_LATE: Nanos = 120 * SECOND;

/// Notes since when series exist, where it is known: by what was asked for, or because a series came back
/// after a hole of a whole window.
pub(super) fn note_beginnings(
    rule: &Rule,
    state: &mut RuleState,
    judged: &BTreeMap<Fingerprint, Judged>,
    now: Nanos,
) {
    let asked = state.beginnings.take();
    for (id, series) in &mut state.series {
        let life = &mut series.life;
        if !judged.contains_key(id) {
            continue;
        }
        if matches!(life.feed, Feed::Late | Feed::NoData) {
            life.begun_at = Some(now.saturating_sub(rule.offset).saturating_sub(rule.every));
        } else if let (None, Some(asked)) = (life.begun_at, &asked) {
            life.begun_at = Some(asked.get(id).copied().unwrap_or(Nanos::MIN));
        }
    }
}

/// Whether a series was there for the part of the window that its rule asks for.
pub(super) fn has_share(rule: &Rule, life: &Life, now: Nanos) -> bool {
    let required = rule.required_share() * rule.kind.window() as f64;
    let there = |begun: Nanos| now.saturating_sub(rule.offset).saturating_sub(begun) as f64;
    life.begun_at.is_none_or(|begun| there(begun) >= required)
}

/// What a series is shown. A `no_data` rule measures silence as far as it could have been noticed:
/// neither our own outage nor the database's makes a host silent.
pub(super) fn observation(
    rule: &Rule,
    judged: Option<&Judged>,
    series: &Series,
    watch: &Watch,
    now: Nanos,
) -> Observation {
    let silence = |since, fresh| watch.silence(since, fresh, now);
    let last_seen = series.life.last_seen;
    let forgettable = rule.forgets_firing || !series.life.is_firing();
    let missing = || Observation::Missing {
        absent: silence(last_seen, late_after(rule)),
        gone: forgettable && silence(last_seen, rule.forget_after) >= rule.forget_after,
    };
    let Kind::NoData { after, .. } = rule.kind else {
        return match judged {
            Some(_) if !has_share(rule, &series.life, now) => Observation::Unjudged,
            Some(judged) => judged.observation,
            None => missing(),
        };
    };
    let newest = judged.and_then(|judged| judged.newest);
    let newest = newest.unwrap_or(last_seen);
    let forgotten =
        judged.is_none() && forgettable && silence(newest, rule.forget_after) >= rule.forget_after;
    let age = now.saturating_sub(newest);
    if forgotten || (age > after && silence(newest, after) <= after) {
        return missing();
    }
    judgement::by_age(rule, age)
}

/// Without a value for longer than this, the data of a series is not late but gone.
pub(super) fn late_after(rule: &Rule) -> Nanos {
    let evaluations = rule.every.saturating_mul(2);
    rule.kind.window().max(SHORTEST_LATE).max(evaluations)
}
