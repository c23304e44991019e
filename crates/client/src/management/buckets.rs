//! Buckets and their retention.

use serde::{Deserialize, Serialize};

use super::verbs::Page;
use crate::Result;
use crate::client::Client;

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bucket {
    /// 16 hexadecimal digits.
    pub id: String,
    /// The organization it belongs to.
    #[serde(default, rename = "orgID")]
    pub org_id: String,
    /// `user` or `system`.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// Its name, unique in its organization.
    pub name: String,
    /// Words about it.
    #[serde(default)]
    pub description: String,
    /// How long points are kept; without a rule, for ever.
    #[serde(default)]
    pub retention_rules: Vec<RetentionRule>,
}

impl Bucket {
    /// Seconds points are kept; 0 for ever.
    pub fn retention_seconds(&self) -> u64 {
        self.retention_rules
            .first()
            .map_or(0, |rule| rule.every_seconds)
    }
}

/// How long points are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetentionRule {
    /// `expire`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Seconds points are kept; 0 for ever.
    pub every_seconds: u64,
    /// Seconds of points stored together; the server chooses if it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard_group_duration_seconds: Option<u64>,
}

impl RetentionRule {
    /// Keeps points for so many seconds; 0 for ever.
    pub fn expire(seconds: u64) -> Self {
        Self {
            kind: "expire".into(),
            every_seconds: seconds,
            shard_group_duration_seconds: None,
        }
    }
}

/// A bucket to be made.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewBucket {
    /// The organization's id.
    #[serde(rename = "orgID")]
    pub org_id: String,
    /// Its name.
    pub name: String,
    /// Words about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How long points are kept.
    pub retention_rules: Vec<RetentionRule>,
}

/// What to change of a bucket; what is not given stays.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BucketPatch {
    /// New name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// New description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// New retention.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_rules: Option<Vec<RetentionRule>>,
}

#[derive(Deserialize)]
struct Buckets {
    #[serde(default)]
    buckets: Vec<Bucket>,
}

impl Page for Buckets {
    type Item = Bucket;

    fn items(self) -> Vec<Bucket> {
        self.buckets
    }

    fn id(item: &Bucket) -> &str {
        &item.id
    }
}

impl Client {
    /// All buckets the token sees, page by page.
    pub async fn buckets(&self) -> Result<Vec<Bucket>> {
        self.fetch_pages::<Buckets>("api/v2/buckets").await
    }

    /// The bucket of this name in the client's organization.
    pub async fn find_bucket(&self, name: &str) -> Result<Option<Bucket>> {
        let query = &[("org", self.org()), ("name", Some(name))];
        let answer: Result<Buckets> = self.fetch("api/v2/buckets", query).await;
        Self::only(answer.map(|answer| answer.buckets))
    }

    /// Makes a bucket. Errors: 422 when the name is taken.
    pub async fn create_bucket(&self, bucket: &NewBucket) -> Result<Bucket> {
        self.create("api/v2/buckets", bucket).await
    }

    /// Changes a bucket. Errors: 422 when the new retention is shorter than the bucket's shard group;
    /// then give the rule a shorter `shard_group_duration_seconds` as well.
    pub async fn update_bucket(&self, id: &str, patch: &BucketPatch) -> Result<Bucket> {
        self.update(&format!("api/v2/buckets/{id}"), patch).await
    }

    /// Deletes a bucket and its points.
    pub async fn delete_bucket(&self, id: &str) -> Result<()> {
        self.remove(&format!("api/v2/buckets/{id}")).await
    }
}
