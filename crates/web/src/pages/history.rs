//! Days and months from the lower tiers: the mean, and the band from the least to the greatest value.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use minijinja::{Value, context};
use watchpost_core::time::{NANOS_PER_DAY, NANOS_PER_HOUR, NANOS_PER_MINUTE, format_rfc3339};

use super::{Here, page, shown};
use crate::metric::Choice;
use crate::parameters::Parameters;
use crate::series::answer::{Line, Point};
use crate::series::{Request, fetch};
use crate::sign_in::Who;
use crate::state::App;
use crate::time_range::TimeRange;
use crate::{ApiError, Result};

/// Ranges the page offers.
const RANGES: [&str; 7] = ["1h", "24h", "7d", "30d", "90d", "180d", "1y"];

/// Ranges to begin with and the time between their points: the first that shows a course is taken.
const FIRST: [(&str, i64); 3] = [
    ("30d", NANOS_PER_DAY),
    ("24h", NANOS_PER_HOUR),
    ("1h", NANOS_PER_MINUTE),
];

/// Points that show a course.
const COURSE: usize = 3;

/// Parameters of the page.
const KNOWN: [&str; 6] = ["metric", "host", "range", "start", "stop", "zone"];

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
    let choice = Choice::find("metric", name, false)?;
    let known: Vec<String> = app
        .live
        .fleet(|fleet| fleet.hosts().map(|host| host.name.clone()).collect());
    let host = parameters
        .one("host")?
        .map(str::to_owned)
        .or_else(|| app.live.fleet(|fleet| fleet.sample(1)).pop());
    let now = crate::now();
    let asked = TimeRange::read(&parameters, now, 30 * NANOS_PER_DAY)?;
    let is_free = ["range", "start", "stop"]
        .iter()
        .all(|name| matches!(parameters.one(name), Ok(None)));
    let mut choices = match is_free {
        true => FIRST.to_vec(),
        false => vec![(parameters.one("range")?.unwrap_or("30d"), step(asked))],
    };
    let unit = choice.unit();
    let (mut rows, mut tiers, mut warnings): (Vec<Value>, Vec<Value>, Vec<String>) =
        Default::default();
    let mut shown = choices[0].0;
    while let (Some(host), Some((name, step))) = (&host, pop_first(&mut choices)) {
        shown = name;
        let range = match is_free {
            true => TimeRange {
                start: now - crate::time_range::length("range", name)?,
                stop: now,
            },
            false => asked,
        };
        let request = Request {
            choice: choice.clone(),
            hosts: vec![host.clone()],
            range,
            step,
            band: true,
            only: None,
        };
        match fetch(&app.database, &request, now).await {
            Ok(answer) => {
                let longest = answer.series.iter().map(|line| line.points.len()).max();
                if longest.unwrap_or_default() < COURSE && !choices.is_empty() {
                    continue;
                }
                warnings.extend(answer.warnings);
                let part = |part: &crate::tier::Part| context! { tier => part.tier.name(), start => format_rfc3339(part.range.start), stop => format_rfc3339(part.range.stop) };
                tiers.extend(answer.parts.iter().map(part));
                for line in &answer.series {
                    rows.extend(of_line(line, step));
                }
            }
            Err(ApiError::Database { message, .. }) => warnings.push(message),
            Err(error) => return Err(error),
        }
        break;
    }
    let own = context! {
        title => "History",
        active => "history",
        metric => name,
        metrics => super::metrics(),
        host, known, unit, rows, tiers, warnings,
        range => shown, ranges => RANGES.to_vec(),
        start => parameters.one("start")?, stop => parameters.one("stop")?,
    };
    page(app, here, Some(who), "history.html", own)
}

fn pop_first<T: Copy>(of: &mut Vec<T>) -> Option<T> {
    (!of.is_empty()).then(|| of.remove(0))
}

/// Days, and below a week hours, below some hours minutes.
fn step(range: TimeRange) -> i64 {
    match range.length() {
        length if length > 7 * NANOS_PER_DAY => NANOS_PER_DAY,
        length if length > 6 * NANOS_PER_HOUR => NANOS_PER_HOUR,
        _ => NANOS_PER_MINUTE,
    }
}

/// The rows of a series, the newest first.
fn of_line(line: &Line, step: i64) -> Vec<Value> {
    let tags = line.tags.values().cloned().collect::<Vec<_>>().join(", ");
    let row = |point: &Point| {
        let time = format_rfc3339(point.time);
        let shown = if step == NANOS_PER_DAY {
            time.get(..10).map(str::to_owned)
        } else {
            time.get(..16).map(|time| time.replace('T', " "))
        };
        context! { day => shown, tags => tags.as_str(), mean => point.value, min => point.min, max => point.max }
    };
    line.points.iter().rev().map(row).collect()
}
