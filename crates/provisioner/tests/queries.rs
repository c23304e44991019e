//! The queries of `docs/queries` as they stand, over data whose answers are computed here.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use watchpost_client::query::Query;
use watchpost_core::csv::{Row, Table};
use watchpost_core::time::parse_rfc3339;

use crate::site::{Site, block_on};

const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: f64 = 86_400.0 * SECOND as f64;

/// What `now()` is for every query.
const NOW: &str = "2024-05-01T12:00:00Z";

/// For ever, since the past lies far back.
const DESIRED: &str = "
[[buckets]]
name = \"system_metrics_raw\"
[[buckets]]
name = \"system_metrics_1h\"
";

/// Time and value.
type Series = Vec<(i64, f64)>;

/// What was written.
struct Past {
    now: i64,
    /// CPU of two hosts, a point in the middle of each minute of a day; host-1 has one odd minute.
    cpu: BTreeMap<&'static str, Series>,
    /// Memory of host-1, a point a minute.
    memory: Series,
    /// Disk usage of two file systems of host-1, a mean an hour for a week: one fills, one empties.
    disks: BTreeMap<&'static str, Series>,
}

#[test]
fn the_documented_queries_answer_as_computed() {
    let Some(site) = Site::new() else { return };
    site.desire(DESIRED);
    assert_eq!(site.run(&["apply", "--yes"]).code, 0);
    let past = Past::write(&site);
    let ask = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/queries");
        let text = fs::read_to_string(path.join(format!("{name}.flux"))).unwrap();
        let query = Query::new(text).now(past.now);
        let tables = block_on(site.client().query(&query));
        tables.unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    current_status(&past, &ask("current_status"));
    comparison(&past, &ask("comparison"));
    anomaly(&past, &ask("anomaly"));
    host_metrics(&past, &ask("host_metrics"));
    capacity_forecast(&past, &ask("capacity_forecast"));
    history(&past, &ask("history"));
}

impl Past {
    fn write(site: &Site) -> Past {
        let now = parse_rfc3339(NOW).unwrap();
        let minutes = |count: i64| {
            (1..=count)
                .rev()
                .map(move |it| now - it * MINUTE + 30 * SECOND)
        };
        let wave = |time: i64, height: f64| height * (time as f64 / HOUR as f64).sin();
        let cpu = |base: f64, odd: i64| -> Series {
            let value = |time: i64| base + wave(time, 5.0) + if time == odd { 60.0 } else { 0.0 };
            minutes(1_440).map(|time| (time, value(time))).collect()
        };
        let odd = now - 100 * MINUTE + 30 * SECOND;
        let hours = |start: f64, slope: f64| -> Series {
            let times = (1..=168).rev().map(|it| now - it * HOUR);
            let value = |time: i64| start + slope * (time - now) as f64 / DAY + wave(time, 0.5);
            times.map(|time| (time, value(time))).collect()
        };
        let past = Past {
            now,
            cpu: [("host-1", cpu(30.0, odd)), ("host-2", cpu(55.0, 0))].into(),
            memory: minutes(240)
                .map(|time| (time, 40.0 + wave(time, 9.0)))
                .collect(),
            disks: [("/", hours(70.0, 2.5)), ("/var", hours(20.0, -1.0))].into(),
        };
        site.write("system_metrics_raw", &past.raw());
        site.write("system_metrics_1h", &past.hours());
        past
    }

    fn raw(&self) -> String {
        let mut lines = String::new();
        for (host, series) in &self.cpu {
            for (time, value) in series {
                let tags = format!("system_metrics,host={host},metric_type=cpu");
                lines += &format!("{tags} cpu_usage_percent={value} {time}\n");
                // A core, which no query must take for the whole.
                lines += &format!("{tags},cpu=0 cpu_usage_percent=99 {time}\n");
            }
        }
        for (time, value) in &self.memory {
            lines += &format!(
                "system_metrics,host=host-1,metric_type=memory memory_usage_percent={value} {time}\n"
            );
        }
        let recent = self.now - MINUTE;
        for (mountpoint, percent) in [("/", 71.5), ("/var", 20.5)] {
            lines += &format!(
                "system_metrics,host=host-1,metric_type=disk,mountpoint={mountpoint} disk_usage_percent={percent} {recent}\n"
            );
        }
        lines
    }

    fn hours(&self) -> String {
        let mut lines = String::new();
        for (mountpoint, series) in &self.disks {
            for (time, value) in series {
                lines += &format!(
                    "system_metrics_hourly,host=host-1,mountpoint={mountpoint} disk_usage_percent_mean={value} {time}\n"
                );
            }
        }
        for (time, value) in &self.disks["/"] {
            let (least, most) = (value - 1.0, value + 1.0);
            lines += &format!(
                "system_metrics_hourly,host=host-1 cpu_usage_percent_mean={value},cpu_usage_percent_min={least},cpu_usage_percent_max={most} {time}\n"
            );
        }
        lines
    }

