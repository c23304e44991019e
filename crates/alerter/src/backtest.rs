//! Replays a rule over stored history with the code that runs live, and counts the messages.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use watchpost_client::Client;
use watchpost_client::ask::Limits;
use watchpost_core::duration::Duration;
use watchpost_core::time::format_rfc3339;

use crate::alert::{Nanos, SECOND};
use crate::alerting::Alerting;
use crate::asking;
use crate::dialect::shape::{Batch, Content, Member, Operation, Purpose, Shape};
use crate::pipeline::snapshot::Snapshot;
use crate::rule_file::RuleFile;
use crate::rules::definition::{Aggregate, Baseline, Kind, Rule};
use crate::rules::sample::{Row, Sample};
use crate::timeline::VirtualDatabase;

/// History is read in pieces of this length, which bounds the size of an answer.
const PIECE: Nanos = 24 * 3_600 * SECOND;
/// Finest resolution unless asked otherwise.
const DEFAULT_STEP: Nanos = 60 * SECOND;
/// Windows overlap: finer than this the server would compute the same points over and over.
const STEPS_OF_WINDOW: Nanos = 60;
const WEEK: Nanos = 7 * 24 * 3_600 * SECOND;

/// Which time is replayed, and how finely.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub start: Nanos,
    pub stop: Nanos,
    pub step: Nanos,
}

/// A message that would have been sent.
#[derive(Clone, Debug)]
pub struct Message {
    pub at: Nanos,
    pub receiver: String,
    pub status: &'static str,
    pub severity: &'static str,
    pub reason: String,
    pub alerts: Vec<String>,
}

#[derive(Debug, Default)]
pub struct Replay {
    pub messages: Vec<Message>,
    pub series: usize,
}

impl Replay {
    /// Messages that tell of something new that fires: neither repeats nor ends.
    pub fn pages(&self) -> usize {
        let page =
            |message: &&Message| message.status == "firing" && !message.reason.starts_with("still");
        self.messages.iter().filter(page).count()
    }

    /// How many messages each receiver would get.
    pub fn by_receiver(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for message in &self.messages {
            *counts.entry(message.receiver.as_str()).or_default() += 1;
        }
        counts
    }

    /// What scripts and pages read.
    pub fn report(&self, rule: &str, span: Span) -> serde_json::Value {
        let message = |message: &Message| {
            json!({
                "at": format_rfc3339(message.at),
                "receiver": message.receiver,
                "status": message.status,
                "severity": message.severity,
                "reason": message.reason,
                "alerts": message.alerts,
            })
        };
        json!({
            "rule": rule,
            "from": format_rfc3339(span.start),
            "to": format_rfc3339(span.stop),
            "step": Duration::from_nanos(span.step).to_string(),
            "series": self.series,
            "pages": self.pages(),
            "receivers": self.by_receiver(),
            "messages": self.messages.iter().map(message).collect::<Vec<_>>(),
        })
    }
}

impl Span {
    /// From `start` to `stop`, on steps that are asked for, or the longest of a minute, the rule's own
    /// step and a part of its window. Start and step fit the windows that the server computes, so that
    /// each evaluation sees what it would have seen live.
    pub fn new(rule: &Rule, start: Nanos, stop: Nanos, asked: Option<Nanos>) -> Span {
        let part = match rule.kind {
            Kind::NoData { .. } | Kind::Flux { .. } => 0,
            _ => rule.kind.window() / STEPS_OF_WINDOW,
        };
        let step = asked
            .unwrap_or(DEFAULT_STEP.max(rule.every).max(part))
            .max(SECOND);
        let step = match rule.kind {
            // Its points are the means of such steps; a part of one would be another mean.
            Kind::Forecast { step: own, .. } => up_to_multiple(step, own),
            _ => step,
        };
        Span {
            start: up_to_multiple(start, step),
            stop,
            step,
        }
    }
}

