//! Authorizations: tokens and what they may do.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Status;
use crate::Result;
use crate::client::Client;

/// A token with its permissions. `Debug` shows no token.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Authorization {
    /// 16 hexadecimal digits.
    pub id: String,
    /// The token; some servers show it only when it is made.
    #[serde(default)]
    pub token: String,
    /// Whether it works.
    #[serde(default)]
    pub status: Status,
    /// Words about it.
    #[serde(default)]
    pub description: String,
    /// The organization it belongs to.
    #[serde(default, rename = "orgID")]
    pub org_id: String,
    /// What it may do.
    #[serde(default)]
    pub permissions: Vec<Permission>,
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization")
            .field("id", &self.id)
            .field("description", &self.description)
            .field("status", &self.status)
            .field("permissions", &self.permissions)
            .finish_non_exhaustive()
    }
}

/// One thing a token may do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Permission {
    /// `read` or `write`.
    pub action: String,
    /// On what.
    pub resource: Resource,
}

/// What a permission is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Resource {
    /// `buckets`, `tasks`, `authorizations`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// One of them; all of the organization without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The organization.
    #[serde(default, rename = "orgID", skip_serializing_if = "Option::is_none")]
    pub org_id: Option<String>,
    /// Name of the thing; only in answers.
    #[serde(default, skip_serializing)]
    pub name: Option<String>,
}

/// An authorization to be made.
#[derive(Debug, Clone, Serialize)]
pub struct NewAuthorization {
    /// The organization's id.
    #[serde(rename = "orgID")]
    pub org_id: String,
    /// Words about it.
    pub description: String,
    /// What it may do.
    pub permissions: Vec<Permission>,
}

/// What to change of an authorization.
#[derive(Debug, Clone, Default, Serialize)]
pub struct AuthorizationPatch {
    /// Switch it on or off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// New description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

#[derive(Deserialize)]
struct Authorizations {
    #[serde(default)]
    authorizations: Vec<Authorization>,
}

impl Client {
    /// All authorizations of the client's organization.
    pub async fn authorizations(&self) -> Result<Vec<Authorization>> {
        let query = &[("org", self.org())];
        let answer: Authorizations = self.fetch("api/v2/authorizations", query).await?;
        Ok(answer.authorizations)
    }

    /// Makes a token.
    pub async fn create_authorization(
        &self,
        authorization: &NewAuthorization,
    ) -> Result<Authorization> {
        self.create("api/v2/authorizations", authorization).await
    }

    /// Changes a token's state or description.
    pub async fn update_authorization(
        &self,
        id: &str,
        patch: &AuthorizationPatch,
    ) -> Result<Authorization> {
        self.update(&format!("api/v2/authorizations/{id}"), patch)
            .await
    }

    /// Deletes a token: it stops working at once.
    pub async fn delete_authorization(&self, id: &str) -> Result<()> {
        self.remove(&format!("api/v2/authorizations/{id}")).await
    }
}
