//! Holds the messages of a timeline against its model.

use std::collections::BTreeMap;

use super::model::{Alert, State, States, name};
use super::plan::{Grouping, HOSTS, Plan, TEAMS};

/// One message that arrived.
#[derive(Debug)]
struct Told {
    at: f64,
    receiver: String,
    firing: Vec<(Alert, bool)>,
    resolved: Vec<Alert>,
    /// The alerter was killed before the answer came.
    unanswered: bool,
}

fn messages(outcome: &str) -> Vec<Told> {
    let mut told: Vec<Told> = Vec::new();
    let mut wanted = false;
    for line in outcome.lines() {
        if let Some(alert) = line.strip_prefix("       ") {
            let (sign, labels) = alert.split_at(2);
            let has = |label: &str, value: &str| {
                labels.split(',').any(|it| it == format!("{label}={value}"))
            };
            let host = HOSTS.iter().position(|host| has("host", host));
            let team = TEAMS.iter().position(|team| has("team", team));
            let (true, Some(host), Some(message)) = (wanted, host, told.last_mut()) else {
                continue;
            };
            match sign {
                "+ " => message
                    .firing
                    .push(((host, team), has("severity", "critical"))),
                _ => message.resolved.push((host, team)),
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
            unanswered: line.ends_with("unanswered"),
        });
    }
    told
}

/// What a receiver believes of an alert: it fires, at which severity, or it ended.
type Picture = BTreeMap<(String, Alert), Option<bool>>;

/// The first thing that is not as it must be.
pub(super) fn fault(plan: &Plan, outcome: &str) -> Option<String> {
    let told = messages(outcome);
    let killed = told.iter().filter(|message| message.unanswered);
    let starts: Vec<i64> = killed.map(|message| message.at.floor() as i64).collect();
    let states = States::of(plan, &starts);
    let mut picture = Picture::new();
    for message in &told {
        // What is sent in the second of a start may be of before it.
        let of_before = starts.contains(&(message.at.floor() as i64));
        let is = |alert: Alert, fires: Option<bool>| {
            let then = |at| states.at(alert, at);
            let pends = |state: State| matches!(state, State::Pending { .. });
            let right = |state: State| state.fires() == fires && !pends(state);
            right(then(message.at)) || (of_before && right(then(message.at.floor() - 1.0)))
        };
        let reported = message.resolved.iter().map(|alert| (*alert, None));
        let reported = reported.chain(message.firing.iter().map(|(alert, it)| (*alert, Some(*it))));
        for (alert, fires) in reported {
            if !is(alert, fires) {
                let said = match fires {
                    None => "ended".to_owned(),
                    Some(critical) => format!("fires (critical: {critical})"),
                };
                return Some(format!(
                    "{}s: {} {said} for {}, but is {:?}",
                    message.at,
                    name(alert),
                    message.receiver,
                    states.at(alert, message.at)
                ));
            }
            picture.insert((message.receiver.clone(), alert), fires);
        }
    }
    late(plan, &states, &told).or_else(|| wrong_at_the_end(plan, &states, &picture))
}

/// After the last message everybody knows what is so, the receiver of the route as badly as it is.
fn wrong_at_the_end(plan: &Plan, states: &States, picture: &Picture) -> Option<String> {
    for (alert, _) in states.iter() {
        let Some(critical) = states.at(alert, plan.end() as f64).fires() else {
            let believers = picture
                .iter()
                .filter(|((_, of), believed)| *of == alert && believed.is_some());
            let receivers: Vec<&str> = believers
                .map(|((receiver, _), _)| receiver.as_str())
                .collect();
            if !receivers.is_empty() {
                return Some(format!(
                    "at the end {} is well, but fires for {receivers:?}",
                    name(alert)
                ));
            }
            continue;
        };
        let receiver = plan.rules(plan.end()).receiver(critical);
        let believed = picture.get(&(receiver.to_owned(), alert)).copied();
        let known = believed.flatten().is_some_and(|told| told || !critical);
        if !known && !plan.kept_back_at_the_end(alert.0) {
            return Some(format!(
                "at the end {} fires (critical: {critical}), and {receiver} knows {believed:?}",
                name(alert)
            ));
        }
    }
    None
}

/// An outage that begins after its end was told, or that becomes worse than was told, is told at once;
/// a first one after `group_wait`, in a group that is there at the next `group_interval`. Timelines are
/// shorter than the hour for which an end is remembered.
fn late(plan: &Plan, states: &States, told: &[Told]) -> Option<String> {
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
    for (alert, changes) in states.iter() {
        for pair in changes.windows(2) {
            let ((_, before), (from, state)) = (pair[0], pair[1]);
            let Some(critical) = state.fires() else {
                continue;
            };
            let worse = before.fires() == Some(false) && critical;
            let begins = before.fires().is_none();
            if !worse && !begins {
                continue;
            }
            // Until it is over, or becomes less bad and is for another receiver.
            let receiver = plan.rules(from).receiver(critical);
            let until = changes.iter().find(|(at, state)| {
                let fires = state.fires();
                let goes_on = fires.is_some_and(|it| plan.rules(*at).receiver(it) == receiver);
                *at > from && !goes_on
            });
            let until = until.map_or(plan.end(), |(at, _)| *at);
            let edited = plan.changes().find(|at| *at > from);
            let until = edited.map_or(until, |at| until.min(at));
            let fault = late_for_one(plan, alert, (from, until), (critical, worse), told);
            if fault.is_some() {
                return fault;
            }
        }
    }
    None
}

fn late_for_one(
    plan: &Plan,
    alert: Alert,
    (from, until): (i64, i64),
    (critical, worse): (bool, bool),
    told: &[Told],
) -> Option<String> {
    let rules = plan.rules(from);
    let receiver = rules.receiver(critical);
    let of_alert = |message: &&Told| {
        let fires = message.firing.iter().any(|(of, _)| *of == alert);
        message.receiver == receiver && (fires || message.resolved.contains(&alert))
    };
    let mut before = told.iter().filter(of_alert);
    let last = before.rfind(|message| message.at < from as f64);
    let known = last.and_then(|message| message.firing.iter().find(|(of, _)| *of == alert));
    // A shared group may be there already, made by the other host; a severity is a group of its own where
    // groups are by all labels; and groups are laid out anew with another file.
    let waits = plan
        .files
        .iter()
        .map(|rules| rules.group_wait.max(rules.group_interval));
    let later = from + waits.max().unwrap_or(0);
    let is_plain = plan.files.len() == 1 && rules.grouping != Grouping::All;
    let due = match (last, known) {
        // It is known, as badly.
        (_, Some((_, told))) if *told || !critical => return None,
        (_, Some(_)) if is_plain => from,
        (_, None) if worse && is_plain => from,
        // Its end was the last that the receiver heard.
        (Some(_), None) if is_plain => from,
        _ => later,
    };
    if due >= until {
        return None;
    }
    let in_time = |message: &&Told| message.at >= from as f64 && message.at <= due as f64;
    let mut after = told.iter().filter(in_time);
    let heard = after.any(|message| message.firing.iter().any(|(of, _)| *of == alert));
    let alert = name(alert);
    (!heard).then(|| format!("{alert} fires from {from}s, and nobody heard of it until {due}s"))
}
