//! All series of all rules: takes answers, keeps lives, gives transitions.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::baseline::BaselineSamples;
use super::definition::{Kind, Rule};
use super::departure::{Departure, DepartureKind, depart, take_rule};
use super::judgement::{self, Judged};
use super::life::{Effect, Feed, Life, Observation, Phase, Reason, Tempo, state_name};
use super::observation::{late_after, note_beginnings, observation};
use super::sample::Row;
use super::watch::Watch;
use crate::alert::{AlertState, Nanos, SECOND, Severity};
use crate::labels::{Fingerprint, Labels};

/// Most series of one rule. More is a rule that forgot a matcher, and would cost all memory.
pub const SERIES_LIMIT: usize = 100_000;

/// One series under one rule.
#[derive(Clone, Debug)]
pub struct Series {
    pub tags: Arc<Labels>,
    /// The labels of the alert, without severity.
    pub labels: Arc<Labels>,
    pub life: Life,
    /// [`Rule::source`] of the rule that had it last.
    pub source: u64,
    /// Its rule changed: the next answer says whether it still has it.
    pub(super) uncertain: bool,
}

impl Series {
    pub fn new(tags: Arc<Labels>, labels: Labels, life: Life, source: u64) -> Series {
        Series {
            tags,
            labels: Arc::new(labels),
            life,
            source,
            uncertain: false,
        }
    }
}

/// A state that changed, for the history, and what follows from it.
#[derive(Clone, Debug)]
pub struct Transition {
    pub rule: Arc<Rule>,
    pub labels: Arc<Labels>,
    /// Of `labels`: the fingerprint of the alert.
    pub fingerprint: Fingerprint,
    pub from: &'static str,
    pub to: &'static str,
    pub severity: Option<Severity>,
    pub value: Option<f64>,
    pub threshold: Option<f64>,
    pub reason: Reason,
    pub effect: Option<Effect>,
    /// How an alert of the series stands after it.
    pub state: AlertState,
    /// Whether it is past a level and waits for `for`.
    pub pending: bool,
    /// Since when it fires or fired.
    pub fired_at: Option<Nanos>,
    pub at: Nanos,
}

/// What one evaluation of one rule gave.
#[derive(Debug, Default)]
pub struct Outcome {
    pub transitions: Vec<Transition>,
    /// The newest values of alerts that go on firing, and how they stand.
    pub values: Vec<(Fingerprint, Option<f64>, AlertState)>,
    /// Series whose stored state is out of date; gone ones are absent from the evaluator.
    pub changed: Vec<Fingerprint>,
    /// Series that the changed rule does not have any more.
    pub departed: Vec<Departure>,
    /// Series that are no longer watched.
    forgotten: Vec<Fingerprint>,
    /// Series that were refused because of [`SERIES_LIMIT`].
    pub refused: usize,
}

#[derive(Debug, Default)]
pub(super) struct RuleState {
    /// By the fingerprint of the tags; sorted, so that the same data gives the same story.
    pub(super) series: BTreeMap<Fingerprint, Series>,
    pub(super) watch: Watch,
    pub(super) baseline: BaselineSamples,
    /// Since when series exist, where that was asked for since the last evaluation.
    pub(super) beginnings: Option<HashMap<Fingerprint, Nanos>>,
    last_evaluated: Option<Nanos>,
    last_error: Option<String>,
}

#[derive(Debug, Default)]
pub struct Evaluator {
    rules: Vec<Arc<Rule>>,
    states: HashMap<String, RuleState>,
    awaited: BTreeSet<String>,
}

/// How one rule does, for people and metrics.
#[derive(Clone, Debug)]
pub struct RuleHealth {
    pub last_evaluated: Option<Nanos>,
    pub last_error: Option<String>,
    pub series: usize,
    pub firing: usize,
}

impl Evaluator {
    pub fn new(rules: Vec<Arc<Rule>>) -> Evaluator {
        let mut evaluator = Evaluator::default();
        evaluator.reload(rules);
        evaluator
    }

    /// Takes new rules. The series of a rule that keeps its name go on living where it still has them;
    /// the others are given back, so that their alerts can be closed.
    pub fn reload(&mut self, rules: Vec<Arc<Rule>>) -> Vec<Departure> {
        self.await_all(&rules);
        let mut departures = Vec::new();
        let removed = |name: &String, _: &mut RuleState| !self.awaited.contains(name);
        for (rule, state) in self.states.extract_if(removed) {
            let gone = |(id, series): (Fingerprint, Series)| Departure {
                rule: rule.clone(),
                id,
                fingerprint: series.labels.fingerprint(),
                kind: DepartureKind::RuleRemoved,
            };
            departures.extend(state.series.into_iter().map(gone));
        }
        for rule in &rules {
            if let Some(state) = self.states.get_mut(&rule.name) {
                departures.extend(take_rule(state, rule));
            }
        }
        self.rules = rules;
        departures
    }

    fn await_all(&mut self, rules: &[Arc<Rule>]) {
        self.awaited = rules.iter().map(|rule| rule.name.clone()).collect();
    }

