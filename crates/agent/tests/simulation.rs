//! The simulated fleet: the same seed gives the same values, hosts restart, and incidents happen.

use std::process::Command;
use std::time::Duration;

use watchpost_agent::simulate::Fleet;
use watchpost_agent::simulate::incident::Incident;
use watchpost_core::line_protocol::{Precision, parse_points};
use watchpost_core::point::Point;

use crate::agent::{PROGRAM, Setup};
use crate::fake_influx::FakeInflux;

const START: i64 = 1_760_000_000_000_000_000;
const SECOND: i64 = 1_000_000_000;

fn fleet(seed: u64, incidents: &[&str]) -> Fleet {
    let incidents: Vec<Incident> = incidents.iter().map(|text| text.parse().unwrap()).collect();
    Fleet::new(seed, 5, Duration::from_secs(60), START, &incidents)
}

fn points(fleet: &Fleet, tick: i64) -> Vec<Point> {
    parse_points(
        fleet.batch(tick).text().as_bytes(),
        Precision::Nanoseconds,
        0,
    )
    .unwrap()
}

/// A value of a host without further tags (but those of its root file system).
fn value(fleet: &Fleet, tick: i64, host: &str, field: &str) -> Option<f64> {
    let points = points(fleet, tick);
    let of_host = points.iter().filter(|point| {
        point.series.tag("host") == Some(host) && point.series.tag("cpu").is_none()
    });
    of_host
        .filter_map(|point| point.get(field)?.as_f64())
        .next()
}

fn minutes(count: i64) -> impl Iterator<Item = i64> {
    (0..count).map(|minute| START / (60 * SECOND) * 60 * SECOND + minute * 60 * SECOND)
}

#[test]
fn the_same_seed_gives_the_same_values_in_any_order() {
    let (one, other) = (fleet(42, &[]), fleet(42, &[]));
    let forward: Vec<_> = minutes(20).map(|tick| one.batch(tick)).collect();
    let mut backward: Vec<_> = minutes(20)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .map(|tick| other.batch(tick))
        .collect();
    backward.reverse();
    assert!(forward == backward);
    assert!(
        fleet(43, &[]).batch(START) != one.batch(START),
        "another seed gives other values"
    );
}

#[test]
fn regions_and_environments_are_as_promised() {
    let points = points(&fleet(42, &[]), START);
    let mut places: Vec<String> = points
        .iter()
        .map(|point| {
            let tag = |name| point.series.tag(name).unwrap();
            format!("{} {} {}", tag("host"), tag("region"), tag("environment"))
        })
        .collect();
    places.sort();
    places.dedup();
    assert_eq!(
        places,
        [
            "host-1 us-east-1 production",
            "host-2 us-west-1 production",
            "host-3 eu-west-1 staging",
            "host-4 us-east-1 production",
            "host-5 us-west-1 production",
        ]
    );
}

#[test]
fn a_calm_fleet_stays_clear_of_the_default_rules() {
    let fleet = fleet(42, &[]);
    for tick in (0..7 * 24).map(|hour| START + hour * 3600 * SECOND) {
        for point in points(&fleet, tick) {
            for (field, limit) in [
                ("cpu_usage_percent", 90.0),
                ("memory_usage_percent", 85.0),
                ("disk_usage_percent", 80.0),
            ] {
                let calm = point
                    .get(field)
                    .and_then(|value| value.as_f64())
                    .is_none_or(|value| value <= limit);
                assert!(
                    calm || point.series.tag("cpu").is_some(),
                    "{field} of {}",
                    point.series
                );
            }
        }
    }
}

#[test]
fn counters_grow_and_start_again_with_the_host() {
    const DAYS: i64 = 30;
    let fleet = Fleet::new(42, 1, Duration::from_secs(60), START, &[]);
    let (mut resets, mut samples) = (0, 0);
    let mut before: Option<(f64, f64)> = None;
    for tick in (0..DAYS * 24).map(|hour| START + hour * 3600 * SECOND) {
        let points = points(&fleet, tick);
        let value = |field: &str| points.iter().find_map(|point| point.get(field)?.as_f64());
        let (Some(bytes), Some(uptime)) = (value("network_bytes_sent"), value("uptime_seconds"))
        else {
            continue;
        };
        if let Some((bytes_before, uptime_before)) = before {
            assert_eq!(
                bytes < bytes_before,
                uptime < uptime_before,
                "counters fall with the uptime and only then"
            );
            resets += i32::from(uptime < uptime_before);
        }
        samples += 1;
        before = Some((bytes, uptime));
    }
    assert!(
        (1..=10).contains(&resets),
        "{resets} restarts in {DAYS} days"
    );
    assert!(samples > DAYS * 24 - 20);
}

#[test]
fn incidents_happen_where_and_when_they_are_scripted() {
    let fleet = fleet(
        42,
        &[
            "cpu-spike@host-3:+60s:for=10m",
            "disk-fill@host-1:+5m:for=20m",
            "silent@host-2:+1m:for=5m",
        ],
    );
    let tick = |minute: i64| START + minute * 60 * SECOND;
    let cpu = |minute, host| value(&fleet, tick(minute), host, "cpu_usage_percent").unwrap();
    assert!(cpu(0, "host-3") < 90.0 && cpu(2, "host-3") > 95.0 && cpu(12, "host-3") < 90.0);
    assert!(cpu(2, "host-1") < 90.0, "another host is calm");
    let disk = |minute| value(&fleet, tick(minute), "host-1", "disk_usage_percent").unwrap();
    assert!(disk(4) < 80.0 && disk(24) > 95.0 && disk(500) > 98.0);
    let speaks = |minute| value(&fleet, tick(minute), "host-2", "cpu_count").is_some();
    assert_eq!([0, 2, 5, 7].map(speaks), [true, false, false, true]);
}

#[test]
fn the_past_is_written_whole_and_can_be_printed() {
    let server = FakeInflux::start();
    let setup = Setup::new(&server.url(), "");
    let span = [
        "--hosts",
        "3",
        "--seed",
        "7",
        "--interval",
        "60s",
        "--from",
        "2025-10-09T00:00:00Z",
        "--for",
        "1h",
    ];
    let written = setup.command().arg("simulate").args(span).output().unwrap();
    assert!(
        written.status.success(),
        "{}",
        String::from_utf8_lossy(&written.stderr)
    );
    let mut printed: Vec<String> = {
        let output = Command::new(PROGRAM)
            .env_clear()
            .arg("simulate")
            .args(span)
            .arg("--print")
            .output()
            .unwrap();
        String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect()
    };
    printed.sort();
    let stored: Vec<String> = server.stored().into_keys().collect();
    assert_eq!(stored.len(), printed.len());
    assert!(stored == printed);
    assert!(
        server.times("host=host-1").len() == 61,
        "one point a minute, both ends included"
    );
}

#[test]
fn a_bar_shows_how_far_the_past_is_written() {
    // script(1) of util-linux gives the program a terminal.
    let server = FakeInflux::start();
    let setup = Setup::new(&server.url(), "");
    let simulate = format!(
        "{PROGRAM} --config {} simulate --hosts 20 --interval 10s --from -1h",
        setup.path("agent.toml").display()
    );
    let output = Command::new("script")
        .args(["-qec", &simulate, "/dev/null"])
        .env("TERM", "xterm")
        .output();
    let Ok(output) = output else {
        return watchpost_testkit::skip("no script(1) to make a terminal");
    };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("% ") && text.contains(" lines, "), "{text}");
}
