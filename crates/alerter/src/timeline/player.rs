//! Plays a script: events, evaluations, flushes and deliveries in the order of their time.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use super::CaseError;
use super::database::VirtualDatabase;
use super::script::{self, Event, Script};
use crate::alert::{Alert, Nanos, SECOND};
use crate::alerting::{Alerting, StoredLife};
use crate::answering::QueryFailure;
use crate::event::EventKind;
use crate::pipeline::acknowledgement::Acknowledgement;
use crate::pipeline::delivery::{Delivery, Failure};
use crate::pipeline::dispatcher::accept_pushed;
use crate::pipeline::silence::Silence;
use crate::pipeline::snapshot::Snapshot;
use crate::rule_file::{self, RuleFile};
use crate::rules::sample::Row;

/// Steps of one case; more is a script that never ends.
const STEPS_LIMIT: usize = 1_000_000;

/// Plays a case; `files` are its rule files, the first in force, each other from the next `reload` on. The
/// outcome is one line a message.
pub fn play(files: &[&str], script: &str) -> Result<String, CaseError> {
    let files: Vec<RuleFile> = files
        .iter()
        .map(|text| rule_file::parse(text))
        .collect::<Result<_, _>>()?;
    let script = script::parse(script)?;
    let Some(first) = files.first() else {
        return Ok("no rule file\n".to_owned());
    };
    let mut player = Player {
        alerting: Alerting::new(first, Snapshot::default(), Vec::new(), script.start),
        file: first,
        files: &files,
        reloads: 0,
        database: VirtualDatabase::default(),
        start: script.start,
        show_transitions: script.show_transitions,
        queries_fail: false,
        network_is_away: false,
        failing: BTreeMap::new(),
        killed_sending_to: None,
        silences: HashMap::new(),
        outcome: String::new(),
    };
    script
        .series
        .iter()
        .cloned()
        .for_each(|series| player.database.add(series));
    player.run(&script);
    Ok(player.outcome)
}

struct Player<'a> {
    alerting: Alerting,
    file: &'a RuleFile,
    files: &'a [RuleFile],
    reloads: usize,
    database: VirtualDatabase,
    start: Nanos,
    show_transitions: bool,
    queries_fail: bool,
    network_is_away: bool,
    /// Messages that each receiver refuses yet.
    failing: BTreeMap<String, u32>,
    /// The next message to this receiver arrives, but its answer finds nobody.
    killed_sending_to: Option<String>,
    /// Names of the script to ids.
    silences: HashMap<String, String>,
    outcome: String,
}

