//! Hosts that fall silent: their timelines, and when the words of a `no_data` rule make them alerts.

use std::collections::{BTreeMap, BTreeSet};

use super::model::State;
use super::plan::{
    BACKOFF, Grouping, HOSTS, NoData, Pager, Plan, Rules, STEP, disturb, pick, rules,
};

/// The longest that queries fail or the machine sleeps in [`disturb`].
const LONGEST_BLIND: i64 = 400;

/// The states of one host, each from when it holds.
pub(super) fn of_host(plan: &Plan, host: usize, starts: &[i64]) -> BTreeMap<i64, State> {
    let mut states = BTreeMap::from([(-1, State::Ok)]);
    let mut evaluations: BTreeSet<i64> = plan.evaluations();
    evaluations.extend(starts);
    let mut heard = Heard::default();
    let (mut state, mut known) = (State::Ok, None);
    for at in evaluations {
        let rules = plan.rules(at);
        let Some(rule) = rules.no_data else {
            continue;
        };
        if !plan.fails(at) {
            heard.listen(at);
        }
        if rules.leaves_out == Some(host) {
            (state, known) = (State::Ok, None);
        } else if !plan.fails(at) {
            let newest = plan.newest_point(host, at, rule.looks_back());
            let newest = newest.map(|(time, _)| time);
            known = newest.or(known);
            if let Some(since) = known {
                let is_found = newest.is_some();
                (state, known) = after(state, (since, is_found), rule, &heard, at);
            }
        }
        states.insert(at, state);
    }
    states
}

/// The state of a host that was last seen at `since`, and when it was seen if it is still watched.
fn after(
    state: State,
    (since, is_found): (i64, bool),
    rule: NoData,
    heard: &Heard,
    at: i64,
) -> (State, Option<i64>) {
    let length = rule.looks_back();
    let may_be_forgotten = rule.forget_after.is_some() || state == State::Ok;
    if !is_found && may_be_forgotten && heard.silence(since, length, at) >= length {
        return (State::Ok, None);
    }
    let fires = State::Firing {
        critical: rule.critical,
        good_since: None,
    };
    let state = match at - since > rule.after {
        true if heard.silence(since, rule.after, at) > rule.after => fires,
        // It may have sent something that is lost: as it was.
        true => state,
        false => State::Ok,
    };
    (state, Some(since))
}

/// The times in which no one could look.
#[derive(Default)]
struct Heard {
    last: Option<i64>,
    deaf: Vec<(i64, i64)>,
}

impl Heard {
    /// An answer covers what came since the one before, if that was the evaluation before.
    fn listen(&mut self, at: i64) {
        match self.last.replace(at) {
            None => self.deaf.push((i64::MIN / 2, at)),
            Some(last) if at - last > STEP + STEP / 2 => self.deaf.push((last + STEP, at)),
            Some(_) => {}
        }
    }

    /// How long the silence since then was heard; it begins anew after so long without hearing.
    fn silence(&self, since: i64, anew: i64, at: i64) -> i64 {
        let long = self.deaf.iter().filter(|(start, end)| end - start >= anew);
        let since = long.map(|(_, end)| *end).fold(since, i64::max);
        let deaf = self
            .deaf
            .iter()
            .map(|(start, end)| (end - (*start).max(since)).max(0));
        at - since - deaf.sum::<i64>()
    }
}

/// The timeline of a seed.
pub(super) fn plan(seed: u64) -> Plan {
    let rng = &mut fastrand::Rng::with_seed(seed);
    let mut plan = Plan {
        files: vec![Rules {
            no_data: Some(no_data(rng)),
            ..rules(rng)
        }],
        ..Plan::default()
    };
    if rng.u8(..3) == 0 {
        for _ in 0..rng.usize(1..=3) {
            let before = plan.files.last().cloned().unwrap_or_default();
            plan.files.push(edited(rng, before));
        }
    }
    let steps = rng.usize(20..150);
    let rules = plan.files.iter().filter_map(|rules| rules.no_data);
    let lengths = rules.map(|rule| rule.after + rule.forget_after.unwrap_or(0));
    let settles = lengths.max().unwrap_or(0) + LONGEST_BLIND;
    let busy = steps as i64 * STEP;
    let end = busy + 2 * plan.group_interval() + settles + 2 * BACKOFF;
    let hosts = rng.usize(1..=HOSTS.len());
    let renamed_at = (hosts == 2 && rng.u8(..4) == 0).then(|| rng.i64(0..busy));
    for host in 0..hosts {
        // Always more often than the shortest `after`.
        let pace = pick(rng, &[STEP, STEP, STEP, 7, 13, 25]);
        let count = |length: i64| (length / pace) as usize;
        let mut values = values(rng, count(busy), count(end) + 1);
        if let Some(renamed_at) = renamed_at {
            let at = count(renamed_at);
            let others = if host == 0 { at..values.len() } else { 0..at };
            values[others].fill(None);
        }
        plan.values.push(values);
        plan.paces.push(pace);
    }
    disturb(rng, &mut plan, busy);
    // One time in which queries fail would end another.
    if plan.failing.is_empty() && rng.u8(..3) == 0 {
        // A busy database fails now and then.
        let every = rng.i64(2..12) * STEP;
        let starts = (0..busy / every).map(|n| n * every + STEP / 2);
        plan.failing
            .extend(starts.map(|start| (start, start + STEP)));
    }
    plan
}

fn no_data(rng: &mut fastrand::Rng) -> NoData {
    let after = pick(rng, &[30, 60, 60, 120, 300]);
    NoData {
        after,
        forget_after: pick(
            rng,
            &[None, None, Some(after + 10), Some(2 * after), Some(600)],
        ),
        critical: rng.bool(),
    }
}

/// The file after somebody edited it.
fn edited(rng: &mut fastrand::Rng, mut rules: Rules) -> Rules {
    match rng.u8(..6) {
        0 => rules.team = pick(rng, &[None, Some(0), Some(1)]),
        1 => rules.leaves_out = pick(rng, &[None, Some(0), Some(1)]),
        2 => rules.pager = pick(rng, &[Pager::Nothing, Pager::Critical, Pager::Team(1)]),
        3 => rules.grouping = pick(rng, &[Grouping::ByHost, Grouping::ByName, Grouping::All]),
        _ => rules.no_data = Some(no_data(rng)),
    }
    rules
}

/// Stretches in which a host sends and in which it does not; after the first `busy` values it goes on with
/// one of both.
fn values(rng: &mut fastrand::Rng, busy: usize, count: usize) -> Vec<Option<i64>> {
    let mut values = Vec::new();
    while values.len() < busy {
        let value = pick(rng, &[Some(1), Some(1), None]);
        let length = pick(rng, &[2, 10, 30, 60]);
        values.extend(std::iter::repeat_n(value, rng.usize(1..=length)));
    }
    values.truncate(busy);
    values.resize(count, pick(rng, &[Some(1), None]));
    values
}
