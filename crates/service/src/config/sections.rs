//! Sections that mean the same in every role: the server, the log, the self-metrics port.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Interval, Problems};
use crate::hosts::KnownHosts;
use crate::secret::{Secret, SecretFileError, is_open_to_everyone};

/// What stands behind the server's address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ServerKind {
    /// The embedded engine, InfluxDB 2, InfluxDB Cloud: what speaks version 2's API.
    #[default]
    InfluxDb2,
    /// VictoriaMetrics, single node or cluster.
    VictoriaMetrics,
    /// InfluxDB 3.
    InfluxDb3,
}

impl ServerKind {
    /// As the configuration writes it.
    pub fn name(self) -> &'static str {
        match self {
            ServerKind::InfluxDb2 => "influxdb2",
            ServerKind::VictoriaMetrics => "victoriametrics",
            ServerKind::InfluxDb3 => "influxdb3",
        }
    }
}

/// The server this role talks to.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct InfluxConfig {
    /// What stands behind the address: `influxdb2` (the engine, too), `victoriametrics` or `influxdb3`.
    pub kind: ServerKind,
    /// Base URL of the server: `http://127.0.0.1:8086`, or https.
    pub url: String,
    /// Base URL of writes where it is another: of a VictoriaMetrics cluster `url` is the `vmselect`'s, this
    /// the `vminsert`'s.
    pub write_url: String,
    /// `account` or `account:project` of a VictoriaMetrics cluster; empty for a single node.
    pub tenant: String,
    /// More headers of each request, for a proxy before the server.
    pub headers: BTreeMap<String, Secret>,
    /// Name of the organization.
    pub org: String,
    /// Bucket this role reads or writes.
    pub bucket: String,
    /// API token. Prefer `token_file`: a file can be closed to other users and rotated.
    pub token: Secret,
    /// File that holds the API token (mode 0600); read again when it changes.
    pub token_file: Option<PathBuf>,
    /// Time a request may take, from connecting to the last byte of its answer.
    pub timeout: Interval,
    /// Time a connection may take to come about.
    pub connect_timeout: Interval,
    /// Compress what is written.
    pub gzip: bool,
    /// PEM file with the certificate authorities to trust instead of the machine's own.
    pub ca_file: Option<PathBuf>,
}

impl Default for InfluxConfig {
    fn default() -> Self {
        Self {
            kind: ServerKind::default(),
            url: "http://127.0.0.1:8086".into(),
            write_url: String::new(),
            tenant: String::new(),
            headers: BTreeMap::new(),
            org: "watchpost".into(),
            bucket: "system_metrics_raw".into(),
            token: Secret::default(),
            token_file: None,
            timeout: Interval::seconds(10),
            connect_timeout: Interval::seconds(3),
            gzip: true,
            ca_file: None,
        }
    }
}

impl InfluxConfig {
    /// The customary variables and their keys when the section is called `influx`.
    pub const ENVIRONMENT: &'static [(&'static str, &'static str)] = &[
        ("INFLUX_URL", "influx.url"),
        ("INFLUX_TOKEN", "influx.token"),
        ("INFLUX_TOKEN_FILE", "influx.token_file"),
        ("INFLUX_ORG", "influx.org"),
        ("INFLUX_BUCKET", "influx.bucket"),
    ];

    /// Checks the section, which stands at `section` (`influx`) in the role's configuration.
    pub fn check(&self, section: &str, problems: &mut Problems) {
        let is_url = |url: &str| url.starts_with("http://") || url.starts_with("https://");
        let may_be_empty = self.write_url.is_empty();
        for (key, url) in [("url", &self.url), ("write_url", &self.write_url)] {
            let left_out = key == "write_url" && may_be_empty;
            if !(is_url(url) || left_out) {
                problems.add(
                    format!("{section}.{key}"),
                    format!("{url:?} is not a URL; it starts with http:// or https://"),
                );
            }
        }
        self.check_tenant(section, problems);
        if let Some(path) = &self.token_file {
            if !self.token.is_empty() {
                problems.add(
                    format!("{section}.token_file"),
                    format!("both {section}.token and {section}.token_file are set; keep one"),
                );
            } else {
                check_secret_file(path, &format!("{section}.token_file"), problems);
            }
        }
        for (key, value) in [("org", &self.org), ("bucket", &self.bucket)] {
            if value.is_empty() {
                problems.add(format!("{section}.{key}"), "must not be empty");
            }
        }
        for (key, value) in [
            ("timeout", self.timeout),
            ("connect_timeout", self.connect_timeout),
        ] {
            if value.get().is_zero() {
                problems.add(format!("{section}.{key}"), "must be longer than zero");
            }
        }
    }
}

