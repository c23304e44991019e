//! The fleet at a glance: a row a host.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeSet;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use minijinja::value::Serde;
use minijinja::{Value, context};

use super::{page, shown};
use crate::Result;
use crate::fleet::{Ages, Host};
use crate::parameters::Parameters;
use crate::sign_in::Who;
use crate::state::App;

/// Height of a sparkline's drawing; its width is [`SPARK_STEP`] a point.
const SPARK_HEIGHT: f64 = 24.0;

/// Units of a sparkline's drawing from point to point.
const SPARK_STEP: usize = 2;

/// Column, heading, metric.
const COLUMNS: [(&str, &str, &str); 6] = [
    ("cpu", "CPU", "cpu_usage_percent"),
    ("memory", "Memory", "memory_usage_percent"),
    ("disk", "Disk", "disk_usage_percent"),
    ("load", "Load", "cpu_load_1m"),
    ("received", "Received", "network_bytes_recv"),
    ("sent", "Sent", "network_bytes_sent"),
];

pub(super) async fn show(who: Who, State(app): State<App>, RawQuery(query): RawQuery) -> Response {
    let rendered = render(&app, &who, query.as_deref());
    shown(app, who, rendered)
}

fn render(app: &App, who: &Who, query: Option<&str>) -> Result<Response> {
    let parameters = Parameters::read(
        query,
        &[
            "q",
            "region",
            "environment",
            "service",
            "state",
            "sort",
            "order",
        ],
    )?;
    let words = [
        "host", "state", "age", "cpu", "memory", "disk", "load", "received", "sent", "alerts",
    ];
    let sort = parameters.choice("sort", &words)?;
    let order = parameters.choice("order", &["up", "down"])?;
    let search = parameters.one("q")?.unwrap_or_default().to_lowercase();
    let state = parameters.one("state")?.unwrap_or_default().to_owned();
    let tags = [
        (
            "region",
            parameters.one("region")?.unwrap_or_default().to_owned(),
        ),
        (
            "environment",
            parameters
                .one("environment")?
                .unwrap_or_default()
                .to_owned(),
        ),
        (
            "service",
            parameters.one("service")?.unwrap_or_default().to_owned(),
        ),
    ];
    let (now, ages) = (crate::now(), app.live.ages());
    let (firing, alerter_problem) = app.live.alerts().count();
    let own = app.live.fleet(|fleet| {
        let mut hosts: Vec<&Host> = fleet
            .hosts()
            .filter(|host| host.name.to_lowercase().contains(&search))
            .filter(|host| match state.as_str() {
                "" => true,
                "alerting" => !app.live.alerts().of(&host.name).is_empty(),
                state => host.state(now, ages).name() == state,
            })
            .filter(|host| tags.iter().all(|(tag, value)| value.is_empty() || host.tags.get(tag) == Some(value)))
            .collect();
        match sort {
            "alerts" => hosts.sort_by_cached_key(|host| {
                let alerts = app.live.alerts().of(&host.name);
                let worst = alerts.first().map(|alert| alert.severity);
                (worst.is_none(), worst, Reverse(alerts.len()), natural(&host.name))
            }),
            _ => hosts.sort_by(|a, b| compare(a, b, sort)),
        }
        if order == "down" {
            hosts.reverse();
        }
        let count = |name: &str| fleet.hosts().filter(|host| host.state(now, ages).name() == name).count();
        let choices = |tag: &str| -> Vec<String> {
            let found: BTreeSet<&String> = fleet.hosts().filter_map(|host| host.tags.get(tag)).collect();
            found.into_iter().cloned().collect()
        };
        let columns: Vec<Value> = COLUMNS.into_iter().map(|(column, heading, _)| context! { column, heading }).collect();
        context! {
            title => "Fleet",
            active => "fleet",
            total => fleet.hosts().len(),
            online => count("online"),
            late => count("late"),
            offline => count("offline"),
            firing, alerter_problem,
            hosts => hosts.iter().map(|host| row(app, host, now, ages)).collect::<Vec<_>>(),
            columns,
            filters => tags.iter().map(|(tag, value)| context! { tag => *tag, value => value.as_str(), choices => choices(tag) }).collect::<Vec<_>>(),
            search, state, sort, order,
        }
    });
    page(app, Some(who), "fleet.html", own)
}