fn up_to_multiple(value: Nanos, of: Nanos) -> Nanos {
    let over = value.rem_euclid(of);
    value + if over == 0 { 0 } else { of - over }
}

#[derive(Debug, thiserror::Error)]
pub enum BacktestError {
    #[error("that is more than {0} samples; ask for less history or a longer step")]
    TooMuch(usize),
    /// The server's words.
    #[error("{0}")]
    Database(String),
}

/// Has the server compute what each evaluation of the rule would have seen, and what the first ones
/// look back on: at most `limit` samples.
pub async fn read(
    client: &Client,
    rule: &Arc<Rule>,
    span: Span,
    limit: usize,
    progress: impl Fn(Nanos),
) -> Result<VirtualDatabase, BacktestError> {
    let mut database = match rule.kind {
        Kind::NoData { .. } => VirtualDatabase::default(),
        _ => VirtualDatabase::of_windows(),
    };
    let mut samples = 0;
    if let Kind::Flux { query, .. } = &rule.kind {
        let mut at = span.start;
        while at < span.stop {
            progress(at);
            let batch = own(rule, query, at);
            let rows = rows(client, &batch).await?;
            count(&mut samples, rows.len(), limit)?;
            for row in rows {
                database.append(
                    &rule.name,
                    &row.labels,
                    Sample {
                        time: at,
                        value: row.value,
                    },
                );
            }
            at += span.step;
        }
        return Ok(database);
    }
    let field = match rule.kind {
        Kind::NoData { .. } => &rule.selector.field,
        _ => &rule.name,
    };
    let mut start = span.start - look_back(rule, span.step);
    while start < span.stop {
        progress(start.max(span.start));
        let stop = (start + PIECE).min(span.stop);
        let rows = rows(client, &piece(rule, start, stop, span.step)).await?;
        count(&mut samples, rows.len(), limit)?;
        for row in rows {
            let inside = |time: &Nanos| start < *time && *time <= stop;
            let Some(time) = row.time.filter(inside) else {
                continue;
            };
            database.append(
                field,
                &row.labels,
                Sample {
                    time,
                    value: row.value,
                },
            );
        }
        start = stop;
    }
    Ok(database)
}

fn count(samples: &mut usize, more: usize, limit: usize) -> Result<(), BacktestError> {
    *samples += more;
    if *samples > limit {
        return Err(BacktestError::TooMuch(limit));
    }
    Ok(())
}

/// How far the first evaluation looks back.
fn look_back(rule: &Rule, step: Nanos) -> Nanos {
    let baseline = match &rule.kind {
        Kind::Anomaly {
            baseline: Baseline::Trailing { length },
            ..
        } => *length,
        Kind::Anomaly {
            baseline: Baseline::SameHourOfWeek { weeks },
            ..
        } => Nanos::from(*weeks) * WEEK + WEEK,
        _ => 0,
    };
    let window = match rule.kind {
        Kind::NoData { .. } => rule.forget_after,
        _ => rule.kind.window(),
    };
    window.max(step) + rule.offset + baseline
}

fn own(rule: &Arc<Rule>, query: &str, at: Nanos) -> Batch {
    let member = Member {
        rule: Arc::clone(rule),
        purpose: Purpose::Values,
    };
    Batch {
        content: Content::Own {
            text: query.to_owned(),
            at,
        },
        members: vec![member],
    }
}

