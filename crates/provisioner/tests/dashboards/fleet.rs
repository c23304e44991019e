//! Three hosts with every metric of the catalogue, raw and in the lower tiers; alerts, notes, and the
//! server's own health.

use std::collections::{BTreeMap, BTreeSet};

use watchpost_core::catalogue::{
    self, AGENT_METRICS, Kind, MEASUREMENT_AGENT, MEASUREMENT_DAILY, MEASUREMENT_HOURLY, METRICS,
};
use watchpost_core::line_protocol;
use watchpost_core::point::{FieldType, FieldValue, Point};

use super::names;
use crate::site::Site;

const MINUTE: i64 = 60_000_000_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Name, region, environment; one name has what patterns and strings must escape.
const HOSTS: [(&str, &str, &str); 3] = [
    ("db.2 (old)", "eu-west-1", "staging"),
    ("web-1", "us-east-1", "production"),
    ("web-2", "us-west-1", "production"),
];

/// Nanoseconds since 1970, whole seconds; the retention of the tiers asks for the present.
pub(super) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap().as_secs()).unwrap() * 1_000_000_000
}

/// The shipped platform with data in every bucket.
pub(super) fn write(site: &Site, now: i64) {
    site.desire_shipped();
    let apply = site.run(&["apply", "--yes"]);
    assert_eq!(apply.code, 0, "{}", apply.text);
    let every = |step: i64, count: i64| {
        let last = now.div_euclid(step) * step;
        (0..count).rev().map(move |it| last - it * step)
    };
    let all =
        |times: &mut dyn Iterator<Item = i64>| -> Vec<Point> { times.flat_map(metrics).collect() };
    send(site, "system_metrics_raw", &all(&mut every(2 * MINUTE, 30)));
    send(site, "system_metrics_raw", &all(&mut every(HOUR, 6)));
    let told: Vec<Point> = every(2 * MINUTE, 30).flat_map(agents).collect();
    send(site, "system_metrics_raw", &told);
    let of_programs: Vec<Point> = every(2 * MINUTE, 30).flat_map(programs).collect();
    send(site, "system_metrics_raw", &of_programs);
    let tiers = [
        ("system_metrics_1h", MEASUREMENT_HOURLY, HOUR),
        ("system_metrics_1d", MEASUREMENT_DAILY, DAY),
    ];
    for (bucket, measurement, step) in tiers {
        let points = all(&mut every(step, 6));
        let points: Vec<Point> = points
            .iter()
            .map(|it| statistics(measurement, it))
            .collect();
        send(site, bucket, &points);
    }
    send(site, "alerts_history", &alerts(now));
    let note = Point::new("annotations", now - 10 * MINUTE).tag("host", "web-1");
    let note = note.field("text", "Disk replaced").field("author", "kim");
    let everywhere = Point::new("annotations", now - 15 * MINUTE);
    let everywhere = everywhere
        .field("text", "New switch")
        .field("author", "kim");
    let deleted = Point::new("annotations", now - 20 * MINUTE).field("text", "a mistake");
    let deleted = deleted.field("author", "kim").field("deleted", true);
    send(site, "annotations", &[note, everywhere, deleted]);
    // A rate needs two.
    for _ in 0..2 {
        let health = site.run(&["health", "--write", "platform_health"]);
        assert_eq!(health.code, 0, "{}", health.text);
    }
}

fn send(site: &Site, bucket: &str, points: &[Point]) {
    let lines = line_protocol::write_points(points).unwrap();
    site.write(bucket, std::str::from_utf8(&lines).unwrap());
}

/// Every metric of every host at a time, a point for each set of tags.
fn metrics(time: i64) -> Vec<Point> {
    let mut points: BTreeMap<Vec<&str>, Point> = BTreeMap::new();
    for (host, region, environment) in HOSTS {
        for metric in METRICS {
            let whole = metric.tags.to_vec();
            let one = [metric.tags, metric.optional_tags].concat();
            for tags in BTreeSet::from([whole, one]) {
                let key = [&[host, metric.metric_type.name()], tags.as_slice()].concat();
                let point = points.entry(key).or_insert_with(|| {
                    let point = Point::new("system_metrics", time)
                        .tag("host", host)
                        .tag("region", region)
                        .tag("environment", environment)
                        .tag("metric_type", metric.metric_type.name());
                    let with = |point: Point, tag: &&str| point.tag(*tag, format!("{tag}-0"));
                    tags.iter().fold(point, with)
                });
                point.set_field(metric.name, value(time, metric.kind, metric.field_type));
            }
        }
    }
    points.into_values().collect()
}

