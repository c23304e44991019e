//! Ranges that cross tiers, over the buckets and tasks that the provisioner makes.

use std::path::Path;

use watchpost_testkit::{Daemon, skip};
use watchpost_web::config::WebConfig;

use crate::fixture::{Fixture, now};

const MINUTE: i64 = 60_000_000_000;
const HOUR: i64 = 60 * MINUTE;

/// Runs the provisioner against the database of a configuration; `None` if it is not built.
fn provision(config: &WebConfig, folder: &Path, arguments: &[&str]) -> Option<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shipped = std::fs::read_to_string(root.join("deploy/platform.toml")).unwrap();
    let shipped = shipped
        .replace(
            "organization = \"watchpost\"",
            &format!("organization = \"{}\"", config.influx.org),
        )
        .replace(
            "\"../flux-tasks/",
            &format!("\"{}/flux-tasks/", root.display()),
        );
    let file = folder.join("platform.toml");
    std::fs::write(&file, shipped).unwrap();
    let mut command = Daemon::command("watchpost-provisioner")?;
    command
        .args(arguments)
        .arg("--file")
        .arg(&file)
        .arg("--tokens-dir")
        .arg(folder.join("secrets"))
        .env("INFLUX_URL", &config.influx.url)
        .env("INFLUX_ORG", &config.influx.org)
        .env("INFLUX_TOKEN_FILE", config.influx.token_file.as_ref()?);
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(())
}

#[test]
fn hours_of_the_tasks_and_raw_points_make_one_series() {
    let mut made = None;
    let mut kept = None;
    let started = Fixture::start_with(|config, folder| {
        config.influx.bucket = "system_metrics_raw".to_owned();
        config.tiers.hourly_bucket = "system_metrics_1h".to_owned();
        config.tiers.daily_bucket = "system_metrics_1d".to_owned();
        config.annotations.bucket = "annotations".to_owned();
        made = provision(config, folder, &["apply", "--yes"]);
        kept = Some((config.clone(), folder.to_owned()));
    });
    let Some(fixture) = started else { return };
    let (Some(()), Some((config, folder))) = (made, kept) else {
        return skip("watchpost-provisioner is not built");
    };
    // Five hours, a point a minute: each hour's values stand around its number times ten; a counter
    // grows by 100 a second.
    let begin = now() / HOUR * HOUR - 5 * HOUR;
    let mut lines = String::new();
    for minute in 0..(now() - begin) / MINUTE {
        let (hour, within, time) = (minute / 60, minute % 60, begin + minute * MINUTE);
        let value = hour as f64 * 10.0 + (within as f64 - 29.5) / 10.0;
        lines.push_str(&format!(
            "system_metrics,host=h,metric_type=memory memory_usage_percent={value} {time}\n\
             system_metrics,host=h,metric_type=network network_bytes_sent={}i {time}\n",
            1_000_000 + minute * 6_000
        ));
    }
    fixture.write(&lines);
    let path = |metric: &str, more: &str| {
        let start = watchpost_core::time::format_rfc3339(begin);
        format!("/api/v1/series?metric={metric}&host=h&start={start}&resolution=1h{more}")
    };
    let hours = |document: &serde_json::Value| -> Vec<f64> {
        let values = document["series"][0]["value"].as_array().unwrap();
        values.iter().map(|value| value.as_f64().unwrap()).collect()
    };

    // Before the tasks have run the raw tier fills in.
    let raw = fixture.get(&path("memory_usage_percent", ""));
    assert_eq!(raw.headers["x-tier"], "raw,raw", "{}", raw.body);
    assert_eq!(hours(&raw.json())[..5], [0.0, 10.0, 20.0, 30.0, 40.0]);

    let backfill = ["backfill", "--task", "downsample_hourly", "--from", "-6h"];
    provision(&config, &folder, &backfill).unwrap();
    let stitched = fixture.get(&path("memory_usage_percent", "&band=true"));
    assert!(
        stitched.headers["x-tier"]
            .to_str()
            .unwrap()
            .starts_with("1h,raw"),
        "{}",
        stitched.body
    );
    let document = stitched.json();
    assert_eq!(hours(&document)[..5], [0.0, 10.0, 20.0, 30.0, 40.0]);
    let (min, max) = (&document["series"][0]["min"], &document["series"][0]["max"]);
    assert_eq!(
        (min[1].as_f64(), max[1].as_f64()),
        (Some(7.05), Some(12.95))
    );
    let only = fixture
        .get(&path("memory_usage_percent", "&tier=1h"))
        .json();
    assert_eq!(hours(&only)[..4], [0.0, 10.0, 20.0, 30.0]);

    // A rate has no step where the tiers meet. The hour's last value was read within its last minute,
    // and the newest window is at least ten minutes long.
    let rate = fixture.get(&path("network_bytes_sent", "")).json();
    for value in hours(&rate) {
        assert!((value - 100.0).abs() < 11.0, "{rate}");
    }
}
