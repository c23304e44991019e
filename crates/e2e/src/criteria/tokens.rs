//! Each token is tried: what its role needs works, everything else is refused.

use std::fs;

use watchpost_client::Client;
use watchpost_client::management::{
    BucketPatch, NewAuthorization, NewBucket, NewTask, Permission, Resource, RetentionRule, Status,
};
use watchpost_client::query::Query;
use watchpost_client::write::{Outcome, Precision};

use super::{Finding, Scene, ensure};
use crate::platform::{block_on, delete};

/// A token, the buckets that it may read, and those that it may write.
const TOKENS: [(&str, &[&str], &[&str]); 7] = [
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
    ("archive", &[], &["system_metrics_raw"]),
];

/// Every bucket of the platform.
pub(super) const BUCKETS: [&str; 6] = [
    "system_metrics_raw",
    "system_metrics_1h",
    "system_metrics_1d",
    "alerts_history",
    "annotations",
    "platform_health",
];

/// Who may look at tasks.
const SEES_TASKS: [&str; 1] = ["health"];

pub(super) fn judge(scene: &Scene) -> Finding {
    super::needs_influxdb2(scene)?;
    let operator = scene.platform().client("operator");
    let org = block_on(operator.find_org(&scene.platform().organization()))
        .map_err(|error| error.to_string())?
        .ok_or("no organization")?;
    let victim = super::scene::fresh_bucket(&operator, &bucket(&org.id, "judged_tokens"))?;
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
        if scene.terms.external.is_none() {
            tried += destroys_nothing(scene, token, writes)?;
        }
        let manages = manages(&client, &org.id, &victim.id);
        ensure(manages.is_none(), || {
            format!("the token {token} may {}", manages.unwrap_or_default())
        })?;
        let sees = block_on(client.tasks()).is_ok_and(|it| !it.is_empty());
        ensure(sees == SEES_TASKS.contains(&token), || {
            format!("the token {token} sees tasks: {sees}")
        })?;
        tried += MANAGING + 1;
    }
    block_on(operator.delete_bucket(&victim.id)).map_err(|error| error.to_string())?;
    tried += alerter_api(scene)?;
    Ok(format!("{} tokens, {tried} attempts", TOKENS.len() + 1))
}

/// What a token may write it may not take away, change or remove: its points, its bucket. (InfluxDB knows no such token:
/// there it may.)
fn destroys_nothing(scene: &Scene, token: &str, writes: &[&str]) -> Result<usize, String> {
    let client = scene.platform().client(token);
    let mut tried = 0;
    for name in writes {
        let operator = scene.platform().client("operator");
        let bucket = block_on(operator.find_bucket(name)).map_err(|error| error.to_string())?;
        let bucket = bucket.ok_or_else(|| format!("no bucket {name}"))?;
        let renamed = BucketPatch {
            name: Some("judged_renamed".into()),
            ..BucketPatch::default()
        };
        let shorter = BucketPatch {
            retention_rules: Some(vec![RetentionRule::expire(3_600)]),
            ..BucketPatch::default()
        };
        let attempts = [
            (
                "delete points",
                block_on(client.delete_points(name, 0, 1, "")).is_ok(),
            ),
            (
                "rename",
                block_on(client.update_bucket(&bucket.id, &renamed)).is_ok(),
            ),
            (
                "shorten",
                block_on(client.update_bucket(&bucket.id, &shorter)).is_ok(),
            ),
            ("remove", block_on(client.delete_bucket(&bucket.id)).is_ok()),
        ];
        tried += attempts.len();
        let may = attempts.into_iter().find(|(_, may)| *may);
        ensure(may.is_none(), || {
            format!(
                "the token {token} may {} {name}",
                may.map_or("", |(what, _)| what)
            )
        })?;
    }
    Ok(tried)
}

/// How many things [`manages`] tries.
const MANAGING: usize = 6;

/// The first of what only the operator may do that this client may do, too.
fn manages(client: &Client, org: &str, victim: &str) -> Option<&'static str> {
    let task = NewTask {
        org_id: org.into(),
        flux: "option task = {name: \"judged\", every: 1h}\n\
               from(bucket: \"system_metrics_raw\") |> range(start: -1m) |> to(bucket: \"alerts_history\")"
            .into(),
        description: None,
        status: Status::Inactive,
    };
    // A token that may do more than its maker.
    let more = NewAuthorization {
        org_id: org.into(),
        description: "judged".into(),
        permissions: vec![Permission {
            action: "write".into(),
            resource: Resource {
                kind: "buckets".into(),
                org_id: Some(org.into()),
                ..Resource::default()
            },
        }],
    };
    let attempts: [(&str, bool); MANAGING] = [
        (
            "make buckets",
            block_on(client.create_bucket(&bucket(org, "judged_more"))).is_ok(),
        ),
        (
            "delete buckets",
            block_on(client.delete_bucket(victim)).is_ok(),
        ),
        (
            "delete points of another's bucket",
            block_on(client.delete_points("judged_tokens", 0, 1, "")).is_ok(),
        ),
        ("make tasks", block_on(client.create_task(&task)).is_ok()),
        (
            "make tokens",
            block_on(client.create_authorization(&more)).is_ok(),
        ),
        (
            "see tokens",
            block_on(client.authorizations()).is_ok_and(|it| !it.is_empty()),
        ),
    ];
    let may = attempts.into_iter().find(|(_, may)| *may);
    may.map(|(what, _)| what)
}

/// The alerter's own API has a token of its own: it opens that and nothing of the server, and nothing else
/// opens it. The silence that is to be expired is none, which only who may change something is told.
fn alerter_api(scene: &Scene) -> Result<usize, String> {
    let silence = format!(
        "{}/api/v1/silences/none",
        scene.platform().address("alerter")
    );
    let read = |name: &str| fs::read_to_string(scene.platform().token_file(name)).ok();
    for name in ["alerter-api", "nobody", "alerter", "web", "operator"] {
        let token = read(name);
        let status = delete(&silence, token.as_deref().map(str::trim));
        let refused = status == 401;
        ensure(refused != (name == "alerter-api"), || {
            format!("the alerter answers {status} to a change with the token of {name}")
        })?;
    }
    let client = scene.platform().client("alerter-api");
    let opens = can_read(&client, BUCKETS[0]) || can_write(&client, BUCKETS[0]);
    ensure(!opens, || "the server takes the alerter's token".into())?;
    Ok(7)
}

fn bucket(org: &str, name: &str) -> NewBucket {
    NewBucket {
        org_id: org.into(),
        name: name.into(),
        description: None,
        retention_rules: Vec::new(),
    }
}

fn can_read(client: &Client, bucket: &str) -> bool {
    let text = format!("from(bucket: \"{bucket}\") |> range(start: -1m) |> limit(n: 1)");
    block_on(client.query(&Query::new(text))).is_ok()
}

fn can_write(client: &Client, bucket: &str) -> bool {
    block_on(client.write(bucket, Precision::Nanoseconds, b"judged_token value=1")) == Outcome::Done
}