impl Player<'_> {
    fn run(&mut self, script: &Script) {
        let mut events = script.events.iter().peekable();
        let mut now = script.start;
        for _ in 0..STEPS_LIMIT {
            while let Some((_, event)) = events.next_if(|(at, _)| *at <= now) {
                if let Event::Sleep(length) = event {
                    now += length;
                    self.alerting.resume(now);
                }
                self.happen(event, now);
            }
            if now > script.end {
                break;
            }
            self.evaluate(now);
            self.print_transitions();
            self.deliver(now);
            if !self.alerting.may_dispatch() {
                continue; // It was killed and started again, and evaluates at once.
            }
            let rules = self.alerting.evaluator.next_due(now);
            let message = self.alerting.next_due(now).map(|at| at.max(now + 1));
            let next = [events.peek().map(|(at, _)| *at), rules, message]
                .into_iter()
                .flatten()
                .min();
            match next {
                Some(next) if next <= script.end => now = next,
                _ => break,
            }
        }
    }

    fn happen(&mut self, event: &Event, now: Nanos) {
        match event {
            Event::Fire {
                labels,
                ends_after,
                since,
            } => {
                let since = since.map_or(now, |since| self.start + since);
                let mut alert = Alert::pushed(labels.clone(), since);
                alert.ends_at = ends_after.map(|length| now + length);
                self.alerting.push(accept_pushed(alert, now), now);
            }
            Event::Resolve { labels } => {
                let known = self.alerting.dispatcher.alert(labels.fingerprint());
                let since = known.map_or(self.start, |alert| alert.starts_at);
                let mut alert = Alert::pushed(labels.clone(), since);
                alert.ends_at = Some(now);
                self.alerting.push(accept_pushed(alert, now), now);
            }
            Event::Silence {
                name,
                matchers,
                length,
                recurring,
            } => {
                let silence = Silence {
                    id: String::new(),
                    matchers: matchers.clone(),
                    starts_at: now,
                    ends_at: now + length,
                    created_by: "test".to_owned(),
                    comment: name.clone(),
                    updated_at: now,
                    recurring: recurring.clone(),
                };
                match self.alerting.dispatcher.set_silence(silence, name, now) {
                    Ok(id) => drop(self.silences.insert(name.clone(), id)),
                    Err(error) => self.line(now, &format!("silence {name} refused: {error}")),
                }
            }
            Event::Expire { name } => {
                let id = self.silences.get(name).cloned().unwrap_or_default();
                if let Err(error) = self.alerting.dispatcher.expire_silence(&id, now) {
                    self.line(now, &format!("expire {name} refused: {error}"));
                }
            }
            Event::Acknowledge {
                labels,
                owner,
                length,
            } => self.acknowledge(labels, owner, *length, now),
            Event::ReceiverFails { receiver, times } => {
                self.failing.insert(receiver.clone(), *times);
            }
            Event::QueriesFail(fail) => self.queries_fail = *fail,
            Event::NetworkFails(fails) => self.network_is_away = *fails,
            Event::Restart => self.restart(now),
            Event::Sleep(_) => {} // Its time has passed.
            Event::KilledSending { receiver } => self.killed_sending_to = Some(receiver.clone()),
            Event::Reload => {
                self.reloads += 1;
                let next = self.files.get(self.reloads).or(self.files.last());
                self.file = next.unwrap_or(self.file);
                self.alerting.reload(self.file, now);
            }
        }
    }

    /// Every alert that has these labels.
    fn acknowledge(
        &mut self,
        labels: &crate::labels::Labels,
        owner: &str,
        length: Option<Nanos>,
        now: Nanos,
    ) {
        let meant = |alert: &&Alert| {
            labels
                .iter()
                .all(|(name, value)| alert.labels.get(name) == value)
        };
        let found: Vec<_> = self
            .alerting
            .dispatcher
            .alerts()
            .filter(meant)
            .map(|a| (a.fingerprint, a.severity))
            .collect();
        for (fingerprint, severity) in found {
            let acknowledgement = Acknowledgement {
                fingerprint,
                owner: owner.to_owned(),
                comment: String::new(),
                at: now,
                expires_at: length.map(|length| now + length),
                severity,
            };
            self.alerting.dispatcher.acknowledge(acknowledgement, now);
        }
    }

    /// As after kill -9: only what is stored goes on.
    fn restart(&mut self, now: Nanos) {
        let lives = self.file.rules.iter().flat_map(|rule| {
            self.alerting
                .evaluator
                .series(&rule.name)
                .map(|(id, series)| StoredLife {
                    rule: rule.name.clone(),
                    id: *id,
                    series: series.clone(),
                })
        });
        let lives: Vec<StoredLife> = lives.collect();
        let watches = self.alerting.evaluator.watches();
        self.alerting = Alerting::new(self.file, self.alerting.dispatcher.snapshot(), lives, now);
        self.alerting.evaluator.restore_watches(watches);
    }

    fn evaluate(&mut self, now: Nanos) {
        for rule in self.alerting.evaluator.due(now) {
            if self.queries_fail {
                let failure = QueryFailure {
                    reason: "the server does not answer".to_owned(),
                    unavailable: true,
                };
                self.alerting.evaluate(&rule, Err(&failure), now);
                continue;
            }
            if self.alerting.evaluator.needs_baseline(&rule, now) {
                let rows = self.database.baseline(&rule, now);
                self.alerting
                    .evaluator
                    .set_baseline(&rule, &rows.iter().collect::<Vec<_>>(), now);
            }
            let rows = self.database.values(&rule, now);
            let rows: Vec<&Row> = rows.iter().collect();
            if self.alerting.evaluator.asks_beginnings(&rule, &rows) {
                let beginnings = self.database.beginnings(&rule, now);
                self.alerting.evaluator.set_beginnings(&rule, &beginnings);
            }
            self.alerting.evaluate(&rule, Ok(&rows), now);
        }
    }

    /// Until nothing more is due at this instant.
    fn deliver(&mut self, now: Nanos) {
        let mut messages = Vec::new();
        loop {
            let deliveries = self.alerting.tick(now);
            if deliveries.is_empty() {
                break;
            }
            for delivery in deliveries {
                let refused = self
                    .failing
                    .get_mut(&delivery.receiver)
                    .filter(|left| **left > 0);
                let policy = self
                    .alerting
                    .dispatcher
                    .routing()
                    .policy(&delivery.receiver);
                let away = self.network_is_away && !policy.is_local;
                let fails = refused.map(|left| *left -= 1).is_some() || away;
                let killed = self
                    .killed_sending_to
                    .take_if(|receiver| *receiver == delivery.receiver)
                    .is_some();
                let fate = match (killed, fails) {
                    (true, _) => " unanswered",
                    (false, true) => " refused",
                    (false, false) => "",
                };
                messages.push(self.text(&delivery, fate, now));
                if killed {
                    messages.sort();
                    self.outcome.extend(messages.drain(..));
                    self.restart(now);
                    break; // What else was on the way is unanswered, too.
                }
                if fails {
                    let failure = Failure {
                        reason: "refused".to_owned(),
                        retry: true,
                        retry_after: None,
                        unanswered: false,
                        unreachable: away,
                    };
                    self.alerting.failed(&delivery, &failure, now, 0.0);
                } else {
                    self.alerting.delivered(&delivery, "ok", now);
                }
            }
        }
        // What leaves in the same instant has no order of its own.
        messages.sort();
        self.outcome.extend(messages);
    }

    // === the outcome ===

    fn text(&self, delivery: &Delivery, fate: &str, now: Nanos) -> String {
        let message = &delivery.message;
        let digest = match message.digest_of {
            0 => String::new(),
            groups => format!(" digest of {groups}"),
        };
        let again = if message.repeated { " again" } else { "" };
        let (receiver, status, labels) =
            (&message.receiver, message.status(), &message.group_labels);
        let time = self.time(now);
        let mut text = format!("{time:<6} {receiver} {status}{digest}{again} {{{labels}}}{fate}\n");
        for (sign, alerts) in [
            ('+', message.firing().collect::<Vec<_>>()),
            ('-', message.resolved().collect::<Vec<_>>()),
        ] {
            let mut lines: Vec<String> = alerts
                .iter()
                .map(|alert| alert.labels.to_string())
                .collect();
            lines.sort();
            for line in lines {
                let _ = writeln!(text, "       {sign} {line}");
            }
        }
        text
    }

    fn print_transitions(&mut self) {
        let events = self.alerting.take_events();
        if !self.show_transitions {
            return;
        }
        for event in events
            .into_iter()
            .filter(|event| event.event == EventKind::Transition)
        {
            let value = event.value.map(crate::quantity::short).unwrap_or_default();
            self.line(
                event.at,
                &format!(
                    "{}: {} ({value}) {}",
                    event.rule, event.message, event.reason
                ),
            );
        }
    }

    fn line(&mut self, at: Nanos, text: &str) {
        let time = self.time(at);
        let _ = writeln!(self.outcome, "{time:<6} {text}");
    }

    /// Seconds since the start, to a tenth.
    fn time(&self, at: Nanos) -> String {
        let seconds = (at - self.start) as f64 / SECOND as f64;
        format!(
            "{}s",
            crate::quantity::short((seconds * 10.0).round() / 10.0)
        )
    }
}
