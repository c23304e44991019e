//! Each token is tried: what its role needs works, everything else is refused.

use watchpost_client::Client;
use watchpost_client::management::NewBucket;
use watchpost_client::query::Query;
use watchpost_client::write::{Outcome, Precision};

use super::{Finding, Scene, ensure};
use crate::platform::block_on;

/// A token, the buckets that it may read, and those that it may write.
const TOKENS: [(&str, &[&str], &[&str]); 6] = [
    ("agent", &[], &["system_metrics_raw"]),
    (
        "alerter",
        &[
            "system_metrics_raw",
            "system_metrics_1h",
            "system_metrics_1d",
            "alerts_history",
        ],
        &["alerts_history"],
    ),
    (
        "web",
        &[
            "system_metrics_raw",
            "system_metrics_1h",
            "system_metrics_1d",
            "alerts_history",
            "annotations",
        ],
        &[],
    ),
    ("annotations", &[], &["annotations"]),
    (
        "grafana",
        &[
            "system_metrics_raw",
            "system_metrics_1h",
            "system_metrics_1d",
            "alerts_history",
            "annotations",
            "platform_health",
        ],
        &[],
    ),
    ("health", &BUCKETS, &["platform_health"]),
];

const BUCKETS: [&str; 6] = [
    "system_metrics_raw",
    "system_metrics_1h",
    "system_metrics_1d",
    "alerts_history",
    "annotations",
    "platform_health",
];

pub(super) fn judge(scene: &Scene) -> Finding {
    let operator = scene.platform().client("operator");
    let org = block_on(operator.find_org(&scene.platform().organization()))
        .map_err(|error| error.to_string())?
        .ok_or("no organization")?;
    let new = NewBucket {
        org_id: org.id,
        name: "judged_tokens".into(),
        description: None,
        retention_rules: Vec::new(),
    };
    let victim = block_on(operator.create_bucket(&new)).map_err(|error| error.to_string())?;
    let mut tried = 0;
    for (token, reads, writes) in TOKENS {
        let client = scene.platform().client(token);
        for bucket in BUCKETS {
            let (read, write) = (can_read(&client, bucket), can_write(&client, bucket));
            ensure(read == reads.contains(&bucket), || {
                format!("the token {token} reads {bucket}: {read}")
            })?;
            ensure(write == writes.contains(&bucket), || {
                format!("the token {token} writes {bucket}: {write}")
            })?;
            tried += 2;
        }
        let manages = block_on(client.delete_bucket(&victim.id)).is_ok();
        ensure(!manages, || format!("the token {token} may delete buckets"))?;
        let sees = block_on(client.authorizations()).is_ok_and(|it| !it.is_empty());
        ensure(!sees, || format!("the token {token} sees tokens"))?;
        tried += 2;
    }
    block_on(operator.delete_bucket(&victim.id)).map_err(|error| error.to_string())?;
    Ok(format!("{} tokens, {tried} attempts", TOKENS.len()))
}

fn can_read(client: &Client, bucket: &str) -> bool {
    let text = format!("from(bucket: \"{bucket}\") |> range(start: -1m) |> limit(n: 1)");
    block_on(client.query(&Query::new(text))).is_ok()
}

fn can_write(client: &Client, bucket: &str) -> bool {
    block_on(client.write(bucket, Precision::Nanoseconds, b"judged_token value=1")) == Outcome::Done
}
