//! The tiers against a computation of our own over the same raw points: every window of every
//! series, over a change of month, a leap day and a change of the clock.

use std::collections::BTreeMap;

use watchpost_core::csv::Table;
use watchpost_core::time::{format_rfc3339, parse_rfc3339};
use watchpost_provisioner::backfill;
use watchpost_provisioner::observe::Target;
use watchpost_provisioner::platform::{self, Platform, TaskText};
use watchpost_provisioner::rollup::{self, Which};

use crate::site::{Site, block_on};

const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;

/// Leap day and end of February; the day on which Europe changes its clocks.
const PASTS: [(&str, &str); 2] = [
    ("2024-02-28T00:00:00Z", "2024-03-02T00:00:00Z"),
    ("2024-03-30T00:00:00Z", "2024-04-01T00:00:00Z"),
];

/// No retention, for the past lies far back.
const DESIRED: &str = "
[[buckets]]
name = \"raw\"
[[buckets]]
name = \"hours\"
[[buckets]]
name = \"days\"
[[tasks]]
name = \"hourly\"
file = \"ROOT/flux-tasks/downsample_hourly.flux\"
every = \"1h\"
offset = \"5m\"
parameters = { source = \"raw\", target = \"hours\" }
[[tasks]]
name = \"daily\"
file = \"ROOT/flux-tasks/downsample_daily.flux\"
every = \"1d\"
offset = \"1h\"
parameters = { source = \"hours\", target = \"days\" }
";

type Series = (String, String, i64);

#[derive(Default)]
struct Expected {
    values: BTreeMap<Series, Vec<f64>>,
    last: BTreeMap<Series, f64>,
}

#[test]
fn hours_and_days_equal_an_independent_computation() {
    let Some(site) = Site::new() else { return };
    site.desire(&DESIRED.replace("ROOT", concat!(env!("CARGO_MANIFEST_DIR"), "/../..")));
    assert_eq!(site.run(&["apply", "--yes"]).code, 0);
    let platform = platform::read(&site.path("platform.toml")).unwrap();
    for (from, to) in PASTS {
        let (from, to) = (parse_rfc3339(from).unwrap(), parse_rfc3339(to).unwrap());
        let points = write_past(&site, ("raw", ",note=\"x\",well=true"), from, to);
        // Window by window, then many in one query: the same points are written again.
        for windows in [1, 24] {
            run_tasks(&site, &platform, (from, to), windows);
        }
        compare(
            &site,
            "hours",
            "system_metrics_hourly",
            &points,
            HOUR,
            (from, to),
        );
        compare(
            &site,
            "days",
            "system_metrics_daily",
            &points,
            DAY,
            (from, to),
        );
    }
}

/// Where the server has no tasks: the same figures, made of neutral questions; a second run finds nothing to
/// do, and what is missing again is made again.
#[test]
fn a_rollup_gives_the_figures_of_the_tasks() {
    let Some(site) = Site::new() else { return };
    site.desire(
        "[[buckets]]\nname = \"system_metrics_raw\"\n[[buckets]]\nname = \"system_metrics_1h\"\n[[buckets]]\nname = \"system_metrics_1d\"\n",
    );
    assert_eq!(site.run(&["apply", "--yes"]).code, 0);
    let (from, to) = PASTS[0];
    let (from, to) = (parse_rfc3339(from).unwrap(), parse_rfc3339(to).unwrap());
    let (raw, hours, days) = (
        "system_metrics_raw",
        "system_metrics_1h",
        "system_metrics_1d",
    );
    let points = write_past(&site, (raw, ""), from, to);
    let now = to + HOUR;
    let run = |which| block_on(rollup::run(&site.client(), from, now, which)).unwrap();
    let made = || run(Which::Missing);
    // An hour beyond the last of the past is over, and empty, but its last points may still come.
    assert_eq!(made(), [72, 3]);
    for (bucket, measurement, every) in [
        (hours, "system_metrics_hourly", HOUR),
        (days, "system_metrics_daily", DAY),
    ] {
        compare(&site, bucket, measurement, &points, every, (from, to));
    }
    assert_eq!(made(), [0, 0]);
    // A host that was cut off brings its points later.
    let late = from + 5 * HOUR + SECOND;
    site.write(
        raw,
        &format!("system_metrics,host=late cpu_usage_percent=7 {late}\n"),
    );
    let means = |bucket: &str| {
        let tables = site.query(&format!(
            "from(bucket: \"{bucket}\") |> range(start: 2024-01-01T00:00:00Z, stop: 2024-12-31T00:00:00Z)
                |> filter(fn: (r) => r.host == \"late\" and r._field == \"cpu_usage_percent_mean\")"
        ));
        let rows = tables.iter().flat_map(Table::rows);
        rows.filter_map(|row| row.f64("_value")).collect::<Vec<_>>()
    };
    assert_eq!(made(), [0, 0]);
    assert_eq!(means(hours), [0.0; 0]);
    assert_eq!(run(Which::All), [72, 3]);
    assert_eq!((means(hours), means(days)), (vec![7.0], vec![7.0]));
}

/// Of a large fleet some hosts are asked about at a time, and points without a host are not left out.
#[test]
fn a_large_fleet_is_made_in_groups() {
    let names = |count: usize| {
        (0..count)
            .map(|at| format!("host-{at}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(rollup::groups(&names(500)), [Vec::new()]);
    let groups = rollup::groups(&names(1_200));
    assert_eq!(groups.len(), 3);
    let absent = |group: &Vec<watchpost_query::Matcher>| group[0].matches_absent();
    let absent: Vec<bool> = groups.iter().map(absent).collect();
    assert_eq!(absent, [true, false, false]);
}

/// Half an hour's statistics, written by hand or by a run that was cut short, do not end the task
/// for all others.
#[test]
fn an_hour_without_a_mean_or_a_count_is_left_out_of_its_day() {
    let Some(site) = Site::new() else { return };
    site.desire(&DESIRED.replace("ROOT", concat!(env!("CARGO_MANIFEST_DIR"), "/../..")));
    assert_eq!(site.run(&["apply", "--yes"]).code, 0);
    let platform = platform::read(&site.path("platform.toml")).unwrap();
    let day = parse_rfc3339(PASTS[0].0).unwrap();
    let mut lines = String::new();
    for (host, hour, fields) in [
        ("a", 0, "x_mean=1,x_min=1,x_max=1,x_count=1i"),
        ("a", 1, "x_mean=1000,x_min=0,x_max=9"),
        ("a", 2, "x_count=7i"),
        ("a", 3, "x_mean=5,x_min=5,x_max=5,x_count=3i"),
        ("b", 0, "x_mean=2"),
        ("c", 0, "x_count=2i"),
    ] {
        let time = day + hour * HOUR;
        lines += &format!("system_metrics_hourly,host={host},region=r {fields} {time}\n");
    }
    site.write("hours", &lines);
    run_tasks(&site, &platform, (day, day + DAY), 1);
    let found = |statistic: &str| -> BTreeMap<String, f64> {
        let tables = site.query(&format!(
            "from(bucket: \"days\") |> range(start: {}, stop: {})
                |> filter(fn: (r) => r._field == \"x_{statistic}\")",
            format_rfc3339(day),
            format_rfc3339(day + DAY)
        ));
        let stored = stored(&tables, statistic).into_iter();
        stored.map(|((host, ..), value)| (host, value)).collect()
    };
    let of = |values: &[(&str, f64)]| -> BTreeMap<String, f64> {
        let values = values.iter();
        values.map(|(host, it)| ((*host).to_owned(), *it)).collect()
    };
    // (1 · 1 + 5 · 3) / 4
    assert_eq!(found("mean"), of(&[("a", 4.0)]));
    assert_eq!(found("min"), of(&[("a", 0.0)]));
    assert_eq!(found("max"), of(&[("a", 9.0)]));
    assert_eq!(found("count"), of(&[("a", 11.0), ("c", 2.0)]));
}

/// Two gauges and a counter of two hosts, with holes, beside a text and a boolean that must not
/// matter; every 7 minutes, so that hours hold different numbers of points.
fn write_past(
    site: &Site,
    (bucket, beside): (&str, &str),
    from: i64,
    to: i64,
) -> Vec<(String, &'static str, i64, f64)> {
    let mut points = Vec::new();
    let mut lines = String::new();
    let mut counter = 0_i64;
    let mut random = 42_u64;
    for time in (from..to).step_by((7 * 60 * SECOND) as usize) {
        for host in ["a", "b"] {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let value = (random >> 40) as f64 / 167_772.16;
            counter += (random >> 50) as i64;
            // Host b is away for three hours.
            if host == "b" && (time - from) / HOUR % 24 / 3 == 2 {
                continue;
            }
            let tags = format!("system_metrics,host={host},region=r");
            lines += &format!("{tags},metric_type=cpu cpu_usage_percent={value}{beside} {time}\n");
            lines += &format!("{tags},metric_type=memory memory_used_bytes={counter}i {time}\n");
            lines += &format!("{tags},metric_type=network network_bytes_sent={counter}i {time}\n");
            points.push((host.to_owned(), "cpu_usage_percent", time, value));
            points.push((host.to_owned(), "memory_used_bytes", time, counter as f64));
            points.push((host.to_owned(), "network_bytes_sent", time, counter as f64));
        }
    }
    site.write(bucket, &lines);
    points
}

fn run_tasks(site: &Site, platform: &Platform, (from, to): (i64, i64), windows: usize) {
    let target = block_on(Target::find(site.client(), platform, site.path("secrets"))).unwrap();
    for task in &platform.tasks {
        let file = std::fs::read_to_string(&task.file).unwrap();
        let text: TaskText = platform::render(task, &file).unwrap();
        let runs = backfill::runs(task, from, to).unwrap();
        for batch in backfill::batches(&runs, windows) {
            block_on(backfill::run(&target, task, &text, batch)).unwrap();
        }
    }
}

fn compare(
    site: &Site,
    bucket: &str,
    measurement: &str,
    points: &[(String, &'static str, i64, f64)],
    every: i64,
    (from, to): (i64, i64),
) {
    let mut expected = Expected::default();
    for (host, field, time, value) in points {
        let key = (
            host.clone(),
            (*field).to_owned(),
            time.div_euclid(every) * every,
        );
        if *field == "network_bytes_sent" {
            expected.last.insert(key, *value);
        } else {
            expected.values.entry(key).or_default().push(*value);
        }
    }
    let read = |statistic: &str| {
        let tables = site.query(&format!(
            "from(bucket: \"{bucket}\") |> range(start: {}, stop: {})
                |> filter(fn: (r) => r._measurement == \"{measurement}\" and r._field =~ /_{statistic}$/)",
            format_rfc3339(from),
            format_rfc3339(to)
        ));
        stored(&tables, statistic)
    };
    let of = |statistic: fn(&[f64]) -> f64| -> BTreeMap<Series, f64> {
        expected
            .values
            .iter()
            .map(|(key, values)| (key.clone(), statistic(values)))
            .collect()
    };
    assert_close(
        &read("mean"),
        &of(|it| it.iter().sum::<f64>() / it.len() as f64),
        "mean",
    );
    assert_close(
        &read("min"),
        &of(|it| it.iter().copied().fold(f64::INFINITY, f64::min)),
        "min",
    );
    assert_close(
        &read("max"),
        &of(|it| it.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
        "max",
    );
    assert_close(&read("count"), &of(|it| it.len() as f64), "count");
    assert_close(&read("last"), &expected.last, "last");
}

fn stored(tables: &[Table], statistic: &str) -> BTreeMap<Series, f64> {
    let rows = tables.iter().flat_map(Table::rows);
    rows.map(|row| {
        assert_eq!(row.str("region"), Some("r"), "every tag is kept");
        let field = row
            .str("_field")
            .unwrap()
            .strip_suffix(&format!("_{statistic}"))
            .unwrap();
        let key = (
            row.str("host").unwrap().to_owned(),
            field.to_owned(),
            row.time("_time").unwrap(),
        );
        (key, row.f64("_value").unwrap())
    })
    .collect()
}

fn assert_close(found: &BTreeMap<Series, f64>, expected: &BTreeMap<Series, f64>, statistic: &str) {
    let keys = |it: &BTreeMap<Series, f64>| it.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(found), keys(expected), "windows with a {statistic}");
    for (key, wanted) in expected {
        let value = found[key];
        assert!(
            (value - wanted).abs() <= 1e-9 * wanted.abs().max(1.0),
            "{statistic} of {key:?}: {value}, not {wanted}"
        );
    }
}
