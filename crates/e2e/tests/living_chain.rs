//! The chain from this host to a page and an alert, and that it remembers over a restart.

use serde_json::Value;
use watchpost_e2e::platform::{Platform, Site};
use watchpost_testkit::wait;

/// A level that every CPU is above, so that the alert comes at once.
pub(crate) const RULES: &str = r#"
[defaults]
bucket = "system_metrics_raw"
measurement = "system_metrics"
every = "1s"

[[rule]]
name = "cpu_any"
kind = "threshold"
field = "cpu_usage_percent"
where = ['cpu=""']
aggregate = "mean"
window = "10s"
above = { critical = -1 }

[route]
receiver = "local"
group_by = ["alertname", "host"]
group_wait = "0s"

[[receiver]]
name = "local"
kind = "file"
path = "alerts.log"
"#;

/// The newest value of a field of this host, which the simulated fleet is not.
fn newest(platform: &Platform, field: &str) -> Option<(f64, i64)> {
    let tables = platform.query(&format!(
        "from(bucket: \"system_metrics_raw\") |> range(start: -1m)
            |> filter(fn: (r) => r._measurement == \"system_metrics\" and r._field == \"{field}\")
            |> filter(fn: (r) => r.environment == \"development\" and not exists r.cpu) |> last()"
    ));
    let row = tables.first()?.rows().next()?;
    Some((row.f64("_value")?, row.time("_time")?))
}

fn points(platform: &Platform) -> i64 {
    let tables = platform.query(
        "from(bucket: \"system_metrics_raw\") |> range(start: -1h)
            |> filter(fn: (r) => r._field == \"memory_usage_percent\") |> group() |> count()",
    );
    tables
        .first()
        .and_then(|it| it.rows().next()?.i64("_value"))
        .unwrap_or(0)
}

#[test]
fn this_host_is_seen_live_alerts_and_is_remembered() {
    let Some(site) = Site::new(|_| RULES.to_owned()) else {
        return;
    };
    let platform = site.up(&["--hosts", "2"]);

    // Collected, stored and queried: values that this host can have, and newer ones after them.
    let (cpu, first) = wait::until("CPU of this host", || {
        newest(&platform, "cpu_usage_percent")
    });
    assert!((0.0..=100.0).contains(&cpu), "{cpu}");
    let (memory, _) = wait::until("memory of this host", || {
        newest(&platform, "memory_usage_percent")
    });
    assert!(memory > 0.0 && memory <= 100.0, "{memory}");
    wait::until("a newer value", || {
        newest(&platform, "cpu_usage_percent").filter(|(_, time)| *time > first)
    });

    // Shown: the page and its API know this host and the two that are simulated.
    let (status, page) = platform.get("/");
    assert_eq!(status, 200, "{page}");
    let hosts = wait::until("three hosts on the page", || {
        let (_, body) = platform.get("/api/v1/hosts");
        let answer: Value = serde_json::from_str(&body).ok()?;
        Some(answer["hosts"].as_array()?.clone()).filter(|hosts| hosts.len() == 3)
    });
    assert!(hosts.iter().any(|it| it["host"] == "host-1"), "{hosts:?}");

    // Told: the rule's line.
    platform.wait_for_text("state/data/alerter/alerts.log", "cpu_any");

    // Watched: the server's own health is written, and its token suffices for every question.
    let log = platform.wait_for_text("state/logs/health.log", "points written to platform_health");
    assert!(!log.contains("watchpost-provisioner:"), "{log}");

    // A restart shows the same history and goes on with it.
    let before = points(&platform);
    platform.stop();
    let platform = site.up(&["--hosts", "2"]);
    wait::until("the points of before the restart and new ones", || {
        (points(&platform) > before).then_some(())
    });
    platform.stop();
}
