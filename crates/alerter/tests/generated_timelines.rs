//! Generated timelines against a model of their own: what a receiver was told last is what is so.
//!
//! `WATCHPOST_TIMELINES` is how many are played (a small number by default), `WATCHPOST_TIMELINE` the
//! seed of the first; alone, of the only one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use watchpost_alerter::timeline::play;

const DEFAULT_COUNT: u64 = 300;
/// Evaluations are so far apart, in seconds.
const STEP: i64 = 10;
/// A value counts for so long (the rule's window), and data is gone after so long.
const WINDOW: i64 = 30;
const LATE: i64 = 120;
const HOSTS: [&str; 2] = ["h1", "h2"];
/// Each refused message waits; eight of them are through after about so long.
const BACKOFF: i64 = 200;

/// What a timeline is made of, in seconds.
#[derive(Clone, Debug, Default)]
struct Plan {
    hold: i64,
    group_wait: i64,
    group_interval: i64,
    repeat_interval: i64,
    by_host: bool,
    pager: bool,
    /// A value every [`STEP`], of each host.
    values: Vec<Vec<Option<i64>>>,
    /// Times in which queries fail, start and end.
    failing: Vec<(i64, i64)>,
    restarts: Vec<i64>,
    reloads: Vec<i64>,
    /// When, and for how long.
    sleep: Option<(i64, i64)>,
    refused: Option<(i64, u32)>,
    killed: Option<i64>,
    /// Host, start and end.
    silences: Vec<(usize, i64, i64)>,
    acknowledged: Vec<(usize, i64)>,
}

impl Plan {
    fn end(&self) -> i64 {
        let steps = self.values.iter().map(Vec::len).max().unwrap_or(0);
        (steps as i64 - 1) * STEP
    }

    fn rules(&self) -> String {
        let group_by = if self.by_host {
            "\"alertname\", \"host\""
        } else {
            "\"alertname\""
        };
        let pager = if self.pager {
            "[[route.routes]]\nmatch = ['severity=\"critical\"']\nreceiver = \"pager\"\n"
        } else {
            ""
        };
        format!(
            "[[rule]]\nname = \"cpu\"\nkind = \"threshold\"\nfield = \"cpu\"\naggregate = \"last\"\n\
             window = \"{WINDOW}s\"\nabove = {{ warn = 80, critical = 90 }}\nfor = \"{}s\"\n\
             flap_damping = false\n[route]\nreceiver = \"ops\"\ngroup_by = [{group_by}]\n\
             group_wait = \"{}s\"\ngroup_interval = \"{}s\"\nrepeat_interval = \"{}s\"\n{pager}\
             [[receiver]]\nname = \"ops\"\nkind = \"file\"\npath = \"ops.log\"\nrate_limit = 1000\n\
             [[receiver]]\nname = \"pager\"\nkind = \"file\"\npath = \"pager.log\"\nrate_limit = 1000\n",
            self.hold, self.group_wait, self.group_interval, self.repeat_interval
        )
    }

    fn script(&self) -> String {
        let mut script = String::new();
        for (host, values) in HOSTS.iter().zip(&self.values) {
            let words = values.iter().map(|value| match value {
                Some(value) => value.to_string(),
                None => "_".to_owned(),
            });
            let words: Vec<String> = words.collect();
            let _ = writeln!(
                script,
                "series cpu{{host=\"{host}\"}} every {STEP}s: {}",
                words.join(" ")
            );
        }
        for (start, end) in &self.failing {
            let _ = writeln!(script, "{start}s queries fail\n{end}s queries work");
        }
        let mut event = |at: i64, text: &str| {
            let _ = writeln!(script, "{at}s {text}");
        };
        self.restarts.iter().for_each(|at| event(*at, "restart"));
        self.reloads.iter().for_each(|at| event(*at, "reload"));
        if let Some((at, length)) = self.sleep {
            event(at, &format!("sleep {length}s"));
        }
        if let Some((at, times)) = self.refused {
            event(at, &format!("fails ops {times}"));
        }
        if let Some(at) = self.killed {
            event(at, "killed sending to ops");
        }
        for (index, (host, start, end)) in self.silences.iter().enumerate() {
            let length = end - start;
            event(
                *start,
                &format!("silence s{index} host=\"{}\" for {length}s", HOSTS[*host]),
            );
        }
        for (host, at) in &self.acknowledged {
            event(*at, &format!("ack host={} by ann", HOSTS[*host]));
        }
        let _ = writeln!(script, "{}s end", self.end());
        script
    }

