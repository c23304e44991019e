//! Rules, the status of the whole, and test messages.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};
use watchpost_core::time::format_rfc3339;

use super::access::MayChange;
use super::error::ApiError;
use super::extract::Parameters;
use super::{Server, views};
use crate::alert::SECOND;
use crate::rule_files;
use crate::rules::definition::Rule;
use crate::trouble::Component;

/// Series of a rule that one answer lists.
const SERIES_LIMIT: usize = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleFilter {
    /// Only rules of this field.
    field: Option<String>,
}

pub(super) async fn list(
    State(server): State<Server>,
    Parameters(filter): Parameters<RuleFilter>,
) -> Result<Json<Value>, ApiError> {
    let kind = server.client.config().kind;
    let rules = server.desk.ask(move |alerting, _, now| {
        let wanted = |rule: &&Arc<Rule>| {
            let field = filter.field.as_deref();
            field.is_none_or(|field| rule.selector.field == field)
        };
        let rules = alerting.evaluator.rules().iter().filter(wanted);
        rules
            .map(|rule| views::rule(alerting, rule, kind, now))
            .collect::<Vec<_>>()
    });
    Ok(Json(json!({ "rules": rules.await? })))
}

/// One rule with its series.
pub(super) async fn show(
    State(server): State<Server>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let (wanted, kind) = (name.clone(), server.client.config().kind);
    let found = server.desk.ask(move |alerting, _, now| {
        let rule = alerting
            .evaluator
            .rules()
            .iter()
            .find(|rule| rule.name == wanted)?;
        let mut view = views::rule(alerting, rule, kind, now);
        view["queries"] = views::query_texts(rule, kind, now);
        let series = alerting.evaluator.series(&rule.name).take(SERIES_LIMIT);
        view["seriesList"] = series.map(|(_, series)| views::series(series)).collect();
        Some(view)
    });
    found
        .await?
        .map(Json)
        .ok_or_else(|| ApiError::NotFound(format!("rule {name}")))
}

pub(super) async fn status(State(server): State<Server>) -> Result<Json<Value>, ApiError> {
    let status = server.desk.ask(|alerting, file, now| {
        let (alerts, groups, waiting) = alerting.dispatcher.sizes();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "now": format_rfc3339(now),
            "dispatching": alerting.may_dispatch(),
            "alerts": alerts,
            "groups": groups,
            "waitingMessages": waiting,
            "rules": alerting.evaluator.rules().len(),
            "ruleFile": {
                "path": file.files.file,
                "own": rule_files::own_files(&file.files),
                "loadedAt": format_rfc3339(file.loaded_at),
                "error": file.error,
                "triedAt": format_rfc3339(file.tried_at),
            },
            "troubles": alerting.troubles().iter(now).map(|(component, since, why)| json!({
                "component": component.to_string(), "since": format_rfc3339(since), "reason": why,
                "forSeconds": now.saturating_sub(since) / SECOND,
            })).collect::<Vec<_>>(),
        })
    });
    Ok(Json(status.await?))
}

/// Asks the loop to send a test message; the answer says what the receiver said.
pub(super) async fn test_receiver(
    _: MayChange,
    State(server): State<Server>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let wanted = name.clone();
    let settings = server
        .desk
        .ask(move |_, file, _| file.content.receivers.get(&wanted).cloned())
        .await?;
    let settings = settings.ok_or_else(|| ApiError::NotFound(format!("receiver {name}")))?;
    let message = crate::receivers::test_message(&name, crate::clock::now());
    let result = crate::receivers::send(&settings, &message, &server.surroundings).await;
    // It is as good a trial as any message.
    let failed = result.as_ref().err().map(|failure| failure.reason.clone());
    let tell = server.desk.ask(move |alerting, _, now| {
        alerting.trouble(Component::Receiver { name }, failed, now);
    });
    tell.await?;
    Ok(Json(match result {
        Ok(taken) => {
            json!({ "delivered": true, "answer": taken.answer, "failed": taken.failed })
        }
        Err(failure) => {
            json!({ "delivered": false, "retry": failure.retry, "answer": failure.reason })
        }
    }))
}
