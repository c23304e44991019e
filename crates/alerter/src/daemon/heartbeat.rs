//! The heartbeat: a URL hears from us only while collecting, storing, querying and evaluating all
//! work. Whoever listens there tells when it falls silent, even if this whole machine is gone.

use std::time::Duration;

use watchpost_client::Client;
use watchpost_client::ask::Limits;
use watchpost_query::{Ask, Question, Range};
use watchpost_service::shutdown::Shutdown;

use super::desk::Desk;
use crate::alert::Nanos;
use crate::clock::now;
use crate::config::HeartbeatConfig;
use crate::receivers::Surroundings;
use crate::rule_file::RuleFile;
use crate::trouble::Component;

/// A request may take this long.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn start(
    config: &HeartbeatConfig,
    file: &RuleFile,
    client: Client,
    desk: Desk,
    around: &Surroundings,
    shutdown: &Shutdown,
) {
    if config.url.is_empty() {
        return;
    }
    let (config, http, stop) = (config.clone(), around.http.clone(), shutdown.clone());
    let source = file
        .rules
        .iter()
        .find(|rule| !rule.selector.measurement.is_empty());
    let source = source.map(|rule| {
        (
            rule.selector.bucket.clone(),
            rule.selector.measurement.clone(),
        )
    });
    shutdown.spawn(async move {
        while stop
            .unless_requested(tokio::time::sleep(config.interval.get()))
            .await
            .is_some()
        {
            let reason = match broken(&config, source.as_ref(), &client, &desk).await {
                Some(reason) => Some(reason),
                None => ping(&http, &config).await.err(),
            };
            if let Some(reason) = &reason {
                tracing::warn!(reason, "no heartbeat was sent");
            }
            let tell = desk.ask(move |alerting, _, now| {
                alerting.trouble(Component::Heartbeat, reason, now);
            });
            drop(tell.await);
        }
    });
}

async fn ping(http: &reqwest::Client, config: &HeartbeatConfig) -> Result<(), String> {
    let request = http.get(config.url.reveal()).timeout(TIMEOUT);
    let response = request
        .send()
        .await
        .map_err(|error| error.without_url().to_string())?;
    response
        .error_for_status()
        .map(drop)
        .map_err(|error| error.without_url().to_string())
}

/// What does not work, if anything.
async fn broken(
    config: &HeartbeatConfig,
    source: Option<&(String, String)>,
    client: &Client,
    desk: &Desk,
) -> Option<String> {
    let limit = Nanos::try_from(config.interval.get().as_nanos()).unwrap_or(Nanos::MAX);
    let evaluation = desk.ask(move |alerting, _, now| {
        let evaluator = &alerting.evaluator;
        evaluator.rules().iter().find_map(|rule| {
            let health = evaluator.health(&rule.name);
            let late = health
                .last_evaluated
                .is_none_or(|at| now - at > limit.max(3 * rule.every));
            match health.last_error {
                Some(error) => Some(format!("rule {} fails: {error}", rule.name)),
                None => late.then(|| format!("rule {} is not evaluated", rule.name)),
            }
        })
    });
    match evaluation.await {
        Ok(None) => {}
        Ok(Some(reason)) => return Some(reason),
        Err(error) => return Some(error.to_string()),
    }
    let (bucket, measurement) = source?;
    let since = now() - Nanos::try_from(config.data_within.get().as_nanos()).unwrap_or(0);
    let hosts = Ask::TagValues {
        tag: "host".to_owned(),
    };
    let question = Question::new(bucket, measurement, Range::new(since, now()), hosts);
    match client.ask(&question, &Limits::default()).await {
        Ok(answer) if answer.size() > 0 => None,
        Ok(_) => Some(format!("no new data in {bucket}")),
        Err(error) => Some(format!("the database does not answer: {error}")),
    }
}
