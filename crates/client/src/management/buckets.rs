//! Buckets and their retention.

use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::PAGE;
use crate::Result;
use crate::client::{Body, Client, Request};

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

impl Client {
    /// All buckets the token sees, page by page.
    pub async fn buckets(&self) -> Result<Vec<Bucket>> {
        let limit = PAGE.to_string();
        let mut found: Vec<Bucket> = Vec::new();
        loop {
            let after = found.last().map(|bucket| bucket.id.clone());
            let query = &[
                ("org", self.org()),
                ("limit", Some(limit.as_str())),
                ("after", after.as_deref()),
            ];
            let page: Buckets = self
                .json(&Request {
                    path: "api/v2/buckets",
                    query,
                    ..Request::default()
                })
                .await?;
            let last = page.buckets.len() < PAGE;
            found.extend(page.buckets);
            if last {
                return Ok(found);
            }
        }
    }

    /// The bucket of this name in the client's organization.
    pub async fn find_bucket(&self, name: &str) -> Result<Option<Bucket>> {
        let query = &[("org", self.org()), ("name", Some(name))];
        let answer: Result<Buckets> = self
            .json(&Request {
                path: "api/v2/buckets",
                query,
                ..Request::default()
            })
            .await;
        Self::only(answer.map(|answer| answer.buckets))
    }

    /// Makes a bucket. Errors: 422 when the name is taken.
    pub async fn create_bucket(&self, bucket: &NewBucket) -> Result<Bucket> {
        let body = Some(Body::json(bucket)?);
        self.json(&Request {
            method: Method::POST,
            path: "api/v2/buckets",
            body,
            ..Request::default()
        })
        .await
    }

    /// Changes a bucket. Errors: 422 when the new retention is shorter than the bucket's shard group;
    /// then give the rule a shorter `shard_group_duration_seconds` as well.
    pub async fn update_bucket(&self, id: &str, patch: &BucketPatch) -> Result<Bucket> {
        let (path, body) = (format!("api/v2/buckets/{id}"), Some(Body::json(patch)?));
        self.json(&Request {
            method: Method::PATCH,
            path: &path,
            body,
            ..Request::default()
        })
        .await
    }

    /// Deletes a bucket and its points.
    pub async fn delete_bucket(&self, id: &str) -> Result<()> {
        let path = format!("api/v2/buckets/{id}");
        self.done(&Request {
            method: Method::DELETE,
            path: &path,
            ..Request::default()
        })
        .await
    }
}
