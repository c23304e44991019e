//! Checks of the server's own alerting. Their bodies differ by kind, so what is not common stays JSON.

use serde::{Deserialize, Serialize};

use super::{PAGE, Status};
use crate::Result;
use crate::client::Client;

/// A check: the common members, and all others as they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// 16 hexadecimal digits; empty for one to be made.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// The organization it belongs to.
    #[serde(default, rename = "orgID")]
    pub org_id: String,
    /// Its name, unique in its organization.
    pub name: String,
    /// `threshold`, `deadman` or `custom`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it runs.
    #[serde(default)]
    pub status: Status,
    /// Everything else: `every`, `query`, `thresholds`, …
    #[serde(flatten)]
    pub rest: serde_json::Map<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct Checks {
    #[serde(default)]
    checks: Vec<Check>,
}

impl Client {
    /// The checks of an organization (by id), at most a page of them.
    pub async fn checks(&self, org_id: &str) -> Result<Vec<Check>> {
        let limit = PAGE.to_string();
        let query = &[("orgID", Some(org_id)), ("limit", Some(limit.as_str()))];
        let answer: Checks = self.fetch("api/v2/checks", query).await?;
        Ok(answer.checks)
    }

    /// Makes a check.
    pub async fn create_check(&self, check: &Check) -> Result<Check> {
        self.create("api/v2/checks", check).await
    }

    /// Replaces a check.
    pub async fn update_check(&self, id: &str, check: &Check) -> Result<Check> {
        self.replace(&format!("api/v2/checks/{id}"), check).await
    }

    /// Deletes a check.
    pub async fn delete_check(&self, id: &str) -> Result<()> {
        self.remove(&format!("api/v2/checks/{id}")).await
    }
}
