//! The configuration, as written in `watchpost-archive.toml`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchpost_client::{Client, ClientConfig, TokenSource};
use watchpost_service::config::{
    ByteSize, InfluxConfig, Interval, LogConfig, Problems, RoleConfig, TelemetryConfig,
    check_secret_file,
};
use watchpost_service::secret::Secret;

use crate::envelope::Recipients;
use crate::error::{Error, Result};
use crate::retention::Keep;
use crate::vault::{self, Access, Vault};

/// Port of `/health` and `/metrics`.
pub const TELEMETRY_PORT: u16 = 9105;

/// The whole configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ArchiveConfig {
    /// Logging.
    pub log: LogConfig,
    /// The server that is copied. Its token needs `read:backup`, and `write:points` for the bucket, in which the age of
    /// the newest copy is written.
    pub influx: InfluxConfig,
    /// `/health`, `/ready` and `/metrics`.
    pub telemetry: TelemetryConfig,
    /// Where copies go, and for whom they are encrypted.
    pub backup: BackupConfig,
    /// Which copies stay.
    pub retention: RetentionConfig,
}

impl Default for ArchiveConfig {
    fn default() -> Self {
        Self {
            log: LogConfig::default(),
            influx: InfluxConfig::default(),
            telemetry: TelemetryConfig::on_port(TELEMETRY_PORT),
            backup: BackupConfig::default(),
            retention: RetentionConfig::default(),
        }
    }
}

/// Where copies go, and for whom they are encrypted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BackupConfig {
    /// `s3://BUCKET/PREFIX`, `gs://…`, `az://…`, or a folder. One server a prefix.
    pub to: String,
    /// Public keys, `age1…`, as `watchpost-archive new-key` prints one. Who has one of the private keys reads the
    /// copies; this host has none.
    pub recipients: Vec<String>,
    /// Time between two parts of the log: what is lost with the host at most, beside the time of an upload.
    pub every: Interval,
    /// Time between two snapshots: a restore replays the log since the last one.
    pub snapshot_every: Interval,
    /// Bytes sent in a second at most; 0: no limit.
    pub max_bytes_per_second: ByteSize,
    /// Folder for what is on its way, and for the mark by which the prefix knows this host again.
    pub state_directory: PathBuf,
    /// URL of a store that speaks S3 and is not Amazon's, `https://minio.example.com`.
    pub s3_endpoint: Option<String>,
    /// Region of the bucket.
    pub s3_region: Option<String>,
    /// Id of the key for the store; without it what the environment says counts (`AWS_ACCESS_KEY_ID` and others).
    pub s3_key_id: Option<String>,
    /// File that holds the key (mode 0600).
    pub s3_key_file: Option<PathBuf>,
}

impl Default for BackupConfig {
    fn default() -> Self {
        Self {
            to: String::new(),
            recipients: Vec::new(),
            every: Interval::seconds(2),
            snapshot_every: Interval::seconds(3_600),
            max_bytes_per_second: ByteSize::default(),
            state_directory: PathBuf::from("/var/lib/watchpost/archive"),
            s3_endpoint: None,
            s3_region: None,
            s3_key_id: None,
            s3_key_file: None,
        }
    }
}

/// Which copies stay. All is counted back from the newest copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionConfig {
    /// For so long every moment can be had.
    pub keep_moments: Interval,
    /// The newest snapshot of each of so many hours.
    pub keep_hourly: usize,
    /// Of so many days.
    pub keep_daily: usize,
    /// Of so many weeks.
    pub keep_weekly: usize,
    /// Of so many months.
    pub keep_monthly: usize,
    /// Nothing older is kept; 0: no bound.
    pub keep_for: Interval,
    /// Remove at all; false where the store removes by itself, or the key may not.
    pub remove: bool,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        const DAY: u64 = 86_400;
        Self {
            keep_moments: Interval::seconds(2 * DAY),
            keep_hourly: 48,
            keep_daily: 30,
            keep_weekly: 0,
            keep_monthly: 0,
            keep_for: Interval::seconds(30 * DAY),
            remove: true,
        }
    }
}

impl RetentionConfig {
    /// As the rules take it.
    pub fn keep(&self) -> Keep {
        let milliseconds =
            |interval: Interval| i64::try_from(interval.get().as_millis()).unwrap_or(i64::MAX / 2);
        Keep {
            hourly: self.keep_hourly,
            daily: self.keep_daily,
            weekly: self.keep_weekly,
            monthly: self.keep_monthly,
            at_most: milliseconds(self.keep_for),
            moments: milliseconds(self.keep_moments),
        }
    }
}

impl BackupConfig {
    /// How one gets into the store.
    ///
    /// # Errors
    /// The key's file cannot be read.
    pub fn access(&self) -> Result<Access> {
        let secret = self.s3_key_file.as_deref().map(Secret::from_file);
        let secret = secret.transpose();
        Ok(Access {
            endpoint: self.s3_endpoint.clone(),
            region: self.s3_region.clone(),
            key_id: self.s3_key_id.clone(),
            secret: secret.map_err(|error| Error::Refused(error.to_string()))?,
        })
    }

    /// The place of the copies, or another one with the same access.
    ///
    /// # Errors
    /// It is none.
    pub fn vault(&self, other: Option<&str>) -> Result<Vault> {
        let to = other.unwrap_or(&self.to);
        vault::open(to, &self.access()?, self.max_bytes_per_second.get())
    }

    /// For whom copies are encrypted.
    ///
    /// # Errors
    /// There is nobody, or a key is none.
    pub fn recipients(&self) -> Result<Recipients> {
        Recipients::parse(self.recipients.iter().map(String::as_str))
    }
}

/// A client of the server.
///
/// # Errors
/// Its settings are none.
pub fn client(influx: &InfluxConfig) -> Result<Client> {
    let token = TokenSource::from_parts(influx.token.reveal(), influx.token_file.clone());
    Ok(Client::new(ClientConfig {
        timeout: influx.timeout.get(),
        connect_timeout: influx.connect_timeout.get(),
        gzip: influx.gzip,
        ca_file: influx.ca_file.clone(),
        user_agent: concat!("watchpost-archive/", env!("CARGO_PKG_VERSION")).to_owned(),
        ..ClientConfig::new(&influx.url, &influx.org, token)
    })?)
}

impl RoleConfig for ArchiveConfig {
    const ROLE: &'static str = "archive";
    const ENVIRONMENT: &'static [(&'static str, &'static str)] = InfluxConfig::ENVIRONMENT;

    fn check(&self, problems: &mut Problems) {
        self.log.check("log", problems);
        self.influx.check("influx", problems);
        if let Err(error) = self.backup.recipients()
            && !self.backup.recipients.is_empty()
        {
            problems.add("backup.recipients", error.to_string());
        }
        if let Some(path) = &self.backup.s3_key_file {
            check_secret_file(path, "backup.s3_key_file", problems);
        }
        problems.require(
            self.backup.s3_key_id.is_some() == self.backup.s3_key_file.is_some(),
            "backup.s3_key_file",
            "a key needs both backup.s3_key_id and backup.s3_key_file",
        );
        for (key, value) in [
            ("backup.every", self.backup.every),
            ("backup.snapshot_every", self.backup.snapshot_every),
        ] {
            problems.require(
                value.get().as_millis() >= 100,
                key,
                "must be 100ms or longer",
            );
        }
    }

    fn log(&self) -> &LogConfig {
        &self.log
    }
}
