//! The server under load: an InfluxDB 2 API, or the line protocol endpoint of VictoriaMetrics; one
//! that runs already, or an engine started for the run.

mod engine;
mod listener;
mod victoria;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use watchpost_client::management::{NewBucket, RetentionRule};
use watchpost_client::query::Query;
use watchpost_client::write::Precision;
use watchpost_client::{Client, ClientConfig};

pub use self::engine::Engine;
pub use self::victoria::{ExportedSeries, Victoria};
use crate::load::{Failure, FailureKind};
use crate::null_server::NullServer;
use crate::settings::{ServerConfig, ServerKind};
use crate::{Error, Result};

/// Every bucket of the bench begins so; `clean` removes what a killed bench left.
pub const BUCKET_PREFIX: &str = "watchpost-bench-";

/// Rows a query may answer: the counts of a million series, and the points of some hosts.
const ROW_LIMIT: usize = 20_000_000;

/// Bytes a query may answer, for the same.
const BYTE_LIMIT: usize = 2 * 1024 * 1024 * 1024;

/// What a report says of a server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// Name in the configuration, or `engine`.
    pub name: String,
    /// Base URL.
    pub url: String,
    /// What it calls itself: `influxdb`, `watchpost-engine`, `victoriametrics`.
    pub product: String,
    /// Its version.
    pub version: String,
}

/// A server ready for a run, with a bucket of its own.
pub struct Target {
    description: Description,
    client: Client,
    bucket: String,
    /// Id of the bucket, when it was made for this run.
    made: Option<String>,
    victoria: Option<Victoria>,
    engine: Option<Mutex<Engine>>,
    /// Folder of the data of a server that runs here, and its bytes before the run.
    data_dir: Option<(PathBuf, u64)>,
    null: Option<NullServer>,
}

/// How to reach a server.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Requests under way at a time.
    pub connections: usize,
    /// Compress bodies.
    pub gzip: bool,
    /// Name of the run: that of its bucket.
    pub run: String,
}

impl Target {
    /// Reaches the server and makes a bucket.
    ///
    /// Errors: what keeps it from taking the load, as a failure with advice.
    pub async fn open(
        name: &str,
        server: &ServerConfig,
        with: &Connection,
    ) -> std::result::Result<Self, Failure> {
        Self::connect(name, server, with, None).await
    }

    /// Starts an engine of its own and makes a bucket on it.
    pub async fn spawn(
        engine: Engine,
        server: &ServerConfig,
        with: &Connection,
    ) -> std::result::Result<Self, Failure> {
        let server = engine.reach(server);
        Self::connect("engine", &server, with, Some(engine)).await
    }

    /// Reaches a server that keeps nothing.
    pub async fn null(
        null: NullServer,
        server: &ServerConfig,
        with: &Connection,
    ) -> std::result::Result<Self, Failure> {
        let mut target = Self::connect("null", &null.reach(server), with, None).await?;
        target.description.product = "null server".into();
        target.null = Some(null);
        Ok(target)
    }

    async fn connect(
        name: &str,
        server: &ServerConfig,
        with: &Connection,
        engine: Option<Engine>,
    ) -> std::result::Result<Self, Failure> {
        let client = client(server, with)?;
        let victoria = match server.kind {
            ServerKind::Influxdb => None,
            ServerKind::Victoriametrics => Some(Victoria::new(server, &with.run)?),
        };
        let mut target = Self {
            description: Description {
                name: name.to_owned(),
                url: server.url.clone(),
                ..Description::default()
            },
            client,
            bucket: server.bucket.clone().unwrap_or_else(|| with.run.clone()),
            made: None,
            victoria,
            engine: engine.map(Mutex::new),
            data_dir: server.data_dir.clone().map(|folder| {
                let before = folder_bytes(&folder);
                (folder, before)
            }),
            null: None,
        };
        match &target.victoria {
            Some(victoria) => {
                target.description.product = "victoriametrics".into();
                victoria.check().await?;
            }
            None => target.prepare(server.bucket.is_some()).await?,
        }
        Ok(target)
    }

    /// Asks the server who it is and makes the bucket.
    async fn prepare(&mut self, named: bool) -> std::result::Result<(), Failure> {
        let health = self.client.health().await?;
        self.description.product = health.name;
        self.description.version = health.version;
        if health.status != "pass" {
            let message = format!("/health says {}: {}", health.status, health.message);
            return Err(Failure::new(FailureKind::Server, message));
        }
        if named {
            let found = self.client.find_bucket(&self.bucket).await?;
            let missing = || {
                let message = format!("the bucket {:?} is not there", self.bucket);
                Failure::new(FailureKind::NotFound, message)
            };
            return found.map(drop).ok_or_else(missing);
        }
        let org_id = self.org_id().await?;
        let bucket = NewBucket {
            org_id,
            name: self.bucket.clone(),
            description: Some("made by watchpost-bench for one run".into()),
            retention_rules: vec![RetentionRule::expire(0)],
        };
        let made = self.client.create_bucket(&bucket).await.map_err(|error| {
            let failure = Failure::from(error);
            let message = format!(
                "no bucket can be made: {} (or name an empty one of your own with the server's key `bucket`)",
                failure.message
            );
            Failure { message, ..failure }
        })?;
        self.made = Some(made.id);
        Ok(())
    }

