//! The older single-host tool's contract, whose scripts go on working: `/metrics` and
//! `/metrics/aggregate`, minutes ago, its field names; now for many hosts and with bounds.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Map, Value, json};
use watchpost_core::catalogue::{LEGACY_FIELDS, MEASUREMENT, legacy_cpu_field};
use watchpost_core::time::{format_rfc3339, parse_rfc3339};
use watchpost_query::{self as query, Ask, Matcher, Question, Range};

use crate::csv::{Format, Rows};
use crate::metric::{Choice, Series};
use crate::parameters::Parameters;
use crate::series::{Request, fetch};
use crate::state::App;
use crate::tier::{Tier, step_for};
use crate::time_range::TimeRange;
use crate::{ApiError, Result};

/// Rows of one answer, unless asked for fewer.
const ROWS: usize = 1_000;

/// Most rows of one answer.
const MOST_ROWS: usize = 10_000;

/// Rows of the raw tier: one a host and second, `_time`, `host` and the older tool's fields.
pub(super) async fn rows(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response> {
    let parameters = Parameters::read(
        query.as_deref(),
        &["start", "end", "host", "limit", "cursor", "format"],
    )?;
    let format = Format::read(&parameters, &headers)?;
    let limit = parameters.integer("limit", 1..=MOST_ROWS, ROWS)?;
    let mut range = TimeRange::read_minutes_ago(&parameters, crate::now())?;
    let after = parameters.one("cursor")?.map(cursor).transpose()?;
    if let Some((time, _)) = &after {
        range.start = range.start.max(*time);
    }
    let mut found = BTreeMap::new();
    if range.start < range.stop {
        let host = parameters.one("host")?;
        let question = question(app.database.bucket(Tier::Raw), range, host, limit + 1);
        for series in &app.database.ask(&question).await?.series {
            for point in &series.points {
                take(&mut found, series, point);
            }
        }
    }
    if let Some(after) = &after {
        found.retain(|place, _| place > after);
    }
    let more = found.len() > limit;
    let kept: Vec<((i64, String), Map<String, Value>)> = found.into_iter().take(limit).collect();
    let next = kept
        .last()
        .filter(|_| more)
        .map(|((time, host), _)| format!("{}~{host}", format_rfc3339(*time)));
    let rows: Vec<Value> = kept
        .into_iter()
        .map(|(_, row)| Value::Object(row))
        .collect();
    let mut response = format.respond(|| json!(rows), || table(&rows));
    if let Some(next) = next {
        let encoded: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
        if let Ok(value) = encoded.parse() {
            response.headers_mut().insert("x-next-cursor", value);
        }
    }
    Ok(response)
}

fn cursor(text: &str) -> Result<(i64, String)> {
    let parts = text.split_once('~');
    let read = parts.and_then(|(time, host)| Some((parse_rfc3339(time).ok()?, host.to_owned())));
    read.ok_or_else(|| ApiError::invalid("cursor", "is not the value of an X-Next-Cursor header"))
}

/// Each series gives at most as many rows as the answer has, so what is read is bounded.
fn question(bucket: &str, range: TimeRange, host: Option<&str>, rows: usize) -> Question {
    let range = Range::new(range.start, range.stop);
    let mut matchers = vec![Matcher::absent("interface")];
    matchers.extend(host.map(|host| Matcher::equal("host", host)));
    Question::new(bucket, MEASUREMENT, range, Ask::Rows { limit: Some(rows) })
        .select(LEGACY_FIELDS.map(|legacy| legacy.metric), matchers)
        .with_tags(["host", "cpu", "device"])
}

/// Adds a value to the row of its time and host; devices are summed.
fn take(
    found: &mut BTreeMap<(i64, String), Map<String, Value>>,
    series: &query::Series,
    point: &query::Point,
) {
    let (Some(time), Some(value)) = (point.time, point.value.as_f64()) else {
        return;
    };
    let field = &*series.field;
    let host = series.label("host").to_owned();
    let name = match series.labels.get("cpu") {
        Some(cpu) => legacy_cpu_field(cpu),
        None => LEGACY_FIELDS
            .iter()
            .find(|legacy| legacy.metric == field)
            .map(|legacy| legacy.name.to_owned()),
    };
    let Some(name) = name else { return };
    let entry = found
        .entry((time, host))
        .or_insert_with_key(|(time, host)| {
            let mut row = Map::new();
            row.insert("_time".to_owned(), json!(format_rfc3339(*time)));
            row.insert("host".to_owned(), json!(host));
            row
        });
    let before = entry
        .get(&name)
        .and_then(Value::as_f64)
        .filter(|_| series.labels.contains_key("device"));
    entry.insert(name, number(value + before.unwrap_or_default(), point));
}

/// Counters are whole numbers, and stay so.
fn number(value: f64, point: &query::Point) -> Value {
    match point.value.as_i64() {
        Some(_) => json!(value as i64),
        None => json!(value),
    }
}

fn table(rows: &[Value]) -> Rows {
    let mut columns = vec!["_time".to_owned(), "host".to_owned()];
    for name in rows.iter().filter_map(Value::as_object).flat_map(Map::keys) {
        if !columns.contains(name) {
            columns.push(name.clone());
        }
    }
    let mut table = Rows::new(columns);
    for row in rows {
        table.rows.push(
            table
                .columns
                .iter()
                .map(|name| row[name.as_str()].clone())
                .collect(),
        );
    }
    table
}

/// The average of a metric over the range, of one host or over all; of a counter, of its rate.
pub(super) async fn aggregate(
    State(app): State<App>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>> {
    let parameters = Parameters::read(query.as_deref(), &["metric", "start", "end", "host"])?;
    let name = parameters.required("metric")?;
    let choice = known(name)?;
    let now = crate::now();
    let range = TimeRange::read_minutes_ago(&parameters, now)?;
    let host = parameters.one("host")?.map(str::to_owned);
    let request = Request {
        choice,
        hosts: host.iter().cloned().collect(),
        range,
        step: step_for(range, 1),
        // With counts, so that the mean of windows is the mean of the points.
        band: true,
        only: None,
    };
    let answer = fetch(&app.database, &request, now).await?;
    let points = || answer.series.iter().flat_map(|line| &line.points);
    let weight: f64 = points().map(|point| point.weight).sum();
    let average = (weight > 0.0).then(|| {
        points()
            .map(|point| point.value * point.weight)
            .sum::<f64>()
            / weight
    });
    Ok(Json(json!({
        "metric": name,
        "host": host,
        "start": format_rfc3339(range.start),
        "end": format_rfc3339(range.stop),
        "average": average,
        "unit": request.choice.unit(),
        "series": answer.series.len(),
    })))
}

/// One of the older tool's names.
fn known(name: &str) -> Result<Choice> {
    let is_core = matches!(
        Choice::find("metric", name, false),
        Ok(Choice {
            series: Series::Core(_),
            ..
        })
    );
    if is_core || LEGACY_FIELDS.iter().any(|legacy| legacy.name == name) {
        return Choice::find("metric", name, false);
    }
    let names = LEGACY_FIELDS.map(|legacy| legacy.name).join(", ");
    let message =
        format!("{name:?} is not a metric here; there are {names} and cpu_usage_1 to cpu_usage_N");
    Err(ApiError::invalid("metric", message))
}