fn compare(a: &Host, b: &Host, by: &str) -> Ordering {
    let metric = COLUMNS
        .iter()
        .find(|(column, ..)| *column == by)
        .map(|(_, _, metric)| *metric);
    let order = match (by, metric) {
        ("age" | "state", _) => b.time.cmp(&a.time),
        (_, Some(metric)) => {
            let value = |host: &Host| host.values.get(metric).copied().unwrap_or(-1.0);
            value(a).total_cmp(&value(b))
        }
        _ => Ordering::Equal,
    };
    order.then_with(|| natural(&a.name).cmp(&natural(&b.name)))
}

/// A name as people sort it: its numbers by their size, so that `web-10` comes after `web-9`.
fn natural(name: &str) -> Vec<(u64, &str)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let text = rest.find(|c: char| c.is_ascii_digit());
        let (text, numbered) = rest.split_at(text.unwrap_or(rest.len()));
        let digits = numbered.find(|c: char| !c.is_ascii_digit());
        let (digits, after) = numbered.split_at(digits.unwrap_or(numbered.len()));
        parts.push((0, text));
        parts.push((digits.parse().unwrap_or(u64::MAX), digits));
        rest = after;
    }
    parts
}

fn row(app: &App, host: &Host, now: i64, ages: Ages) -> Value {
    let unit = |metric: &str| match metric {
        "cpu_load_1m" => "",
        metric if metric.starts_with("network") => "bytes/s",
        _ => "percent",
    };
    let cells: Vec<Value> = COLUMNS
        .into_iter()
        .map(|(column, _, metric)| {
            let number = host.values.get(metric).copied();
            let share = number.filter(|_| unit(metric) == "percent");
            let bar = share.map(|share| share.clamp(0.0, 100.0).round());
            context! { column, metric, number, bar, unit => unit(metric), level => level(metric, number) }
        })
        .collect();
    context! {
        name => host.name.as_str(),
        tags => host.tags.clone(),
        state => host.state(now, ages).name(),
        age => (now - host.time).max(0) / 1_000_000_000,
        time => host.time / 1_000_000,
        since => watchpost_core::time::format_rfc3339(host.time - host.time.rem_euclid(1_000_000_000)),
        cells,
        alerts => Value::from(Serde(app.live.alerts().of(&host.name))),
        spark => spark(&host.spark()),
    }
}

/// How alarming a percentage looks; the default rules' thresholds.
pub(super) fn level(metric: &str, number: Option<f64>) -> &'static str {
    let (warn, critical) = match metric {
        "cpu_usage_percent" => (90.0, 95.0),
        "memory_usage_percent" => (85.0, 95.0),
        "disk_usage_percent" => (80.0, 90.0),
        _ => return "",
    };
    match number {
        Some(number) if number >= critical => "critical",
        Some(number) if number >= warn => "warn",
        _ => "",
    }
}

/// The outline of an area in a drawing of [`SPARK_HEIGHT`], 0 to 100 % over its height; the newest
/// point stands at the right. `assets/fleet.js` draws the same.
fn spark(values: &[f64]) -> String {
    let Some(first) = crate::fleet::SPARK_POINTS.checked_sub(values.len().max(1)) else {
        return String::new();
    };
    if values.is_empty() {
        return String::new();
    }
    let mut path = format!("M{} {SPARK_HEIGHT:.0}", first * SPARK_STEP);
    for (place, value) in values.iter().enumerate() {
        let y = SPARK_HEIGHT - 1.0 - value.clamp(0.0, 100.0) / 100.0 * (SPARK_HEIGHT - 2.0);
        path.push_str(&format!("L{} {y:.0}", (first + place) * SPARK_STEP));
    }
    path.push_str(&format!("V{SPARK_HEIGHT:.0}z"));
    path
}
