//! The busiest processes of a host at a moment.

use std::collections::BTreeMap;

use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Map, Value, json};
use watchpost_core::catalogue::MEASUREMENT;
use watchpost_core::time::{NANOS_PER_SECOND, format_rfc3339};
use watchpost_query::{Ask, Matcher, Question, Range};

use crate::csv::{Format, Rows};
use crate::parameters::Parameters;
use crate::state::App;
use crate::tier::Tier;
use crate::time_range::instant;
use crate::{ApiError, Result};

/// How far before the moment a process may have been seen: the slow collectors' interval, three times.
const LOOK_BACK: i64 = 30 * NANOS_PER_SECOND;

/// Most processes of one answer; the agent sends fewer.
const LIMIT: usize = 100;

const COLUMNS: [&str; 8] = [
    "process",
    "process_pid",
    "process_instances",
    "process_cpu_percent",
    "process_memory_bytes",
    "process_memory_percent",
    "process_io_read_bytes",
    "process_io_write_bytes",
];

pub(super) async fn list(
    State(app): State<App>,
    Path(host): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response> {
    let parameters = Parameters::read(query.as_deref(), &["at", "by", "limit", "format"])?;
    answer(&app, &host, &parameters, &headers).await
}

/// The same for a host whose name proxies or browsers would change in a path.
pub(super) async fn list_named(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response> {
    let known = ["host", "at", "by", "limit", "format"];
    let parameters = Parameters::read(query.as_deref(), &known)?;
    let host = parameters.required("host")?;
    answer(&app, host, &parameters, &headers).await
}

async fn answer(
    app: &App,
    host: &str,
    parameters: &Parameters,
    headers: &HeaderMap,
) -> Result<Response> {
    let format = Format::read(parameters, headers)?;
    let now = crate::now();
    let at = instant("at", parameters.one("at")?.unwrap_or("now"), now)?;
    let by = match parameters.choice("by", &["cpu", "memory", "io"])? {
        "memory" => ["process_memory_bytes", ""],
        "io" => ["process_io_read_bytes", "process_io_write_bytes"],
        _ => ["process_cpu_percent", ""],
    };
    let limit = parameters.integer("limit", 1..=LIMIT, 20)?;
    if now - at > app.database.retention.0[Tier::Raw as usize] {
        return Err(ApiError::invalid(
            "at",
            "lies before what the raw tier keeps; processes are kept there alone",
        ));
    }
    let processes = read(app, host, at).await?;
    let mut processes: Vec<Value> = processes.into_values().map(Value::Object).collect();
    let size =
        |process: &Value| -> f64 { by.iter().filter_map(|field| process[*field].as_f64()).sum() };
    processes.sort_by(|a, b| size(b).total_cmp(&size(a)));
    processes.truncate(limit);
    let document = || json!({ "host": host, "at": format_rfc3339(at), "processes": processes });
    Ok(format.respond(document, || {
        let mut rows = Rows::new(COLUMNS);
        rows.rows = processes
            .iter()
            .map(|process| COLUMNS.map(|name| process[name].clone()).to_vec())
            .collect();
        rows
    }))
}

async fn read(app: &App, host: &str, at: i64) -> Result<BTreeMap<String, Map<String, Value>>> {
    let bucket = app.database.bucket(Tier::Raw);
    let of_host = vec![Matcher::equal("host", host), Matcher::present("process")];
    let every: [&str; 0] = [];
    let question = Question::new(
        bucket,
        MEASUREMENT,
        Range::new(at - LOOK_BACK, at + 1),
        Ask::Newest,
    )
    .select(every, of_host)
    .with_tags(["process"]);
    let mut found: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for series in app.database.ask(&question).await?.series {
        let (process, field) = (series.label("process"), &*series.field);
        let Some(point) = series.points.last() else {
            continue;
        };
        let Some(value) = point.value.as_f64() else {
            continue;
        };
        let entry = found.entry(process.to_owned()).or_default();
        entry.insert("process".to_owned(), json!(process));
        entry.insert(
            field.to_owned(),
            point
                .value
                .as_i64()
                .map_or(json!(value), |whole| json!(whole)),
        );
    }
    Ok(found)
}
