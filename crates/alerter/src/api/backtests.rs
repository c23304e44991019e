//! A backtest over HTTP: bounded, one at a time, beside the running rules.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::Value;

use super::Server;
use super::access::MayChange;
use super::error::ApiError;
use super::extract::Parameters;
use crate::alert::{Nanos, SECOND};
use crate::backtest::{self, BacktestError, Span};
use crate::clock::{now, read_moment};
use crate::rule_file::RuleFile;
use crate::rules::definition::Rule;

/// Longest stretch of history: what the raw tier and the hourly tier are asked for in practice. The
/// command line has no such limit.
const LONGEST: Nanos = 31 * 24 * 3_600 * SECOND;
/// Most evaluations: a month of minutes.
const EVALUATIONS_LIMIT: Nanos = 45_000;
/// Most samples held in memory (some 16 bytes each).
const SAMPLES_LIMIT: usize = 4_000_000;
/// Longest time for reading and for replaying.
const TIME_LIMIT: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BacktestQuery {
    /// A time, or a duration from now.
    #[serde(default = "a_week_ago")]
    from: String,
    to: Option<String>,
    step: Option<String>,
}

fn a_week_ago() -> String {
    "-7d".to_owned()
}

/// Needs the token: it changes nothing, but costs the server's and the alerter's time.
pub(super) async fn run(
    _: MayChange,
    State(server): State<Server>,
    Path(name): Path<String>,
    Parameters(query): Parameters<BacktestQuery>,
) -> Result<Json<Value>, ApiError> {
    let _permit = server
        .backtests
        .try_acquire()
        .map_err(|_| ApiError::TooMany("another backtest is running; try again when it is done"))?;
    let file = server
        .desk
        .ask(|_, file, _| Arc::clone(&file.content))
        .await?;
    let found = file.rules.iter().find(|rule| rule.name == name);
    let rule = found
        .ok_or_else(|| ApiError::NotFound(format!("rule {name}")))?
        .clone();
    let asked = query
        .step
        .as_deref()
        .map(super::read_duration)
        .transpose()?;
    let span = span(&query, &rule, asked)?;
    let reading = backtest::read(&server.client, &rule, span, SAMPLES_LIMIT, |_| {});
    let database = tokio::time::timeout(TIME_LIMIT, reading)
        .await
        .map_err(|_| too_long())??;
    replay(file, rule, database, span).await.map(Json)
}

fn span(query: &BacktestQuery, rule: &Rule, asked: Option<Nanos>) -> Result<Span, ApiError> {
    let now = now();
    let moment = |text: &str| read_moment(text, now).map_err(ApiError::BadRequest);
    let start = moment(&query.from)?;
    let stop = query.to.as_deref().map_or(Ok(now), moment)?;
    let length = stop.saturating_sub(start);
    if length <= 0 {
        return Err(ApiError::BadRequest("from must be before to".to_owned()));
    }
    if length > LONGEST {
        return Err(ApiError::BadRequest(
            "at most 31 days at once; `watchpost-alerter backtest` has no such limit".to_owned(),
        ));
    }
    let span = Span::new(rule, start, stop, asked);
    if length / span.step > EVALUATIONS_LIMIT {
        return Err(ApiError::BadRequest(format!(
            "that is more than {EVALUATIONS_LIMIT} evaluations; ask for a longer step"
        )));
    }
    Ok(span)
}

/// On a thread of its own, which gives up when the time is over.
async fn replay(
    file: Arc<RuleFile>,
    rule: Arc<Rule>,
    database: crate::timeline::VirtualDatabase,
    span: Span,
) -> Result<Value, ApiError> {
    let over = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&over);
    let work = tokio::task::spawn_blocking(move || {
        let result = backtest::replay(&file, &rule, &database, span, || {
            !seen.load(Ordering::Relaxed)
        });
        result.report(&rule.name, span)
    });
    let Ok(finished) = tokio::time::timeout(TIME_LIMIT, work).await else {
        over.store(true, Ordering::Relaxed);
        return Err(too_long());
    };
    finished.map_err(|error| ApiError::Database(error.to_string()))
}

fn too_long() -> ApiError {
    ApiError::BadRequest(format!(
        "it takes more than {} s; ask for less history or a longer step",
        TIME_LIMIT.as_secs()
    ))
}

impl From<BacktestError> for ApiError {
    fn from(error: BacktestError) -> ApiError {
        match error {
            BacktestError::TooMuch(_) => ApiError::BadRequest(error.to_string()),
            BacktestError::Database(reason) => ApiError::Database(reason),
        }
    }
}
