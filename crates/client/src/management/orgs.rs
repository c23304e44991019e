//! Organizations and users.

use serde::{Deserialize, Serialize};

use super::PAGE;
use crate::Result;
use crate::client::Client;

/// An organization.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Org {
    /// 16 hexadecimal digits.
    pub id: String,
    /// Its name, unique on the server.
    pub name: String,
    /// Words about it.
    #[serde(default)]
    pub description: String,
}

/// An organization to be made.
#[derive(Debug, Clone, Default, Serialize)]
pub struct NewOrg {
    /// Its name.
    pub name: String,
    /// Words about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct User {
    /// 16 hexadecimal digits.
    pub id: String,
    /// The login name.
    pub name: String,
    /// `active` or `inactive`.
    #[serde(default)]
    pub status: String,
}

#[derive(Deserialize)]
struct Orgs {
    #[serde(default)]
    orgs: Vec<Org>,
}

impl Client {
    /// Organizations the token sees.
    pub async fn orgs(&self) -> Result<Vec<Org>> {
        let limit = PAGE.to_string();
        let query = &[("limit", Some(limit.as_str()))];
        let answer: Orgs = self.fetch("api/v2/orgs", query).await?;
        Ok(answer.orgs)
    }

    /// The organization of this name.
    pub async fn find_org(&self, name: &str) -> Result<Option<Org>> {
        let query = &[("org", Some(name))];
        let answer: Result<Orgs> = self.fetch("api/v2/orgs", query).await;
        Self::only(answer.map(|answer| answer.orgs))
    }

    /// Makes an organization.
    pub async fn create_org(&self, org: &NewOrg) -> Result<Org> {
        self.create("api/v2/orgs", org).await
    }
}
