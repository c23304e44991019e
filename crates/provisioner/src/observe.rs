//! Reads a server into what the plan compares.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use watchpost_client::management::{Authorization, Label, Labelled, Org, Status};
use watchpost_client::query::Query;
use watchpost_client::{Client, ClientConfig, TokenSource, flux_text};

use crate::error::{Doing, Error, Result};
use crate::plan::{
    Observed, ObservedBucket, ObservedCheck, ObservedDbrp, ObservedLabel, ObservedTask,
    ObservedToken, Secret,
};
use crate::platform::{Platform, ResourceType};
use crate::{secret_file, token_name};

/// A server, the organization on it, and where the secrets of its tokens lie.
#[derive(Debug, Clone)]
pub struct Target {
    pub client: Client,
    pub org: Org,
    pub tokens_folder: PathBuf,
    /// The server knows permissions narrower than InfluxDB's.
    pub has_narrow_permissions: bool,
}

impl Target {
    /// Finds the organization of the platform on the server.
    ///
    /// # Errors
    /// The server does not answer, refuses the token, or has no such organization.
    pub async fn find(client: Client, platform: &Platform, tokens_folder: PathBuf) -> Result<Self> {
        let name = &platform.organization;
        let found = client
            .find_org(name)
            .await
            .doing(|| format!("looking for the organization {name:?}"))?;
        let Some(org) = found else {
            return Err(no_organization(&client, name).await);
        };
        let own = client
            .own_permissions()
            .await
            .doing(|| "reading which permissions the server knows".into())?;
        Ok(Target {
            has_narrow_permissions: own.iter().any(|it| it == ResourceType::POINTS.name()),
            client,
            org,
            tokens_folder,
        })
    }

    /// The file of a token's secret.
    #[must_use]
    pub fn secret_path(&self, file: &str) -> PathBuf {
        self.tokens_folder.join(file)
    }
}

/// Everything of the organization that a plan may touch.
///
/// # Errors
/// The server's, with what was being read.
pub async fn observe(target: &Target, platform: &Platform) -> Result<Observed> {
    let client = &target.client;
    let labels = client
        .labels(&target.org.id)
        .await
        .doing(|| "reading the labels".into())?;
    let mark = labels
        .iter()
        .find(|it| it.name == platform.label)
        .map(|it| it.id.clone());
    let reader = Reader { target, mark };
    let buckets = reader.buckets().await?;
    let names = buckets
        .iter()
        .map(|it| (it.id.clone(), it.name.clone()))
        .collect();
    Ok(Observed {
        has_narrow_permissions: target.has_narrow_permissions,
        dbrps: reader.dbrps().await?,
        tasks: reader.tasks().await?,
        checks: reader.checks(platform).await?,
        tokens: reader.tokens(platform, &names).await?,
        labels: labels.into_iter().map(observed_label).collect(),
        buckets,
    })
}

fn observed_label(label: Label) -> ObservedLabel {
    ObservedLabel {
        id: label.id,
        name: label.name,
        properties: label.properties.into_iter().collect(),
    }
}

struct Reader<'a> {
    target: &'a Target,
    /// Id of our label, if the server has it.
    mark: Option<String>,
}

