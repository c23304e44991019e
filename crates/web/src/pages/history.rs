//! Days and months from the lower tiers: the mean, and the band from the least to the greatest value.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use minijinja::{Value, context};
use watchpost_core::catalogue::METRICS;
use watchpost_core::time::{NANOS_PER_DAY, format_rfc3339};

use super::{page, shown};
use crate::metric::Choice;
use crate::parameters::Parameters;
use crate::series::{Request, fetch};
use crate::sign_in::Who;
use crate::state::App;
use crate::time_range::TimeRange;
use crate::{ApiError, Result};

/// Ranges the page offers.
const RANGES: [&str; 5] = ["7d", "30d", "90d", "180d", "1y"];

pub(super) async fn show(who: Who, State(app): State<App>, RawQuery(query): RawQuery) -> Response {
    let rendered = render(&app, &who, query.as_deref()).await;
    shown(app, who, rendered)
}

async fn render(app: &App, who: &Who, query: Option<&str>) -> Result<Response> {
    let parameters = Parameters::read(query, &["metric", "host", "range", "start", "stop"])?;
    let name = parameters.one("metric")?.unwrap_or("cpu_usage_percent");
    let choice = Choice::find("metric", name, false)?;
    let known: Vec<String> = app
        .live
        .fleet(|fleet| fleet.hosts().map(|host| host.name.clone()).collect());
    let host = parameters
        .one("host")?
        .map(str::to_owned)
        .or_else(|| known.first().cloned());
    let now = crate::now();
    let range = TimeRange::read(&parameters, now, 30 * NANOS_PER_DAY)?;
    let unit = choice.unit();
    let (mut rows, mut tiers, mut warnings): (Vec<Value>, Vec<Value>, Vec<String>) =
        Default::default();
    if let Some(host) = &host {
        let request = Request {
            choice: choice.clone(),
            hosts: vec![host.clone()],
            range,
            step: NANOS_PER_DAY,
            band: true,
            only: None,
        };
        match fetch(&app.database, &request, now).await {
            Ok(answer) => {
                warnings.extend(answer.warnings);
                let part = |part: &crate::tier::Part| context! { tier => part.tier.name(), start => format_rfc3339(part.range.start), stop => format_rfc3339(part.range.stop) };
                tiers.extend(answer.parts.iter().map(part));
                for line in &answer.series {
                    let tags = line.tags.values().cloned().collect::<Vec<_>>().join(", ");
                    rows.extend(line.points.iter().rev().map(|point| {
                        let day = format_rfc3339(point.time);
                        context! { day => day.get(..10), tags => tags.as_str(), mean => point.value, min => point.min, max => point.max }
                    }));
                }
            }
            Err(ApiError::Database { message, .. }) => warnings.push(message),
            Err(error) => return Err(error),
        }
    }
    let own = context! {
        title => "History",
        active => "history",
        metric => name,
        metrics => METRICS.iter().map(|metric| metric.name).collect::<Vec<_>>(),
        host, known, unit, rows, tiers, warnings,
        range => parameters.one("range")?.unwrap_or("30d"), ranges => RANGES.to_vec(),
        start => parameters.one("start")?, stop => parameters.one("stop")?,
    };
    page(app, Some(who), "history.html", own)
}