    fn sleeps(&self, at: i64) -> bool {
        let sleeps = |(start, length): (i64, i64)| start <= at && at < start + length;
        self.sleep.is_some_and(sleeps)
    }

    /// Who hears of it by the routes.
    fn receiver(&self, critical: bool) -> &'static str {
        if self.pager && critical {
            "pager"
        } else {
            "ops"
        }
    }

    /// Whether an alert of the host need not have been sent at the end: it was acknowledged, or a silence
    /// ended so late that its group was not due again.
    fn kept_back_at_the_end(&self, host: usize) -> bool {
        // What would happen in a sleep happens when it is over, and lasts as long.
        let woken = |at: i64| match self.sleep {
            Some((start, length)) if self.sleeps(at) => start + length,
            _ => at,
        };
        let silenced = self.silences.iter().any(|(of, start, end)| {
            *of == host && woken(*start) + (end - start) + self.group_interval >= self.end()
        });
        let mut acknowledged = self.acknowledged.iter();
        silenced || acknowledged.any(|(of, _)| *of == host)
    }

    /// When rules are evaluated: in step, and at once after a start, a reload and a sleep.
    fn evaluations(&self) -> BTreeSet<i64> {
        let steps = (0..=self.end()).step_by(STEP as usize);
        let wakes = self.sleep.iter().map(|(at, length)| at + length);
        let at_once = self.restarts.iter().chain(&self.reloads).copied();
        let all = steps.chain(at_once).chain(wakes);
        all.filter(|at| !self.sleeps(*at)).collect()
    }

    /// What a query answers then, if it is answered.
    fn newest(&self, host: usize, at: i64) -> Option<i64> {
        let fails = |(start, end): &(i64, i64)| *start <= at && at < *end;
        if self.failing.iter().any(fails) {
            return None;
        }
        let values = &self.values[host];
        let within = |step: i64| step * STEP > at - WINDOW;
        let newest = (0..=at / STEP).rev().take_while(|step| within(*step));
        newest
            .filter_map(|step| *values.get(usize::try_from(step).ok()?)?)
            .next()
    }
}

/// The state that the rule's own words promise.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum State {
    #[default]
    Ok,
    Pending {
        since: i64,
    },
    Firing {
        critical: bool,
    },
}

/// The states of a host, each from when it holds.
fn model(plan: &Plan, host: usize) -> BTreeMap<i64, State> {
    let mut states = BTreeMap::from([(-1, State::Ok)]);
    let (mut state, mut judged_at) = (State::Ok, None);
    for at in plan.evaluations() {
        // A gap is not held time.
        let gap = judged_at.is_some_and(|judged| at - judged > LATE);
        if gap && matches!(state, State::Pending { .. }) {
            state = State::Ok;
        }
        if let Some(value) = plan.newest(host, at) {
            judged_at = Some(at);
            state = match state {
                _ if value <= 80 => State::Ok,
                State::Firing { .. } => State::Firing {
                    critical: value > 90,
                },
                State::Ok if plan.hold > 0 => State::Pending { since: at },
                State::Pending { since } if at - since < plan.hold => State::Pending { since },
                _ => State::Firing {
                    critical: value > 90,
                },
            };
        }
        states.insert(at, state);
    }
    states
}

fn at(states: &BTreeMap<i64, State>, time: f64) -> State {
    let time = time.floor() as i64;
    states
        .range(..=time)
        .next_back()
        .map_or(State::Ok, |(_, state)| *state)
}

/// One message that arrived.
#[derive(Debug)]
struct Told {
    at: f64,
    receiver: String,
    firing: Vec<(usize, bool)>,
    resolved: Vec<usize>,
}

