//! What the agent and the simulator write is what the catalogue promises: every field is in it with its type
//! and tags, and every metric in it is written.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use watchpost_agent::simulate::Fleet;
use watchpost_core::catalogue::{
    AGENT_METRICS, COMMON_TAGS, MEASUREMENT_AGENT, METRICS, MetricType, metric,
};
use watchpost_core::line_protocol::{Precision, parse_points};
use watchpost_core::point::Point;
use watchpost_testkit::wait;

use crate::agent::{PROGRAM, Setup};
use crate::fake_influx::{Answer, FakeInflux};

/// Fields the points hold, after a check of each against the catalogue.
fn checked_fields(points: &[Point]) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    for point in points {
        assert_eq!(
            point.series.measurement(),
            watchpost_core::catalogue::MEASUREMENT
        );
        for (tag, _) in COMMON_TAGS {
            assert!(
                point.series.tag(tag).is_some(),
                "{} has no tag {tag}",
                point.series
            );
        }
        let metric_type = MetricType::from_name(point.series.tag("metric_type").unwrap());
        let own_tags: BTreeSet<&str> = point
            .series
            .tags()
            .iter()
            .map(|(key, _)| key.as_str())
            .collect();
        for (field, value) in point.fields() {
            let metric = metric(field)
                .unwrap_or_else(|| panic!("{field} of {} is not in the catalogue", point.series));
            assert_eq!(
                Some(metric.metric_type),
                metric_type,
                "{field} in {}",
                point.series
            );
            assert_eq!(
                metric.field_type,
                value.field_type(),
                "{field} in {}",
                point.series
            );
            assert!(
                metric.tags.iter().all(|tag| own_tags.contains(tag)),
                "{field} in {}",
                point.series
            );
            let known = |tag: &&&str| {
                COMMON_TAGS.iter().any(|(common, _)| common == *tag)
                    || metric.tags.contains(tag)
                    || metric.optional_tags.contains(tag)
            };
            let unknown: Vec<_> = own_tags.iter().filter(|tag| !known(tag)).collect();
            assert!(
                unknown.is_empty(),
                "{field} in {} has tags the catalogue does not know: {unknown:?}",
                point.series
            );
            seen.insert(field.clone());
        }
    }
    seen
}

/// Checks what the agent tells of itself against the catalogue; gives the fields.
fn check_own(points: &[Point]) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    assert!(!points.is_empty());
    for point in points {
        for (field, value) in point.fields() {
            let metric = AGENT_METRICS.iter().find(|metric| metric.name == field);
            let metric = metric.unwrap_or_else(|| panic!("{field} is not in the catalogue"));
            assert_eq!(metric.field_type, value.field_type(), "{field}");
            let own_tags = point.series.tags().iter().map(|(key, _)| key.as_str());
            let common = ["host", "region", "environment", "service"];
            let own_tags: Vec<&str> = own_tags.filter(|tag| !common.contains(tag)).collect();
            assert_eq!(own_tags, metric.tags, "{field}");
            seen.insert(field.clone());
        }
    }
    seen
}

#[test]
fn what_the_agent_tells_of_itself_is_written_too() {
    let server = FakeInflux::start();
    let setup = Setup::new(
        &server.url(),
        "[collectors.exec]\ninterval = \"100ms\"\n[collectors.exec.commands.one]\ncommand = [\"echo\", \"one value=1\"]\n",
    );
    setup.configure(&setup.config().replace(
        "[collectors.agent]\nenabled = false",
        "[collectors.agent]\ninterval = \"100ms\"\ntimeout = \"10s\"",
    ));
    // One line in so many is refused, so that something is dropped.
    server.answer(
        |lines, _| match lines.iter().find(|line| line.contains("cpu_load_1m")) {
            Some(line) => Answer::error(400, &format!("unable to parse '{line}': not this one")),
            None => Answer::stored(),
        },
    );
    let mut agent = setup.start();
    let promised: BTreeSet<String> = AGENT_METRICS
        .iter()
        .map(|metric| metric.name.to_owned())
        .collect();
    wait::until("every field of the agent itself", || {
        let stored: String = server
            .stored()
            .into_keys()
            .filter(|line| line.starts_with(MEASUREMENT_AGENT))
            .map(|line| line + "\n")
            .collect();
        (!stored.is_empty() && check_own(&points(stored.as_bytes())) == promised).then_some(())
    });
    assert!(agent.stop().success());
}

fn points(lines: &[u8]) -> Vec<Point> {
    parse_points(lines, Precision::Nanoseconds, 0).unwrap()
}

#[test]
fn the_simulator_writes_the_whole_catalogue() {
    let start = 1_760_000_000_000_000_000;
    let fleet = Fleet::new(42, 5, Duration::from_secs(10), start, &[]);
    let mut seen = BTreeSet::new();
    // A minute, so that a restarting host is there again at some tick.
    for tick in 0..6 {
        let tick = fleet.tick_from(start) + tick * 10_000_000_000;
        seen.extend(checked_fields(&points(fleet.batch(tick).text().as_bytes())));
    }
    let missing: Vec<_> = METRICS
        .iter()
        .map(|metric| metric.name)
        .filter(|name| !seen.contains(*name))
        .collect();
    assert!(missing.is_empty(), "not simulated: {missing:?}");
}

/// Metrics that a host has only with the hardware, kernel or users for them.
const WHERE_THE_HOST_HAS_IT: &[&str] = &[
    "cpu_freq_current_mhz",
    "temperature_celsius",
    "users_count",
    "pressure_",
    "container_",
    "unit",
    "check_",
    "network_conntrack_",
    "fan_",
    "gpu_",
    "clock_",
    "battery_",
    "ups_",
    "timers_",
    "journal_",
    "mains_",
    "packages_upgradable",
];

/// Metrics of things a container may lack: a disk or a mount of its own.
const NOT_IN_EVERY_CONTAINER: &[&str] = &["disk_"];

#[test]
fn this_host_gives_the_catalogue_where_it_has_it() {
    let output = Command::new(PROGRAM)
        .env_clear()
        .arg("--once")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // A host may have files of node_exporter's jobs.
    let (own, of_host): (Vec<Point>, Vec<Point>) = points(&output.stdout)
        .into_iter()
        .filter(|point| {
            point.series.measurement() != watchpost_agent::programs::prometheus::MEASUREMENT
        })
        .partition(|point| point.series.measurement() == MEASUREMENT_AGENT);
    check_own(&own);
    let seen = checked_fields(&of_host);
    let excused = |name: &str| {
        let mut excuses = WHERE_THE_HOST_HAS_IT.iter().chain(NOT_IN_EVERY_CONTAINER);
        excuses.any(|prefix| name.starts_with(prefix))
    };
    let missing: Vec<_> = METRICS
        .iter()
        .map(|metric| metric.name)
        .filter(|name| !seen.contains(*name) && !excused(name))
        .collect();
    assert!(missing.is_empty(), "not collected: {missing:?}");
}
