//! Silences: listed, made, changed, ended.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};
use watchpost_core::time::format_rfc3339;

use super::filter::Filter;
use super::{Answer, Body, MayChange, Refusal};
use crate::alert::Nanos;
use crate::api::error::ApiError;
use crate::api::{Server, read_time, silences};
use crate::matcher::Matcher;
use crate::pipeline::silence::Silence;

pub(in crate::api) async fn list(State(server): State<Server>, filter: Filter) -> Answer {
    let silences = server.desk.ask(move |alerting, _, now| {
        let silences = alerting.dispatcher.silences().iter();
        let wanted = silences.filter(|silence| filter.takes_silence(silence));
        wanted.map(|found| gettable(found, now)).collect::<Vec<_>>()
    });
    Ok(Json(json!(silences.await?)))
}

fn gettable(silence: &Silence, now: Nanos) -> Value {
    json!({
        "id": silence.id,
        "status": { "state": silence.state(now) },
        "matchers": silence.matchers,
        "startsAt": format_rfc3339(silence.starts_at),
        "endsAt": format_rfc3339(silence.ends_at),
        "updatedAt": format_rfc3339(silence.updated_at),
        "createdBy": silence.created_by,
        "comment": silence.comment,
    })
}

pub(in crate::api) async fn show(State(server): State<Server>, Path(id): Path<String>) -> Answer {
    let wanted = id.clone();
    let found = server.desk.ask(move |alerting, _, now| {
        alerting
            .dispatcher
            .silences()
            .get(&wanted)
            .map(|found| gettable(found, now))
    });
    found
        .await?
        .map(Json)
        .ok_or_else(|| Refusal::from(ApiError::NotFound(format!("silence {id}"))))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct PostableSilence {
    #[serde(default)]
    id: String,
    matchers: Vec<Matcher>,
    starts_at: String,
    ends_at: String,
    created_by: String,
    comment: String,
}

pub(in crate::api) async fn set(
    _: MayChange,
    State(server): State<Server>,
    Body(posted): Body<PostableSilence>,
) -> Answer {
    let silence = Silence {
        id: posted.id,
        matchers: posted.matchers,
        starts_at: read_time(&posted.starts_at)?,
        ends_at: read_time(&posted.ends_at)?,
        created_by: posted.created_by,
        comment: posted.comment,
        updated_at: 0,
        recurring: Vec::new(),
    };
    Ok(Json(
        json!({ "silenceID": silences::set(&server, silence).await? }),
    ))
}

pub(in crate::api) async fn expire(
    MayChange(may_change): MayChange,
    State(server): State<Server>,
    Path(id): Path<String>,
) -> Answer {
    match silences::end(may_change, &server, id).await {
        // It has ended already, which is what was asked for.
        Ok(()) | Err(ApiError::Ended(_)) => Ok(Json(json!({}))),
        Err(error) => Err(error.into()),
    }
}