fn messages(outcome: &str) -> Vec<Told> {
    let mut told: Vec<Told> = Vec::new();
    let mut wanted = false;
    for line in outcome.lines() {
        if let Some(alert) = line.strip_prefix("       ") {
            let (sign, labels) = alert.split_at(2);
            let host = HOSTS
                .iter()
                .position(|host| labels.contains(&format!("host={host},")));
            let (true, Some(host), Some(message)) = (wanted, host, told.last_mut()) else {
                continue;
            };
            match sign {
                "+ " => message
                    .firing
                    .push((host, labels.contains("severity=critical"))),
                _ => message.resolved.push(host),
            }
            continue;
        }
        wanted = !line.ends_with("refused") && !line.contains("alertname=watchpost_alerter");
        let mut words = line.split_whitespace();
        let time = words
            .next()
            .and_then(|time| time.trim_end_matches('s').parse().ok());
        told.push(Told {
            at: time.unwrap_or(0.0),
            receiver: words.next().unwrap_or_default().to_owned(),
            firing: Vec::new(),
            resolved: Vec::new(),
        });
    }
    told
}

/// What a receiver believes of a host: it fires, at which severity, or it ended.
type Picture = BTreeMap<(String, usize), Option<bool>>;

/// The first thing that is not as it must be.
fn fault(plan: &Plan, outcome: &str) -> Option<String> {
    let states: Vec<_> = (0..plan.values.len())
        .map(|host| model(plan, host))
        .collect();
    let told = messages(outcome);
    let mut picture = Picture::new();
    for message in &told {
        for host in &message.resolved {
            let state = at(&states[*host], message.at);
            if state != State::Ok {
                return Some(format!(
                    "{}s: {} ended for {}, but is {state:?}",
                    message.at, HOSTS[*host], message.receiver
                ));
            }
            picture.insert((message.receiver.clone(), *host), None);
        }
        for (host, critical) in &message.firing {
            let state = at(&states[*host], message.at);
            if state
                != (State::Firing {
                    critical: *critical,
                })
            {
                return Some(format!(
                    "{}s: {} fires (critical: {critical}) for {}, but is {state:?}",
                    message.at, HOSTS[*host], message.receiver
                ));
            }
            picture.insert((message.receiver.clone(), *host), Some(*critical));
        }
    }
    late(plan, &states, &told).or_else(|| wrong_at_the_end(plan, &states, &picture))
}

/// After the last message everybody knows what is so, the receiver of the route as badly as it is.
fn wrong_at_the_end(
    plan: &Plan,
    states: &[BTreeMap<i64, State>],
    picture: &Picture,
) -> Option<String> {
    for (index, states) in states.iter().enumerate() {
        let host = HOSTS[index];
        let State::Firing { critical } = at(states, plan.end() as f64) else {
            let believers = picture
                .iter()
                .filter(|((_, of), believed)| *of == index && believed.is_some());
            let receivers: Vec<&str> = believers
                .map(|((receiver, _), _)| receiver.as_str())
                .collect();
            if !receivers.is_empty() {
                return Some(format!(
                    "at the end {host} is well, but fires for {receivers:?}"
                ));
            }
            continue;
        };
        let receiver = plan.receiver(critical);
        let believed = picture.get(&(receiver.to_owned(), index)).copied();
        let known = believed.flatten().is_some_and(|told| told || !critical);
        if !known && !plan.kept_back_at_the_end(index) {
            return Some(format!(
                "at the end {host} fires (critical: {critical}), and {receiver} knows {believed:?}"
            ));
        }
    }
    None
}

