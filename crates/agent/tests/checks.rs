//! Checks against servers of the test: one that is well, one that is not, one that hangs, and none.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use watchpost_agent::collectors::checks::{CheckConfig, Checks};
use watchpost_agent::collectors::{Collector, HostFiles, Points};
use watchpost_core::point::{FieldValue, Point};
use watchpost_service::config::Interval;
use watchpost_testkit::{Authority, HttpReceiver};

/// Answers every request with `answer`; nothing at all, if it is empty.
fn serve(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            if answer.is_empty() {
                silent.push(stream);
                continue;
            }
            let mut request = [0; 2048];
            let _ = stream.read(&mut request);
            // A reader that has had enough closes it.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

fn check(target: String) -> CheckConfig {
    CheckConfig {
        target,
        timeout: Interval::milliseconds(700),
        ..CheckConfig::default()
    }
}

/// The points by check.
fn collect(checks: &[(&str, CheckConfig)]) -> BTreeMap<String, Point> {
    let checks = checks
        .iter()
        .map(|(name, check)| ((*name).to_owned(), check.clone()))
        .collect();
    let mut points = Points::default();
    let mut collector = Checks::new(&checks);
    collector
        .collect(&mut HostFiles::new(Path::new("/")), 1, &mut points)
        .unwrap();
    let points = points.into_vec().into_iter();
    points
        .map(|point| (point.series.tag("check").unwrap().to_owned(), point))
        .collect()
}

fn number(point: &Point, field: &str) -> Option<i64> {
    match point.get(field) {
        Some(FieldValue::Integer(number)) => Some(*number),
        _ => None,
    }
}

#[test]
fn pages_are_good_by_their_status_and_text() {
    let well = serve("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nall well");
    let away = serve("HTTP/1.1 503 Service Unavailable\r\n\r\n");
    let noise = serve("220 mail.example ESMTP\r\n");
    let silent = serve("");
    let page = |address: SocketAddr| check(format!("http://{address}/health?x=1"));
    let points = collect(&[
        ("well", page(well)),
        (
            "text",
            CheckConfig {
                body: "all well".to_owned(),
                ..page(well)
            },
        ),
        (
            "other_text",
            CheckConfig {
                body: "all good".to_owned(),
                ..page(well)
            },
        ),
        ("away", page(away)),
        (
            "meant_away",
            CheckConfig {
                status: vec![503],
                ..page(away)
            },
        ),
        ("noise", page(noise)),
        ("silent", page(silent)),
    ]);
    let up = |name: &str| number(&points[name], "check_up");
    for good in ["well", "text", "meant_away"] {
        assert_eq!(up(good), Some(1), "{good}");
        assert!(
            number(&points[good], "check_time_us").is_some_and(|time| time > 0),
            "{good}"
        );
    }
    for bad in ["other_text", "away", "noise", "silent"] {
        assert_eq!(up(bad), Some(0), "{bad}");
        assert_eq!(number(&points[bad], "check_time_us"), None, "{bad}");
    }
    assert_eq!(number(&points["away"], "check_status"), Some(503));
    assert!(
        number(&points["silent"], "check_connect_us").is_some(),
        "it took the connection"
    );
}

#[test]
fn ports_names_and_handshakes() {
    let open = serve("");
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let plain = serve("not TLS\r\n");
    let points = collect(&[
        ("open", check(format!("tcp://{open}"))),
        ("closed", check(format!("tcp://{closed}"))),
        ("name", check("dns://localhost".to_owned())),
        ("no_name", check("dns://no-such-name.invalid".to_owned())),
        ("plain", check(format!("tls://{plain}"))),
    ]);
    let up = |name: &str| number(&points[name], "check_up");
    assert_eq!(
        (up("open"), up("closed"), up("name"), up("plain")),
        (Some(1), Some(0), Some(1), Some(0))
    );
    assert_ne!(up("no_name"), Some(1));
}

#[test]
fn a_certificate_is_asked_for_its_end_and_must_hold() {
    let authority = Authority::new();
    let folder = watchpost_testkit::temp_folder();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, authority.pem()).unwrap();
    let server = HttpReceiver::with_tls(authority.server("127.0.0.1"));
    let foreign = HttpReceiver::with_tls(Authority::new().server("127.0.0.1"));
    let trusting = |target: String| CheckConfig {
        ca_file: Some(file.clone()),
        ..check(target)
    };
    let points = collect(&[
        (
            "page",
            CheckConfig {
                status: vec![200, 404, 405],
                ..trusting(server.url("/"))
            },
        ),
        ("handshake", trusting(format!("tls://{}", server.address()))),
        ("foreign", trusting(format!("tls://{}", foreign.address()))),
    ]);
    let up = |name: &str| number(&points[name], "check_up");
    assert_eq!(
        (up("page"), up("handshake"), up("foreign")),
        (Some(1), Some(1), Some(0))
    );
    for good in ["page", "handshake"] {
        let left = number(&points[good], "check_certificate_seconds");
        assert!(left.is_some_and(|left| left > 3600), "{good}: {left:?}");
    }
}
