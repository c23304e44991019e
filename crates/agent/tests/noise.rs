//! Line noise on every input of programs: nothing fails, what is written can be read, and all is counted.

use watchpost_agent::cardinality::CardinalityGuard;
#[cfg(unix)]
use watchpost_agent::collectors::containers::Containers;
use watchpost_agent::collectors::{Collector as _, HostFiles, Points};
use watchpost_agent::filter::Filter;
use watchpost_agent::programs::inbox::Inbox;
use watchpost_agent::programs::otlp::{Received, Requests};
use watchpost_agent::programs::prometheus::{Format, Samples};
use watchpost_agent::programs::statsd::Aggregate;
use watchpost_core::line_protocol::{Precision, parse_points, write_points};
use watchpost_core::point::Point;
use watchpost_core::time::NANOS_PER_SECOND;

use crate::programs::intake;
use crate::protobuf;

/// Rounds of one input. More find nothing more.
const ROUNDS: u64 = 300;

const STATSD: &str =
    "requests:1|c|@0.5|#env:prod,page:/a\nqueue:+4|g\nresponse:320|ms:5|h\nusers:anna|s\n";

const PAGE: &str = "a{b=\"c\\\\d\",e=\"f\"} 1.5 999999500\nx_bucket{le=\"+Inf\"} 3 # {t=\"u\"} 1\n{\"q.r\",s=\"t\"} 2\n# EOF\n";

const REQUEST: &str = r#"{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"a"}}]},
"scopeMetrics":[{"metrics":[{"name":"h","histogram":{"aggregationTemporality":1,"dataPoints":[{"count":"3","sum":2.5,
"bucketCounts":["1","2"],"explicitBounds":[1.5]}]}},{"name":"e","exponentialHistogram":{"aggregationTemporality":2,
"dataPoints":[{"count":"3","scale":20,"zeroCount":"1","positive":{"offset":-5,"bucketCounts":["1","2","3"]}}]}},
{"name":"s","summary":{"dataPoints":[{"count":"1","quantileValues":[{"quantile":0.5,"value":1}]}]}},
{"name":"g","gauge":{"dataPoints":[{"asInt":"5","attributes":[{"key":"k","value":{"doubleValue":1.5}}]}]}}]}]}]}"#;

/// Changes some bytes: others, bits, pieces gone, pieces twice, or noise alone.
fn damaged(bytes: &[u8], rng: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if rng.u8(..) < 20 {
        return (0..rng.usize(..2000)).map(|_| rng.u8(..)).collect();
    }
    for _ in 0..=rng.usize(..6) {
        let at = rng.usize(..=bytes.len());
        let end = rng.usize(at..=bytes.len()).min(at + 40);
        match rng.u8(..5) {
            0 if at < bytes.len() => bytes[at] = rng.u8(..),
            1 if at < bytes.len() => bytes[at] ^= 1 << rng.u8(..8),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                let odd = [
                    &b"1e999"[..],
                    b"18446744073709551616",
                    b"\\",
                    b"\"",
                    b"\0",
                    b"\xff",
                    b"#",
                    b"=",
                    b",",
                ];
                bytes.splice(at..at, odd[rng.usize(..odd.len())].iter().copied());
            }
        }
    }
    bytes
}

/// Whatever is written is read again as it was, and has no value that a server refuses.
fn check(points: Vec<Point>, seed: u64) {
    for point in &points {
        let line = write_points([point]).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let read = parse_points(&line, Precision::Nanoseconds, 0);
        let read = read.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!(read[0].series, point.series, "seed {seed}");
        assert_ne!(point.series.measurement(), "system_metrics");
    }
}

#[test]
fn statsd_bears_noise() {
    let intake = intake();
    let mut aggregate = Aggregate::new(50, &[90]);
    for seed in 0..ROUNDS {
        let mut rng = fastrand::Rng::with_seed(seed);
        aggregate.take(&damaged(STATSD.as_bytes(), &mut rng), &intake);
        let mut points = Points::default();
        aggregate.flush(seed as i64 * NANOS_PER_SECOND, 10.0, &mut points);
        check(points.into_vec(), seed);
        assert!(aggregate.len() <= 50);
    }
    let (taken, refused) = intake.counts();
    assert!(taken > ROUNDS && refused > ROUNDS / 2, "{taken} {refused}");
}

