//! Compares, window by window, what a tier holds with what it was made from.

use std::collections::BTreeMap;

use serde::Serialize;
use watchpost_client::query::Query;
use watchpost_client::{Client, flux_text};
use watchpost_core::catalogue::{
    Kind, MEASUREMENT, MEASUREMENT_DAILY, MEASUREMENT_HOURLY, METRICS,
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

/// Every gap in `[from, to)`, in the order of time.
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
    let range = format!(
        "range(start: {}, stop: {})",
        flux_text::time(from),
        flux_text::time(to)
    );
    let (every, source, target) = match tier {
        Tier::Hourly => (
            "1h",
            raw_counts(&buckets.source, &range),
            tier_counts(&buckets.target, &range, MEASUREMENT_HOURLY, "1h"),
        ),
        Tier::Daily => (
            "1d",
            tier_counts(&buckets.source, &range, MEASUREMENT_HOURLY, "1d"),
            tier_counts(&buckets.target, &range, MEASUREMENT_DAILY, "1d"),
        ),
    };
    let source = counts(client, source, || {
        format!("counting {every} windows of the source")
    })
    .await?;
    let target = counts(client, target, || {
        format!("counting {every} windows of the tier")
    })
    .await?;
    Ok(compare(&source, &target))
}

fn compare(source: &Counts, target: &Counts) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for (key, points) in source {
        let found = target.get(key).copied().unwrap_or(0);
        if found != *points {
            let (window, host, field) = key.clone();
            let window = time::format_rfc3339(window);
            gaps.push(Gap {
                window,
                host,
                field,
                source: *points,
                target: found,
            });
        }
    }
    gaps
}

/// Points of the gauges per host, field and hour.
fn raw_counts(bucket: &str, range: &str) -> String {
    format!(
        "import \"types\"\n\
         from(bucket: {}) |> {range} |> filter(fn: (r) => r._measurement == {})\n\
         |> filter(fn: (r) => r._field !~ /{}/)\n\
         |> filter(fn: (r) => types.isNumeric(v: r._value))\n\
         |> aggregateWindow(every: 1h, fn: count, createEmpty: false, timeSrc: \"_start\")\n\
         |> group(columns: [\"_time\", \"host\", \"_field\"]) |> sum()",
        flux_text::string(bucket),
        flux_text::string(MEASUREMENT),
        counters_pattern(),
    )
}

/// The points that a tier says its windows were made from.
fn tier_counts(bucket: &str, range: &str, measurement: &str, every: &str) -> String {
    format!(
        "from(bucket: {}) |> {range} |> filter(fn: (r) => r._measurement == {} and r._field =~ /_count$/)\n\
         |> aggregateWindow(every: {every}, fn: sum, createEmpty: false, timeSrc: \"_start\")\n\
         |> group(columns: [\"_time\", \"host\", \"_field\"]) |> sum()",
        flux_text::string(bucket),
        flux_text::string(measurement),
    )
}

async fn counts(client: &Client, text: String, what: impl FnOnce() -> String) -> Result<Counts> {
    let tables = client.query(&Query::new(text)).await.doing(what)?;
    Ok(tables
        .iter()
        .flat_map(Table::rows)
        .filter_map(|row| {
            let field = row.str("_field")?;
            let host = row.str("host").unwrap_or_default().to_owned();
            Some((
                (
                    row.time("_time")?,
                    host,
                    field.trim_end_matches("_count").to_owned(),
                ),
                row.i64("_value")?,
            ))
        })
        .collect())
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
