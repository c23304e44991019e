//! The parts without I/O over case files: tiers, query texts, parameters, merging.

use std::fmt::Write as _;

use watchpost_core::csv::Value;
use watchpost_core::time::{format_rfc3339, parse_rfc3339};
use watchpost_query as query;
use watchpost_query::dialect::flux;
use watchpost_testkit::cases::{self, Case};
use watchpost_web::Result;
use watchpost_web::fleet::{Ages, Fleet};
use watchpost_web::metric::Choice;
use watchpost_web::parameters::Parameters;
use watchpost_web::series::{Request, question};
use watchpost_web::tier::{Retention, Tier, divide, step_at_least, step_for};
use watchpost_web::time_range::{TimeRange, length};

/// What `now` is in the case files.
const NOW: &str = "2026-03-15T12:34:56Z";
const DAY: i64 = 86_400_000_000_000;
const RETENTION: Retention = Retention([7 * DAY, 90 * DAY, 365 * DAY]);

const KNOWN: [&str; 12] = [
    "metric",
    "host",
    "start",
    "stop",
    "range",
    "resolution",
    "max_points",
    "each",
    "band",
    "tier",
    "end",
    "limit",
];

fn now() -> i64 {
    parse_rfc3339(NOW).unwrap()
}

fn query_of(case: &Case) -> &str {
    case.input("query").trim()
}

fn request(query: &str) -> Result<Request> {
    let parameters = Parameters::read(Some(query), &KNOWN)?;
    let range = TimeRange::read(&parameters, now(), 3_600_000_000_000)?;
    let step = match parameters.one("resolution")? {
        Some(text) => step_at_least(length("resolution", text)?),
        None => step_for(range, parameters.integer("max_points", 2..=10_000, 1_000)?),
    };
    Ok(Request {
        choice: Choice::find(
            "metric",
            parameters.one("metric")?.unwrap_or("cpu_usage_percent"),
            parameters.truth("each", false)?,
        )?,
        hosts: parameters.many("host"),
        range,
        step,
        band: parameters.truth("band", false)?,
        only: parameters.one("tier")?.and_then(Tier::from_name),
    })
}

fn parts(request: &Request) -> Vec<watchpost_web::tier::Part> {
    divide(request.range, request.step, now(), RETENTION, request.only)
}

#[test]
fn tiers_are_chosen_and_stitched() {
    cases::run("testdata/tiers.md", |case| {
        let request = request(query_of(case)).unwrap();
        let mut text = format!("step {} s\n", request.step / 1_000_000_000);
        for part in parts(&request) {
            let (start, stop) = (
                format_rfc3339(part.range.start),
                format_rfc3339(part.range.stop),
            );
            writeln!(text, "{:3} {start} .. {stop}", part.tier.name()).unwrap();
        }
        text
    });
}

#[test]
fn parts_cover_the_range_without_overlap() {
    for days in 1..400 {
        for step in [1, 60, 3_600, 86_400, 8 * 86_400] {
            let (stop, step) = (now(), step * 1_000_000_000);
            let range = TimeRange {
                start: stop - days * DAY - 12_345,
                stop,
            };
            let parts = divide(range, step, now(), RETENTION, None);
            assert_eq!(
                parts.first().map(|part| part.range.start),
                Some(range.start),
                "{days} days, step {step}"
            );
            assert_eq!(parts.last().map(|part| part.range.stop), Some(range.stop));
            for pair in parts.windows(2) {
                assert_eq!(pair[0].range.stop, pair[1].range.start);
                assert!(pair[0].tier > pair[1].tier);
                assert_eq!(
                    pair[0].range.stop % pair[0].tier.period(),
                    0,
                    "parts meet at whole periods"
                );
            }
        }
    }
}

