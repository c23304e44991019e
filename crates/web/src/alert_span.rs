//! When alerts fired, from what the alerter wrote into its history: spans that charts shade.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};
use watchpost_client::flux_text;
use watchpost_core::csv::{Row, Table};
use watchpost_core::time::{
    NANOS_PER_DAY, NANOS_PER_MILLI, NANOS_PER_SECOND, format_rfc3339, parse_rfc3339,
};

use crate::Result;
use crate::alerter::Alerter;
use crate::csv::Rows;
use crate::database::Database;
use crate::time_range::TimeRange;

/// The measurement of the alerter's history.
const MEASUREMENT: &str = "alerts";

/// States that begin, go on with or end a span.
const STATES: [&str; 3] = ["firing", "resolved", "forgotten"];

/// How far before a range the beginning of what still fires in it is looked for.
const LOOK_BACK: i64 = 7 * NANOS_PER_DAY;

/// Most events that are read: the newest.
const EVENT_LIMIT: usize = 5_000;

/// Which spans are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'w> {
    /// Those that touch this range.
    pub range: TimeRange,
    /// Of one host, and those of no host.
    pub host: Option<&'w str>,
    /// Of one rule.
    pub rule: Option<&'w str>,
}

/// One alert, from its beginning to its end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AlertSpan {
    /// The rule.
    pub rule: String,
    /// The worst severity it had.
    pub severity: String,
    /// The host; empty if it is about none.
    pub host: String,
    /// The alert.
    pub fingerprint: String,
    /// Beginning, RFC 3339.
    pub start: String,
    /// Beginning, milliseconds since 1970.
    pub start_ms: i64,
    /// End, RFC 3339; none while it fires.
    pub stop: Option<String>,
    /// End, milliseconds since 1970.
    pub stop_ms: Option<i64>,
    /// The value at its last change.
    pub value: Option<f64>,
    /// The level that value is past.
    pub threshold: Option<f64>,
}

/// One change of an alert, as the history has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// When.
    pub at: i64,
    /// `firing`, `resolved` or `forgotten`.
    pub state: String,
    /// The rule.
    pub rule: String,
    /// `warning` or `critical`; empty at the end.
    pub severity: String,
    /// The host.
    pub host: String,
    /// The alert.
    pub fingerprint: String,
    /// Nanoseconds since it began to fire.
    pub fired_for: Option<i64>,
    /// The value.
    pub value: Option<f64>,
    /// The level.
    pub threshold: Option<f64>,
}

/// Reads the spans of a range, the oldest first. A bucket that does not exist has none.
pub(crate) async fn list(
    database: &Database,
    wanted: &Wanted<'_>,
    now: i64,
) -> Result<Vec<AlertSpan>> {
    let text = text(&database.alerts_bucket, wanted);
    let tables = match database.query(text).await {
        Err(error) if error.is_missing_bucket() => return Ok(Vec::new()),
        tables => tables?,
    };
    let changes = tables.iter().flat_map(Table::rows).filter_map(read);
    Ok(spans(changes.collect(), wanted.range, now))
}

/// The spans of a range by the alerter's own history, where the server keeps no texts.
pub(crate) async fn list_of_alerter(
    alerter: &Alerter,
    wanted: &Wanted<'_>,
    now: i64,
) -> Result<Vec<AlertSpan>> {
    if !alerter.is_configured() {
        return Ok(Vec::new());
    }
    let path = format!("/api/v1/history?event=transition&limit={EVENT_LIMIT}");
    let answer = alerter.get(&path).await?;
    let events = answer["events"].as_array();
    let changes = events.into_iter().flatten().filter_map(of_event);
    let range = wanted.range.start - LOOK_BACK..wanted.range.stop;
    let is_wanted = |change: &Change| {
        range.contains(&change.at)
            && STATES.contains(&change.state.as_str())
            && wanted
                .host
                .is_none_or(|host| change.host.is_empty() || change.host == host)
            && wanted.rule.is_none_or(|rule| change.rule == rule)
    };
    Ok(spans(
        changes.filter(is_wanted).collect(),
        wanted.range,
        now,
    ))
}

fn of_event(event: &Value) -> Option<Change> {
    let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    let time = |name: &str| parse_rfc3339(event[name].as_str()?).ok();
    let at = time("at")?;
    Some(Change {
        at,
        state: text("state"),
        rule: text("rule"),
        severity: text("severity"),
        host: text("host"),
        fingerprint: text("fingerprint"),
        fired_for: time("since").map(|since| at - since),
        value: event["value"].as_f64(),
        threshold: event["threshold"].as_f64(),
    })
}

