//! How the server itself is: its own metrics, cardinality, failed tasks, the age of each host's
//! newest point; as points of the measurement `platform_health`.

use watchpost_client::query::Query;
use watchpost_client::{Client, flux_text};
use watchpost_core::point::{FieldValue, Point};

use crate::error::{Doing, Error, Result};

/// The measurement of all points made here.
pub const MEASUREMENT: &str = "platform_health";

/// Of the server's own metrics, those that tell load and trouble: the field here, and the families
/// it is summed from, the first that the server has. InfluxDB's names come first, then the engine's.
const SERVER_METRICS: &[(&str, &[&str])] = &[
    (
        "memory_bytes",
        &[
            "process_resident_memory_bytes",
            "go_memstats_sys_bytes",
            "memory_allocated_bytes",
        ],
    ),
    (
        "disk_bytes",
        &["storage_shard_disk_size", "storage_disk_bytes"],
    ),
    ("uptime_seconds", &["influxdb_uptime_seconds"]),
    ("requests_total", &["http_api_requests_total"]),
    (
        "queries_total",
        &["qc_requests_total", "query_requests_total"],
    ),
    (
        "points_written_total",
        &[
            "storage_writer_ok_points_sum",
            "storage_writer_ok_points_total",
        ],
    ),
    (
        "points_dropped_total",
        &[
            "storage_writer_dropped_points_sum",
            "storage_writer_dropped_points_total",
        ],
    ),
];

/// A host that has not been heard of for longer is not looked for.
const NEWEST_RANGE: &str = "-24h";

/// What a server tells of itself, and what it could not tell.
#[derive(Debug, Default)]
pub struct Report {
    pub points: Vec<Point>,
    /// A server in trouble answers some questions and not others: no reason to lose the rest.
    pub failures: Vec<Error>,
}

impl Report {
    fn take(&mut self, part: Result<impl IntoIterator<Item = Point>>) {
        match part {
            Ok(points) => self.points.extend(points),
            Err(error) => self.failures.push(error),
        }
    }
}

/// Asks the server and makes the points of the time `now`.
///
/// # Errors
/// The server does not answer at all.
pub async fn collect(client: &Client, buckets: &[String], now: i64) -> Result<Report> {
    let mut report = Report::default();
    let health = client
        .health()
        .await
        .doing(|| "asking the server's health".into())?;
    let up = Point::new(MEASUREMENT, now).tag("part", "server");
    report.points.push(
        up.field("passing", i64::from(health.status == "pass"))
            .field("version", health.version.as_str()),
    );
    let metrics = client.metrics().await;
    let metrics = metrics.doing(|| "reading the server's /metrics".into());
    report.take(metrics.map(|text| server_point(&text, now)));
    for bucket in buckets {
        report.take(cardinality(client, bucket, now).await.map(Some));
    }
    report.take(tasks(client, now).await.map(Some));
    if let Some(bucket) = buckets.first() {
        report.take(hosts(client, bucket, now).await);
    }
    Ok(report)
}

/// The known families of a Prometheus text.
fn server_point(text: &str, now: i64) -> Option<Point> {
    let mut point = Point::new(MEASUREMENT, now).tag("part", "metrics");
    for (field, families) in SERVER_METRICS {
        if let Some(sum) = families.iter().find_map(|it| sum_of(text, it)) {
            point = point.field(*field, sum);
        }
    }
    (!point.fields().is_empty()).then_some(point)
}

/// The sum of a family over its labels, if the text has it.
fn sum_of(text: &str, family: &str) -> Option<f64> {
    let values = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(family)?;
        let value = rest
            .starts_with([' ', '{'])
            .then(|| rest.rsplit(' ').next());
        value??.parse::<f64>().ok().filter(|it| it.is_finite())
    });
    values.reduce(|sum, it| sum + it)
}

