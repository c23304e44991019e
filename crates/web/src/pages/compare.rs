//! Any metric over any hosts: one above the other, or side by side.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use minijinja::{Value, context};
use watchpost_core::catalogue::METRICS;

use super::{Here, page, shown};
use crate::metric::Choice;
use crate::parameters::Parameters;
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
    let parameters = Parameters::read(
        query,
        &["metric", "hosts", "range", "start", "stop", "view", "each"],
    )?;
    let name = parameters.one("metric")?.unwrap_or("cpu_usage_percent");
    let choice = Choice::find("metric", name, parameters.truth("each", false)?)?;
    let range_text = parameters.one("range")?.unwrap_or("1h").to_owned();
    let view = parameters.choice("view", &["overlay", "multiples"])?;
    let known: Vec<String> = app
        .live
        .fleet(|fleet| fleet.hosts().map(|host| host.name.clone()).collect());
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
    let mut warnings = Vec::new();
    let mut rows: Vec<Value> = Vec::new();
    if !hosts.is_empty() {
        let step = step_for(range, POINTS);
        let request = Request {
            choice: choice.clone(),
            hosts: hosts.clone(),
            range,
            step,
            band: true,
            only: None,
        };
        match fetch(&app.database, &request, now).await {
            Ok(answer) => {
                warnings.extend(answer.warnings);
                rows.extend(answer.series.iter().map(|line| {
                    let weight: f64 = line.points.iter().map(|point| point.weight).sum();
                    let sum: f64 = line.points.iter().map(|point| point.value * point.weight).sum();
                    context! {
                        host => line.host.as_str(),
                        tags => line.tags.values().cloned().collect::<Vec<_>>().join(", "),
                        mean => sum / weight,
                        min => line.points.iter().map(|point| point.min).fold(f64::INFINITY, f64::min),
                        max => line.points.iter().map(|point| point.max).fold(f64::NEG_INFINITY, f64::max),
                        last => line.points.last().map(|point| point.value),
                    }
                }));
            }
            // The banner tells; the page stays usable.
            Err(ApiError::Database { message, .. }) => warnings.push(message),
            Err(error) => return Err(error),
        }
    }
    let own = context! {
        title => "Compare",
        active => "compare",
        metric => name,
        metrics => METRICS.iter().map(|metric| metric.name).collect::<Vec<_>>(),
        hosts, known, unit, rows, view, warnings,
        range => range_text, ranges => super::host::RANGES.to_vec(),
        start => parameters.one("start")?, stop => parameters.one("stop")?,
    };
    page(app, here, Some(who), "compare.html", own)
}