/// An outage that begins after its end was told, or that becomes worse than was told, is told at once;
/// a first one after `group_wait`, in a group that is there at the next `group_interval`. Timelines are
/// shorter than the hour for which an end is remembered.
fn late(plan: &Plan, states: &[BTreeMap<i64, State>], told: &[Told]) -> Option<String> {
    // Whatever keeps messages back makes other times right.
    let disturbed = plan.refused.is_some()
        || plan.killed.is_some()
        || plan.sleep.is_some()
        || !plan.silences.is_empty()
        || !plan.acknowledged.is_empty()
        || !plan.failing.is_empty();
    if disturbed {
        return None;
    }
    for (host, states) in states.iter().enumerate() {
        let changes: Vec<(i64, State)> = states.iter().map(|(at, state)| (*at, *state)).collect();
        for pair in changes.windows(2) {
            let ((_, before), (from, state)) = (pair[0], pair[1]);
            let State::Firing { critical } = state else {
                continue;
            };
            let worse = before == (State::Firing { critical: false }) && critical;
            let begins = !matches!(before, State::Firing { .. });
            if !worse && !begins {
                continue;
            }
            // Until it is over, or becomes less bad and is for another receiver.
            let until = changes.iter().find(|(at, state)| {
                let goes_on = matches!(state, State::Firing { critical: still }
                    if plan.receiver(*still) == plan.receiver(critical));
                *at > from && !goes_on
            });
            let until = until.map_or(plan.end(), |(at, _)| *at);
            if let Some(fault) = late_for_one(plan, host, (from, until), (critical, worse), told) {
                return Some(fault);
            }
        }
    }
    None
}

fn late_for_one(
    plan: &Plan,
    host: usize,
    (from, until): (i64, i64),
    (critical, worse): (bool, bool),
    told: &[Told],
) -> Option<String> {
    let receiver = plan.receiver(critical);
    let of_host = |message: &&Told| {
        let fires = message.firing.iter().any(|(of, _)| *of == host);
        message.receiver == receiver && (fires || message.resolved.contains(&host))
    };
    let mut before = told.iter().filter(of_host);
    let last = before.rfind(|message| message.at < from as f64);
    let known = last.and_then(|message| message.firing.iter().find(|(of, _)| *of == host));
    let due = match (last, known) {
        // It is known, as badly.
        (_, Some((_, told))) if *told || !critical => return None,
        (_, Some(_)) => from,
        (_, None) if worse => from,
        // Its end was the last that the receiver heard.
        (Some(_), None) => from,
        // A shared group may be there already, made by the other host.
        (None, None) => from + plan.group_wait.max(plan.group_interval),
    };
    if due >= until {
        return None;
    }
    let in_time = |message: &&Told| message.at >= from as f64 && message.at <= due as f64;
    let mut after = told.iter().filter(in_time);
    let heard = after.any(|message| message.firing.iter().any(|(of, _)| *of == host));
    let host = HOSTS[host];
    (!heard).then(|| format!("{host} fires from {from}s, and nobody heard of it until {due}s"))
}

fn pick<T: Copy>(rng: &mut fastrand::Rng, choices: &[T]) -> T {
    choices[rng.usize(..choices.len())]
}

/// Stretches of good, bad, worse and missing values, and a tail in which nothing changes.
fn values(rng: &mut fastrand::Rng, steps: usize, tail: usize) -> Vec<Option<i64>> {
    let mut values = Vec::new();
    while values.len() < steps {
        let value = pick(
            rng,
            &[Some(50), Some(50), Some(85), Some(95), Some(95), None],
        );
        let length = if rng.u8(..8) == 0 { 30 } else { 10 };
        values.extend(std::iter::repeat_n(value, rng.usize(1..=length)));
    }
    values.truncate(steps);
    let last = pick(rng, &[Some(50), Some(95)]);
    values.extend(std::iter::repeat_n(last, tail));
    values
}

