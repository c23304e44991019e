//! What a token may not: change alerts, touch another organization, destroy.

use watchpost_client::Error;
use watchpost_client::management::{
    NewAuthorization, NewBucket, NewLabel, NewOrg, Permission, Resource,
};

use super::super::tokens::BUCKETS;
use super::super::{ensure, scene};
use super::{TOKENS, Target};
use crate::platform::block_on;

pub(super) fn change_alerts(target: &Target<'_>) -> Result<usize, String> {
    let changes = [
        "POST /api/v1/silences",
        "DELETE /api/v1/silences/1",
        "POST /api/v2/silences",
        "DELETE /api/v2/silence/1",
    ];
    for change in changes {
        for token in [
            String::new(),
            target.token("agent")?,
            target.token("operator")?,
        ] {
            let answer = target.ask("alerter", change, &token, "{}")?;
            answer.is_refused(change)?;
        }
    }
    Ok(3 * changes.len())
}

/// Everything of one bucket, by each token of a role: by the route, and by statements.
pub(super) fn destroy(target: &Target<'_>) -> Result<usize, String> {
    let organization = target.scene.platform().organization();
    let all = "{\"start\":\"1970-01-01T00:00:00Z\",\"stop\":\"2100-01-01T00:00:00Z\"}";
    let before = count(target)?;
    let mut tried = 0;
    for (token, bucket) in TOKENS
        .iter()
        .flat_map(|token| BUCKETS.map(|it| (token, it)))
    {
        let headers = target.token(token)?;
        let path = format!("POST /api/v2/delete?org={organization}&bucket={bucket}");
        let answer = target.ask("engine", &path, &headers, all)?;
        answer.is_refused(&format!("{token} deletes from {bucket}"))?;
        for method in ["GET", "POST"] {
            let path = format!("{method} /query?db={bucket}&q=DELETE%20FROM%20cpu");
            // A refusal of a statement is an answer of 200.
            target.ask("engine", &path, &headers, "")?;
        }
        tried += 3;
    }
    let after = count(target)?;
    ensure(after >= before, || {
        format!("{before} points of cpu were there, {after} are")
    })?;
    Ok(tried)
}

/// Points of one hour, which only grow.
fn count(target: &Target<'_>) -> Result<i64, String> {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed();
    let start = now
        .map_err(|error| error.to_string())?
        .as_secs()
        .saturating_sub(3_600);
    let text = format!(
        "from(bucket: \"system_metrics_raw\") |> range(start: {start}, stop: {}) |> filter(fn: (r) => r._measurement == \"cpu\") |> toFloat() |> group() |> count()",
        start + 3_600
    );
    let tables = target.scene.platform().query(&text);
    let rows = tables.iter().flat_map(|table| table.rows());
    Ok(rows.filter_map(|row| row.i64("_value")).sum())
}

/// A label, a bucket and an organization that are somebody else's, by a token that may do everything with its own.
pub(super) fn foreign_labels(target: &Target<'_>) -> Result<usize, String> {
    let operator = target.scene.platform().client("operator");
    let named = |org_id: &str, name: &str| NewLabel {
        org_id: org_id.into(),
        name: name.into(),
        ..NewLabel::default()
    };
    let mine = block_on(operator.find_org(&target.scene.platform().organization()));
    let mine = mine.map_err(text)?.ok_or("no organization")?.id;
    let bucket = NewBucket {
        org_id: mine.clone(),
        name: "judged_labels".into(),
        description: None,
        retention_rules: Vec::new(),
    };
    let own = scene::fresh_bucket(&operator, &bucket)?;
    let permissions = ["buckets", "labels", "dbrp"].iter().flat_map(|kind| {
        ["read", "write"].map(|action| Permission {
            action: action.into(),
            resource: Resource {
                kind: (*kind).into(),
                org_id: Some(mine.clone()),
                ..Resource::default()
            },
        })
    });
    let made: Result<_, Error> = block_on(async {
        let other = NewOrg {
            name: "judged_other".into(),
            ..NewOrg::default()
        };
        let other = operator.create_org(&other).await?;
        let theirs = operator.create_label(&named(&other.id, "theirs")).await?;
        let token = NewAuthorization {
            org_id: mine.clone(),
            description: "judged".into(),
            permissions: permissions.collect(),
        };
        let token = operator.create_authorization(&token).await?;
        Ok((other.id, theirs.id, token))
    });
    let (other, label, token) = made.map_err(text)?;
    let outcome = attach(target, &own.id, &other, &label, &token.token);
    let headers = target.token("operator")?;
    let gone = target.ask(
        "engine",
        &format!("DELETE /api/v2/orgs/{other}"),
        &headers,
        "",
    )?;
    ensure(gone.status == 204, || {
        format!("the other organization stays: {}", gone.text)
    })?;
    let removed: Result<(), Error> = block_on(async {
        operator.delete_authorization(&token.id).await?;
        operator.delete_bucket(&own.id).await
    });
    removed.map_err(text)?;
    outcome
}

fn attach(
    target: &Target<'_>,
    bucket: &str,
    org: &str,
    label: &str,
    token: &str,
) -> Result<usize, String> {
    let headers = format!("Authorization: Token {token}\r\nContent-Type: application/json\r\n");
    let body = format!(
        "{{\"labelID\":\"{label}\",\"orgID\":\"{org}\",\"bucketID\":\"{bucket}\",\"name\":\"stolen\",\"database\":\"a\",\"retention_policy\":\"a\"}}"
    );
    let changes = [
        format!("POST /api/v2/buckets/{bucket}/labels"),
        format!("GET /api/v2/labels/{label}"),
        format!("PATCH /api/v2/labels/{label}"),
        format!("DELETE /api/v2/labels/{label}"),
        "POST /api/v2/labels".to_owned(),
        "POST /api/v2/buckets".to_owned(),
        "POST /api/v2/dbrps".to_owned(),
        format!("GET /api/v2/orgs/{org}"),
        format!("PATCH /api/v2/orgs/{org}"),
        format!("DELETE /api/v2/orgs/{org}"),
    ];
    for change in &changes {
        let answer = target.ask("engine", change, &headers, &body)?;
        answer.is_refused(change)?;
        ensure(!answer.text.contains("theirs"), || {
            format!("{change} shows {}", answer.text)
        })?;
    }
    Ok(changes.len())
}

fn text(error: Error) -> String {
    error.to_string()
}
