//! Alerts, silences and rules, through the alerter's API.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use watchpost_core::time::NANOS_PER_DAY;

use crate::alert_span::{self, Wanted};
use crate::alerter::segment;
use crate::csv::Format;
use crate::parameters::Parameters;
use crate::sign_in::Operator;
use crate::state::App;
use crate::time_range::{TimeRange, instant, length};
use crate::{ApiError, Result};

/// Longest comment, in bytes.
const COMMENT_LIMIT: usize = 1_000;

/// Longest stretch of a backtest: the alerter's limit.
const LONGEST_BACKTEST: i64 = 31 * NANOS_PER_DAY;

/// Most matchers of a silence.
const MATCHERS: usize = 50;

/// Reads a JSON body; the error names the member.
pub(super) fn body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| {
        let message = error.to_string();
        // serde quotes the member in backticks.
        let field = message
            .split('`')
            .nth(1)
            .filter(|_| error.is_data())
            .unwrap_or("body")
            .to_owned();
        ApiError::Invalid { field, message }
    })
}

pub(super) async fn list(State(app): State<App>, RawQuery(query): RawQuery) -> Result<Json<Value>> {
    let parameters = Parameters::read(query.as_deref(), &["state", "host"])?;
    let state = match parameters.one("state")? {
        Some(_) => format!(
            "?state={}",
            parameters.choice("state", &["firing", "resolved"])?
        ),
        None => String::new(),
    };
    let mut answer = app.alerter.get(&format!("/api/v1/alerts{state}")).await?;
    if let (Some(host), Some(alerts)) = (parameters.one("host")?, answer["alerts"].as_array_mut()) {
        alerts.retain(|alert| alert["labels"]["host"].as_str() == Some(host));
    }
    Ok(Json(answer))
}

