//! Labels, buckets, dbrps, tasks and checks: made or changed, then marked as ours.

use serde_json::json;
use watchpost_client::management::{
    BucketPatch, Check, Labelled, NewBucket, NewDbrp, NewLabel, NewTask, RetentionRule, Status,
    TaskPatch,
};

use super::{Run, existing, named};
use crate::error::{Doing, Result};
use crate::plan::{Change, MANAGED_BY};
use crate::platform;

impl Run<'_> {
    pub(super) async fn label(&mut self, change: &Change) -> Result<()> {
        let wanted = self
            .desired
            .platform
            .labels
            .iter()
            .find(|it| it.name == change.name);
        let mut properties = wanted.map(|it| it.properties.clone()).unwrap_or_default();
        let mark = &self.desired.platform.label;
        if change.name != *mark {
            properties.insert(MANAGED_BY.to_owned(), mark.clone());
        }
        let client = &self.target.client;
        let what = || format!("creating the label {:?}", change.name);
        let label = match existing(change) {
            Some(id) => client.update_label(id, &properties).await.doing(what)?,
            None => {
                let new = NewLabel {
                    org_id: self.target.org.id.clone(),
                    name: change.name.clone(),
                    properties,
                };
                client.create_label(&new).await.doing(what)?
            }
        };
        if label.name == self.desired.platform.label {
            self.mark = Some(label.id);
        }
        Ok(())
    }

    pub(super) async fn bucket(&mut self, change: &Change) -> Result<()> {
        let (_, bucket) = named(&self.desired.platform.buckets, &change.name, |it| &it.name)?;
        let client = &self.target.client;
        let rules = vec![RetentionRule::expire(bucket.retention.get().as_secs())];
        let made = match existing(change) {
            Some(id) => {
                let patch = BucketPatch {
                    name: Some(bucket.name.clone()),
                    description: Some(bucket.purpose.clone()),
                    retention_rules: Some(rules),
                };
                client
                    .update_bucket(id, &patch)
                    .await
                    .doing(|| format!("changing the bucket {:?}", bucket.name))?
            }
            None => {
                let new = NewBucket {
                    org_id: self.target.org.id.clone(),
                    name: bucket.name.clone(),
                    description: Some(bucket.purpose.clone()),
                    retention_rules: rules,
                };
                client
                    .create_bucket(&new)
                    .await
                    .doing(|| format!("creating the bucket {:?}", bucket.name))?
            }
        };
        self.buckets.insert(made.name, made.id.clone());
        self.mark(Labelled::Bucket, &made.id, &bucket.name).await
    }

    pub(super) async fn dbrp(&mut self, change: &Change) -> Result<()> {
        let all = &self.desired.platform.dbrps;
        let wanted = all
            .iter()
            .find(|it| format!("{}/{}", it.database, it.retention_policy) == change.name);
        let Some(wanted) = wanted else { return Ok(()) };
        let client = &self.target.client;
        if let Some(id) = existing(change) {
            let what = || format!("replacing the dbrp {:?}", change.name);
            client
                .delete_dbrp(&self.target.org.id, id)
                .await
                .doing(what)?;
        }
        let new = NewDbrp {
            org_id: self.target.org.id.clone(),
            bucket_id: self.bucket_id(&wanted.bucket)?,
            database: wanted.database.clone(),
            retention_policy: wanted.retention_policy.clone(),
            default: wanted.default,
        };
        client
            .create_dbrp(&new)
            .await
            .doing(|| format!("creating the dbrp {:?}", change.name))
            .map(drop)
    }

    pub(super) async fn task(&mut self, change: &Change) -> Result<()> {
        let (index, task) = named(&self.desired.platform.tasks, &change.name, |it| &it.name)?;
        let flux = self.desired.tasks[index].text().to_owned();
        let status = if task.paused {
            Status::Inactive
        } else {
            Status::Active
        };
        let client = &self.target.client;
        let made = match existing(change) {
            Some(id) => {
                let patch = TaskPatch {
                    flux: Some(flux),
                    status: Some(status),
                    ..TaskPatch::default()
                };
                client
                    .update_task(id, &patch)
                    .await
                    .doing(|| format!("changing the task {:?}", task.name))?
            }
            None => {
                let new = NewTask {
                    org_id: self.target.org.id.clone(),
                    flux,
                    status,
                    description: None,
                };
                client
                    .create_task(&new)
                    .await
                    .doing(|| format!("creating the task {:?}", task.name))?
            }
        };
        self.mark(Labelled::Task, &made.id, &task.name).await
    }

    pub(super) async fn check(&mut self, change: &Change) -> Result<()> {
        let (index, check) = named(&self.desired.platform.checks, &change.name, |it| &it.name)?;
        let wanted = threshold_check(check, &self.desired.checks[index], &self.target.org.id);
        let client = &self.target.client;
        let made = match existing(change) {
            Some(id) => client
                .update_check(id, &wanted)
                .await
                .doing(|| format!("changing the check {:?}", check.name))?,
            None => client
                .create_check(&wanted)
                .await
                .doing(|| format!("creating the check {:?}", check.name))?,
        };
        self.mark(Labelled::Check, &made.id, &check.name).await
    }
}

/// The check as InfluxDB's API wants it.
fn threshold_check(check: &platform::Check, query: &str, org_id: &str) -> Check {
    let levels = [("CRIT", check.critical_above), ("WARN", check.warn_above)];
    let thresholds = levels.iter().filter_map(|(level, value)| {
        let value = (*value)?;
        Some(json!({ "type": "greater", "level": level, "value": value, "allValues": false }))
    });
    let rest = json!({
        "every": check.every.to_string(),
        "offset": "0s",
        "query": { "text": query, "editMode": "advanced" },
        "thresholds": thresholds.collect::<Vec<_>>(),
        "statusMessageTemplate": "Check: ${ r._check_name } is: ${ r._level }",
        "tags": [],
    });
    Check {
        id: String::new(),
        org_id: org_id.to_owned(),
        name: check.name.clone(),
        kind: "threshold".into(),
        status: Status::Active,
        rest: rest.as_object().cloned().unwrap_or_default(),
    }
}
