//! Plan and apply on servers of other kinds than InfluxDB 2: databases of InfluxDB 3, users of vmauth before a
//! VictoriaMetrics.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom, SystemRandom};
use watchpost_client::Client;
use watchpost_query::Kind as ServerKind;

use crate::apply::Progress;
use crate::error::{Doing, Error, Result};
use crate::plan::vmauth::{self, Addresses, ObservedFlags};
use crate::plan::{self, Action, Change, Kind, ObservedDatabase, ObservedDatabases, Plan};
use crate::platform::Platform;
use crate::secret_file;

/// Bytes of a secret: 256 bits, as many as InfluxDB's tokens have.
const SECRET_BYTES: usize = 32;

/// A server of another kind, and where the secrets of its users lie.
#[derive(Debug)]
pub struct OtherServer<'a> {
    pub client: &'a Client,
    pub tokens_folder: PathBuf,
}

/// What was read of it.
#[derive(Debug)]
pub enum Observed {
    Databases(ObservedDatabases),
    Flags(ObservedFlags),
}

impl OtherServer<'_> {
    /// Reads what a plan compares.
    ///
    /// # Errors
    /// The server's.
    pub async fn observe(&self, platform: &Platform) -> Result<Observed> {
        match self.client.config().kind {
            ServerKind::InfluxDb3 => self.databases().await.map(Observed::Databases),
            _ => self.flags(platform).await.map(Observed::Flags),
        }
    }

    async fn databases(&self) -> Result<ObservedDatabases> {
        let build = self.client.influxdb3_build().await;
        let build = build.doing(|| "asking which InfluxDB 3 it is".into())?;
        let found = self.client.databases().await;
        let found = found.doing(|| "reading the databases".into())?;
        let databases = found.into_iter().map(|it| ObservedDatabase {
            name: it.name,
            retention_seconds: it.retention.unwrap_or(0),
        });
        Ok(ObservedDatabases {
            build,
            databases: databases.collect(),
        })
    }

    async fn flags(&self, platform: &Platform) -> Result<ObservedFlags> {
        let config = self.client.config();
        let flags = match self.client.flags().await {
            // A proxy before it, or a key for its flags: then they are not known.
            Err(watchpost_client::Error::Api { .. }) => None,
            found => Some(found.doing(|| "reading the server's flags".into())?),
        };
        let mut secrets = BTreeMap::new();
        for token in platform.tokens.iter().filter(|it| vmauth::is_user(it)) {
            let secret = secret_file::read(&self.tokens_folder.join(&token.file));
            secrets.extend(secret.map(|secret| (token.name.clone(), secret)));
        }
        let users = std::fs::read_to_string(self.tokens_folder.join(vmauth::FILE));
        let read = config.url.trim_end_matches('/').to_owned();
        let write = config.write_url.as_ref();
        Ok(ObservedFlags {
            flags,
            secrets,
            users: users.unwrap_or_default(),
            addresses: Addresses {
                write: write.map_or_else(|| read.clone(), |it| it.trim_end_matches('/').to_owned()),
                read,
                tenant: config.tenant.clone(),
            },
        })
    }

    /// Carries a plan out: what can be done, and then what a person must do is the error.
    ///
    /// # Errors
    /// The server's, a file's; or what the server has no API for.
    pub async fn apply(
        &self,
        platform: &Platform,
        observed: &Observed,
        plan: &Plan,
        progress: &mut dyn Progress,
    ) -> Result<()> {
        match observed {
            Observed::Databases(databases) => {
                if let Some(why) = plan::too_many(platform, databases) {
                    return Err(Error::Request(why));
                }
                for change in &plan.changes {
                    progress.begin(change);
                    self.database(platform, change).await?;
                    progress.done(change);
                }
                Ok(())
            }
            Observed::Flags(flags) => self.users(platform, flags, plan, progress),
        }
    }

    async fn database(&self, platform: &Platform, change: &Change) -> Result<()> {
        let bucket = platform.buckets.iter().find(|it| it.name == change.name);
        let Some(bucket) = bucket else { return Ok(()) };
        let seconds = Some(bucket.retention.get().as_secs()).filter(|seconds| *seconds > 0);
        let done = match change.action {
            Action::Create => self.client.create_database(&bucket.name, seconds).await,
            _ => self.client.set_retention(&bucket.name, seconds).await,
        };
        done.doing(|| format!("making the database {:?}", bucket.name))
    }

    fn users(
        &self,
        platform: &Platform,
        observed: &ObservedFlags,
        plan: &Plan,
        progress: &mut dyn Progress,
    ) -> Result<()> {
        let mut secrets = observed.secrets.clone();
        let tokens = |it: &&Change| it.kind == Kind::Token;
        for change in plan.changes.iter().filter(tokens) {
            progress.begin(change);
            let token = platform.tokens.iter().find(|it| it.name == change.name);
            if let Some(token) = token.filter(|it| !secrets.contains_key(&it.name)) {
                let secret = random()?;
                secret_file::write(&self.tokens_folder.join(&token.file), &secret)?;
                secrets.insert(token.name.clone(), secret);
            }
            progress.done(change);
        }
        if plan.changes.iter().any(|it| it.kind == Kind::Token) {
            let text = vmauth::users(platform, &secrets, &observed.addresses);
            write_users(&self.tokens_folder, &text)?;
        }
        match plan.changes.iter().find(|it| it.kind == Kind::Bucket) {
            None => Ok(()),
            Some(change) => {
                let wanted = change.differences.first().map(|it| it.to.as_str());
                Err(Error::Request(format!(
                    "VictoriaMetrics has no API for its retention: start it with a -retentionPeriod of {}, which the \
                     bucket {} needs",
                    wanted.unwrap_or_default(),
                    change.name
                )))
            }
        }
    }
}

/// The secrets stand in it, so it is for its owner alone.
fn write_users(folder: &Path, text: &str) -> Result<()> {
    Ok(secret_file::write(
        &folder.join(vmauth::FILE),
        text.trim_end(),
    )?)
}

fn random() -> Result<String> {
    let mut bytes = [0; SECRET_BYTES];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Error::Request("the system gives no random numbers".to_owned()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