impl Reader<'_> {
    async fn is_managed(&self, kind: Labelled, id: &str) -> Result<bool> {
        let Some(mark) = &self.mark else {
            return Ok(false);
        };
        let labels = self
            .target
            .client
            .labels_of(kind, id)
            .await
            .doing(|| format!("reading the labels of {id}"))?;
        Ok(labels.iter().any(|it| &it.id == mark))
    }

    async fn buckets(&self) -> Result<Vec<ObservedBucket>> {
        let mut observed = Vec::new();
        for bucket in self
            .target
            .client
            .buckets()
            .await
            .doing(|| "reading the buckets".into())?
        {
            if bucket.kind == "system" {
                continue;
            }
            let managed = self.is_managed(Labelled::Bucket, &bucket.id).await?;
            // Only of ours can it matter: they may be removed.
            let has_data = managed && self.has_data(&bucket.name).await?;
            observed.push(ObservedBucket {
                retention_seconds: bucket.retention_seconds(),
                id: bucket.id,
                name: bucket.name,
                description: bucket.description,
                managed,
                has_data,
            });
        }
        Ok(observed)
    }

    async fn has_data(&self, bucket: &str) -> Result<bool> {
        let text = format!(
            "import \"influxdata/influxdb/schema\"\nschema.measurements(bucket: {}, start: 1970-01-01T00:00:00Z)",
            flux_text::string(bucket)
        );
        let tables = self.target.client.query(&Query::new(text)).await;
        let tables = tables.doing(|| format!("looking for data in the bucket {bucket:?}"))?;
        Ok(tables.iter().any(|it| !it.is_empty()))
    }

    async fn dbrps(&self) -> Result<Vec<ObservedDbrp>> {
        let found = self
            .target
            .client
            .dbrps(&self.target.org.id)
            .await
            .doing(|| "reading the dbrps".into())?;
        let real = found.into_iter().filter(|it| !it.is_virtual);
        Ok(real
            .map(|it| ObservedDbrp {
                id: it.id,
                database: it.database,
                retention_policy: it.retention_policy,
                bucket_id: it.bucket_id,
                default: it.default,
            })
            .collect())
    }

    async fn tasks(&self) -> Result<Vec<ObservedTask>> {
        let mut observed = Vec::new();
        for task in self
            .target
            .client
            .tasks()
            .await
            .doing(|| "reading the tasks".into())?
        {
            let managed = self.is_managed(Labelled::Task, &task.id).await?;
            let paused = task.status == Status::Inactive;
            observed.push(ObservedTask {
                id: task.id,
                name: task.name,
                flux: task.flux,
                paused,
                managed,
            });
        }
        Ok(observed)
    }

    async fn checks(&self, platform: &Platform) -> Result<Vec<ObservedCheck>> {
        let found = match self.target.client.checks(&self.target.org.id).await {
            // A server without checks is as good as any while nobody asks for one.
            Err(error) if error.is_not_found() && platform.checks.is_empty() => Vec::new(),
            answer => answer.doing(|| "reading the checks".into())?,
        };
        let mut observed = Vec::new();
        for check in found {
            let managed = self.is_managed(Labelled::Check, &check.id).await?;
            let text = |pointer: &str| {
                let value = serde_json::Value::Object(check.rest.clone());
                value
                    .pointer(pointer)
                    .and_then(|it| it.as_str())
                    .unwrap_or_default()
                    .to_owned()
            };
            let above = |level: &str| {
                let thresholds = check.rest.get("thresholds")?.as_array()?;
                thresholds
                    .iter()
                    .find(|it| it["level"] == level)?
                    .get("value")?
                    .as_f64()
            };
            observed.push(ObservedCheck {
                query: text("/query/text"),
                every: text("/every"),
                critical_above: above("CRIT"),
                warn_above: above("WARN"),
                id: check.id.clone(),
                name: check.name.clone(),
                managed,
            });
        }
        Ok(observed)
    }

    async fn tokens(
        &self,
        platform: &Platform,
        buckets: &BTreeMap<String, String>,
    ) -> Result<Vec<ObservedToken>> {
        let found = self
            .target
            .client
            .authorizations()
            .await
            .doing(|| "reading the tokens".into())?;
        let mut observed = Vec::new();
        for token in found {
            let Some((name, fingerprint)) = token_name::read(&platform.label, &token.description)
            else {
                continue;
            };
            let secret = match platform.tokens.iter().find(|it| it.name == name) {
                Some(wanted) => {
                    let path = self.target.secret_path(&wanted.file);
                    self.secret(&path, fingerprint).await
                }
                None => Secret::Missing,
            };
            observed.push(ObservedToken {
                permissions: permissions(&token, buckets),
                active: token.status == Status::Active,
                name: name.to_owned(),
                id: token.id,
                secret,
            });
        }
        Ok(observed)
    }

    /// Whether the file holds the secret of that fingerprint, and the server takes it.
    async fn secret(&self, path: &Path, fingerprint: Option<&str>) -> Secret {
        let Some(text) = secret_file::read(path) else {
            return Secret::Missing;
        };
        // Without one, all that can be told is whether the server takes what the file holds.
        if fingerprint.is_some_and(|it| it != token_name::fingerprint(&text)) {
            return Secret::Foreign;
        }
        let config = ClientConfig {
            token: TokenSource::fixed(text),
            ..self.target.client.config().clone()
        };
        let refused = match Client::new(config) {
            Ok(client) => client
                .me()
                .await
                .is_err_and(|error| is_unknown_token(&error)),
            Err(_) => true,
        };
        match (refused, secret_file::is_exposed(path)) {
            (true, _) => Secret::Refused,
            (false, true) => Secret::Exposed,
            (false, false) => Secret::Valid,
        }
    }
}

/// As the file writes them, sorted: `read:buckets/NAME`.
fn permissions(token: &Authorization, buckets: &BTreeMap<String, String>) -> Vec<String> {
    let one = |it: &watchpost_client::management::Permission| {
        let resource = &it.resource;
        let named = resource.id.as_ref();
        let named = named.filter(|_| resource.kind != ResourceType::ORGS.name());
        let name = named.map(|id| buckets.get(id).or(resource.name.as_ref()).unwrap_or(id));
        let suffix = name.map_or_else(String::new, |name| format!("/{name}"));
        format!("{}:{}{suffix}", it.action, resource.kind)
    };
    let mut all: Vec<String> = token.permissions.iter().map(one).collect();
    all.sort();
    all
}

/// InfluxDB says 401 in two ways: "unauthorized access" to a token that it does not know, and
/// "read:users/… is unauthorized" to one that it knows and that may do something else.
fn is_unknown_token(error: &watchpost_client::Error) -> bool {
    match error {
        watchpost_client::Error::Api {
            status: 401,
            message,
            ..
        } => !message.ends_with("is unauthorized"),
        _ => false,
    }
}

/// A server that has no organizations at all answers as one that lacks this one: it is asked what it
/// is.
async fn no_organization(client: &Client, name: &str) -> Error {
    let says = match client.health().await {
        Ok(health) if !health.version.starts_with("1.") => {
            return Error::NoOrganization(name.to_owned());
        }
        Ok(health) => format!("it says it is {} {}", health.name, health.version),
        Err(_) => "it does not say what it is".to_owned(),
    };
    let url = client.config().url.clone();
    Error::OtherServer { url, says }
}
