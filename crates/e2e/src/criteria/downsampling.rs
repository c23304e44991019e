//! Days of a simulated past are made into hours and days, and compared with a computation of our own
//! over the same raw points.

use std::collections::BTreeMap;

use watchpost_core::csv::Table;

use super::{Scene, Verdict, ensure};

const HOUR: i64 = 3_600_000_000_000;
const DAY: i64 = 24 * HOUR;

/// Host, field and the further tags of a series; start of the window.
type Key = (String, String, String, i64);

/// Least, greatest, sum and number of the points of a window.
#[derive(Debug, Clone, Copy)]
struct Window {
    least: f64,
    greatest: f64,
    sum: f64,
    count: f64,
}

/// The gauges that are compared, of every host and in every window.
const FIELDS: &str = "/^(cpu_usage_percent|memory_used_bytes|disk_usage_percent|cpu_load_1m)$/";

pub(super) fn judge(scene: &mut Scene) -> Verdict {
    let past = [
        "simulate",
        "--hosts",
        "5",
        "--seed",
        "7",
        "--from",
        "-6d",
        "--interval",
        "5m",
    ];
    scene.platform().run("watchpost-agent", "agent", &past);
    for task in ["downsample_hourly", "downsample_daily"] {
        let range = ["backfill", "--task", task, "--from", "-6d"];
        scene
            .platform()
            .run("watchpost-provisioner", "operator", &range);
    }
    let hours = compare(scene, "system_metrics_1h", "system_metrics_hourly", HOUR)?;
    let days = compare(scene, "system_metrics_1d", "system_metrics_daily", DAY)?;
    Ok(format!(
        "{hours} hourly and {days} daily windows equal in mean, min, max and count"
    ))
}

/// The number of windows, all of which agree.
fn compare(scene: &Scene, bucket: &str, measurement: &str, every: i64) -> Result<usize, String> {
    let expected = from_raw(scene, every);
    let mut found = 0;
    for (statistic, of) in [
        ("mean", (|it| it.sum / it.count) as fn(Window) -> f64),
        ("min", |it| it.least),
        ("max", |it| it.greatest),
        ("count", |it| it.count),
    ] {
        let stored = from_tier(scene, bucket, measurement, statistic);
        for (key, value) in &stored {
            let wanted = expected
                .get(key)
                .copied()
                .map(of)
                .ok_or_else(|| format!("{key:?} was never measured"))?;
            let close = (value - wanted).abs() <= 1e-9 * wanted.abs().max(1.0);
            ensure(close, || {
                format!("{statistic} of {key:?} is {value}, but {wanted} by our own computation")
            })?;
        }
        ensure(!stored.is_empty(), || {
            format!("{bucket} holds no {statistic}")
        })?;
        found = stored.len();
    }
    Ok(found)
}

fn from_raw(scene: &Scene, every: i64) -> BTreeMap<Key, Window> {
    let tables = scene.platform().query(&format!(
        "from(bucket: \"system_metrics_raw\") |> range(start: -7d)
            |> filter(fn: (r) => r._measurement == \"system_metrics\" and r._field =~ {FIELDS} and r.host =~ /^host-/)"
    ));
    let mut windows: BTreeMap<Key, Window> = BTreeMap::new();
    for (key, time, value) in points(&tables) {
        let key = (key.0, key.1, key.2, time.div_euclid(every) * every);
        let empty = Window {
            least: f64::INFINITY,
            greatest: f64::NEG_INFINITY,
            sum: 0.0,
            count: 0.0,
        };
        let window = windows.entry(key).or_insert(empty);
        window.least = window.least.min(value);
        window.greatest = window.greatest.max(value);
        window.sum += value;
        window.count += 1.0;
    }
    windows
}

fn from_tier(
    scene: &Scene,
    bucket: &str,
    measurement: &str,
    statistic: &str,
) -> BTreeMap<Key, f64> {
    let tables = scene.platform().query(&format!(
        "from(bucket: \"{bucket}\") |> range(start: -8d)
            |> filter(fn: (r) => r._measurement == \"{measurement}\" and r._field =~ /_{statistic}$/ and r.host =~ /^host-/)"
    ));
    let fields = [
        "cpu_usage_percent",
        "memory_used_bytes",
        "disk_usage_percent",
        "cpu_load_1m",
    ];
    let all = points(&tables)
        .into_iter()
        .filter_map(|((host, field, tags), time, value)| {
            let field = field.strip_suffix(&format!("_{statistic}"))?.to_owned();
            fields
                .contains(&field.as_str())
                .then_some(((host, field, tags, time), value))
        });
    all.collect()
}

/// Every point: host, field and further tags, time, value.
fn points(tables: &[Table]) -> Vec<((String, String, String), i64, f64)> {
    let rows = tables.iter().flat_map(Table::rows);
    rows.filter_map(|row| {
        let tag = |name: &str| row.str(name).unwrap_or_default().to_owned();
        let further = ["cpu", "device", "mountpoint"].map(tag).join(",");
        Some((
            (tag("host"), tag("_field"), further),
            row.time("_time")?,
            row.f64("_value")?,
        ))
    })
    .collect()
}
