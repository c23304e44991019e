//! Replays a rule over stored history with the code that runs live, and counts the messages.

use std::sync::Arc;

use watchpost_client::Client;
use watchpost_client::query::Query;

use crate::alert::{Nanos, SECOND};
use crate::alerting::Alerting;
use crate::dialect::flux;
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
}

/// The step of data and evaluations: asked for, or a minute, or the rule's own if that is longer.
pub fn resolution(rule: &Rule, asked: Option<Nanos>) -> Nanos {
    asked.unwrap_or(DEFAULT_STEP.max(rule.every)).max(SECOND)
}

/// Reads the rule's history, one value a step, and what the first evaluations look back on.
///
/// Errors: the server's, as text.
pub async fn read(
    client: &Client,
    rule: &Arc<Rule>,
    span: Span,
    progress: impl Fn(Nanos),
) -> Result<VirtualDatabase, String> {
    let mut database = VirtualDatabase::default();
    if let Kind::Flux { query, .. } = &rule.kind {
        let mut at = span.start;
        while at < span.stop {
            progress(at);
            let batch = own(rule, query, at);
            for row in rows(client, &batch, Some(at)).await? {
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
    let mut start = span.start - look_back(rule);
    while start < span.stop {
        progress(start.max(span.start));
        let stop = (start + PIECE).min(span.stop);
        for row in rows(client, &windows(rule, start, stop, span.step), None).await? {
            let Some(time) = row.time else { continue };
            database.append(
                &rule.selector.field,
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

/// How far the first evaluation looks back.
fn look_back(rule: &Rule) -> Nanos {
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
    rule.kind.window() + rule.offset + baseline
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

fn windows(rule: &Arc<Rule>, start: Nanos, stop: Nanos, step: Nanos) -> Batch {
    let aggregate = match rule.kind {
        Kind::Threshold { aggregate, .. } | Kind::Anomaly { aggregate, .. } => aggregate,
        Kind::Rate { .. } | Kind::NoData { .. } => Aggregate::Last,
        Kind::Forecast { .. } | Kind::Flux { .. } => Aggregate::Mean,
    };
    // A count of counts would be wrong, a sum of sums is right.
    let aggregate = if aggregate == Aggregate::Count {
        Aggregate::Sum
    } else {
        aggregate
    };
    let shape = Shape {
        bucket: rule.selector.bucket.clone(),
        measurement: rule.selector.measurement.clone(),
        group_by: Vec::new(),
        operation: Operation::Windows {
            every: step,
            aggregate,
        },
        start,
        stop,
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

async fn rows(client: &Client, batch: &Batch, now: Option<Nanos>) -> Result<Vec<Row>, String> {
    let mut query = Query::new(flux::text(batch));
    if let Some(now) = now {
        query = query.now(now);
    }
    let tables = client
        .query(&query)
        .await
        .map_err(|error| error.to_string())?;
    Ok(flux::assign(batch, &tables).swap_remove(0))
}

/// Evaluates the rule at every step, and routes, groups and delivers what it makes of it.
pub fn replay(file: &RuleFile, rule: &Arc<Rule>, database: &VirtualDatabase, span: Span) -> Replay {
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
    while now <= span.stop {
        if !alerting.evaluator.due(now).is_empty() {
            if alerting.evaluator.needs_baseline(&rule, now) {
                let rows = database.baseline(&rule, now);
                alerting
                    .evaluator
                    .set_baseline(&rule, &rows.iter().collect::<Vec<_>>(), now);
            }
            let rows = database.values(&rule, now);
            alerting.evaluate(&rule, Ok(&rows.iter().collect::<Vec<_>>()), now);
        }
        deliver(&mut alerting, &mut replay, now);
        drop(alerting.take_events());
        let evaluation = alerting.evaluator.next_due(now).unwrap_or(span.stop + 1);
        now = alerting
            .next_due()
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
