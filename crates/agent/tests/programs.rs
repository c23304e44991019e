//! What programs send, without a socket: lines, pages and requests in, points out; and against what others make of the
//! same.

use std::process::Command;

use serde_json::Value;
use watchpost_agent::collectors::Points;
use watchpost_agent::filter::Filter;
use watchpost_agent::metrics::AgentMetrics;
use watchpost_agent::programs::Intake;
use watchpost_agent::programs::inbox::Inbox;
use watchpost_agent::programs::otlp::{Received, Requests};
use watchpost_agent::programs::prometheus::text::{Format, read};
use watchpost_agent::programs::prometheus::{Samples, samples};
use watchpost_agent::programs::statsd::Aggregate;
use watchpost_core::line_protocol::write_points;
use watchpost_core::point::Point;
use watchpost_core::time::NANOS_PER_SECOND;
use watchpost_service::metrics::Registry;
use watchpost_testkit::cases::{self, Case};

use crate::protobuf;

const SECONDS: f64 = 10.0;

pub(crate) fn intake() -> Intake {
    Intake::new(&AgentMetrics::new(&Registry::new()), "test")
}

/// Line protocol, sorted, and what was counted.
fn text(points: Vec<Point>) -> String {
    let lines: Vec<String> = points
        .iter()
        .map(|point| String::from_utf8(write_points([point]).unwrap()).unwrap())
        .collect();
    let mut lines = lines;
    lines.sort();
    lines.concat()
}

fn counted(intake: &Intake) -> String {
    let (taken, refused) = intake.counts();
    format!("taken {taken}, refused {refused}\n")
}

#[test]
fn statsd_lines_give_their_points() {
    cases::run("testdata/programs/statsd.md", |case: &Case| {
        let intake = intake();
        let mut aggregate = Aggregate::new(3, &[90]);
        let mut out = String::new();
        for (number, block) in (1..).zip(case.inputs()) {
            aggregate.take(block.text.as_bytes(), &intake);
            let mut points = Points::default();
            aggregate.flush(number * 10 * NANOS_PER_SECOND, SECONDS, &mut points);
            out += &text(points.into_vec());
        }
        out + &counted(&intake)
    });
}

#[test]
fn prometheus_pages_give_their_points() {
    cases::run("testdata/programs/prometheus.md", |case: &Case| {
        let intake = intake();
        let at = 1_000_000 * NANOS_PER_SECOND;
        let mut samples = Samples::new(vec![("job", "test")], at);
        let (page, format) = page(case);
        match samples.take(page.as_bytes(), format, 12, &intake) {
            Ok(()) => text(samples.into_points()) + &counted(&intake),
            Err(error) => format!("error: {error}\n"),
        }
    });
}

fn page(case: &Case) -> (&str, Format) {
    match case.optional("openmetrics") {
        Some(page) => (page, Format::OpenMetrics),
        None => (case.input("page"), Format::Prometheus),
    }
}

#[test]
fn otlp_requests_give_their_points() {
    cases::run("testdata/programs/otlp.md", |case: &Case| {
        let as_json = otlp(case, "application/json; charset=utf-8", |json| {
            json.as_bytes().to_vec()
        });
        let as_protobuf = otlp(case, "application/x-protobuf", |json| {
            protobuf::request(&serde_json::from_str(json).unwrap())
        });
        assert_eq!(as_json, as_protobuf, "JSON and protobuf differ");
        as_json
    });
}

/// Sends the requests of a case, and gives the points after each, and what was answered.
fn otlp(case: &Case, content_type: &str, encode: impl Fn(&str) -> Vec<u8>) -> String {
    let (inbox, intake) = (Inbox::default(), intake());
    let keys = ["service.name", "deployment.environment*"].map(str::to_owned);
    let attributes = Filter::new(&keys, &[]).unwrap();
    let requests = Requests::new(attributes, 100, inbox.clone(), intake.clone());
    let mut out = String::new();
    for block in case.inputs() {
        let body = encode(&block.text);
        let received = Received {
            content_type,
            content_encoding: "",
            body: &body,
        };
        let answer = requests.take(received, 1_544_712_660_500_000_000);
        assert_eq!(answer.status, 200);
        let mut points = Points::default();
        inbox.empty_into(&mut points);
        out += &text(points.into_vec());
    }
    out + &counted(&intake)
}

#[test]
fn the_arithmetic_is_that_of_the_reference_daemon() {
    let recorded = std::fs::read("testdata/programs/statsd_reference.json").unwrap();
    let recorded: Value = serde_json::from_slice(&recorded).unwrap();
    let intake = intake();
    let mut aggregate = Aggregate::new(100, &[90, 50, 99]);
    let mut compared = 0;
    for (number, flush) in (1..).zip(recorded["flushes"].as_array().unwrap()) {
        let lines = recorded["lines"].get(number - 1).and_then(Value::as_array);
        for line in lines.into_iter().flatten() {
            aggregate.take(line.as_str().unwrap().as_bytes(), &intake);
        }
        let mut points = Points::default();
        aggregate.flush(number as i64 * 10 * NANOS_PER_SECOND, SECONDS, &mut points);
        let points = points.into_vec();
        let ours = |name: &str, metric_type: &str, field: &str| {
            let point = points.iter().find(|point| {
                point.series.measurement() == name
                    && point.series.tag("metric_type") == Some(metric_type)
            });
            let value = point.and_then(|point| point.get(field)?.as_f64());
            value.unwrap_or_else(|| panic!("flush {number}: {name} has no {field}"))
        };
        for (kind, metric_type, field) in [
            ("counters", "counter", "value"),
            ("counter_rates", "counter", "rate"),
            ("gauges", "gauge", "value"),
            ("sets", "set", "value"),
        ] {
            for (name, value) in flush[kind].as_object().unwrap() {
                assert_near(
                    ours(name, metric_type, field),
                    value,
                    &format!("{number} {name}"),
                );
                compared += 1;
            }
        }
        for (name, fields) in flush["timer_data"].as_object().unwrap() {
            for (field, value) in fields.as_object().unwrap() {
                assert_near(
                    ours(name, "timing", field),
                    value,
                    &format!("{number} {name} {field}"),
                );
                compared += 1;
            }
        }
    }
    assert_eq!(intake.counts().1, 0);
    assert!(compared > 200, "{compared}");
}