#[test]
fn queries_are_made_of_requests() {
    cases::run("testdata/queries.md", |case| {
        let request = request(query_of(case)).unwrap();
        let texts = parts(&request)
            .into_iter()
            .map(|part| question::of(part.tier.name(), &part, &request))
            .map(|question| format!("{}\n", flux::text(&question)));
        texts.collect::<Vec<_>>().join("---\n")
    });
}

#[test]
fn mistakes_name_the_parameter() {
    cases::run("testdata/mistakes.md", |case| {
        let read = |query: &str| -> Result<String> {
            if query.contains("end=") {
                let parameters = Parameters::read(Some(query), &KNOWN)?;
                return Ok(format!(
                    "{:?}",
                    TimeRange::read_minutes_ago(&parameters, now())?
                ));
            }
            request(query).map(|request| format!("{request:?}"))
        };
        let lines = query_of(case).lines().map(|line| match read(line) {
            Ok(read) => format!("{line}\n  OK {read}\n"),
            Err(error) => format!("{line}\n  {error}\n"),
        });
        lines.collect::<String>()
    });
}

/// Hosts of names, regions and times in seconds, as the newest points that a database answers.
fn fleet(hosts: &[(&str, &str, i64)]) -> Fleet {
    let series = hosts.iter().map(|(host, region, seconds)| {
        let labels = [("host", *host), ("region", *region)];
        let labels = labels.into_iter().filter(|(_, value)| !value.is_empty());
        query::Series {
            field: "cpu_load_1m".into(),
            statistic: None,
            labels: labels
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            points: vec![query::Point {
                time: Some(seconds * 1_000_000_000),
                value: Value::Float(1.5),
            }],
        }
    });
    let answer = query::Answer {
        series: series.collect(),
    };
    let mut fleet = Fleet::default();
    fleet.see(&answer);
    fleet
}

/// While the database is away, hosts age until that is known no more; those that were offline stay so.
#[test]
fn a_silent_database_makes_hosts_unknown_not_offline() {
    const SECOND: i64 = 1_000_000_000;
    let fleet = fleet(&[("fresh", "", 99), ("late", "", 80), ("gone", "", 10)]);
    let states = |now: i64, answered: Option<i64>| {
        let ages = Ages {
            late: 15 * SECOND,
            offline: 60 * SECOND,
            answered: answered.map(|at| at * SECOND),
        };
        ["fresh", "late", "gone"].map(|name| {
            let host = fleet.host(name).unwrap();
            host.state(now * SECOND, ages).name()
        })
    };
    assert_eq!(states(100, None), ["online", "late", "offline"]);
    assert_eq!(states(105, Some(100)), ["online", "late", "offline"]);
    for now in [115, 133, 1_000] {
        assert_eq!(states(now, Some(100)), ["unknown", "unknown", "offline"]);
    }
    assert_eq!(
        states(1_000, None),
        ["offline"; 3],
        "it answers, they do not"
    );
}

#[test]
fn first_views_hold_a_host_of_each_kind() {
    let mut hosts: Vec<(String, &str)> = (0..40)
        .map(|number| (format!("host-{number}"), ["eu", "us"][number % 2]))
        .collect();
    hosts.push(("my-laptop".to_owned(), ""));
    let hosts: Vec<_> = hosts
        .iter()
        .map(|(name, region)| (name.as_str(), *region, 1))
        .collect();
    let fleet = fleet(&hosts);
    assert_eq!(fleet.sample(1), ["my-laptop"]);
    let sample = fleet.sample(8);
    assert_eq!(sample.len(), 8);
    let in_us = |name: &&String| hosts.contains(&(name.as_str(), "us", 1));
    assert!(
        (3..=4).contains(&sample.iter().filter(in_us).count()),
        "{sample:?}"
    );
    assert_eq!(fleet.sample(100).len(), 41);
    assert!(Fleet::default().sample(3).is_empty());
}

#[test]
fn no_case_file_is_forgotten() {
    cases::assert_none_forgotten("testdata", &["mistakes.md", "queries.md", "tiers.md"]);
}