#[test]
fn pages_bear_noise() {
    let intake = intake();
    for seed in 0..ROUNDS {
        let mut rng = fastrand::Rng::with_seed(seed);
        let page = damaged(PAGE.as_bytes(), &mut rng);
        for format in [Format::Prometheus, Format::OpenMetrics] {
            let mut samples = Samples::new(vec![("job", "noise")], 1_000_000 * NANOS_PER_SECOND);
            samples.take(&page, format, 100, &intake).unwrap();
            check(samples.into_points(), seed);
        }
    }
    let (taken, refused) = intake.counts();
    assert!(taken > ROUNDS && refused > ROUNDS / 2, "{taken} {refused}");
}

#[test]
fn requests_bear_noise() {
    let (inbox, intake) = (Inbox::default(), intake());
    let requests = Requests::new(Filter::default(), 50, inbox.clone(), intake.clone());
    let as_protobuf = protobuf::request(&serde_json::from_str(REQUEST).unwrap());
    for seed in 0..ROUNDS {
        let mut rng = fastrand::Rng::with_seed(seed);
        for (content_type, body) in [
            ("application/json", REQUEST.as_bytes()),
            ("application/x-protobuf", &as_protobuf),
        ] {
            let body = damaged(body, &mut rng);
            let content_encoding = if rng.u8(..) < 10 { "gzip" } else { "" };
            let received = Received {
                content_type,
                content_encoding,
                body: &body,
            };
            let answer = requests.take(received, 1_000_000 * NANOS_PER_SECOND);
            assert!(
                [200, 400].contains(&answer.status),
                "seed {seed}: {answer:?}"
            );
            let mut points = Points::default();
            inbox.empty_into(&mut points);
            check(points.into_vec(), seed);
        }
    }
    let (taken, refused) = intake.counts();
    assert!(
        taken > ROUNDS / 5 && refused > ROUNDS / 4,
        "{taken} {refused}"
    );
}

/// As many as a host that tests in containers starts within an hour, 28 at each look.
#[cfg(unix)]
#[test]
fn ten_thousand_containers_in_an_hour_are_bounded() {
    const LOOKS: i64 = 360;
    const A_LOOK: i64 = 28;
    const MAX: usize = 100;
    let folder = watchpost_testkit::temp_folder();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("proc/uptime", "100.00 1.00\n");
    write("proc/meminfo", "MemTotal: 1000000 kB\n");
    write("proc/stat", "cpu 1 1 1 1\ncpu0 1 1 1 1\n");
    write("sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
    // An id goes by its first twelve digits.
    let group = |number: i64| {
        let id = format!("{number:08x}{:056x}", 0);
        format!("sys/fs/cgroup/system.slice/docker-{id}.scope")
    };
    let mut collector = Containers::new(Filter::default(), MAX, false);
    let mut files = HostFiles::new(folder.path());
    let mut guard = CardinalityGuard::new(2_000);
    let (mut most, mut seen, mut refused) = (0, 0, 0);
    for look in 0..LOOKS {
        for number in look * A_LOOK..(look + 1) * A_LOOK {
            write(&format!("{}/cpu.stat", group(number)), "usage_usec 5\n");
        }
        // Those of the look before vanish, some while they are read.
        let gone: Vec<_> = ((look - 1).max(0) * A_LOOK..look * A_LOOK)
            .map(|number| folder.path().join(group(number)))
            .collect();
        let vanish = std::thread::spawn(move || {
            for folder in gone {
                std::fs::remove_dir_all(folder).unwrap();
            }
        });
        let at = look * 10 * NANOS_PER_SECOND;
        let mut points = Points::default();
        collector.collect(&mut files, at, &mut points).unwrap();
        vanish.join().unwrap();
        let points = points.into_vec();
        most = most.max(points.len());
        let round: Vec<_> = points.iter().map(|point| &point.series).collect();
        let admitted = guard.admit(&round, at, true);
        seen += points.len();
        refused += admitted.iter().filter(|admitted| !**admitted).count();
    }
    assert!(most <= MAX + 1, "{most} points in a look");
    assert!(seen as i64 >= LOOKS, "{seen}");
    assert!(
        guard.len() <= 2_000 && refused > 0,
        "{} {refused}",
        guard.len()
    );
}
