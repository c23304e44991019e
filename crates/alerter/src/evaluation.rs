//! One round of evaluation: the queries of the rules that are due, and their answers.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use watchpost_client::Client;
use watchpost_client::ask::Limits;

use crate::alert::Nanos;
use crate::answering::QueryFailure;
use crate::asking;
use crate::dialect::shape::{Batch, Member, Purpose, batches, beginnings};
use crate::rules::definition::Rule;
use crate::rules::sample::Row;

/// Queries on the way at once: enough to hide latency, few enough to leave the server to others.
const CONCURRENT_QUERIES: usize = 4;
/// Most rows of one answer. 64 selectors of 10,000 series still fit.
const ROW_LIMIT: usize = 2_000_000;

/// The rows for one purpose of one rule, or why there are none.
#[derive(Debug)]
pub struct Answer {
    pub rule: Arc<Rule>,
    pub purpose: Purpose,
    pub rows: Result<Vec<Row>, QueryFailure>,
    /// Since when its series exist, where that was asked for.
    pub beginnings: Option<Vec<Row>>,
}

/// Asks since when the series of an answer exist. Where that fails they count as old: a page too many is
/// better than none.
pub async fn with_beginnings(client: Client, mut answer: Answer, now: Nanos) -> Answer {
    let batch = beginnings(&answer.rule, now);
    let found = query(&client, &batch).await;
    let found = found.inspect_err(|error| {
        tracing::warn!(rule = answer.rule.name, %error, "it is not known since when its series exist");
    });
    answer.beginnings = Some(
        found
            .map(|mut lists| lists.swap_remove(0))
            .unwrap_or_default(),
    );
    answer
}

/// Runs the queries of a round and hands over each rule's answer as soon as it is whole. Baselines
/// come before the values that are compared with them.
pub async fn run(
    client: Client,
    rules: Vec<Arc<Rule>>,
    baselines: Vec<Arc<Rule>>,
    now: Nanos,
    mut hand_over: impl FnMut(Vec<Answer>),
) {
    if !baselines.is_empty() {
        // The same hour of several weeks is several queries, one answer.
        let mut merged: BTreeMap<String, Answer> = BTreeMap::new();
        query_all(&client, batches(&[], &baselines, now), |answers| {
            for answer in answers {
                match merged.get_mut(&answer.rule.name) {
                    None => drop(merged.insert(answer.rule.name.clone(), answer)),
                    Some(known) => join(&mut known.rows, answer.rows),
                }
            }
        })
        .await;
        hand_over(merged.into_values().collect());
    }
    query_all(&client, batches(&rules, &[], now), hand_over).await;
}

fn join(known: &mut Result<Vec<Row>, QueryFailure>, more: Result<Vec<Row>, QueryFailure>) {
    match (known.as_mut(), more) {
        (Ok(rows), Ok(more)) => rows.extend(more),
        (Ok(_), Err(error)) => *known = Err(error),
        (Err(_), _) => {}
    }
}

async fn query_all(client: &Client, batches: Vec<Batch>, mut hand_over: impl FnMut(Vec<Answer>)) {
    let allowed = Arc::new(Semaphore::new(CONCURRENT_QUERIES));
    let mut queries = JoinSet::new();
    let mut members = HashMap::new();
    for batch in batches {
        let (client, allowed) = (client.clone(), Arc::clone(&allowed));
        let asked = batch.members.clone();
        let task = queries.spawn(async move {
            let _permit = allowed.acquire().await;
            answer(&client, batch).await
        });
        members.insert(task.id(), asked);
    }
    while let Some(joined) = queries.join_next_with_id().await {
        match joined {
            Ok((_, answers)) => hand_over(answers),
            // Every rule gets its answer, or it would be waited for for ever.
            Err(error) => {
                let asked = members.remove(&error.id()).unwrap_or_default();
                let failure = QueryFailure {
                    reason: format!("its query ended early: {error}"),
                    unavailable: false,
                };
                let failed = |member: Member| Answer {
                    rule: member.rule,
                    purpose: member.purpose,
                    rows: Err(failure.clone()),
                    beginnings: None,
                };
                hand_over(asked.into_iter().map(failed).collect());
            }
        }
    }
}

/// The answers of a batch. One that the server refuses is asked again rule by rule, so that a
/// wrong rule (a field of text, say) costs only itself.
async fn answer(client: &Client, batch: Batch) -> Vec<Answer> {
    let error = match query(client, &batch).await {
        Ok(lists) => {
            let answers = batch.members.into_iter().zip(lists);
            return answers
                .map(|(member, rows)| Answer {
                    rule: member.rule,
                    purpose: member.purpose,
                    rows: Ok(rows),
                    beginnings: None,
                })
                .collect();
        }
        Err(error) => error,
    };
    let alone = batch.members.len() == 1;
    let mut answers = Vec::new();
    for member in batch.members {
        let single = Batch {
            content: batch.content.clone(),
            members: vec![member.clone()],
        };
        let rows = if alone || error.is_of_the_server() {
            Err(failure(&error))
        } else {
            query(client, &single)
                .await
                .map(|mut lists| lists.swap_remove(0))
                .map_err(|error| failure(&error))
        };
        answers.push(Answer {
            rule: member.rule,
            purpose: member.purpose,
            rows,
            beginnings: None,
        });
    }
    answers
}

fn failure(error: &watchpost_client::Error) -> QueryFailure {
    QueryFailure {
        reason: error.to_string(),
        unavailable: error.is_of_the_server(),
    }
}

async fn query(client: &Client, batch: &Batch) -> watchpost_client::Result<Vec<Vec<Row>>> {
    let limits = Limits {
        rows: ROW_LIMIT,
        ..Limits::default()
    };
    asking::rows(client, batch, &limits).await
}
