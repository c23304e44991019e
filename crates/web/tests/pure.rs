//! The parts without I/O over case files: tiers, query texts, parameters, merging.

use std::fmt::Write as _;

use watchpost_core::time::{format_rfc3339, parse_rfc3339};
use watchpost_testkit::cases::{self, Case};
use watchpost_web::Result;
use watchpost_web::metric::Choice;
use watchpost_web::parameters::Parameters;
use watchpost_web::series::{Request, flux};
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

fn query(case: &Case) -> &str {
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
        let request = request(query(case)).unwrap();
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
        let request = request(query(case)).unwrap();
        let texts = parts(&request)
            .into_iter()
            .map(|part| flux::text(part.tier.name(), &part, &request));
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
        let lines = query(case).lines().map(|line| match read(line) {
            Ok(read) => format!("{line}\n  OK {read}\n"),
            Err(error) => format!("{line}\n  {error}\n"),
        });
        lines.collect::<String>()
    });
}

#[test]
fn no_case_file_is_forgotten() {
    cases::assert_none_forgotten("testdata", &["mistakes.md", "queries.md", "tiers.md"]);
}
