//! Hosts that are gone stop being waited for, renamed ones keep their history, and `health` is for people.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::site::Site;

const RAW: &str = "system_metrics_raw";
const HOURLY: &str = "system_metrics_hourly";

/// A server with the shipped buckets, and points of three hosts, one of a hostile name.
fn site() -> Option<Site> {
    let site = Site::new()?;
    site.desire_shipped();
    let applied = site.run(&["apply", "--yes"]);
    assert_eq!(applied.code, 0, "{}", applied.text);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_nanos();
    for host in ["web-1", "web-2", "a\\ b\"c"] {
        let time = now - 60_000_000_000;
        site.write(
            RAW,
            &format!("system_metrics,host={host} uptime_seconds=5 {time}\n"),
        );
        let hour = format!("system_metrics_hourly,host={host} uptime_seconds_last=5 {time}\n");
        site.write(HOURLY, &hour);
    }
    Some(site)
}

/// How many points a bucket has of a host.
fn points(site: &Site, bucket: &str, host: &str) -> usize {
    let host = host.replace('\\', r"\\").replace('"', "\\\"");
    let tables = site.query(&format!(
        "from(bucket: \"{bucket}\") |> range(start: -1h) |> filter(fn: (r) => r.host == \"{host}\")"
    ));
    tables.iter().flat_map(|table| table.rows()).count()
}

#[test]
fn a_host_that_is_gone_is_forgotten_and_its_history_stays() {
    let Some(site) = site() else { return };
    let listed = site.run(&["host", "list"]);
    assert!(
        listed.text.contains("  web-1\n") && listed.text.contains("  web-2\n"),
        "{}",
        listed.text
    );

    let unknown = site.run(&["host", "forget", "web-7", "--yes"]);
    assert_eq!(unknown.code, 1, "{}", unknown.text);
    assert!(unknown.text.contains("web-1"), "{}", unknown.text);

    let forgotten = site.run(&["host", "forget", "web-1", "--yes"]);
    assert_eq!(forgotten.code, 0, "{}", forgotten.text);
    assert!(
        forgotten.text.contains("hourly and daily history stays"),
        "{}",
        forgotten.text
    );
    assert!(
        forgotten.text.contains("--alerter-token-file"),
        "{}",
        forgotten.text
    );
    assert_eq!(
        (points(&site, RAW, "web-1"), points(&site, HOURLY, "web-1")),
        (0, 1)
    );
    assert_eq!(points(&site, RAW, "web-2"), 1);

    let all = site.run(&["host", "forget", "a b\"c", "--with-history", "--yes"]);
    assert_eq!(all.code, 0, "{}", all.text);
    assert_eq!(
        (
            points(&site, RAW, "a b\"c"),
            points(&site, HOURLY, "a b\"c")
        ),
        (0, 0)
    );
    assert_eq!(
        (points(&site, RAW, "web-2"), points(&site, HOURLY, "web-2")),
        (1, 1)
    );
}

#[test]
fn a_renamed_host_keeps_its_points() {
    let Some(site) = site() else { return };
    let renamed = site.run(&["host", "rename", "web-1", "shop-1", "--yes"]);
    assert_eq!(renamed.code, 0, "{}", renamed.text);
    for bucket in [RAW, HOURLY] {
        assert_eq!(points(&site, bucket, "shop-1"), 1, "{bucket}");
        assert_eq!(points(&site, bucket, "web-1"), 0, "{bucket}");
    }
}

#[test]
fn health_is_read_by_people_and_line_protocol_by_flag() {
    let Some(site) = site() else { return };
    let text = site.run(&["health"]).text;
    assert!(
        text.lines()
            .any(|line| line.starts_with("server ") && line.contains("passing yes")),
        "{text}"
    );
    assert!(
        text.lines().any(|line| line.starts_with("host web-1 ")),
        "{text}"
    );
    let lines = site.run(&["health", "--line-protocol"]).text;
    assert!(
        lines
            .lines()
            .all(|line| line.starts_with("platform_health,")),
        "{lines}"
    );
}
