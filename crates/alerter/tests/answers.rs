//! The server's answers to the queries of each kind of rule are what timelines and backtests
//! compute of the same points.

use std::collections::BTreeMap;
use std::sync::Arc;

use watchpost_alerter::alert::{Nanos, SECOND};
use watchpost_alerter::dialect::shape::Purpose;
use watchpost_alerter::evaluation;
use watchpost_alerter::labels::Labels;
use watchpost_alerter::rule_file;
use watchpost_alerter::rules::definition::{Kind, Rule};
use watchpost_alerter::rules::sample::{Row, Sample};
use watchpost_alerter::timeline::{VirtualDatabase, VirtualSeries};

use crate::chain::Bench;

/// One rule a line: the keys beside name, kind and field.
const RULES: [(&str, &str, &str); 18] = [
    (
        "threshold",
        "load",
        "aggregate = \"mean\"\nabove = { warn = 1 }",
    ),
    (
        "threshold",
        "load",
        "aggregate = \"max\"\nabove = { warn = 1 }",
    ),
    (
        "threshold",
        "load",
        "aggregate = \"min\"\nabove = { warn = 1 }",
    ),
    (
        "threshold",
        "load",
        "aggregate = \"last\"\nabove = { warn = 1 }",
    ),
    (
        "threshold",
        "load",
        "aggregate = \"p95\"\nabove = { warn = 1 }",
    ),
    (
        "threshold",
        "load",
        "aggregate = \"sum\"\nabove = { warn = 1 }",
    ),
    (
        "threshold",
        "load",
        "aggregate = \"count\"\nabove = { warn = 1 }",
    ),
    (
        "threshold",
        "load",
        "aggregate = \"max\"\ngroup_by = [\"host\"]\nabove = { warn = 1 }",
    ),
    (
        "threshold",
        "load",
        "where = ['cpu=\"\"']\nabove = { warn = 1 }",
    ),
    (
        "threshold",
        "load",
        "where = ['cpu!~\"1|2\"', 'host!=\"b\"']\nabove = { warn = 1 }",
    ),
    (
        "threshold",
        "load",
        "where = ['host=~\"a|b\"']\ngroup_by = [\"host\"]\nabove = { warn = 1 }",
    ),
    (
        "threshold",
        "load",
        "group_by = [\"cpu\"]\naggregate = \"p95\"\nabove = { warn = 1 }",
    ),
    ("rate", "count", "above = { warn = 1 }"),
    (
        "rate",
        "count",
        "group_by = [\"host\"]\nabove = { warn = 1 }",
    ),
    ("no_data", "load", "group_by = [\"host\"]\nafter = \"1h\""),
    (
        "forecast",
        "load",
        "window = \"10m\"\nlevel = 100\nwithin = { warn = \"1h\" }",
    ),
    (
        "anomaly",
        "load",
        "window = \"1m\"\nbaseline = \"trailing\"\ntrailing = \"10m\"\nscore = { warn = 3 }",
    ),
    (
        "anomaly",
        "load",
        "aggregate = \"p95\"\nwindow = \"2m\"\nbaseline = \"trailing\"\ntrailing = \"10m\"\nscore = { warn = 3 }",
    ),
];

/// Twenty minutes of one value every 10 s up to `end`: three hosts, one with cores, one with a gap;
/// the counter begins anew half way.
fn series(end: Nanos) -> Vec<VirtualSeries> {
    let places = [
        Labels::from([("host", "a")]),
        Labels::from([("cpu", "0"), ("host", "a")]),
        Labels::from([("cpu", "1"), ("host", "a")]),
        Labels::from([("host", "b")]),
        Labels::from([("host", "c")]),
    ];
    let mut all = Vec::new();
    for (place, labels) in (0_u32..).zip(places) {
        let steps = (0_u32..120).filter(|step| place != 4 || !(100..110).contains(step));
        let time = |step: u32| end - i64::from(119 - step) * 10 * SECOND;
        let load = |step: u32| f64::from(step * (7 + place) % 41) + f64::from(step) / 8.0;
        let count = |step: u32| f64::from((step + 3) % 95 * (place + 2));
        let samples = |value: &dyn Fn(u32) -> f64| {
            let sample = |step| Sample {
                time: time(step),
                value: value(step),
            };
            steps.clone().map(sample).collect::<Vec<_>>()
        };
        let labels = Arc::new(labels);
        for (field, samples) in [("load", samples(&load)), ("count", samples(&count))] {
            let labels = Arc::clone(&labels);
            all.push(VirtualSeries {
                field: field.to_owned(),
                labels,
                samples,
            });
        }
    }
    all
}

