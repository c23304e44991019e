//! Compares, window by window, what a tier holds with what it was made from.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use watchpost_client::query::Query;
use watchpost_client::{Client, flux_text};
use watchpost_core::catalogue::{
    self, Kind, MEASUREMENT, MEASUREMENT_DAILY, MEASUREMENT_HOURLY, METRICS,
};
use watchpost_core::csv::Table;
use watchpost_core::time;

use crate::error::{Doing, Result};

/// A lower tier and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Tier {
    /// Hours, made from the raw points.
    Hourly,
    /// Days, made from the hours.
    Daily,
}

/// The buckets of the tiers, as the platform names them.
#[derive(Debug, Clone)]
pub struct Buckets {
    pub source: String,
    pub target: String,
}

/// A window of a host's field in which the tiers differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// Start of the window, RFC 3339.
    pub window: String,
    pub host: String,
    pub field: String,
    /// Points in the source.
    pub source: i64,
    /// Points that the lower tier says it was made from.
    pub target: i64,
}

type Counts = BTreeMap<(i64, String, String), i64>;

/// A query counts a day (of raw points) or a month (of hours), so that it stays small on the server.
const DAY: i64 = 86_400_000_000_000;
const MONTH: i64 = 30 * DAY;

/// A day of a thousand hosts takes a while to count.
const QUERY_TIMEOUT: Duration = Duration::from_secs(600);

/// Every gap in `[from, to)`, in the order of time. Both are whole windows.
///
/// # Errors
/// The server's.
pub async fn find(
    client: &Client,
    tier: Tier,
    buckets: &Buckets,
    from: i64,
    to: i64,
) -> Result<Vec<Gap>> {
    let step = match tier {
        Tier::Hourly => DAY,
        Tier::Daily => MONTH,
    };
    let mut gaps = Vec::new();
    let mut start = from;
    while start < to {
        let stop = start.saturating_add(step).min(to);
        gaps.append(&mut find_part(client, tier, buckets, start, stop).await?);
        start = stop;
    }
    Ok(gaps)
}

async fn find_part(
    client: &Client,
    tier: Tier,
    buckets: &Buckets,
    from: i64,
    to: i64,
) -> Result<Vec<Gap>> {
    let range = format!(
        "range(start: {}, stop: {})",
        flux_text::time(from),
        flux_text::time(to)
    );
    let (source, target) = (&buckets.source, &buckets.target);
    let (every, has, made) = match tier {
        Tier::Hourly => (
            "1h",
            count(client, source, &range, MEASUREMENT, "1h", Points::Raw).await?,
            MEASUREMENT_HOURLY,
        ),
        Tier::Daily => (
            "1d",
            of_tier(client, source, &range, MEASUREMENT_HOURLY, "1d").await?,
            MEASUREMENT_DAILY,
        ),
    };
    Ok(compare(
        &has,
        &of_tier(client, target, &range, made, every).await?,
    ))
}

/// Gauges must have been made from as many points as there are; of a counter a tier keeps the last
/// value, so it can only tell whether there is one.
fn compare(source: &Counts, target: &Counts) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for (key, points) in source {
        let found = target.get(key).copied().unwrap_or(0);
        let (window, host, field) = key;
        let whole = match is_counter(field) {
            true => found > 0,
            false => found == *points,
        };
        if !whole {
            gaps.push(Gap {
                window: time::format_rfc3339(*window),
                host: host.clone(),
                field: field.clone(),
                source: *points,
                target: found,
            });
        }
    }
    gaps
}

/// What is counted in a window.
#[derive(Clone, Copy)]
enum Points {
    /// The points of every number.
    Raw,
    /// The points that a tier says its gauges were made from.
    Counted,
    /// The last values of the counters.
    Last,
}

impl Points {
    /// What a tier appends to the names of such fields.
    fn suffix(self) -> &'static str {
        match self {
            Points::Raw => "",
            Points::Counted => "_count",
            Points::Last => "_last",
        }
    }
}

async fn of_tier(
    client: &Client,
    bucket: &str,
    range: &str,
    measurement: &str,
    every: &str,
) -> Result<Counts> {
    let mut all = count(client, bucket, range, measurement, every, Points::Counted).await?;
    all.append(&mut count(client, bucket, range, measurement, every, Points::Last).await?);
    Ok(all)
}

/// By window, host and field of the catalogue.
async fn count(
    client: &Client,
    bucket: &str,
    range: &str,
    measurement: &str,
    every: &str,
    points: Points,
) -> Result<Counts> {
    let (filter, function) = match points {
        Points::Raw => ("types.isNumeric(v: r._value)", "count"),
        Points::Counted => ("r._field =~ /_count$/", "sum"),
        Points::Last => ("r._field =~ /_last$/", "count"),
    };
    let text = format!(
        "import \"types\"\n\
         from(bucket: {}) |> {range} |> filter(fn: (r) => r._measurement == {})\n\
         |> filter(fn: (r) => {filter})\n\
         |> aggregateWindow(every: {every}, fn: {function}, createEmpty: false, timeSrc: \"_start\")\n\
         |> group(columns: [\"_time\", \"host\", \"_field\"]) |> sum()",
        flux_text::string(bucket),
        flux_text::string(measurement),
    );
    let what = || format!("counting windows of {every} in {bucket:?}");
    let tables = client
        .query(&Query::new(text).timeout(QUERY_TIMEOUT))
        .await
        .doing(what)?;
    let rows = tables.iter().flat_map(Table::rows);
    let counts = rows.filter_map(|row| {
        let field = row.str("_field")?.strip_suffix(points.suffix())?.to_owned();
        let host = row.str("host").unwrap_or_default().to_owned();
        Some(((row.time("_time")?, host, field), row.i64("_value")?))
    });
    Ok(counts.collect())
}

fn is_counter(field: &str) -> bool {
    catalogue::metric(field).is_some_and(|it| it.kind == Kind::Counter)
}

/// A regular expression that fits the catalogue's counters and nothing else.
#[must_use]
pub fn counters_pattern() -> String {
    let names = METRICS
        .iter()
        .filter(|it| it.kind == Kind::Counter)
        .map(|it| it.name);
    format!("^({})$", names.collect::<Vec<_>>().join("|"))
}
