//! Which servers there are and how the bench reaches them. What is done to them stands in the
//! scenarios.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchpost_client::TokenSource;
use watchpost_service::config::{
    Interval, LogConfig, LogFormat, Problems, RoleConfig, check_secret_file,
};
use watchpost_service::secret::Secret;

/// The configuration of `watchpost-bench`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The server under load when none is named on the command line.
    pub influx: ServerConfig,
    /// More servers by name, for `--server NAME`: several in one run take turns.
    pub servers: BTreeMap<String, ServerConfig>,
    /// What is logged, and how.
    pub log: LogConfig,
}

/// A server under load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// What it speaks: the InfluxDB 2 API, or VictoriaMetrics, which takes writes alone.
    pub kind: ServerKind,
    /// Base URL of the server: `http://127.0.0.1:8086`, or https.
    pub url: String,
    /// Name of the organization.
    pub org: String,
    /// An empty bucket to use when the token may make none; it is not removed.
    pub bucket: Option<String>,
    /// API token that may make, write, read and remove buckets. Prefer `token_file`.
    pub token: Secret,
    /// File that holds the API token (mode 0600).
    pub token_file: Option<PathBuf>,
    /// Time a request may take, from connecting to the last byte of its answer.
    pub timeout: Interval,
    /// PEM file with the certificate authorities to trust instead of the machine's own.
    pub ca_file: Option<PathBuf>,
    /// Folder of its data, when it runs on this machine: how far it grows is reported.
    pub data_dir: Option<PathBuf>,
}

/// A server as the command line names it.
#[derive(Debug, Clone, PartialEq)]
pub enum ServerChoice {
    /// By its name in the configuration.
    Configured(String),
    /// Under a name of its own, without configuration.
    Described(String, Box<ServerConfig>),
}

/// What a server speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ServerKind {
    /// The InfluxDB 2 API.
    #[default]
    Influxdb,
    /// Line protocol into VictoriaMetrics.
    Victoriametrics,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            influx: ServerConfig::default(),
            servers: BTreeMap::new(),
            // The progress bar shares the terminal: only what needs attention is logged.
            log: LogConfig {
                level: "warn".into(),
                format: LogFormat::default(),
            },
        }
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            kind: ServerKind::default(),
            url: "http://127.0.0.1:8086".into(),
            org: "watchpost".into(),
            bucket: None,
            token: Secret::default(),
            token_file: None,
            // A saturated server is slow before it fails, and that is to be seen.
            timeout: Interval::seconds(30),
            ca_file: None,
            data_dir: None,
        }
    }
}

impl ServerChoice {
    /// What the report calls it.
    pub fn name(&self) -> &str {
        match self {
            Self::Configured(name) | Self::Described(name, _) => name,
        }
    }
}

impl FromStr for ServerChoice {
    type Err = String;

    /// `NAME`, or `NAME=URL[,KEY=VALUE]…`. A token is not among the keys: the list of processes would show it.
    fn from_str(text: &str) -> Result<Self, String> {
        let Some((name, described)) = text.split_once('=') else {
            return Ok(Self::Configured(text.to_owned()));
        };
        let mut parts = described.split(',');
        let mut server = ServerConfig {
            url: parts.next().unwrap_or_default().to_owned(),
            ..ServerConfig::default()
        };
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            match key {
                "org" => server.org = value.to_owned(),
                "bucket" => server.bucket = Some(value.to_owned()),
                "token-file" => server.token_file = Some(value.into()),
                "data-dir" => server.data_dir = Some(value.into()),
                "kind" if value == "influxdb" => server.kind = ServerKind::Influxdb,
                "kind" if value == "victoriametrics" => server.kind = ServerKind::Victoriametrics,
                "kind" => return Err("kind is influxdb or victoriametrics".into()),
                _ => {
                    return Err(format!(
                        "{key:?} is none of org, token-file, bucket, data-dir, kind"
                    ));
                }
            }
        }
        let mut problems = Problems::default();
        server.check(name, &mut problems);
        match problems.into_result() {
            Ok(()) => Ok(Self::Described(name.to_owned(), Box::new(server))),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl ServerConfig {
    /// Where the API token comes from.
    pub fn token_source(&self) -> TokenSource {
        TokenSource::from_parts(self.token.reveal(), self.token_file.clone())
    }

    fn check(&self, section: &str, problems: &mut Problems) {
        let is_url = self.url.starts_with("http://") || self.url.starts_with("https://");
        problems.require(
            is_url,
            &format!("{section}.url"),
            "is not a URL; it starts with http:// or https://",
        );
        problems.require(
            !self.timeout.get().is_zero(),
            &format!("{section}.timeout"),
            "must be longer than zero",
        );
        let key = format!("{section}.token_file");
        match &self.token_file {
            Some(_) if !self.token.is_empty() => {
                problems.add(key, "token and token_file are both set; keep one");
            }
            Some(path) => check_secret_file(path, &key, problems),
            None => {}
        }
    }
}

impl RoleConfig for Settings {
    const ROLE: &'static str = "bench";
    const ENVIRONMENT: &'static [(&'static str, &'static str)] = &[
        ("INFLUX_URL", "influx.url"),
        ("INFLUX_TOKEN", "influx.token"),
        ("INFLUX_TOKEN_FILE", "influx.token_file"),
        ("INFLUX_ORG", "influx.org"),
    ];

    fn check(&self, problems: &mut Problems) {
        self.influx.check("influx", problems);
        for (name, server) in &self.servers {
            server.check(&format!("servers.{name}"), problems);
        }
        self.log.check("log", problems);
    }

    fn log(&self) -> &LogConfig {
        &self.log
    }
}