fn lines(measurement: &str, series: &[VirtualSeries]) -> String {
    let mut lines = String::new();
    for VirtualSeries {
        field,
        labels,
        samples,
    } in series
    {
        let tags: String = labels
            .iter()
            .map(|(name, value)| format!(",{name}={value}"))
            .collect();
        for Sample { time, value } in samples {
            lines.push_str(&format!("{measurement}{tags} {field}={value} {time}\n"));
        }
    }
    lines
}

/// Values by labels, in the order of time; `no_data` looks at times alone.
fn table(rule: &Rule, rows: &[Row]) -> BTreeMap<String, Vec<f64>> {
    let mut sorted: Vec<&Row> = rows.iter().collect();
    sorted.sort_by_key(|row| row.time);
    let mut table: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for row in sorted {
        let value = match rule.kind {
            Kind::NoData { .. } => row.time.unwrap() as f64,
            _ => row.value,
        };
        table.entry(row.labels.to_string()).or_default().push(value);
    }
    table
}

fn assert_same(rule: &Rule, purpose: Purpose, server: &[Row], ours: &[Row]) {
    let (server, ours) = (table(rule, server), table(rule, ours));
    let same = server.len() == ours.len()
        && server.iter().zip(&ours).all(|((a, x), (b, y))| {
            let near = |(x, y): (&f64, &f64)| (x - y).abs() <= 1e-9 * y.abs().max(1.0);
            a == b && x.len() == y.len() && x.iter().zip(y).all(near)
        });
    assert!(
        same && !ours.is_empty(),
        "{rule} {purpose:?}\nserver {server:?}\nours   {ours:?}"
    );
}

#[test]
fn the_server_computes_what_timelines_compute() {
    let Some(bench) = Bench::new() else { return };
    let end = bench.minute();
    let series = series(end);
    bench.write(&lines(&bench.measurement, &series));
    let mut database = VirtualDatabase::default();
    series.into_iter().for_each(|series| database.add(series));
    let rule = |(n, (kind, field, more)): (usize, &(&str, &str, &str))| {
        format!("[[rule]]\nname = \"r{n}\"\nkind = \"{kind}\"\nfield = \"{field}\"\n{more}\n")
    };
    let text = bench.defaults()
        + &RULES.iter().enumerate().map(rule).collect::<String>()
        + "[route]\nreceiver = \"f\"\n[[receiver]]\nname = \"f\"\nkind = \"file\"\npath = \"f.log\"\n";
    let rules = rule_file::parse(&text)
        .unwrap_or_else(|mistakes| panic!("{mistakes}"))
        .rules;
    // Between two points, so that no window begins or ends on one.
    let now = end + 5 * SECOND;
    let mut answers = Vec::new();
    let round = evaluation::run(
        bench.client.clone(),
        rules.clone(),
        rules.clone(),
        now,
        |found| {
            answers.extend(found);
        },
    );
    bench.runtime.block_on(round);
    for answer in &answers {
        let rows = answer.rows.as_ref().unwrap();
        let ours = match answer.purpose {
            Purpose::Values => database.values(&answer.rule, now),
            Purpose::Baseline => database.baseline(&answer.rule, now),
        };
        assert_same(&answer.rule, answer.purpose, rows, &ours);
    }
    assert_eq!(answers.len(), RULES.len() + 2, "two have a baseline");
}
