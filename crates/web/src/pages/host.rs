//! One host: charts over a common range, and its newest values as a table.

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use minijinja::value::Serde;
use minijinja::{Value, context};
use watchpost_core::catalogue::{self, MEASUREMENT};
use watchpost_core::time::{NANOS_PER_MINUTE, format_rfc3339};
use watchpost_query::{Ask, Matcher, Question, Range};

use super::{Here, page, shown};
use crate::fleet::Host;
use crate::parameters::Parameters;
use crate::sign_in::Who;
use crate::state::App;
use crate::tier::Tier;
use crate::{ApiError, Result};

/// A chart: id, heading, metrics, whether each part of the host has a line of its own.
type Panel = (&'static str, &'static str, &'static str, bool);

/// The charts of every host.
const PANELS: [Panel; 9] = [
    ("cpu", "CPU", "cpu_usage_percent", false),
    (
        "cpu-modes",
        "CPU by mode",
        "cpu_user_percent,cpu_system_percent,cpu_iowait_percent,cpu_steal_percent",
        false,
    ),
    ("cpu-cores", "CPU by core", "cpu_usage_percent", true),
    (
        "load",
        "Load",
        "cpu_load_1m,cpu_load_5m,cpu_load_15m",
        false,
    ),
    (
        "memory",
        "Memory and swap",
        "memory_usage_percent,swap_usage_percent",
        false,
    ),
    (
        "memory-bytes",
        "Memory in bytes",
        "memory_used_bytes,memory_cached_bytes,memory_available_bytes",
        false,
    ),
    ("disk", "Disks", "disk_usage_percent", false),
    (
        "disk-io",
        "Disk traffic",
        "disk_read_bytes,disk_write_bytes",
        false,
    ),
    (
        "network",
        "Network",
        "network_bytes_recv,network_bytes_sent",
        false,
    ),
];

/// Charts of what only some hosts have: a heading, and charts as in [`PANELS`].
const SECTIONS: [(&str, &[Panel]); 8] = [
    (
        "Pressure and temperature",
        &[
            (
                "pressure",
                "Waiting for processor, memory, disks",
                "pressure_cpu_some_percent,pressure_memory_some_percent,pressure_io_some_percent",
                false,
            ),
            ("temperature", "Temperature", "temperature_celsius", false),
        ],
    ),
    (
        "Disks in detail",
        &[
            (
                "disk-busy",
                "Busy share of disks",
                "disk_busy_percent",
                false,
            ),
            (
                "disk-temperature",
                "Temperature of disks",
                "disk_temperature_celsius",
                false,
            ),
            ("disk-wear", "Wear of disks", "disk_wear_percent", false),
            (
                "disk-pools",
                "Thin pools in use",
                "disk_pool_data_percent,disk_pool_metadata_percent",
                false,
            ),
        ],
    ),
    (
        "Containers",
        &[
            (
                "container-cpu",
                "CPU of containers",
                "container_cpu_percent",
                false,
            ),
            (
                "container-memory",
                "Memory of containers",
                "container_memory_bytes",
                false,
            ),
        ],
    ),
    (
        "Services",
        &[
            ("unit-cpu", "CPU of units", "unit_cpu_percent", false),
            ("unit-memory", "Memory of units", "unit_memory_bytes", false),
            (
                "units",
                "Units",
                "units_active,units_failed,units_restarting",
                false,
            ),
            ("timers", "Timers that did not run", "timers_overdue", false),
            (
                "journal",
                "Errors in the journal",
                "journal_errors,unit_journal_errors",
                false,
            ),
        ],
    ),
    (
        "Graphics processors",
        &[
            ("gpu-busy", "Busy share of GPUs", "gpu_busy_percent", false),
            ("gpu-memory", "Memory of GPUs", "gpu_memory_percent", false),
        ],
    ),
    (
        "Power",
        &[
            (
                "power",
                "Batteries, and load of power supplies",
                "battery_percent,ups_load_percent",
                false,
            ),
            (
                "power-runtime",
                "How long batteries last",
                "battery_runtime_seconds",
                false,
            ),
        ],
    ),
    (
        "Upkeep",
        &[
            (
                "updates",
                "Packages with an update",
                "packages_upgradable",
                false,
            ),
            ("clock", "Offset of the clock", "clock_offset_us", false),
        ],
    ),
    (
        "Checks",
        &[
            ("check-time", "Time of checks", "check_time_us", false),
            ("check-up", "Checks that succeed", "check_up", false),
        ],
    ),
];

/// The range of a page that is asked for none, in nanoseconds.
const FIRST_RANGE: i64 = 15 * NANOS_PER_MINUTE;

/// Ranges a page offers.
pub(super) const RANGES: [&str; 9] = ["5m", "15m", "1h", "6h", "24h", "7d", "30d", "90d", "1y"];

pub(super) async fn show(
    who: Who,
    here: Here,
    State(app): State<App>,
    Path(host): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let rendered = render(&app, &here, &who, &host, query.as_deref()).await;
    shown(app, here, who, rendered)
}

/// A host whose name browsers or proxies would change in a path: `/hosts?name=..`.
pub(super) async fn show_named(
    who: Who,
    here: Here,
    State(app): State<App>,
    RawQuery(query): RawQuery,
) -> Response {
    match super::named(query.as_deref()) {
        Ok(host) => show(who, here, State(app), Path(host), RawQuery(query)).await,
        Err(error) => shown(app, here, who, Err(error)),
    }
}

async fn render(
    app: &App,
    here: &Here,
    who: &Who,
    host: &str,
    query: Option<&str>,
) -> Result<Response> {
    let parameters = Parameters::read(query, &["name", "range", "start", "stop", "zone", "at"])?;
    let range = parameters.one("range")?.unwrap_or("15m").to_owned();
    crate::time_range::length("range", &range)?;
    let (now, ages) = (crate::now(), app.live.ages());
    let seen = app.live.fleet(|fleet| fleet.host(host).cloned());
    let problem = app.live.problem();
    if seen.is_none() && problem.is_none() {
        return Err(ApiError::NotFound(format!(
            "host {host:?}; the fleet lists all that wrote within the raw tier's retention"
        )));
    }
    // The page comes also while the database is away: then the table is empty.
    let newest = match &seen {
        Some(seen) => newest(app, host, seen.time).await.unwrap_or_default(),
        None => Vec::new(),
    };
    let panel = |(id, heading, metrics, each): Panel| context! { id, heading, metrics, each };
    let mut sections =
        vec![context! { panels => PANELS.into_iter().map(panel).collect::<Vec<_>>() }];
    for (heading, panels) in SECTIONS {
        let has = |metrics: &str| {
            newest
                .iter()
                .any(|row| metrics.split(',').any(|metric| row.0.1 == metric))
        };
        let shown: Vec<Value> = panels
            .iter()
            .copied()
            .filter(|(_, _, metrics, _)| has(metrics))
            .map(panel)
            .collect();
        if !shown.is_empty() {
            sections.push(context! { heading, panels => shown });
        }
    }
    // A host that has been silent for long opens at its last points, not at an empty present.
    let asked = parameters.one("start")?.is_some() || parameters.one("range")?.is_some();
    let last = seen
        .as_ref()
        .map(|seen| seen.time)
        .filter(|time| !asked && now - time > FIRST_RANGE);
    let start = last.map(|time| format_rfc3339(time - FIRST_RANGE));
    let stop = last.map(|time| format_rfc3339(time + NANOS_PER_MINUTE));
    let newest: Vec<Value> = newest.into_iter().map(described).collect();
    let own = context! {
        title => host,
        active => "fleet",
        host,
        tags => seen.as_ref().map(|seen| seen.tags.clone()),
        state => seen.as_ref().map_or("offline", |seen| seen.state(now, ages).name()),
        since => seen.as_ref().map(|seen| format_rfc3339(seen.time - seen.time.rem_euclid(1_000_000_000))),
        time => seen.as_ref().map(|seen| seen.time / 1_000_000),
        age => seen.as_ref().map(|seen| (now - seen.time).max(0) / 1_000_000_000),
        tiles => tiles(app, seen.as_ref()), alerts => Value::from(Serde(app.live.alerts().of(host))),
        sections, newest, range, ranges => RANGES.to_vec(), metrics => super::metrics(),
        start => parameters.one("start")?.map(str::to_owned).or(start),
        stop => parameters.one("stop")?.map(str::to_owned).or(stop),
    };
    page(app, here, Some(who), "host.html", own)
}

/// The figures at the top: heading, metric, newest value, unit.
fn tiles(app: &App, seen: Option<&Host>) -> Vec<Value> {
    let levels = app.live.alerts().levels();
    let tile = |(heading, metric, unit): (&str, &str, &str)| {
        let number = seen.and_then(|host| host.values.get(metric).copied());
        let bar = number.filter(|_| unit == "percent");
        let bar = bar.map(|share| share.clamp(0.0, 100.0).round());
        context! { heading, metric, number, unit, bar, level => levels.of(metric, number) }
    };
    let tiles = [
        ("CPU", "cpu_usage_percent", "percent"),
        ("Memory", "memory_usage_percent", "percent"),
        ("Fullest disk", "disk_usage_percent", "percent"),
        ("Load, 1 min", "cpu_load_1m", ""),
        ("Received", "network_bytes_recv", "bytes/s"),
        ("Sent", "network_bytes_sent", "bytes/s"),
    ];
    tiles.into_iter().map(tile).collect()
}

/// The last value of each of the host's series, from about when it was last seen.
async fn newest(app: &App, host: &str, time: i64) -> Result<Vec<Newest>> {
    let bucket = app.database.bucket(Tier::Raw);
    let range = Range::new(time - NANOS_PER_MINUTE, time + NANOS_PER_MINUTE);
    let every: [&str; 0] = [];
    let question = Question::new(bucket, MEASUREMENT, range, Ask::Newest)
        .select(every, vec![Matcher::equal("host", host)]);
    let mut found = Vec::new();
    for series in app.database.ask(&question).await?.series {
        let (Some(metric), Some(number)) = (catalogue::metric(&series.field), series.number())
        else {
            continue;
        };
        let own = metric.tags.iter().chain(metric.optional_tags);
        let tags: Vec<String> = own
            .filter_map(|tag| Some(format!("{tag} {}", series.labels.get(*tag)?)))
            .collect();
        let key = (metric.metric_type, metric.name, tags.join(", "));
        found.push((key, number, metric));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

/// The newest value of a series: group, metric and tags, by which it is sorted.
type Newest = (
    (catalogue::MetricType, &'static str, String),
    f64,
    &'static catalogue::Metric,
);

fn described(((kind, name, tags), number, metric): Newest) -> Value {
    context! { group => kind.name(), name, tags, number, unit => metric.unit.name(), help => metric.help }
}