fn plan(seed: u64) -> Plan {
    let rng = &mut fastrand::Rng::with_seed(seed);
    let mut plan = Plan {
        hold: pick(rng, &[0, 0, 10, 20, 60]),
        group_wait: pick(rng, &[0, 0, 10, 30]),
        group_interval: pick(rng, &[10, 30, 60, 300]),
        repeat_interval: pick(rng, &[60, 300, 1_800, 14_400]),
        by_host: rng.bool(),
        pager: rng.u8(..3) == 0,
        ..Plan::default()
    };
    let steps = rng.usize(20..80);
    let tail = (2 * plan.group_interval + plan.hold + 2 * BACKOFF) / STEP;
    let hosts = rng.usize(1..=HOSTS.len());
    plan.values = (0..hosts)
        .map(|_| values(rng, steps, tail as usize))
        .collect();
    let busy = steps as i64 * STEP;
    // Five seconds after a step, so that what happens at once has one order.
    let time = |rng: &mut fastrand::Rng| rng.i64(0..busy / STEP) * STEP + 5;
    if rng.u8(..4) == 0 {
        let start = time(rng);
        plan.failing.push((start, start + rng.i64(1..30) * STEP));
    }
    if rng.u8(..4) == 0 {
        plan.restarts = (0..rng.usize(1..4)).map(|_| time(rng)).collect();
    }
    if rng.u8(..6) == 0 {
        plan.reloads.push(time(rng));
    }
    if rng.u8(..8) == 0 {
        let length = rng.i64(7..40) * STEP;
        plan.sleep = Some((time(rng), length));
    }
    if rng.u8(..4) == 0 {
        plan.refused = Some((time(rng), rng.u32(1..8)));
    }
    if rng.u8(..8) == 0 {
        plan.killed = Some(time(rng));
    }
    if rng.u8(..4) == 0 {
        let start = time(rng);
        plan.silences
            .push((rng.usize(..hosts), start, start + rng.i64(1..20) * STEP));
    }
    if rng.u8(..5) == 0 {
        plan.acknowledged.push((rng.usize(..hosts), time(rng)));
    }
    plan
}

/// The fault of a timeline, with all that is needed to play it again.
fn play_and_judge(plan: &Plan, name: &str) -> Option<String> {
    let (rules, script) = (plan.rules(), plan.script());
    let outcome = play(&[&rules, &rules], &script).unwrap();
    let fault = fault(plan, &outcome)?;
    Some(format!(
        "{name}: {fault}\n\n```toml\n{rules}```\n\n```timeline\n{script}```\n\n{outcome}"
    ))
}

/// Shows the first fault whole, and a line of each other.
fn assert_none(faults: &[String]) {
    let Some((first, others)) = faults.split_first() else {
        return;
    };
    let others = others.iter().filter_map(|fault| fault.lines().next());
    let others: Vec<&str> = others.collect();
    panic!("{first}\n{} others\n{}", others.len(), others.join("\n"));
}

#[test]
fn whoever_reads_the_last_message_knows_the_state() {
    let number = |name: &str| -> Option<u64> { Some(std::env::var(name).ok()?.parse().unwrap()) };
    let seeds = match number("WATCHPOST_TIMELINE") {
        Some(first) => first..first + number("WATCHPOST_TIMELINES").unwrap_or(1),
        None => 0..number("WATCHPOST_TIMELINES").unwrap_or(DEFAULT_COUNT),
    };
    let faults = seeds.filter_map(|seed| play_and_judge(&plan(seed), &format!("seed {seed}")));
    assert_none(&faults.collect::<Vec<_>>());
}

/// Every flap of 1 to 10 steps against the timings of groups.
#[test]
fn flaps_of_all_lengths_are_told_right() {
    let all = std::env::var("WATCHPOST_TIMELINES").is_ok();
    let lengths = |bad: usize| (1..=10).filter(move |good| all || (bad + good).is_multiple_of(3));
    let mut faults = Vec::new();
    for (bad, good) in (1..=10).flat_map(|bad| lengths(bad).map(move |good| (bad, good))) {
        for (index, group_interval) in [10, 30, 60, 300].into_iter().enumerate() {
            for (hold, group_wait) in [(0, 0), (10, 0), (20, 10), (0, 30), (30, 30)] {
                if !all && (bad + index + hold as usize / 10).is_multiple_of(2) {
                    continue;
                }
                let mut values = vec![Some(50); 2];
                for _ in 0..3 {
                    values.extend(std::iter::repeat_n(Some(95), bad));
                    values.extend(std::iter::repeat_n(Some(50), good));
                }
                values.extend(std::iter::repeat_n(Some(50), 62));
                let plan = Plan {
                    hold,
                    group_wait,
                    group_interval,
                    repeat_interval: 14_400,
                    by_host: true,
                    values: vec![values],
                    ..Plan::default()
                };
                faults.extend(play_and_judge(&plan, &format!("{bad} bad, {good} good")));
            }
        }
    }
    assert_none(&faults);
}
