//! Any metric over any hosts: one above the other, or side by side.

use std::collections::BTreeSet;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use minijinja::{Value, context};
use serde_json::json;

use super::fleet::natural;
use super::{Here, metrics, page, shown};
use crate::fleet::Host;
use crate::metric::Choice;
use crate::parameters::Parameters;
use crate::series::answer::Line;
use crate::series::{Request, fetch};
use crate::sign_in::Who;
use crate::state::App;
use crate::tier::step_for;
use crate::time_range::TimeRange;
use crate::{ApiError, Result};

/// Most hosts of one comparison: more lines than that nobody tells apart.
const HOSTS: usize = 50;

/// Hosts of a comparison that names none: as many as colours are told apart.
const FIRST: usize = 8;

/// Points of the table's figures; the charts ask for themselves.
const POINTS: usize = 200;

/// Parameters of the page.
const KNOWN: [&str; 13] = [
    "metric", "hosts", "range", "start", "stop", "view", "each", "pick", "by", "count", "group",
    "shift", "zone",
];

pub(super) async fn show(
    who: Who,
    here: Here,
    State(app): State<App>,
    RawQuery(query): RawQuery,
) -> Response {
    let rendered = render(&app, &here, &who, query.as_deref()).await;
    shown(app, here, who, rendered)
}

async fn render(app: &App, here: &Here, who: &Who, query: Option<&str>) -> Result<Response> {
    let parameters = Parameters::read(query, &KNOWN)?;
    let name = parameters.one("metric")?.unwrap_or("cpu_usage_percent");
    let choice = Choice::find("metric", name, parameters.truth("each", false)?)?;
    let range_text = parameters.one("range")?.unwrap_or("1h").to_owned();
    let view = parameters.choice("view", &["overlay", "multiples", "heat", "table"])?;
    let pick = parameters.choice("pick", &["named", "top", "bottom", "all"])?;
    let by = parameters.choice("by", &["mean", "max", "min", "last"])?;
    let count = parameters.integer("count", 1..=HOSTS, 10)?;
    let shift = parameters.choice("shift", &["none", "1d", "7d"])?;
    let (known, tags) = choices(app);
    let mut hosts = parameters.many("hosts");
    if hosts.is_empty() {
        hosts = app.live.fleet(|fleet| fleet.sample(FIRST));
    }
    if hosts.len() > HOSTS {
        return Err(ApiError::invalid(
            "hosts",
            format!("at most {HOSTS} hosts can be compared"),
        ));
    }
    let now = crate::now();
    let range = TimeRange::read(&parameters, now, 3_600_000_000_000)?;
    let unit = choice.unit();
    // What is picked of all hosts is asked for by the page itself.
    let is_named = pick == "named" && parameters.one("group")?.is_none();
    let (rows, warnings) = match !hosts.is_empty() && is_named {
        true => rows(app, choice, &hosts, range, now).await?,
        false => (Vec::new(), Vec::new()),
    };
    let own = context! {
        title => name,
        active => "compare",
        metric => name,
        metrics => metrics(),
        pick, by, count, shift, tags, group => parameters.one("group")?, is_named,
        hosts, known, unit, rows, view, warnings,
        range => range_text, ranges => super::host::RANGES.to_vec(),
        start => parameters.one("start")?, stop => parameters.one("stop")?,
    };
    page(app, here, Some(who), "compare.html", own)
}

/// The hosts to choose from in natural order, with their tags, and the names of all tags.
fn choices(app: &App) -> (Vec<Value>, Vec<String>) {
    app.live.fleet(|fleet| {
        let mut known: Vec<&Host> = fleet.hosts().collect();
        known.sort_by_cached_key(|host| natural(&host.name));
        let mut tags = BTreeSet::new();
        for host in &known {
            tags.extend(host.tags.keys().cloned());
        }
        let known = known.into_iter().map(
            |host| context! { name => host.name.as_str(), tags => json!(host.tags).to_string() },
        );
        (known.collect(), tags.into_iter().collect())
    })
}

/// The figures of named hosts for the table, and what is to be said about them.
async fn rows(
    app: &App,
    choice: Choice,
    hosts: &[String],
    range: TimeRange,
    now: i64,
) -> Result<(Vec<Value>, Vec<String>)> {
    let request = Request {
        choice,
        hosts: hosts.to_vec(),
        range,
        step: step_for(range, POINTS),
        band: true,
        only: None,
    };
    match fetch(&app.database, &request, now).await {
        Ok(answer) => Ok((answer.series.iter().map(row).collect(), answer.warnings)),
        // The banner tells; the page stays usable.
        Err(ApiError::Database { message, .. }) => Ok((Vec::new(), vec![message])),
        Err(error) => Err(error),
    }
}

fn row(line: &Line) -> Value {
    let weight: f64 = line.points.iter().map(|point| point.weight).sum();
    let sum = line.points.iter().map(|point| point.value * point.weight);
    let (min, max) = (
        line.points.iter().map(|point| point.min),
        line.points.iter().map(|point| point.max),
    );
    context! {
        host => line.host.as_str(),
        tags => line.tags.values().cloned().collect::<Vec<_>>().join(", "),
        mean => sum.sum::<f64>() / weight,
        min => min.fold(f64::INFINITY, f64::min),
        max => max.fold(f64::NEG_INFINITY, f64::max),
        last => line.points.last().map(|point| point.value),
    }
}