    /// Id of the organization. A token that sees none at all has the rights of some buckets alone.
    async fn org_id(&self) -> std::result::Result<String, Failure> {
        let org = &self.client.config().org;
        if let Some(found) = self.client.find_org(org).await? {
            return Ok(found.id);
        }
        let others = self.client.orgs().await?;
        Err(if others.is_empty() {
            let message = "it sees no organization, so it can make no bucket (name an empty one of \
                your own with the server's key `bucket`)";
            Failure::new(FailureKind::Forbidden, message)
        } else {
            let message = format!("the token sees no organization {org:?}");
            Failure::new(FailureKind::NotFound, message)
        })
    }

    /// What a report says of it.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Name of the bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The label that keeps runs apart where there are no buckets.
    pub fn run_label(&self) -> Option<String> {
        self.victoria
            .as_ref()
            .map(|victoria| victoria.run().to_owned())
    }

    /// The part that only VictoriaMetrics has.
    pub fn victoria(&self) -> Option<&Victoria> {
        self.victoria.as_ref()
    }

    /// Writes a body.
    pub async fn write(
        &self,
        precision: Precision,
        body: &[u8],
    ) -> std::result::Result<(), Failure> {
        let outcome = self.client.write(&self.bucket, precision, body).await;
        Failure::of_write(outcome).map_or(Ok(()), Err)
    }

    /// Asks a query and reads its answer to the end; gives the number of rows.
    pub async fn drain_query(&self, text: &str) -> std::result::Result<u64, Failure> {
        let mut stream = self.client.query_stream(&bounded(text)).await?;
        let mut rows = 0;
        while let Some(table) = stream.next_table().await? {
            rows += table.row_count() as u64;
        }
        Ok(rows)
    }

    /// Asks a query and gives its tables; verification may take longer than a request under load.
    pub async fn tables(
        &self,
        text: &str,
        limit: Duration,
    ) -> std::result::Result<Vec<watchpost_core::csv::Table>, Failure> {
        Ok(self.client.query(&bounded(text).timeout(limit)).await?)
    }

    /// Whether it forgets what it is sent, by intention.
    pub fn keeps_nothing(&self) -> bool {
        self.null.is_some()
    }

    /// Process id of the server when it runs on this machine.
    pub async fn process(&self) -> Option<u32> {
        if let Some(null) = &self.null {
            return null.process();
        }
        match &self.engine {
            Some(engine) => engine.lock().await.process(),
            None => listener::process(&self.description.url),
        }
    }

    /// Bytes on disk: of an engine that was started for the run, or by which the folder that the
    /// configuration names has grown since.
    pub async fn disk_bytes(&self) -> Option<u64> {
        if let Some(engine) = &self.engine {
            return Some(engine.lock().await.disk_bytes());
        }
        let (folder, before) = self.data_dir.as_ref()?;
        Some(folder_bytes(folder).saturating_sub(*before))
    }

    /// The engine that was started for the run.
    pub fn engine(&self) -> Option<&Mutex<Engine>> {
        self.engine.as_ref()
    }

    /// Removes what the run has made; an engine of its own ends, and its folder goes.
    pub async fn close(&self) -> std::result::Result<(), Failure> {
        if let Some(engine) = &self.engine {
            engine.lock().await.stop().await;
            return Ok(());
        }
        if let Some(victoria) = &self.victoria {
            return victoria.remove().await;
        }
        match &self.made {
            Some(id) => Ok(self.client.delete_bucket(id).await?),
            None => Ok(()),
        }
    }
}

/// Removes the buckets that killed runs left on a server; gives their names.
pub async fn clean(server: &ServerConfig) -> std::result::Result<Vec<String>, Failure> {
    let with = Connection {
        connections: 1,
        gzip: true,
        run: String::new(),
    };
    let client = client(server, &with)?;
    let mut removed = Vec::new();
    for bucket in client.buckets().await? {
        if bucket.name.starts_with(BUCKET_PREFIX) {
            client.delete_bucket(&bucket.id).await?;
            removed.push(bucket.name);
        }
    }
    Ok(removed)
}

/// Refuses a server on another machine unless that was asked for.
pub fn require_loopback(server: &ServerConfig) -> Result<()> {
    let host = reqwest::Url::parse(&server.url)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned));
    let bare = host.as_deref().map(|host| host.trim_matches(['[', ']']));
    let here = bare.is_some_and(|host| {
        host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    });
    if here {
        Ok(())
    } else {
        Err(Error::Remote {
            url: server.url.clone(),
        })
    }
}

/// Bytes of all files below a folder; those that go meanwhile count nothing.
fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => folder_bytes(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

fn bounded(text: &str) -> Query {
    Query::new(text).row_limit(ROW_LIMIT).byte_limit(BYTE_LIMIT)
}

fn client(server: &ServerConfig, with: &Connection) -> std::result::Result<Client, Failure> {
    Ok(Client::new(ClientConfig {
        url: server.url.clone(),
        org: server.org.clone(),
        token: server.token_source(),
        timeout: server.timeout.get(),
        gzip: with.gzip,
        user_agent: concat!("watchpost-bench/", env!("CARGO_PKG_VERSION")).into(),
        pool_idle_connections: with.connections + 2,
        ca_file: server.ca_file.clone(),
        ..ClientConfig::default()
    })?)
}
