//! Series of one metric, and several hosts side by side.

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};
use watchpost_core::time::NANOS_PER_HOUR;

use super::page;
use crate::csv::{Format, Rows};
use crate::metric::Choice;
use crate::parameters::Parameters;
use crate::series::{Request, fetch};
use crate::state::App;
use crate::tier::{Tier, step_at_least, step_for};
use crate::time_range::{TimeRange, length};
use crate::{ApiError, Result};

/// Points per series, unless asked otherwise: as many as a wide chart has pixels.
const POINTS: usize = 1_000;

/// Most points per series.
const MOST_POINTS: usize = 10_000;

/// Most metrics of one batch: a page of charts has some twenty.
const METRICS: usize = 32;

/// Most hosts of one answer; further ones come with the cursor.
pub(super) const HOSTS: usize = 100;

const KNOWN: [&str; 15] = [
    "metric",
    "host",
    "hosts",
    "start",
    "stop",
    "range",
    "resolution",
    "max_points",
    "each",
    "band",
    "tier",
    "limit",
    "cursor",
    "format",
    "download",
];

pub(super) async fn list(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response> {
    answer(&app, query.as_deref(), &headers, false).await
}

/// As [`list`], with the least, the greatest and the mean value of each series.
pub(super) async fn compare(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response> {
    answer(&app, query.as_deref(), &headers, true).await
}

/// Several metrics over one range and the same hosts, as a page of charts wants them:
/// `metrics=cpu_usage_percent,cpu_usage_percent:each,…`.
pub(super) async fn batch(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response> {
    let known: Vec<&str> = KNOWN
        .into_iter()
        .map(|name| if name == "metric" { "metrics" } else { name })
        .filter(|name| !["each", "limit", "cursor"].contains(name))
        .collect();
    let parameters = Parameters::read(query.as_deref(), &known)?;
    let format = Format::read(&parameters, &headers)?;
    let download = parameters.truth("download", false)?;
    let names = parameters.many("metrics");
    if names.is_empty() || names.len() > METRICS {
        let message = format!("{} are named; name 1 to {METRICS}", names.len());
        return Err(ApiError::invalid("metrics", message));
    }
    let now = crate::now();
    let choices = names.iter().map(|name| match name.strip_suffix(":each") {
        Some(name) => Choice::find("metrics", name, true),
        None => Choice::find("metrics", name, false),
    });
    let choices = choices.collect::<Result<Vec<Choice>>>()?;
    let first = read_for(&app, &parameters, choices[0].clone(), now)?.0;
    let requests: Vec<Request> = choices
        .into_iter()
        .map(|choice| Request {
            choice,
            ..first.clone()
        })
        .collect();
    let answers = requests
        .iter()
        .map(|request| fetch(&app.database, request, now));
    let answers = futures_util::future::try_join_all(answers).await?;
    let document = || {
        let documents: Vec<Value> = answers.iter().map(|answer| answer.document()).collect();
        json!({ "answers": documents })
    };
    let rows = || {
        let mut rows = Rows::default();
        answers.iter().for_each(|answer| rows.append(answer.rows()));
        rows
    };
    let mut response = format.respond(document, rows);
    if download {
        save_as(&mut response, "series");
    }
    Ok(response)
}

/// Has a browser save the answer as a file.
fn save_as(response: &mut Response, name: &str) {
    if let Ok(value) = format!("attachment; filename=\"{name}.csv\"").parse() {
        response.headers_mut().insert("content-disposition", value);
    }
}

async fn answer(
    app: &App,
    query: Option<&str>,
    headers: &HeaderMap,
    compare: bool,
) -> Result<Response> {
    let parameters = Parameters::read(query, &KNOWN)?;
    let format = Format::read(&parameters, headers)?;
    let download = parameters.truth("download", false)?;
    let now = crate::now();
    let (request, next) = read(app, &parameters, now)?;
    let answer = fetch(&app.database, &request, now).await?;
    let document = || {
        let mut document = answer.document();
        document["next_cursor"] = json!(next);
        if compare {
            for (line, series) in answer
                .series
                .iter()
                .zip(document["series"].as_array_mut().into_iter().flatten())
            {
                series["summary"] = summary(line);
            }
        }
        document
    };
    let mut response = format.respond(document, || answer.rows());
    let tiers: Vec<&str> = answer.parts.iter().map(|part| part.tier.name()).collect();
    if let Ok(value) = tiers.join(",").parse() {
        response.headers_mut().insert("x-tier", value);
    }
    if download {
        save_as(&mut response, request.choice.metric.name);
    }
    Ok(response)
}

/// Reads what is asked for; without hosts, a page of all of them.
fn read(app: &App, parameters: &Parameters, now: i64) -> Result<(Request, Option<String>)> {
    let each = parameters.truth("each", false)?;
    let choice = Choice::find("metric", parameters.required("metric")?, each)?;
    read_for(app, parameters, choice, now)
}

fn read_for(
    app: &App,
    parameters: &Parameters,
    choice: Choice,
    now: i64,
) -> Result<(Request, Option<String>)> {
    let range = TimeRange::read(parameters, now, NANOS_PER_HOUR)?;
    let step = match (parameters.one("resolution")?, parameters.one("max_points")?) {
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid(
                "max_points",
                "cannot be combined with resolution; keep one",
            ));
        }
        (Some(text), None) => step_at_least(length("resolution", text)?),
        (None, _) => step_for(
            range,
            parameters.integer("max_points", 2..=MOST_POINTS, POINTS)?,
        ),
    };
    if range.length() / step > MOST_POINTS as i64 {
        let message = format!(
            "gives more than {MOST_POINTS} points over this range; make it coarser or the range shorter"
        );
        return Err(ApiError::invalid("resolution", message));
    }
    let only = match parameters.one("tier")? {
        None | Some("auto") => None,
        Some(name) => Some(Tier::from_name(name).ok_or_else(|| {
            ApiError::invalid("tier", format!("{name:?} is none of auto, raw, 1h, 1d"))
        })?),
    };
    let limit = parameters.integer("limit", 1..=HOSTS, HOSTS)?;
    let cursor = parameters.one("cursor")?;
    let (hosts, next) = hosts(app, parameters, cursor, limit)?;
    let band = parameters.truth("band", false)?;
    Ok((
        Request {
            choice,
            hosts,
            range,
            step,
            band,
            only,
        },
        next,
    ))
}

fn hosts(
    app: &App,
    parameters: &Parameters,
    cursor: Option<&str>,
    limit: usize,
) -> Result<(Vec<String>, Option<String>)> {
    // A name may hold a comma, so `host` is taken as it is; `hosts` is a list.
    let mut named: Vec<String> = parameters.many("hosts");
    if let Some(host) = parameters.one("host")? {
        named.push(host.to_owned());
    }
    named.sort();
    named.dedup();
    if named.is_empty() {
        named = app
            .live
            .fleet(|fleet| fleet.hosts().map(|host| host.name.clone()).collect());
    }
    let (hosts, next) = page(named.iter(), |name| name, cursor, limit);
    Ok((hosts.into_iter().cloned().collect(), next))
}

fn summary(line: &crate::series::answer::Line) -> Value {
    let values = line.points.iter().map(|point| point.value);
    let count = line.points.len().max(1) as f64;
    json!({
        "mean": values.clone().sum::<f64>() / count,
        "min": line.points.iter().map(|point| point.min).fold(f64::INFINITY, f64::min),
        "max": line.points.iter().map(|point| point.max).fold(f64::NEG_INFINITY, f64::max),
        "last": line.points.last().map(|point| point.value),
    })
}
