//! Silences: made, listed, expired.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::access::MayChange;
use super::error::ApiError;
use super::extract::{Body, Parameters};
use super::{Server, read_duration, read_time, views};
use crate::alert::Nanos;
use crate::alerting::Alerting;
use crate::event::Event;
use crate::matcher::Matcher;
use crate::pipeline::mute::TimeWindow;
use crate::pipeline::silence::{Silence, SilenceState};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SilenceFilter {
    /// Also those that have expired.
    #[serde(default)]
    expired: bool,
}

pub(super) async fn list(
    State(server): State<Server>,
    Parameters(filter): Parameters<SilenceFilter>,
) -> Result<Json<Value>, ApiError> {
    let silences = server.desk.ask(move |alerting, _, now| {
        let shown =
            |silence: &&Silence| filter.expired || silence.state(now) != SilenceState::Expired;
        let found = alerting.dispatcher.silences().iter().filter(shown);
        found
            .map(|silence| views::silence(silence, now))
            .collect::<Vec<_>>()
    });
    Ok(Json(json!({ "silences": silences.await? })))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SilenceBody {
    /// Changes this silence; a new one without it.
    #[serde(default)]
    id: String,
    /// `host="web-1"`, `alertname=~"cpu.*"`.
    matchers: Vec<String>,
    created_by: String,
    comment: String,
    starts_at: Option<String>,
    ends_at: Option<String>,
    /// Instead of `endsAt`: `2h` from its start.
    #[serde(rename = "for")]
    length: Option<String>,
    /// Holds only inside these windows.
    #[serde(default)]
    recurring: Vec<TimeWindow>,
}

pub(super) async fn create(
    _: MayChange,
    State(server): State<Server>,
    Body(body): Body<SilenceBody>,
) -> Result<Json<Value>, ApiError> {
    let matchers = body.matchers.iter().map(|text| Matcher::list(text));
    let matchers = matchers.collect::<Result<Vec<_>, _>>();
    let matchers = matchers.map_err(|error| ApiError::BadRequest(error.to_string()))?;
    let matchers = matchers.concat();
    let now = crate::clock::now();
    let starts_at = body
        .starts_at
        .as_deref()
        .map(read_time)
        .transpose()?
        .unwrap_or(now);
    let ends_at = match (&body.ends_at, &body.length) {
        (Some(end), None) => read_time(end)?,
        (None, Some(length)) => starts_at.saturating_add(read_duration(length)?),
        _ => {
            return Err(ApiError::BadRequest(
                "a silence needs either endsAt or for".to_owned(),
            ));
        }
    };
    let silence = Silence {
        id: body.id,
        matchers,
        starts_at,
        ends_at,
        created_by: body.created_by,
        comment: body.comment,
        updated_at: now,
        recurring: body.recurring,
    };
    Ok(Json(json!({ "id": set(&server, silence).await? })))
}

/// Sets a silence and notes it in the history.
pub(super) async fn set(server: &Server, silence: Silence) -> Result<String, ApiError> {
    let fresh_id = fresh_id();
    let made = server.desk.ask(move |alerting, _, now| {
        let state = if silence.id.is_empty() {
            "created"
        } else {
            "changed"
        };
        let event = Event::silence(&silence, state, now);
        let id = alerting.dispatcher.set_silence(silence, &fresh_id, now)?;
        alerting.record(event);
        Ok::<_, crate::pipeline::silence::SilenceError>(id)
    });
    Ok(made.await??)
}

/// A random id in the form of a UUID (version 4), which Alertmanager's clients expect.
fn fresh_id() -> String {
    let mut bytes = fastrand::u128(..).to_be_bytes();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

pub(super) async fn expire(
    may_change: MayChange,
    State(server): State<Server>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    end(may_change, &server, id.clone()).await?;
    Ok(Json(json!({ "expired": id })))
}

/// Ends a silence and notes it in the history.
pub(super) async fn end(_: MayChange, server: &Server, id: String) -> Result<(), ApiError> {
    let ended = server
        .desk
        .ask(move |alerting, _, now| expire_now(alerting, &id, now));
    Ok(ended.await??)
}

fn expire_now(
    alerting: &mut Alerting,
    id: &str,
    now: Nanos,
) -> Result<(), crate::pipeline::silence::SilenceError> {
    alerting.dispatcher.expire_silence(id, now)?;
    if let Some(silence) = alerting.dispatcher.silences().get(id) {
        let event = Event::silence(silence, "expired", now);
        alerting.record(event);
    }
    Ok(())
}