impl InfluxConfig {
    /// The headers with their values.
    pub fn revealed_headers(&self) -> Vec<(String, String)> {
        let headers = self.headers.iter();
        headers
            .map(|(name, value)| (name.clone(), value.reveal().to_owned()))
            .collect()
    }

    fn check_tenant(&self, section: &str, problems: &mut Problems) {
        let is_number = |text: &str| text.parse::<u32>().is_ok();
        let mut parts = self.tenant.splitn(2, ':');
        if self.tenant.is_empty() {
            return;
        }
        let key = format!("{section}.tenant");
        if self.kind != ServerKind::VictoriaMetrics {
            let kind = self.kind.name();
            problems.add(
                key,
                format!("is of VictoriaMetrics clusters; {section}.kind is {kind:?}"),
            );
        } else if !parts.all(is_number) {
            let said = format!(
                "{:?} is no tenant; write an account, as 0, or account:project, as 0:1",
                self.tenant
            );
            problems.add(key, said);
        }
    }
}

/// Where container runtimes mount secrets: with mode 0444, for the one user of the container.
const CONTAINER_SECRETS: &str = "/run/secrets";

/// Checks that a secret can be read from the file named at `key`, and that it is closed to others. What a
/// container runtime mounted is only warned about.
pub fn check_secret_file(path: &Path, key: &str, problems: &mut Problems) {
    check_read(Secret::from_file(path), path, key, problems);
}

/// As [`check_secret_file`], of a file with a token that others are to bring: it must be long enough not to be guessed.
pub fn check_token_file(path: &Path, key: &str, problems: &mut Problems) {
    check_read(Secret::token_from_file(path), path, key, problems);
}

fn check_read(
    read: Result<Secret, SecretFileError>,
    path: &Path,
    key: &str,
    problems: &mut Problems,
) {
    if let Err(error) = read {
        problems.add(key, error.to_string());
    } else if is_open_to_everyone(path) {
        let file = path.display();
        let open = format!("{file} may be read by every user; run: chmod 0600 {file}");
        match path.starts_with(CONTAINER_SECRETS) {
            true => problems.warn(key, open),
            false => problems.add(key, open),
        }
    }
}

/// How a log line looks.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Human on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// One line for people.
    Human,
    /// One JSON object a line.
    Json,
}

/// What is logged, and how. Logs go to standard error.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// Least level shown: error, warn, info, debug or trace; per module as `info,watchpost_agent=debug`.
    pub level: String,
    /// `auto` (human on a terminal, JSON otherwise), `human` or `json`.
    pub format: LogFormat,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            level: "info".into(),
            format: LogFormat::Auto,
        }
    }
}

impl LogConfig {
    /// Checks the section, which stands at `section` (`log`).
    pub fn check(&self, section: &str, problems: &mut Problems) {
        if let Err(error) = crate::logging::parse_level(&self.level) {
            problems.add(format!("{section}.level"), error.to_string());
        }
    }
}

/// Where `/health`, `/ready` and `/metrics` are served.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// Serve them at all.
    pub enabled: bool,
    /// Address and port. They describe the machine and need no login: keep them on loopback.
    pub listen: SocketAddr,
    /// Names under which the port is reached, beside addresses, `localhost` and names without a dot.
    /// On loopback requests for other names are refused, on the network those of browsers.
    pub allowed_hosts: Vec<String>,
}

impl TelemetryConfig {
    /// On, on the loopback address with this port.
    pub const fn on_port(port: u16) -> Self {
        Self {
            enabled: true,
            listen: SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), port),
            allowed_hosts: Vec::new(),
        }
    }
}

impl TelemetryConfig {
    /// The names this port answers to; what it serves needs no login.
    pub fn known_hosts(&self) -> KnownHosts {
        KnownHosts::new(
            self.listen.ip(),
            &self.allowed_hosts,
            "allowed_hosts",
            false,
        )
    }
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self::on_port(9100)
    }
}
