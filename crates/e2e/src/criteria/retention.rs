//! The buckets have the retention that the file asks for, and what is older is gone.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use watchpost_client::management::{BucketPatch, NewBucket, RetentionRule};
use watchpost_core::csv::Table;
use watchpost_core::duration::Duration;
use watchpost_testkit::wait;

use super::{Finding, Miss, Scene, ensure};
use crate::platform::{block_on, get};

const DAY: u64 = 86_400;
const WANTED: [(&str, u64); 4] = [
    ("system_metrics_raw", 7 * DAY),
    ("system_metrics_1h", 90 * DAY),
    ("system_metrics_1d", 365 * DAY),
    ("alerts_history", 30 * DAY),
];

/// Well below [`wait::PATIENCE`].
const LONGEST_WAIT: std::time::Duration = std::time::Duration::from_secs(30);

pub(super) fn judge(scene: &Scene) -> Finding {
    super::needs_influxdb2(scene)?;
    let client = scene.platform().client("operator");
    for (name, seconds) in WANTED {
        let found = block_on(client.find_bucket(name)).map_err(|error| error.to_string())?;
        let kept = found.map(|it| it.retention_seconds());
        ensure(kept == Some(seconds), || {
            format!("{name} keeps {kept:?} s instead of {seconds}")
        })?;
    }
    let org = block_on(client.find_org(&scene.platform().organization()))
        .map_err(|error| error.to_string())?
        .ok_or("no organization")?;
    let new = NewBucket {
        org_id: org.id,
        name: "judged_retention".into(),
        description: None,
        retention_rules: vec![hourly_shards(4 * DAY)],
    };
    let bucket = super::scene::fresh_bucket(&client, &new)?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_err(|error| error.to_string())?
        .as_nanos() as i64;
    let (old, fresh) = (now - 2 * DAY as i64 * 1_000_000_000, now - 60_000_000_000);
    let lines = format!("kept value=1 {old}\nkept value=2 {fresh}\n");
    super::scene::write(&client, &new.name, lines.as_bytes())?;
    ensure(count(scene) == 2, || {
        "the two points were not stored".into()
    })?;
    let patch = BucketPatch {
        retention_rules: Some(vec![hourly_shards(3600)]),
        ..BucketPatch::default()
    };
    block_on(client.update_bucket(&bucket.id, &patch)).map_err(|error| error.to_string())?;
    let too_long = |it: &Duration| it.to_std().is_some_and(|it| it > LONGEST_WAIT);
    if let Some(interval) = enforced_every(scene).filter(too_long) {
        block_on(client.delete_bucket(&bucket.id)).map_err(|error| error.to_string())?;
        return Err(Miss::Skipped(format!(
            "4 buckets as asked for, but this server looks for old points only every {interval} \
             (storage-retention-check-interval), which nobody waits for here"
        )));
    }
    let gone = wait::until_or_none(|| (count(scene) == 1).then_some(()));
    let left = count(scene);
    block_on(client.delete_bucket(&bucket.id)).map_err(|error| error.to_string())?;
    ensure(gone.is_some(), || {
        format!("{left} points are left instead of one")
    })?;
    Ok("4 buckets as asked for; of two points the one older than its retention is gone".into())
}

/// How often InfluxDB looks for what is older than its retention: half an hour, unless it is started with
/// another `--storage-retention-check-interval`. The engine says nothing: it
/// does so all the time.
fn enforced_every(scene: &Scene) -> Option<Duration> {
    let operator = fs::read_to_string(scene.platform().token_file("operator")).ok()?;
    let url = format!("{}/api/v2/config", scene.platform().server());
    let (_, body) = get(&url, Some(operator.trim()));
    let answer: serde_json::Value = serde_json::from_str(&body).ok()?;
    let interval = answer["config"]["storage-retention-check-interval"].as_str()?;
    interval.parse().ok()
}

/// Shards are dropped as wholes, so the two points must not share one.
fn hourly_shards(seconds: u64) -> RetentionRule {
    let mut rule = RetentionRule::expire(seconds);
    rule.shard_group_duration_seconds = Some(3600);
    rule
}

fn count(scene: &Scene) -> i64 {
    let tables = scene
        .platform()
        .query("from(bucket: \"judged_retention\") |> range(start: -10d) |> group() |> count()");
    tables
        .iter()
        .flat_map(Table::rows)
        .filter_map(|row| row.i64("_value"))
        .sum()
}