/// The query for the changes.
pub fn text(bucket: &str, wanted: &Wanted<'_>) -> String {
    let mut lines = vec![
        format!("from(bucket: {})", flux_text::string(bucket)),
        format!(
            "    |> range(start: {}, stop: {})",
            flux_text::time(wanted.range.start - LOOK_BACK),
            flux_text::time(wanted.range.stop)
        ),
        format!(
            "    |> filter(fn: (r) => {} and {} and {})",
            flux_text::equals("_measurement", MEASUREMENT),
            flux_text::equals("event", "transition"),
            flux_text::one_of("state", STATES)
        ),
    ];
    if let Some(host) = wanted.host {
        lines.push(format!(
            "    |> filter(fn: (r) => {} or not exists r[\"host\"])",
            flux_text::equals("host", host)
        ));
    }
    if let Some(rule) = wanted.rule {
        lines.push(format!(
            "    |> filter(fn: (r) => {})",
            flux_text::equals("rule", rule)
        ));
    }
    lines.push(
        "    |> filter(fn: (r) => r[\"_field\"] != \"message\" and r[\"_field\"] != \"reason\")"
            .to_owned(),
    );
    lines.push("    |> pivot(rowKey: [\"_time\"], columnKey: [\"_field\"], valueColumn: \"_value\")\n    |> group()\n    |> sort(columns: [\"_time\"], desc: true)".to_owned());
    lines.push(format!("    |> limit(n: {EVENT_LIMIT})\n"));
    lines.join("\n")
}

fn read(row: Row<'_>) -> Option<Change> {
    let text = |name: &str| row.str(name).unwrap_or_default().to_owned();
    let seconds = row.f64("duration_seconds").filter(|length| *length >= 0.0);
    Some(Change {
        at: row.time("_time")?,
        state: text("state"),
        rule: text("rule"),
        severity: text("severity"),
        host: text("host"),
        fingerprint: text("fingerprint"),
        fired_for: seconds.map(|seconds| (seconds * NANOS_PER_SECOND as f64) as i64),
        value: row.f64("value"),
        threshold: row.f64("threshold"),
    })
}

/// The spans that these changes make and that touch the range, the oldest first.
pub fn spans(mut changes: Vec<Change>, range: TimeRange, now: i64) -> Vec<AlertSpan> {
    changes.sort_by_key(|change| change.at);
    let mut open: BTreeMap<String, (i64, Change)> = BTreeMap::new();
    let mut found = Vec::new();
    for change in changes {
        let begun = change.at - change.fired_for.unwrap_or(0);
        if change.state == "firing" {
            let (_, last) = open
                .entry(change.fingerprint.clone())
                .or_insert_with(|| (begun, change.clone()));
            let worst = last.severity == "critical" && change.severity != "critical";
            let severity = if worst {
                last.severity.clone()
            } else {
                change.severity.clone()
            };
            *last = Change { severity, ..change };
            continue;
        }
        match open.remove(&change.fingerprint) {
            Some((start, last)) => found.push((start, Some(change.at), last)),
            // It began before what was read; its length tells when.
            None if change.fired_for.is_some() => found.push((begun, Some(change.at), change)),
            None => {}
        }
    }
    found.extend(open.into_values().map(|(start, last)| (start, None, last)));
    found.retain(|(start, stop, _)| {
        *start < range.stop && stop.unwrap_or(now.max(range.stop)) >= range.start
    });
    found.sort_by_key(|(start, ..)| *start);
    found.into_iter().map(span).collect()
}

fn span((start, stop, last): (i64, Option<i64>, Change)) -> AlertSpan {
    AlertSpan {
        rule: last.rule,
        severity: last.severity,
        host: last.host,
        fingerprint: last.fingerprint,
        start: format_rfc3339(start),
        start_ms: start / NANOS_PER_MILLI,
        stop: stop.map(format_rfc3339),
        stop_ms: stop.map(|stop| stop / NANOS_PER_MILLI),
        value: last.value,
        threshold: last.threshold,
    }
}

/// As a table.
pub fn rows(spans: &[AlertSpan]) -> Rows {
    let columns = [
        "rule",
        "severity",
        "host",
        "fingerprint",
        "start",
        "stop",
        "value",
        "threshold",
    ];
    let mut rows = Rows::new(columns);
    let cells = |span: &AlertSpan| {
        let document = json!(span);
        columns.map(|name| document[name].clone()).to_vec()
    };
    rows.rows = spans.iter().map(cells).collect();
    rows
}