fn assert_near(ours: f64, theirs: &Value, what: &str) {
    let theirs = theirs.as_f64().unwrap();
    let near = (ours - theirs).abs() <= 1e-9 * theirs.abs().max(1.0);
    assert!(near, "{what}: {ours} instead of {theirs}");
}

/// Prints a JSON list `[name, labels, value, seconds]` a sample, or `null` for a page that it refuses.
const OFFICIAL: &str = r#"
import json, sys
from prometheus_client.parser import text_string_to_metric_families as classic
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
pages = json.load(sys.stdin)
def samples(page, is_openmetrics):
    families = openmetrics(page) if is_openmetrics else classic(page)
    return [[s.name, dict(s.labels), repr(float(s.value)), None if s.timestamp is None else float(s.timestamp)]
            for f in families for s in f.samples]
out = []
for page, is_openmetrics in pages:
    try:
        out.append(samples(page, is_openmetrics))
    except Exception:
        out.append(None)
json.dump(out, sys.stdout)
"#;

#[test]
fn the_official_parser_reads_the_same() {
    let has_it = Command::new("python3")
        .args(["-c", "import prometheus_client"])
        .output();
    if !has_it.is_ok_and(|output| output.status.success()) {
        println!("skipped: python3 has no prometheus_client");
        return;
    }
    let mut pages = Vec::new();
    cases::run_in_mode(
        cases::Mode::Compare,
        "testdata/programs/prometheus.md",
        |case| case.expected().unwrap_or_default().to_owned(),
    );
    // Line by line: the official parser refuses a page for one line.
    let text = std::fs::read_to_string("testdata/programs/prometheus.md").unwrap();
    let mut is_openmetrics = None;
    for line in text.lines() {
        match line {
            "```page" => is_openmetrics = Some(false),
            "```openmetrics" => is_openmetrics = Some(true),
            "```" => is_openmetrics = None,
            line => {
                if let Some(is_openmetrics) = is_openmetrics.filter(|_| !line.starts_with('#')) {
                    let end = if is_openmetrics { "\n# EOF\n" } else { "\n" };
                    pages.push((format!("{line}{end}"), is_openmetrics));
                }
            }
        }
    }
    let theirs = official(&pages);
    let mut agreed = 0;
    for ((page, is_openmetrics), theirs) in pages.iter().zip(&theirs) {
        let format = if *is_openmetrics {
            Format::OpenMetrics
        } else {
            Format::Prometheus
        };
        let ours = ours(page, format);
        // It refuses types that it misses, and takes some lines that the format does not know.
        let Some(theirs) = theirs.as_array().filter(|theirs| !theirs.is_empty()) else {
            continue;
        };
        if DISPUTED.iter().any(|disputed| page.starts_with(disputed)) {
            continue;
        }
        assert_eq!(ours.as_ref(), Some(&theirs[0]), "{page}");
        agreed += 1;
    }
    assert!(agreed >= 35, "{agreed}");
}

/// Lines that the official parser takes though the format has no such line.
const DISPUTED: [&str; 2] = ["too_much 1 2 3", "comma_first{,"];

fn official(pages: &[(String, bool)]) -> Vec<Value> {
    use std::io::Write as _;
    use std::process::Stdio;
    let mut child = Command::new("python3")
        .args(["-c", OFFICIAL])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pages = serde_json::to_string(pages).unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(pages.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The one sample of a page as the official parser gives it; `None` where it is refused.
fn ours(page: &str, format: Format) -> Option<Value> {
    let mut found = None;
    read(page.as_bytes(), format, |sample| {
        found = sample.ok().map(|sample| {
            let labels: serde_json::Map<String, Value> = sample
                .labels
                .iter()
                .map(|(label, value)| (label.to_string(), Value::from(&**value)))
                .collect();
            let seconds = sample
                .timestamp
                .map(|time| time as f64 / NANOS_PER_SECOND as f64);
            serde_json::json!([&*sample.name, labels, python(sample.value), seconds])
        });
    });
    found
}

/// As Python writes a float.
fn python(value: f64) -> String {
    // Its zero has no sign.
    let text = format!("{:?}", value + 0.0);
    match text.as_str() {
        "NaN" => "nan".to_owned(),
        text if text.contains('e') && !text.contains("e-") => text.replace('e', "e+"),
        text => text.to_owned(),
    }
}

#[test]
fn the_measurement_is_telegrafs() {
    assert_eq!(samples::MEASUREMENT, "prometheus");
}
