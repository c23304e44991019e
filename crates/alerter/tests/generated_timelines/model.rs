//! The state that the rule's own words promise, independent of the alerter's code.

use std::collections::{BTreeMap, BTreeSet};

use super::plan::{HOSTS, LATE, Plan, Rules, TEAMS};

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum State {
    #[default]
    Ok,
    Pending {
        since: i64,
    },
    /// Back since then, or past its level.
    Firing {
        critical: bool,
        good_since: Option<i64>,
    },
}

impl State {
    /// Whether an alert fires, and as what.
    pub(super) fn fires(self) -> Option<bool> {
        match self {
            State::Firing { critical, .. } => Some(critical),
            State::Ok | State::Pending { .. } => None,
        }
    }

    fn after(self, value: i64, rules: &Rules, at: i64) -> State {
        let critical = value > rules.critical;
        let held = rules.recover.unwrap_or(rules.warn);
        match self {
            _ if value > rules.warn => match self {
                State::Ok if rules.hold > 0 => State::Pending { since: at },
                State::Pending { since } if at - since < rules.hold => State::Pending { since },
                _ => State::Firing {
                    critical,
                    good_since: None,
                },
            },
            State::Firing { critical, .. } if value > held => State::Firing {
                critical,
                good_since: None,
            },
            State::Firing {
                critical,
                good_since,
            } => {
                let since = good_since.unwrap_or(at);
                if at - since >= rules.keep_firing_for {
                    return State::Ok;
                }
                State::Firing {
                    critical,
                    good_since: Some(since),
                }
            }
            State::Ok | State::Pending { .. } => State::Ok,
        }
    }

    /// A gap is not held time.
    fn after_gap(self, at: i64) -> State {
        match self {
            State::Firing {
                critical,
                good_since: Some(_),
            } => State::Firing {
                critical,
                good_since: Some(at),
            },
            State::Pending { .. } => State::Ok,
            state => state,
        }
    }
}

/// A host, and the team that its alert names.
pub(super) type Alert = (usize, Option<usize>);

/// The states of each alert, each from when it holds.
pub(super) struct States(BTreeMap<Alert, BTreeMap<i64, State>>);

impl States {
    /// Of a plan whose alerter was started again at these times besides.
    pub(super) fn of(plan: &Plan, starts: &[i64]) -> States {
        let mut states = BTreeMap::new();
        for host in 0..plan.values.len() {
            let all = match plan.rules(0).no_data {
                Some(_) => super::silence::of_host(plan, host, starts),
                None => of_host(plan, host, starts),
            };
            for team in std::iter::once(None).chain((0..TEAMS.len()).map(Some)) {
                // Under the labels that are not in force there is no alert.
                let of_team = all
                    .iter()
                    .map(|(at, state)| match plan.rules(*at).team == team {
                        true => (*at, *state),
                        false => (*at, State::Ok),
                    });
                states.insert((host, team), of_team.collect());
            }
        }
        States(states)
    }

    pub(super) fn at(&self, alert: Alert, time: f64) -> State {
        let states = self.0.get(&alert);
        let before = states.and_then(|it| it.range(..=time.floor() as i64).next_back());
        before.map_or(State::Ok, |(_, state)| *state)
    }

    /// Each alert with its changes.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Alert, Vec<(i64, State)>)> {
        self.0.iter().map(|(alert, states)| {
            let changes = states.iter().map(|(at, state)| (*at, *state));
            (*alert, changes.collect())
        })
    }
}

fn of_host(plan: &Plan, host: usize, starts: &[i64]) -> BTreeMap<i64, State> {
    let mut states = BTreeMap::from([(-1, State::Ok)]);
    let (mut state, mut judged_at) = (State::Ok, None);
    let mut evaluations: BTreeSet<i64> = plan.evaluations();
    evaluations.extend(starts);
    for at in evaluations {
        let rules = plan.rules(at);
        if rules.leaves_out == Some(host) {
            (state, judged_at) = (State::Ok, None);
            states.insert(at, state);
            continue;
        }
        if judged_at.is_some_and(|judged| at - judged > LATE) {
            state = state.after_gap(at);
        }
        if let Some(value) = plan.newest(host, at) {
            judged_at = Some(at);
            state = state.after(value, rules, at);
        }
        states.insert(at, state);
    }
    states
}

/// `h1`, or `h1 of red`.
pub(super) fn name((host, team): Alert) -> String {
    match team {
        Some(team) => format!("{} of {}", HOSTS[host], TEAMS[team]),
        None => HOSTS[host].to_owned(),
    }
}
