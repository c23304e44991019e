//! A simulated past is made into hours and days, and compared with a computation of our own over
//! the same raw points: nothing is wrong, and nothing is missing.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use watchpost_core::csv::Table;

use super::{Finding, Scene, ensure};

const HOUR: i64 = 3_600_000_000_000;
const DAY: i64 = 24 * HOUR;

/// Host, field and the further tags of a series; start of the window.
type Key = (String, String, String, i64);

/// Least, greatest, sum and number of the points of a window, and the newest of them.
#[derive(Debug, Clone, Copy)]
struct Window {
    least: f64,
    greatest: f64,
    sum: f64,
    count: f64,
    last: (i64, f64),
}

/// What is compared, of every host and in every window: gauges and a counter.
const GAUGES: [&str; 4] = [
    "cpu_usage_percent",
    "memory_used_bytes",
    "disk_usage_percent",
    "cpu_load_1m",
];
const COUNTERS: [&str; 1] = ["network_bytes_recv"];

/// Which fields have the statistic, and how it follows from the points.
type Statistic = (&'static str, &'static [&'static str], fn(&Window) -> f64);

const STATISTICS: [Statistic; 5] = [
    ("mean", &GAUGES, |it| it.sum / it.count),
    ("min", &GAUGES, |it| it.least),
    ("max", &GAUGES, |it| it.greatest),
    ("count", &GAUGES, |it| it.count),
    ("last", &COUNTERS, |it| it.last.1),
];

/// A past to simulate. It ends before the present, where the incidents happen.
struct Past {
    hours: i64,
    ended_hours_ago: i64,
    interval: &'static str,
}

/// As long as the raw tier keeps, less an hour.
const WEEK: Past = Past {
    hours: 7 * 24 - 1,
    ended_hours_ago: 1,
    interval: "5m",
};
/// At least one whole day (UTC), whatever time it is.
const TWO_DAYS: Past = Past {
    hours: 49,
    ended_hours_ago: 1,
    interval: "20m",
};

pub(super) fn judge(scene: &Scene) -> Finding {
    super::needs_influxdb2(scene)?;
    let past = if scene.terms.quick { TWO_DAYS } else { WEEK };
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_err(|error| error.to_string())?
        .as_nanos() as i64;
    let from = format!("-{}h", past.hours);
    let length = format!("{}h", past.hours - past.ended_hours_ago);
    let simulate = [
        "simulate",
        "--hosts",
        "5",
        "--seed",
        "7",
        "--from",
        &from,
        "--for",
        &length,
        "--interval",
        past.interval,
    ];
    scene.platform().run("watchpost-agent", "agent", &simulate);
    for task in ["downsample_hourly", "downsample_daily"] {
        let range = ["backfill", "--task", task, "--from", &from];
        scene
            .platform()
            .run("watchpost-provisioner", "operator", &range);
    }
    let raw = raw_points(scene, past.hours);
    let span = (now - past.hours * HOUR, now - past.ended_hours_ago * HOUR);
    let hours = compare(scene, &raw, "1h", "hourly", HOUR, span)?;
    let days = compare(scene, &raw, "1d", "daily", DAY, span)?;
    Ok(format!(
        "{} points of {} h: all {hours} hourly and {days} daily values of {} series fields as computed",
        raw.len(),
        past.hours,
        GAUGES.len() + COUNTERS.len()
    ))
}

/// The number of values in the tier. All agree, and every whole window within the span is there.
fn compare(
    scene: &Scene,
    raw: &[Point],
    tier: &str,
    name: &str,
    every: i64,
    span: (i64, i64),
) -> Result<usize, String> {
    let expected = windows(raw, every);
    let mut found = 0;
    for (statistic, fields, of) in STATISTICS {
        let stored = stored(scene, tier, name, statistic, fields);
        for (key, value) in &stored {
            let window = expected
                .get(key)
                .ok_or_else(|| format!("{key:?} was never measured"))?;
            let wanted = of(window);
            let close = (value - wanted).abs() <= 1e-9 * wanted.abs().max(1.0);
            ensure(close, || {
                format!("{statistic} of {key:?} is {value}, but {wanted} by our own computation")
            })?;
        }
        let whole = |start: i64| start >= span.0 && start + every <= span.1;
        let lacking = expected.keys().find(|key| {
            fields.contains(&key.1.as_str()) && whole(key.3) && !stored.contains_key(*key)
        });
        ensure(lacking.is_none(), || {
            format!("system_metrics_{tier} has no {statistic} of {lacking:?}")
        })?;
        found += stored.len();
    }
    ensure(found > 0, || format!("system_metrics_{tier} is empty"))?;
    Ok(found)
}

fn windows(raw: &[Point], every: i64) -> BTreeMap<Key, Window> {
    let mut windows: BTreeMap<Key, Window> = BTreeMap::new();
    for ((host, field, tags), time, value) in raw {
        let start = time.div_euclid(every) * every;
        let key = (host.clone(), field.clone(), tags.clone(), start);
        let window = windows.entry(key).or_insert(Window {
            least: f64::INFINITY,
            greatest: f64::NEG_INFINITY,
            sum: 0.0,
            count: 0.0,
            last: (i64::MIN, f64::NAN),
        });
        window.least = window.least.min(*value);
        window.greatest = window.greatest.max(*value);
        window.sum += value;
        window.count += 1.0;
        if *time >= window.last.0 {
            window.last = (*time, *value);
        }
    }
    windows
}

fn raw_points(scene: &Scene, hours: i64) -> Vec<Point> {
    let fields = GAUGES.iter().chain(&COUNTERS).copied();
    let fields = fields.collect::<Vec<_>>().join("|");
    let tables = scene.platform().query(&format!(
        "from(bucket: \"system_metrics_raw\") |> range(start: -{}h)
            |> filter(fn: (r) => r._measurement == \"system_metrics\" and r._field =~ /^({fields})$/ and r.host =~ /^host-/)
            |> toFloat()",
        // One more, for the clock has gone on.
        hours + 1
    ));
    points(&tables)
}

fn stored(
    scene: &Scene,
    tier: &str,
    name: &str,
    statistic: &str,
    fields: &[&str],
) -> BTreeMap<Key, f64> {
    let tables = scene.platform().query(&format!(
        "from(bucket: \"system_metrics_{tier}\") |> range(start: -8d)
            |> filter(fn: (r) => r._measurement == \"system_metrics_{name}\" and r.host =~ /^host-/)
            |> filter(fn: (r) => r._field =~ /^({})_{statistic}$/)
            |> toFloat()",
        fields.join("|")
    ));
    let all = points(&tables)
        .into_iter()
        .filter_map(|((host, field, tags), time, value)| {
            let field = field.strip_suffix(&format!("_{statistic}"))?.to_owned();
            Some(((host, field, tags, time), value))
        });
    all.collect()
}

/// Host, field and further tags; time; value.
type Point = ((String, String, String), i64, f64);

fn points(tables: &[Table]) -> Vec<Point> {
    let rows = tables.iter().flat_map(Table::rows);
    rows.filter_map(|row| {
        let tag = |name: &str| row.str(name).unwrap_or_default().to_owned();
        let further = ["cpu", "device", "mountpoint", "interface"]
            .map(tag)
            .join(",");
        Some((
            (tag("host"), tag("_field"), further),
            row.time("_time")?,
            row.f64("_value")?,
        ))
    })
    .collect()
}
