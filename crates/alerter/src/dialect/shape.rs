//! Which rules can share a query, whatever the language.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::alert::{Nanos, SECOND};
use crate::rules::baseline;
use crate::rules::definition::{Aggregate, Kind, Rule, Selector};

/// Most selectors that share one query: a filter of hundreds of alternatives is slower than
/// two queries, and the text must stay readable.
pub const SELECTORS_LIMIT: usize = 64;

/// What is computed of the selected points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// One value a series.
    Aggregate(Aggregate),
    /// Mean increase a second; one value a series.
    Rate,
    /// The newest point of a series, for its time.
    Newest,
    /// The oldest point of a series, for its time.
    Oldest,
    /// The newest point of each window of this length, for its time.
    NewestOfEach { every: Nanos },
    /// [`Operation::Rate`] of a window of length `period`, of which one begins every `every`.
    SlidingRate { every: Nanos, period: Nanos },
    /// One value a window of this length.
    Windows { every: Nanos, aggregate: Aggregate },
    /// One value a window of length `period`, of which one begins every `every`.
    Sliding {
        every: Nanos,
        period: Nanos,
        aggregate: Aggregate,
    },
}

impl Operation {
    /// Whether it gives one point of each series, for its time.
    pub fn is_point(self) -> bool {
        matches!(self, Operation::Newest | Operation::Oldest)
    }
}

/// What the rules of one query have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shape {
    pub bucket: String,
    pub measurement: String,
    pub group_by: Vec<String>,
    pub operation: Operation,
    pub start: Nanos,
    pub stop: Nanos,
    /// The conditions, where they must be in the shape: merged series have lost the tags by which
    /// two selectors could be told apart afterwards.
    pub conditions: Vec<String>,
}

/// What the answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Values,
    Baseline,
}

#[derive(Clone, Debug)]
pub struct Member {
    pub rule: Arc<Rule>,
    pub purpose: Purpose,
}

/// Rules that share a query.
#[derive(Clone, Debug)]
pub struct Batch {
    pub content: Content,
    pub members: Vec<Member>,
}

#[derive(Clone, Debug)]
pub enum Content {
    Shaped(Shape),
    /// The query of a `flux` rule, and when it is evaluated.
    Own {
        text: String,
        at: Nanos,
    },
}

/// Puts the rules into as few batches as possible. `baselines` names those rules whose
/// baseline is to be fetched, too.
pub fn batches(rules: &[Arc<Rule>], baselines: &[Arc<Rule>], now: Nanos) -> Vec<Batch> {
    let mut shaped: BTreeMap<Shape, Vec<Member>> = BTreeMap::new();
    let mut batches = Vec::new();
    let mut add = |shape: Shape, rule: &Arc<Rule>, purpose| {
        shaped.entry(shape).or_default().push(Member {
            rule: Arc::clone(rule),
            purpose,
        });
    };
    for rule in rules {
        let stop = now - rule.offset;
        match values(rule) {
            Some((operation, window)) => {
                add(
                    shape(&rule.selector, operation, stop - window, stop),
                    rule,
                    Purpose::Values,
                );
            }
            None => {
                let Kind::Flux { query, .. } = &rule.kind else {
                    continue;
                };
                let member = Member {
                    rule: Arc::clone(rule),
                    purpose: Purpose::Values,
                };
                let content = Content::Own {
                    text: query.clone(),
                    at: now,
                };
                batches.push(Batch {
                    content,
                    members: vec![member],
                });
            }
        }
    }
    for rule in baselines {
        let Kind::Anomaly {
            aggregate,
            window,
            baseline,
            ..
        } = rule.kind
        else {
            continue;
        };
        let operation = Operation::Windows {
            every: window,
            aggregate,
        };
        for (start, stop) in baseline::ranges(baseline, window, now - rule.offset) {
            add(
                shape(&rule.selector, operation, start, stop),
                rule,
                Purpose::Baseline,
            );
        }
    }
    for (shape, members) in shaped {
        batches.extend(members.chunks(SELECTORS_LIMIT).map(|chunk| Batch {
            content: Content::Shaped(shape.clone()),
            members: chunk.to_vec(),
        }));
    }
    batches
}

/// The operation and the window of a rule's values; `None` for a rule with its own query.
fn values(rule: &Rule) -> Option<(Operation, Nanos)> {
    Some(match rule.kind {
        Kind::Threshold {
            aggregate, window, ..
        } if rule.cells().is_some() => {
            let every = rule.cells().unwrap_or(window);
            (Operation::Windows { every, aggregate }, window)
        }
        Kind::Threshold {
            aggregate, window, ..
        }
        | Kind::Anomaly {
            aggregate, window, ..
        } => (Operation::Aggregate(aggregate), window),
        Kind::Rate { window, .. } => (Operation::Rate, window),
        Kind::NoData { .. } => (Operation::Newest, rule.forget_after),
        Kind::Forecast { window, step, .. } => (
            Operation::Windows {
                every: step,
                aggregate: Aggregate::Mean,
            },
            window,
        ),
        Kind::Flux { .. } => return None,
    })
}

/// A series that has a point so long before a window was there when the window began.
const EXISTENCE: Nanos = 48 * 3_600 * SECOND;

/// Asks since when the series of a rule exist.
pub fn beginnings(rule: &Arc<Rule>, now: Nanos) -> Batch {
    let stop = now - rule.offset;
    let start = stop - rule.kind.window() - EXISTENCE;
    let member = Member {
        rule: Arc::clone(rule),
        purpose: Purpose::Values,
    };
    Batch {
        content: Content::Shaped(shape(&rule.selector, Operation::Oldest, start, stop)),
        members: vec![member],
    }
}

fn shape(selector: &Selector, operation: Operation, start: Nanos, stop: Nanos) -> Shape {
    // Single points come per series, and are merged when they are read.
    let merged = !selector.group_by.is_empty() && !operation.is_point();
    let conditions = selector
        .matchers
        .iter()
        .filter(|_| merged)
        .map(ToString::to_string);
    Shape {
        bucket: selector.bucket.clone(),
        measurement: selector.measurement.clone(),
        group_by: if merged {
            selector.group_by.clone()
        } else {
            Vec::new()
        },
        operation,
        start,
        stop,
        conditions: conditions.collect(),
    }
}
