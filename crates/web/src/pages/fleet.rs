//! The fleet at a glance: a row a host.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{RawQuery, State as Extract};
use axum::response::{Html, IntoResponse as _, Response};
use minijinja::value::Serde;
use minijinja::{Value, context};

use super::{Here, shown, text};
use crate::Result;
use crate::fleet::{Ages, Host, State};
use crate::level::Levels;
use crate::live::alerts::{Firing, Severity};
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

/// Rows that a page begins with, the first in its order; its script asks for the rest, so that the first
/// picture of a thousand hosts comes as soon as that of a hundred.
const FIRST_ROWS: usize = 100;

/// The rank of a host without problems.
const CALM: u8 = 9;

/// Longest a rendered page is given out again: a thousand rows cost more to render than to send, and
/// its scripts ask for what is newer.
const KEPT: Duration = Duration::from_secs(1);

/// Pages kept at a time, one for each query and role.
const KEPT_PAGES: usize = 32;

/// Rendered pages with the time they were rendered, by role and query.
#[derive(Default)]
pub(crate) struct Rendered(Mutex<HashMap<String, (Instant, String)>>);

impl Rendered {
    fn get(&self, key: &str) -> Option<String> {
        let pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, page) = pages.get(key)?;
        (at.elapsed() < KEPT).then(|| page.clone())
    }

    fn keep(&self, key: String, page: String) {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pages.retain(|_, (at, _)| at.elapsed() < KEPT);
        if pages.len() < KEPT_PAGES {
            pages.insert(key, (Instant::now(), page));
        }
    }
}

pub(super) async fn show(
    who: Who,
    here: Here,
    Extract(app): Extract<App>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    // What the page shows beside its rows: who is signed in, alerts, what is wrong with the database.
    let (firing, _) = app.live.alerts().count();
    let (revision, problem) = (app.live.revision(), app.live.problem().is_some());
    let key = format!(
        "{revision} {firing} {problem} {} {}\n{query}",
        who.name, who.signed_in
    );
    if let Some(page) = app.rendered.get(&key) {
        return Html(page).into_response();
    }
    match render(&app, &here, &who, &query) {
        Ok(page) => {
            app.rendered.keep(key, page.clone());
            Html(page).into_response()
        }
        Err(error) => shown(app, here, who, Err(error)),
    }
}