    /// Means of windows that end at their time.
    fn means(series: &Series, every: i64, from: i64) -> BTreeMap<i64, f64> {
        let mut windows: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        for (time, value) in series.iter().filter(|(time, _)| *time >= from) {
            let end = (time.div_euclid(every) + 1) * every;
            windows.entry(end).or_default().push(*value);
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        windows.iter().map(|(time, it)| (*time, mean(it))).collect()
    }
}

fn rows(tables: &[Table]) -> Vec<Row<'_>> {
    tables.iter().flat_map(Table::rows).collect()
}

#[track_caller]
fn close(value: Option<f64>, wanted: f64) {
    let value = value.expect("a value");
    let near = (value - wanted).abs() <= 1e-6 * wanted.abs().max(1.0);
    assert!(near, "{value}, not {wanted}");
}

fn current_status(past: &Past, tables: &[Table]) {
    let rows = rows(tables);
    let hosts: Vec<_> = rows.iter().map(|it| it.str("host")).collect();
    assert_eq!(hosts, [Some("host-1"), Some("host-2")]);
    for (row, series) in rows.iter().zip(past.cpu.values()) {
        close(row.f64("cpu_usage_percent"), series.last().unwrap().1);
    }
    close(
        rows[0].f64("memory_usage_percent"),
        past.memory.last().unwrap().1,
    );
    close(rows[0].f64("disk_usage_percent"), 71.5);
    assert_eq!(rows[1].f64("disk_usage_percent"), None);
}

fn comparison(past: &Past, tables: &[Table]) {
    let from = past.now - 6 * HOUR;
    let means = |host| Past::means(&past.cpu[host], 5 * MINUTE, from);
    let (first, second) = (means("host-1"), means("host-2"));
    let rows = rows(tables);
    assert_eq!(rows.len(), first.len());
    for (row, (time, wanted)) in rows.iter().zip(&first) {
        assert_eq!(row.time("_time"), Some(*time));
        close(row.f64("host-1"), *wanted);
        close(row.f64("host-2"), second[time]);
    }
}

fn anomaly(past: &Past, tables: &[Table]) {
    let values: Vec<f64> = past.cpu["host-1"].iter().map(|it| it.1).collect();
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|it| (it - mean).powi(2)).sum();
    let deviation = (squares / count).sqrt();
    let odd: Vec<&(i64, f64)> = past.cpu["host-1"]
        .iter()
        .filter(|it| (it.1 - mean).abs() > 3.0 * deviation)
        .collect();
    assert_eq!(odd.len(), 1);
    let rows = rows(tables);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].str("host"), Some("host-1"));
    assert_eq!(rows[0].time("_time"), Some(odd[0].0 + 30 * SECOND));
    close(rows[0].f64("mean"), mean);
    close(rows[0].f64("deviation"), deviation);
    close(rows[0].f64("score"), (odd[0].1 - mean) / deviation);
}

fn host_metrics(past: &Past, tables: &[Table]) {
    let wanted = Past::means(&past.memory, 5 * MINUTE, past.now - 3 * HOUR);
    let rows = rows(tables);
    assert_eq!(rows.len(), wanted.len());
    for (row, (time, mean)) in rows.iter().zip(&wanted) {
        assert_eq!(row.time("_time"), Some(*time));
        close(row.f64("_value"), *mean);
    }
}

/// Least squares in the form of deviations from the means, which is not the query's.
fn capacity_forecast(past: &Past, tables: &[Table]) {
    let days = |time: i64| (time - past.now) as f64 / DAY;
    let series = &past.disks["/"];
    let count = series.len() as f64;
    let mean_x = series.iter().map(|it| days(it.0)).sum::<f64>() / count;
    let mean_y = series.iter().map(|it| it.1).sum::<f64>() / count;
    let of = |it: &(i64, f64)| (days(it.0) - mean_x, it.1 - mean_y);
    let xy: f64 = series.iter().map(of).map(|(x, y)| x * y).sum();
    let xx: f64 = series.iter().map(of).map(|(x, _)| x * x).sum();
    let slope = xy / xx;
    let level = mean_y - slope * mean_x;
    // The one that empties is never full.
    let rows = rows(tables);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].str("mountpoint"), Some("/"));
    close(rows[0].f64("percent_per_day"), slope);
    close(rows[0].f64("percent_now"), level);
    close(rows[0].f64("days_until_full"), (100.0 - level) / slope);
}

fn history(past: &Past, tables: &[Table]) {
    let rows = rows(tables);
    assert_eq!(rows.len(), past.disks["/"].len());
    for (row, (time, value)) in rows.iter().zip(&past.disks["/"]) {
        assert_eq!(row.time("_time"), Some(*time));
        close(row.f64("cpu_usage_percent_mean"), *value);
        close(row.f64("cpu_usage_percent_min"), value - 1.0);
        close(row.f64("cpu_usage_percent_max"), value + 1.0);
    }
}
