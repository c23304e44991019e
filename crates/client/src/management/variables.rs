//! Variables of the server's dashboards. Their arguments differ by kind and stay JSON.

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::client::Client;

/// A variable.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Variable {
    /// 16 hexadecimal digits.
    pub id: String,
    /// The organization it belongs to.
    #[serde(default, rename = "orgID")]
    pub org_id: String,
    /// Its name.
    pub name: String,
    /// `{"type": "constant", "values": […]}` and such.
    #[serde(default)]
    pub arguments: serde_json::Value,
}

/// A variable to be made.
#[derive(Debug, Clone, Serialize)]
pub struct NewVariable {
    /// The organization's id.
    #[serde(rename = "orgID")]
    pub org_id: String,
    /// Its name.
    pub name: String,
    /// Its arguments.
    pub arguments: serde_json::Value,
}

#[derive(Deserialize)]
struct Variables {
    #[serde(default)]
    variables: Vec<Variable>,
}

impl Client {
    /// The variables of the client's organization.
    pub async fn variables(&self) -> Result<Vec<Variable>> {
        let query = &[("org", self.org())];
        let answer: Variables = self.fetch("api/v2/variables", query).await?;
        Ok(answer.variables)
    }

    /// Makes a variable.
    pub async fn create_variable(&self, variable: &NewVariable) -> Result<Variable> {
        self.create("api/v2/variables", variable).await
    }

    /// Deletes a variable.
    pub async fn delete_variable(&self, id: &str) -> Result<()> {
        self.remove(&format!("api/v2/variables/{id}")).await
    }
}
