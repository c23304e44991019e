//! Labels, and which things bear them.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::client::{Body, Client, Request};

/// A label.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Label {
    /// 16 hexadecimal digits.
    pub id: String,
    /// The organization it belongs to.
    #[serde(default, rename = "orgID")]
    pub org_id: String,
    /// Its name, unique in its organization.
    pub name: String,
    /// Free properties: `color`, `description`.
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
}

/// A label to be made.
#[derive(Debug, Clone, Default, Serialize)]
pub struct NewLabel {
    /// The organization's id.
    #[serde(rename = "orgID")]
    pub org_id: String,
    /// Its name.
    pub name: String,
    /// Free properties.
    pub properties: BTreeMap<String, String>,
}

/// What can bear a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Labelled {
    /// A bucket.
    Bucket,
    /// A task.
    Task,
    /// A check.
    Check,
    /// A variable.
    Variable,
}

impl Labelled {
    const fn path(self) -> &'static str {
        match self {
            Labelled::Bucket => "buckets",
            Labelled::Task => "tasks",
            Labelled::Check => "checks",
            Labelled::Variable => "variables",
        }
    }
}

#[derive(Deserialize)]
struct Labels {
    #[serde(default)]
    labels: Vec<Label>,
}

#[derive(Deserialize)]
struct OneLabel {
    label: Label,
}

impl Client {
    /// All labels of an organization (by id).
    pub async fn labels(&self, org_id: &str) -> Result<Vec<Label>> {
        let query = &[("orgID", Some(org_id))];
        let answer: Labels = self.fetch("api/v2/labels", query).await?;
        Ok(answer.labels)
    }

    /// Makes a label. Errors: 422 when the name is taken.
    pub async fn create_label(&self, label: &NewLabel) -> Result<Label> {
        let answer: OneLabel = self.create("api/v2/labels", label).await?;
        Ok(answer.label)
    }

    /// Changes the properties of a label.
    pub async fn update_label(
        &self,
        id: &str,
        properties: &BTreeMap<String, String>,
    ) -> Result<Label> {
        let path = format!("api/v2/labels/{id}");
        let patch = serde_json::json!({ "properties": properties });
        let answer: OneLabel = self.update(&path, &patch).await?;
        Ok(answer.label)
    }

    /// Deletes a label and takes it off everything.
    pub async fn delete_label(&self, id: &str) -> Result<()> {
        self.remove(&format!("api/v2/labels/{id}")).await
    }

    /// The labels a thing bears.
    pub async fn labels_of(&self, kind: Labelled, id: &str) -> Result<Vec<Label>> {
        let path = format!("api/v2/{}/{id}/labels", kind.path());
        let answer: Labels = self.fetch(&path, &[]).await?;
        Ok(answer.labels)
    }

    /// Puts a label on a thing.
    pub async fn add_label(&self, kind: Labelled, id: &str, label_id: &str) -> Result<()> {
        let path = format!("api/v2/{}/{id}/labels", kind.path());
        let body = Some(Body::json(&serde_json::json!({ "labelID": label_id }))?);
        self.done(&Request {
            method: Method::POST,
            path: &path,
            body,
            ..Request::default()
        })
        .await
    }

    /// Takes a label off a thing.
    pub async fn remove_label(&self, kind: Labelled, id: &str, label_id: &str) -> Result<()> {
        self.remove(&format!("api/v2/{}/{id}/labels/{label_id}", kind.path()))
            .await
    }
}