/// What every host's agent tells of itself at a time, a point for each set of tags.
fn agents(time: i64) -> Vec<Point> {
    let mut points: BTreeMap<(&str, &[&str]), Point> = BTreeMap::new();
    for (host, region, environment) in HOSTS {
        for metric in AGENT_METRICS {
            let point = points.entry((host, metric.tags)).or_insert_with(|| {
                let point = Point::new(MEASUREMENT_AGENT, time)
                    .tag("host", host)
                    .tag("region", region)
                    .tag("environment", environment);
                let with = |point: Point, tag: &&str| point.tag(*tag, format!("{tag}-0"));
                metric.tags.iter().fold(point, with)
            });
            point.set_field(metric.name, value(time, metric.kind, metric.field_type));
        }
    }
    points.into_values().collect()
}

/// What every host's agent takes from programs at a time.
fn programs(time: i64) -> Vec<Point> {
    let of_host = |host: &str| {
        let point = |measurement: &str| Point::new(measurement, time).tag("host", host);
        [
            point(names::PROGRAMS_SCRAPED)
                .tag("job", "shop")
                .field("up", 1.0),
            point(names::PROGRAMS_RUN)
                .tag("command", "queue")
                .field("duration_seconds", 0.5),
            point(names::PROGRAMS_LOGS)
                .tag("log", "shop")
                .tag("pattern", "errors")
                .field("matches", time as f64 / 1e9),
        ]
    };
    HOSTS.iter().flat_map(|(host, ..)| of_host(host)).collect()
}

/// The point of a lower tier that a window of this one point becomes.
fn statistics(measurement: &str, raw: &Point) -> Point {
    let tags = raw.series.tags().iter();
    let point = Point::new(measurement, raw.timestamp);
    let mut point = tags.fold(point, |point, (name, value)| point.tag(name, value));
    for (name, value) in raw.fields() {
        let counter = catalogue::metric(name).is_some_and(|it| it.kind == Kind::Counter);
        if counter {
            point.set_field(format!("{name}_last"), value.clone());
            continue;
        }
        for statistic in ["mean", "min", "max"] {
            let value = value.as_f64().unwrap_or_default();
            point.set_field(format!("{name}_{statistic}"), value);
        }
        point.set_field(format!("{name}_count"), 1_i64);
    }
    point
}

/// Gauges go up and down within a day, counters grow.
fn value(time: i64, kind: Kind, field_type: FieldType) -> FieldValue {
    let phase = time.rem_euclid(DAY) as f64 / DAY as f64;
    let gauge = 50.0 + 40.0 * (phase * std::f64::consts::TAU).sin();
    match (kind, field_type) {
        (Kind::Counter, FieldType::Float) => FieldValue::Float(time as f64 / 1e9),
        (Kind::Counter, _) => FieldValue::Integer(time / 1_000_000),
        (Kind::Gauge, FieldType::Integer) => FieldValue::Integer(gauge as i64),
        (Kind::Gauge, _) => FieldValue::Float(gauge),
    }
}

/// As the alerter writes them: one still fires, one is over.
fn alerts(now: i64) -> Vec<Point> {
    let events = [
        (50, "transition", "pending", "cpu-high", "web-1"),
        (45, "transition", "firing", "cpu-high", "web-1"),
        (44, "notification", "firing", "cpu-high", "web-1"),
        (30, "transition", "firing", "disk-full", "db.2 (old)"),
        (20, "transition", "resolved", "disk-full", "db.2 (old)"),
    ];
    let of = |(minutes, event, state, rule, host): (i64, &str, &str, &str, &str)| {
        Point::new("alerts", now - minutes * MINUTE)
            .tag("event", event)
            .tag("rule", rule)
            .tag("severity", "warning")
            .tag("host", host)
            .tag("state", state)
            .field("message", format!("{rule} on {host} is {state}"))
            .field("reason", "92.1 > 90 for 5m")
            .field("fingerprint", "00ff")
            .field("value", 92.1)
            .field("threshold", 90.0)
    };
    events.map(of).into()
}