/// What is read of (start, stop]. The range cuts off the windows at its ends; it is longer by one on
/// both sides, so that those that end inside are whole.
fn piece(rule: &Arc<Rule>, start: Nanos, stop: Nanos, step: Nanos) -> Batch {
    let every = step;
    let (operation, period) = match rule.kind {
        Kind::Threshold { aggregate, .. } if rule.cells().is_some() => {
            let every = rule.cells().unwrap_or(step);
            (Operation::Windows { every, aggregate }, every)
        }
        Kind::Threshold {
            aggregate, window, ..
        }
        | Kind::Anomaly {
            aggregate, window, ..
        } => {
            let sliding = Operation::Sliding {
                every,
                period: window,
                aggregate,
            };
            (sliding, window)
        }
        Kind::Rate { window, .. } => {
            let period = window;
            (Operation::SlidingRate { every, period }, window)
        }
        Kind::Forecast { step: every, .. } => {
            let aggregate = Aggregate::Mean;
            (Operation::Windows { every, aggregate }, every)
        }
        Kind::NoData { .. } | Kind::Flux { .. } => (Operation::NewestOfEach { every }, every),
    };
    let shape = Shape {
        bucket: rule.selector.bucket.clone(),
        measurement: rule.selector.measurement.clone(),
        group_by: match rule.kind {
            // The newest points come per series, and are merged when they are looked at.
            Kind::NoData { .. } => Vec::new(),
            _ => rule.selector.group_by.clone(),
        },
        operation,
        start: start - period,
        stop: stop + period,
        conditions: Vec::new(),
    };
    let member = Member {
        rule: Arc::clone(rule),
        purpose: Purpose::Values,
    };
    Batch {
        content: Content::Shaped(shape),
        members: vec![member],
    }
}

async fn rows(client: &Client, batch: &Batch) -> Result<Vec<Row>, BacktestError> {
    let mut lists = asking::rows(client, batch, &Limits::default())
        .await
        .map_err(|error| BacktestError::Database(error.to_string()))?;
    Ok(lists.swap_remove(0))
}

/// Evaluates the rule at every step, and routes, groups and delivers what it makes of it, while
/// `goes_on` says so.
pub fn replay(
    file: &RuleFile,
    rule: &Arc<Rule>,
    database: &VirtualDatabase,
    span: Span,
    goes_on: impl Fn() -> bool,
) -> Replay {
    let mut slow = Rule::clone(rule);
    slow.every = span.step;
    let rule = Arc::new(slow);
    let file = RuleFile {
        rules: vec![Arc::clone(&rule)],
        ..file.clone()
    };
    let mut alerting = Alerting::new(&file, Snapshot::default(), Vec::new(), span.start);
    let mut replay = Replay::default();
    let mut now = span.start;
    while now <= span.stop && goes_on() {
        if !alerting.evaluator.due(now).is_empty() {
            if alerting.evaluator.needs_baseline(&rule, now) {
                let rows = database.baseline(&rule, now);
                alerting
                    .evaluator
                    .set_baseline(&rule, &rows.iter().collect::<Vec<_>>(), now);
            }
            let rows = database.values(&rule, now);
            let rows: Vec<&Row> = rows.iter().collect();
            if alerting.evaluator.asks_beginnings(&rule, &rows) {
                let beginnings = database.beginnings(&rule, now);
                alerting.evaluator.set_beginnings(&rule, &beginnings);
            }
            alerting.evaluate(&rule, Ok(&rows), now);
        }
        deliver(&mut alerting, &mut replay, now);
        drop(alerting.take_events());
        let evaluation = alerting.evaluator.next_due(now).unwrap_or(span.stop + 1);
        now = alerting
            .next_due(now)
            .map_or(evaluation, |due| due.max(now + 1).min(evaluation));
    }
    replay.series = alerting.evaluator.health(&rule.name).series;
    replay
}

fn deliver(alerting: &mut Alerting, replay: &mut Replay, now: Nanos) {
    loop {
        let deliveries = alerting.tick(now);
        if deliveries.is_empty() {
            return;
        }
        for delivery in deliveries {
            let message = &delivery.message;
            replay.messages.push(Message {
                at: now,
                receiver: delivery.receiver.clone(),
                status: message.status(),
                severity: message.severity().as_str(),
                reason: message.news.to_string(),
                alerts: message
                    .alerts
                    .iter()
                    .map(|alert| format!("{{{}}}", alert.labels))
                    .collect(),
            });
            alerting.delivered(&delivery, "", now);
        }
    }
}
