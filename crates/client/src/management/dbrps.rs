//! Mappings of version 1 databases and retention policies to buckets, for tools that speak InfluxQL.

use reqwest::Method;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::client::{Client, Request};

/// A mapping.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Dbrp {
    /// 16 hexadecimal digits.
    pub id: String,
    /// The organization it belongs to.
    #[serde(default, rename = "orgID")]
    pub org_id: String,
    /// The bucket it leads to.
    #[serde(rename = "bucketID")]
    pub bucket_id: String,
    /// Name of the database.
    pub database: String,
    /// Name of the retention policy.
    pub retention_policy: String,
    /// Whether the policy is the database's default.
    #[serde(default)]
    pub default: bool,
    /// Whether the server made it up by itself.
    #[serde(default, rename = "virtual")]
    pub is_virtual: bool,
}

/// A mapping to be made.
#[derive(Debug, Clone, Serialize)]
pub struct NewDbrp {
    /// The organization's id.
    #[serde(rename = "orgID")]
    pub org_id: String,
    /// The bucket's id.
    #[serde(rename = "bucketID")]
    pub bucket_id: String,
    /// Name of the database.
    pub database: String,
    /// Name of the retention policy.
    pub retention_policy: String,
    /// Make it the database's default.
    pub default: bool,
}

#[derive(Deserialize)]
struct Dbrps {
    #[serde(default)]
    content: Vec<Dbrp>,
}

impl Client {
    /// All mappings of an organization (by id).
    pub async fn dbrps(&self, org_id: &str) -> Result<Vec<Dbrp>> {
        let query = &[("orgID", Some(org_id))];
        let answer: Dbrps = self.fetch("api/v2/dbrps", query).await?;
        Ok(answer.content)
    }

    /// Makes a mapping.
    pub async fn create_dbrp(&self, dbrp: &NewDbrp) -> Result<Dbrp> {
        self.create("api/v2/dbrps", dbrp).await
    }

    /// Deletes a mapping.
    pub async fn delete_dbrp(&self, org_id: &str, id: &str) -> Result<()> {
        let path = format!("api/v2/dbrps/{id}");
        let query = &[("orgID", Some(org_id))];
        self.done(&Request {
            method: Method::DELETE,
            path: &path,
            query,
            ..Request::default()
        })
        .await
    }
}