async fn cardinality(client: &Client, bucket: &str, now: i64) -> Result<Point> {
    let name = flux_text::string(bucket);
    let text = format!(
        "import \"influxdata/influxdb\"\ninfluxdb.cardinality(bucket: {name}, start: -30d)"
    );
    let tables = client
        .query(&Query::new(text))
        .await
        .doing(|| format!("counting the series of {bucket:?}"))?;
    let series = tables
        .iter()
        .flat_map(|it| it.rows())
        .filter_map(|row| row.i64("_value"))
        .sum::<i64>();
    Ok(Point::new(MEASUREMENT, now)
        .tag("part", "bucket")
        .tag("bucket", bucket)
        .field("series", series))
}

async fn tasks(client: &Client, now: i64) -> Result<Point> {
    let tasks = client.tasks().await.doing(|| "reading the tasks".into())?;
    let failed = tasks
        .iter()
        .filter(|it| it.last_run_status.as_deref() == Some("failed"))
        .count();
    let count = |it: usize| i64::try_from(it).unwrap_or(i64::MAX);
    let point = Point::new(MEASUREMENT, now).tag("part", "tasks");
    Ok(point
        .field("tasks", count(tasks.len()))
        .field("failed", count(failed)))
}

async fn hosts(client: &Client, bucket: &str, now: i64) -> Result<Vec<Point>> {
    let text = format!(
        "from(bucket: {}) |> range(start: {NEWEST_RANGE})\n\
         |> filter(fn: (r) => r._measurement == \"system_metrics\" and r._field == \"uptime_seconds\")\n\
         |> last() |> group(columns: [\"host\"]) |> sort(columns: [\"_time\"]) |> last()",
        flux_text::string(bucket)
    );
    let tables = client
        .query(&Query::new(text))
        .await
        .doing(|| "looking for each host's newest point".into())?;
    let ages = tables.iter().flat_map(|it| it.rows()).filter_map(|row| {
        let age = now.saturating_sub(row.time("_time")?) as f64 / 1e9;
        let point = Point::new(MEASUREMENT, now)
            .tag("part", "host")
            .tag("host", row.str("host")?);
        Some(point.field("newest_point_age_seconds", age))
    });
    Ok(ages.collect())
}

/// The points for people, a line each: `bucket system_metrics_raw: series 412`.
#[must_use]
pub fn text(points: &[Point]) -> String {
    points
        .iter()
        .map(|point| format!("{}\n", line(point)))
        .collect()
}

fn line(point: &Point) -> String {
    let tag = |name: &str| point.series.tag(name);
    let part = tag("part").unwrap_or_default();
    let name = tag("bucket").or_else(|| tag("host")).unwrap_or_default();
    let fields = point.fields().iter();
    let fields = fields.map(|(name, value)| format!("{} {}", words(name), shown(name, value)));
    let fields: Vec<String> = fields.collect();
    format!(
        "{:<28}  {}",
        format!("{part} {name}").trim(),
        fields.join(", ")
    )
}

/// `newest_point_age_seconds` is `newest point age`.
fn words(field: &str) -> String {
    let unit = ["_bytes", "_seconds", "_total"];
    let name = unit.iter().find_map(|unit| field.strip_suffix(unit));
    name.unwrap_or(field).replace('_', " ")
}

fn shown(field: &str, value: &FieldValue) -> String {
    let number = value.as_f64().unwrap_or_default();
    match value {
        FieldValue::String(text) => text.clone(),
        _ if field == "passing" => if number > 0.0 { "yes" } else { "no" }.to_owned(),
        _ if field.ends_with("_bytes") => format!("{:.1} MiB", number / 1_048_576.0),
        _ if field.ends_with("_seconds") => format!("{number:.0} s"),
        _ => format!("{number:.0}"),
    }
}

/// The points as JSON: part, bucket or host, and fields.
#[must_use]
pub fn json(points: &[Point]) -> serde_json::Value {
    let object = |point: &Point| -> serde_json::Value {
        let tags = point.series.tags().iter();
        let tags = tags.map(|(name, value)| (name.to_string(), serde_json::json!(value)));
        let fields = point.fields().iter().map(|(name, value)| {
            let value = match value {
                FieldValue::String(text) => serde_json::json!(text),
                value => serde_json::json!(value.as_f64()),
            };
            (name.to_string(), value)
        });
        tags.chain(fields).collect::<serde_json::Map<_, _>>().into()
    };
    points.iter().map(object).collect()
}