    /// The machine slept, or its clock was set: what is known is old until every rule was evaluated.
    pub fn resume(&mut self) {
        self.await_all(&self.rules.clone());
    }

    /// Forgets the series of a host, and gives them back.
    pub fn forget_host(&mut self, host: &str) -> Vec<(String, Fingerprint, Series)> {
        let mut gone = Vec::new();
        for (rule, state) in &mut self.states {
            let is_gone = |series: &Series| series.labels.get("host") == host;
            let found = state.series.iter().filter(|(_, series)| is_gone(series));
            gone.extend(found.map(|(id, series)| (rule.clone(), *id, series.clone())));
            state.series.retain(|_, series| !is_gone(series));
        }
        gone
    }

    /// Puts a stored life back. Call it before the first evaluation.
    pub fn restore(&mut self, rule: &str, id: Fingerprint, series: Series) {
        let state = self.states.entry(rule.to_owned()).or_default();
        state.series.insert(id, series);
    }

    /// Puts back what the process before knew of when it looked.
    pub fn restore_watches(&mut self, watches: BTreeMap<String, Watch>) {
        for (rule, watch) in watches {
            if let Some(state) = self.states.get_mut(&rule) {
                state.watch = watch;
            }
        }
    }

    /// When each rule was looked at.
    pub fn watches(&self) -> BTreeMap<String, Watch> {
        let watches = self.states.iter();
        watches
            .map(|(rule, state)| (rule.clone(), state.watch.clone()))
            .collect()
    }

    pub fn rules(&self) -> &[Arc<Rule>] {
        &self.rules
    }

    /// Whether every rule was tried at least once since the start or the last reload.
    pub fn is_complete(&self) -> bool {
        self.awaited.is_empty()
    }

    /// The rules whose turn it is: aligned to multiples of `every`.
    pub fn due(&self, now: Nanos) -> Vec<Arc<Rule>> {
        let due = |rule: &&Arc<Rule>| {
            let last = self
                .states
                .get(&rule.name)
                .and_then(|state| state.last_evaluated);
            self.awaited.contains(&rule.name)
                || last.is_none_or(|last| last.div_euclid(rule.every) != now.div_euclid(rule.every))
        };
        self.rules.iter().filter(due).map(Arc::clone).collect()
    }

    /// When the next rule is due after `now`.
    pub fn next_due(&self, now: Nanos) -> Option<Nanos> {
        self.rules
            .iter()
            .map(|rule| (now.div_euclid(rule.every) + 1).saturating_mul(rule.every))
            .min()
    }

    pub fn needs_baseline(&self, rule: &Rule, now: Nanos) -> bool {
        matches!(rule.kind, Kind::Anomaly { .. })
            && self
                .states
                .get(&rule.name)
                .is_none_or(|s| s.baseline.is_stale(rule.kind.window(), now))
    }

    pub fn set_baseline(&mut self, rule: &Rule, rows: &[&Row], now: Nanos) {
        self.states
            .entry(rule.name.clone())
            .or_default()
            .baseline
            .replace(rows, now);
    }

    /// Whether the answer can only be judged by whoever knows since when its series exist: one that is
    /// past a level, or fires, was not there before as far as is known.
    pub fn asks_beginnings(&self, rule: &Rule, rows: &[&Row]) -> bool {
        let state = self.states.get(&rule.name);
        if rule.required_share() <= 0.0
            || matches!(rule.kind, Kind::Forecast { .. })
            || state.is_some_and(|state| state.beginnings.is_some())
        {
            return false;
        }
        let levels = rule.kind.levels();
        let scored = matches!(rule.kind, Kind::Anomaly { .. });
        let matters = |row: &&Row| {
            let series = state.and_then(|state| state.series.get(&row.series));
            let known = series.is_some_and(|series| series.life.begun_at.is_some());
            let past = levels.is_some_and(|levels| levels.severity(row.value).is_some());
            !known && (scored || past || series.is_some_and(|series| series.life.is_firing()))
        };
        rows.iter().any(matters)
    }

    /// Since when the series of a rule exist: the oldest points that are known.
    pub fn set_beginnings(&mut self, rule: &Rule, rows: &[Row]) {
        let oldest = rows.iter().filter_map(|row| Some((row.series, row.time?)));
        let state = self.states.entry(rule.name.clone()).or_default();
        state.beginnings = Some(oldest.collect());
    }

    pub fn series(&self, rule: &str) -> impl Iterator<Item = (&Fingerprint, &Series)> {
        self.states
            .get(rule)
            .into_iter()
            .flat_map(|state| state.series.iter())
    }

    pub fn find(&self, rule: &str, series: Fingerprint) -> Option<&Series> {
        self.states.get(rule)?.series.get(&series)
    }

    pub fn health(&self, rule: &str) -> RuleHealth {
        let state = self.states.get(rule);
        let firing =
            |state: &RuleState| state.series.values().filter(|s| s.life.is_firing()).count();
        RuleHealth {
            last_evaluated: state.and_then(|state| state.last_evaluated),
            last_error: state.and_then(|state| state.last_error.clone()),
            series: state.map_or(0, |state| state.series.len()),
            firing: state.map_or(0, firing),
        }
    }