/// What the query asks to see, and in which order.
struct Wanted {
    search: String,
    state: String,
    tags: [(&'static str, String); 3],
    sort: &'static str,
    order: &'static str,
    /// Most rows that are rendered.
    rows: usize,
    /// Both the map and the table, or one of them.
    view: &'static str,
    /// Metric that colours the tiles of the map.
    fill: &'static str,
    /// Metric that sizes them; empty: all are of one size.
    size: &'static str,
    /// Tags that group them, the second within the first; empty: none.
    groups: [String; 2],
}

impl Wanted {
    fn read(query: &str) -> Result<Wanted> {
        let known = [
            "q",
            "region",
            "environment",
            "service",
            "state",
            "sort",
            "order",
            "view",
            "fill",
            "size",
            "group",
            "within",
            "zone",
            "rows",
            "wall",
        ];
        let parameters = Parameters::read(Some(query), &known)?;
        let words = [
            "problems", "host", "state", "age", "cpu", "memory", "disk", "load", "received",
            "sent", "alerts",
        ];
        let text = |name: &str| -> Result<String> {
            Ok(parameters.one(name)?.unwrap_or_default().to_owned())
        };
        Ok(Wanted {
            search: text("q")?.to_lowercase(),
            state: text("state")?,
            tags: [
                ("region", text("region")?),
                ("environment", text("environment")?),
                ("service", text("service")?),
            ],
            sort: parameters.choice("sort", &words)?,
            order: parameters.choice("order", &["up", "down"])?,
            rows: match parameters.choice("rows", &["first", "all"])? {
                "all" => usize::MAX,
                _ => FIRST_ROWS,
            },
            view: parameters.choice("view", &["both", "map", "table"])?,
            fill: parameters.choice("fill", &COLUMNS.map(|(.., metric)| metric))?,
            size: match parameters.one("size")? {
                Some(_) => parameters.choice("size", &COLUMNS.map(|(.., metric)| metric))?,
                None => "",
            },
            groups: [text("group")?, text("within")?],
        })
    }

    fn takes(&self, app: &App, host: &Host, now: i64, ages: Ages) -> bool {
        let state = match self.state.as_str() {
            "" => true,
            "alerting" => !app.live.alerts().of(&host.name).is_empty(),
            state => host.state(now, ages).name() == state,
        };
        let tags = self
            .tags
            .iter()
            .all(|(tag, value)| value.is_empty() || host.tags.get(*tag) == Some(value));
        state && tags && host.name.to_lowercase().contains(&self.search)
    }

    fn sort(&self, app: &App, hosts: &mut [&Host]) {
        match self.sort {
            "problems" => {
                let (now, ages, levels) =
                    (crate::now(), app.live.ages(), app.live.alerts().levels());
                hosts.sort_by_cached_key(|host| {
                    let alerts = app.live.alerts().of(&host.name);
                    let rank = rank(host, &alerts, host.state(now, ages), &levels);
                    (rank, natural(&host.name))
                });
            }
            "alerts" => hosts.sort_by_cached_key(|host| {
                let alerts = app.live.alerts().of(&host.name);
                let worst = alerts.first().map(|alert| alert.severity);
                let name = natural(&host.name);
                (worst.is_none(), worst, Reverse(alerts.len()), name)
            }),
            sort => hosts.sort_by(|a, b| compare(a, b, sort)),
        }
        if self.order == "down" {
            hosts.reverse();
        }
    }
}

fn render(app: &App, here: &Here, who: &Who, query: &str) -> Result<String> {
    let wanted = Wanted::read(query)?;
    let (now, ages) = (crate::now(), app.live.ages());
    let (firing, alerter_problem) = app.live.alerts().count();
    let own = app.live.fleet(|fleet| {
        let mut hosts: Vec<&Host> = fleet
            .hosts()
            .filter(|host| wanted.takes(app, host, now, ages))
            .collect();
        wanted.sort(app, &mut hosts);
        let shown = hosts.len();
        hosts.truncate(wanted.rows);
        let count = |name: &str| {
            let states = fleet.hosts().map(|host| host.state(now, ages));
            states.filter(|state| state.name() == name).count()
        };
        let choices = |tag: &str| -> Vec<String> {
            let found: BTreeSet<&String> = fleet
                .hosts()
                .filter_map(|host| host.tags.get(tag))
                .collect();
            found.into_iter().cloned().collect()
        };
        let filter = |(tag, value): &(&'static str, String)| {
            context! { tag => *tag, value => value.as_str(), choices => choices(tag) }
        };
        let columns = COLUMNS.into_iter();
        let columns = columns.map(|(column, heading, metric)| context! { column, heading, metric });
        let mut tags = BTreeSet::new();
        for host in fleet.hosts() {
            tags.extend(host.tags.keys());
        }
        context! {
            title => "Fleet",
            active => "fleet",
            copies => app.live.copies(),
            server => for_agents(&app.config.influx.url),
            total => fleet.hosts().len(),
            online => count("online"),
            late => count("late"),
            offline => count("offline"),
            unknown => count("unknown"),
            firing, alerter_problem, shown,
            hosts => hosts.iter().map(|host| row(app, host, now, ages)).collect::<Vec<_>>(),
            columns => columns.collect::<Vec<_>>(),
            tags => tags.into_iter().cloned().collect::<Vec<String>>(),
            view => wanted.view,
            fill => wanted.fill,
            size => wanted.size,
            groups => wanted.groups,
            filters => wanted.tags.iter().map(filter).collect::<Vec<_>>(),
            search => wanted.search.as_str(),
            state => wanted.state.as_str(),
            sort => wanted.sort,
            order => wanted.order,
        }
    });
    text(app, here, Some(who), "fleet.html", own)
}

/// The database as another host reaches it: loopback is this machine's, whose name there only people know.
fn for_agents(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let own = ["127.0.0.1", "localhost", "[::1]"];
    let port = own.iter().find_map(|it| rest.strip_prefix(it));
    match port.filter(|it| it.is_empty() || it.starts_with([':', '/'])) {
        Some(port) => format!("{scheme}://SERVER{port}"),
        None => url.to_owned(),
    }
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
pub(super) fn natural(name: &str) -> Vec<(u64, &str)> {
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
    let levels = app.live.alerts().levels();
    let cells: Vec<Value> = COLUMNS
        .into_iter()
        .map(|(column, _, metric)| {
            let number = host.values.get(metric).copied();
            let share = number.filter(|_| unit(metric) == "percent");
            let bar = share.map(|share| share.clamp(0.0, 100.0).round());
            context! { column, metric, number, bar, unit => unit(metric), level => levels.of(metric, number) }
        })
        .collect();
    context! {
        name => host.name.as_str(),
        tags => host.tags.clone(),
        tag_text => serde_json::json!(host.tags).to_string(),
        state => host.state(now, ages).name(),
        age => (now - host.time).max(0) / 1_000_000_000,
        time => host.time / 1_000_000,
        since => watchpost_core::time::format_rfc3339(host.time - host.time.rem_euclid(1_000_000_000)),
        cells,
        alerts => Value::from(Serde(app.live.alerts().of(&host.name))),
        spark => spark(&host.spark()),
    }
}

/// How urgent a host is, 0 the most: what fires, how long it has been silent, what is past a level.
/// `assets/fleet.js` ranks alike.
fn rank(host: &Host, alerts: &[Firing], state: State, levels: &Levels) -> u8 {
    let of_alerts = alerts.iter().map(|alert| match alert.severity {
        _ if alert.suppressed => 5,
        Severity::Critical => 0,
        Severity::Warning => 2,
        Severity::Info => 4,
    });
    let of_values =
        host.values
            .iter()
            .map(|(metric, value)| match levels.of(metric, Some(*value)) {
                "critical" => 2,
                "warn" => 3,
                _ => CALM,
            });
    let of_state = match state {
        State::Online => CALM,
        State::Late | State::Unknown => 3,
        // What it last wrote is past.
        State::Offline => return of_alerts.min().unwrap_or(CALM).min(1),
    };
    of_alerts
        .chain(of_values)
        .min()
        .unwrap_or(CALM)
        .min(of_state)
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

#[cfg(test)]
mod tests {
    use super::for_agents;

    #[test]
    fn loopback_is_no_address_for_another_host() {
        for (url, shown) in [
            ("http://127.0.0.1:8086", "http://SERVER:8086"),
            ("https://localhost", "https://SERVER"),
            ("http://localhost.example:1", "http://localhost.example:1"),
            ("https://db.example:8086", "https://db.example:8086"),
        ] {
            assert_eq!(for_agents(url), shown);
        }
    }
}