pub(super) async fn history(
    State(app): State<App>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>> {
    let parameters = Parameters::read(
        query.as_deref(),
        &["limit", "rule", "host", "event", "fingerprint"],
    )?;
    let mut path = format!(
        "/api/v1/history?limit={}",
        parameters.integer("limit", 1..=10_000, 100)?
    );
    for name in ["rule", "host", "event", "fingerprint"] {
        if let Some(value) = parameters.one(name)? {
            path.extend(["&", name, "="]);
            path.extend(form_urlencoded::byte_serialize(value.as_bytes()));
        }
    }
    Ok(Json(app.alerter.get(&path).await?))
}

/// When alerts fired, from the history in the database: known also while the alerter is away.
pub(super) async fn spans(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response> {
    let known = ["start", "stop", "range", "host", "rule", "format"];
    let parameters = Parameters::read(query.as_deref(), &known)?;
    let format = Format::read(&parameters, &headers)?;
    let now = crate::now();
    let range = TimeRange::read(&parameters, now, NANOS_PER_DAY)?;
    let wanted = Wanted {
        range,
        host: parameters.one("host")?,
        rule: parameters.one("rule")?,
    };
    let spans = match app.database.kind().runs_flux() {
        true => alert_span::list(&app.database, &wanted, now).await?,
        false => alert_span::list_of_alerter(&app.alerter, &wanted, now).await?,
    };
    Ok(format.respond(|| json!({ "spans": spans }), || alert_span::rows(&spans)))
}

pub(super) async fn explain(
    State(app): State<App>,
    Path(fingerprint): Path<String>,
) -> Result<Json<Value>> {
    Ok(Json(
        app.alerter
            .get(&format!("/api/v1/explain/{}", segment(&fingerprint)))
            .await?,
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAcknowledgement {
    #[serde(default)]
    comment: String,
    #[serde(default, rename = "for")]
    length: Option<String>,
}

pub(super) async fn acknowledge(
    Operator(who): Operator,
    State(app): State<App>,
    Path(fingerprint): Path<String>,
    bytes: Bytes,
) -> Result<Json<Value>> {
    let new: NewAcknowledgement = body(&bytes)?;
    bounded("comment", &new.comment)?;
    let mut asked = json!({ "owner": who.name, "comment": new.comment });
    if let Some(text) = new.length.filter(|text| !text.is_empty()) {
        length("for", &text)?;
        asked["for"] = json!(text);
    }
    let path = format!("/api/v1/alerts/{}/acknowledgement", segment(&fingerprint));
    Ok(Json(
        app.alerter
            .change(Method::POST, &path, Some(&asked))
            .await?,
    ))
}

pub(super) async fn unacknowledge(
    _: Operator,
    State(app): State<App>,
    Path(fingerprint): Path<String>,
) -> Result<Json<Value>> {
    let path = format!("/api/v1/alerts/{}/acknowledgement", segment(&fingerprint));
    Ok(Json(app.alerter.change(Method::DELETE, &path, None).await?))
}

pub(super) async fn silences(
    State(app): State<App>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>> {
    let parameters = Parameters::read(query.as_deref(), &["expired"])?;
    let expired = parameters.truth("expired", false)?;
    Ok(Json(
        app.alerter
            .get(&format!("/api/v1/silences?expired={expired}"))
            .await?,
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSilence {
    matchers: Vec<String>,
    comment: String,
    #[serde(rename = "for")]
    length: Option<String>,
    starts_at: Option<String>,
    ends_at: Option<String>,
}

pub(super) async fn silence(
    Operator(who): Operator,
    State(app): State<App>,
    bytes: Bytes,
) -> Result<(StatusCode, Json<Value>)> {
    let new: NewSilence = body(&bytes)?;
    if new.matchers.is_empty() || new.matchers.len() > MATCHERS {
        return Err(ApiError::invalid(
            "matchers",
            format!("a silence has 1 to {MATCHERS} matchers, such as host=\"web-1\""),
        ));
    }
    if new.comment.trim().is_empty() {
        return Err(ApiError::invalid(
            "comment",
            "say why: it is shown with the silence",
        ));
    }
    bounded("comment", &new.comment)?;
    let mut asked =
        json!({ "matchers": new.matchers, "createdBy": who.name, "comment": new.comment });
    match (&new.length, &new.ends_at) {
        (Some(text), None) => {
            length("for", text)?;
            asked["for"] = json!(text);
        }
        (None, Some(_)) => {}
        _ => {
            return Err(ApiError::invalid(
                "for",
                "a silence needs either for or ends_at",
            ));
        }
    }
    for (name, member, text) in [
        ("starts_at", "startsAt", &new.starts_at),
        ("ends_at", "endsAt", &new.ends_at),
    ] {
        if let Some(text) = text {
            let time = instant(name, text, crate::now())?;
            asked[member] = json!(watchpost_core::time::format_rfc3339(time));
        }
    }
    let answer = app
        .alerter
        .change(Method::POST, "/api/v1/silences", Some(&asked))
        .await?;
    Ok((StatusCode::CREATED, Json(answer)))
}

fn bounded(field: &str, text: &str) -> Result<()> {
    if text.len() > COMMENT_LIMIT {
        return Err(ApiError::invalid(
            field,
            format!("has more than {COMMENT_LIMIT} bytes"),
        ));
    }
    Ok(())
}

pub(super) async fn expire(
    _: Operator,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    let path = format!("/api/v1/silences/{}", segment(&id));
    Ok(Json(app.alerter.change(Method::DELETE, &path, None).await?))
}

pub(super) async fn rules(State(app): State<App>) -> Result<Json<Value>> {
    Ok(Json(app.alerter.get("/api/v1/rules").await?))
}

/// Replays a rule over stored history: how often it would have paged.
pub(super) async fn backtest(
    _: Operator,
    State(app): State<App>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>> {
    let parameters = Parameters::read(query.as_deref(), &["start", "stop", "range", "step"])?;
    let range = TimeRange::read(&parameters, crate::now(), 7 * NANOS_PER_DAY)?;
    if range.length() > LONGEST_BACKTEST {
        return Err(ApiError::invalid("range", "at most 31 days at once"));
    }
    let mut path = format!(
        "/api/v1/rules/{}/backtest?from={}&to={}",
        segment(&name),
        watchpost_core::time::format_rfc3339(range.start),
        watchpost_core::time::format_rfc3339(range.stop),
    );
    if let Some(step) = parameters.one("step")? {
        length("step", step)?;
        path.push_str(&format!("&step={step}"));
    }
    Ok(Json(app.alerter.backtest(&path).await?))
}

pub(super) async fn rule(State(app): State<App>, Path(name): Path<String>) -> Result<Json<Value>> {
    Ok(Json(
        app.alerter
            .get(&format!("/api/v1/rules/{}", segment(&name)))
            .await?,
    ))
}