    /// One evaluation of one rule: `answer` holds its rows, or why there are none.
    pub fn evaluate(
        &mut self,
        rule: &Arc<Rule>,
        answer: Result<&[&Row], &str>,
        now: Nanos,
    ) -> Outcome {
        self.awaited.remove(&rule.name);
        let state = self.states.entry(rule.name.clone()).or_default();
        state.last_evaluated = Some(now);
        let mut outcome = Outcome::default();
        match answer {
            Err(error) => {
                state.last_error = Some(error.to_owned());
                for (id, series) in &mut state.series {
                    step(rule, *id, series, Observation::Failed, now, &mut outcome);
                }
            }
            Ok(rows) => {
                state.last_error = None;
                let seen = state.series.values().map(|series| series.life.last_seen);
                let oldest = seen.fold(now.saturating_sub(rule.forget_after), Nanos::min);
                state.watch.looks(rule.every, oldest, now);
                let judged = judgement::judge(rule, rows, &state.baseline, now);
                admit(rule, state, &judged, now, &mut outcome);
                depart(rule, state, &judged, &mut outcome);
                note_beginnings(rule, state, &judged, now);
                for (id, series) in &mut state.series {
                    let observation = observation(rule, judged.get(id), series, &state.watch, now);
                    step(rule, *id, series, observation, now, &mut outcome);
                }
            }
        }
        for id in std::mem::take(&mut outcome.forgotten) {
            state.series.remove(&id);
        }
        outcome
    }
}

/// Series that are seen for the first time.
fn admit(
    rule: &Rule,
    state: &mut RuleState,
    judged: &BTreeMap<Fingerprint, Judged>,
    now: Nanos,
    outcome: &mut Outcome,
) {
    for (id, judged) in judged {
        if state.series.contains_key(id) {
            continue;
        }
        if state.series.len() >= SERIES_LIMIT {
            outcome.refused += 1;
            continue;
        }
        let life = Life {
            since: now,
            last_seen: now,
            ..Life::default()
        };
        let (tags, labels) = (Arc::clone(&judged.labels), rule.labels_of(&judged.labels));
        let series = Series::new(tags, labels, life, rule.source());
        state.series.insert(*id, series);
    }
}

/// Shows one series its observation and notes what changed.
fn step(
    rule: &Arc<Rule>,
    id: Fingerprint,
    series: &mut Series,
    observation: Observation,
    now: Nanos,
    outcome: &mut Outcome,
) {
    let before = series.life.clone();
    let (mut life, effect) = before.clone().observe(observation, &tempo(rule), now);
    if let (Kind::NoData { .. }, Observation::Value { value, .. }) = (&rule.kind, observation) {
        // What was seen last is the point, not the look at it.
        life.last_seen = now.saturating_sub((value * SECOND as f64) as Nanos);
    }
    let (from, to) = (state_name(&before), state_name(&life));
    let changed = from != to || effect.is_some() || before.severity != life.severity;
    if changed {
        outcome.changed.push(id);
        if effect == Some(Effect::Forget) {
            outcome.forgotten.push(id);
        }
        let severity = life.severity.or(before.severity);
        outcome.transitions.push(Transition {
            rule: Arc::clone(rule),
            labels: Arc::clone(&series.labels),
            fingerprint: series.labels.fingerprint(),
            from,
            to: if effect == Some(Effect::Forget) {
                "forgotten"
            } else {
                to
            },
            severity,
            value: life.value,
            threshold: threshold(rule, severity),
            reason: life.reason,
            effect,
            state: alert_state(&life),
            pending: life.phase == Phase::Pending,
            fired_at: life.fired_at.or(before.fired_at),
            at: now,
        });
    }
    if life.is_firing() && observation != Observation::Failed && effect.is_none() {
        let value = match observation {
            Observation::Value { value, .. } => Some(value),
            _ => None,
        };
        let newest = (series.labels.fingerprint(), value, alert_state(&life));
        outcome.values.push(newest);
    }
    series.life = life;
}

fn alert_state(life: &Life) -> AlertState {
    match (life.feed, life.phase) {
        (Feed::NoData, _) => AlertState::NoData,
        (_, Phase::Recovering) => AlertState::Recovering,
        _ if life.reason == Reason::NotBackBehindRecovery => AlertState::Recovering,
        (_, Phase::Ok | Phase::Resolved) => AlertState::Resolved,
        (_, Phase::Pending | Phase::Firing) => AlertState::Firing,
    }
}

fn threshold(rule: &Rule, severity: Option<Severity>) -> Option<f64> {
    match rule.kind {
        Kind::NoData { after, .. } => Some(after as f64 / SECOND as f64),
        _ => rule
            .kind
            .levels()?
            .threshold(severity.unwrap_or(Severity::Warning)),
    }
}

fn tempo(rule: &Rule) -> Tempo {
    Tempo {
        hold: rule.hold,
        keep_firing_for: rule.keep_firing_for,
        late_after: late_after(rule),
        flap_damping: rule.flap_damping,
    }
}

/// Whether the feed of a series is anything but live, for `explain`.
pub fn is_frozen(life: &Life) -> bool {
    life.feed != Feed::Live
}
