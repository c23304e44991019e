//! The configuration, as written in `watchpost-web.toml`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchpost_query::Kind;
use watchpost_service::config::{
    InfluxConfig, Interval, LogConfig, Problems, RoleConfig, check_secret_file,
};
use watchpost_service::hosts::KnownHosts;
use watchpost_service::tls::Certificate;

use crate::sign_in::users::Users;

/// Port of pages and API.
pub const HTTP_PORT: u16 = 5000;

/// The whole configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WebConfig {
    /// Logging.
    pub log: LogConfig,
    /// The server that is read, with a token that may only read.
    pub influx: InfluxConfig,
    /// The port of pages and API, and who may use it.
    pub http: HttpConfig,
    /// Buckets of the lower tiers and of the alert history.
    pub tiers: TiersConfig,
    /// The alerter whose alerts and silences are shown.
    pub alerter: AlerterConfig,
    /// Notes on the charts.
    pub annotations: AnnotationsConfig,
    /// How the fleet is watched.
    pub live: LiveConfig,
}

/// The port of pages and API, and who may use it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Address and port. Any other than loopback needs `users_file` or `allow_anonymous`.
    pub listen: SocketAddr,
    /// Serve everyone who can reach the port, as an operator.
    pub allow_anonymous: bool,
    /// File with users and tokens (mode 0600). With it everyone has to sign in, on loopback too.
    pub users_file: Option<PathBuf>,
    /// Time after which one has to sign in again.
    pub session_length: Interval,
    /// Address under which people reach the pages through a proxy, `https://example.com/mon/`: the
    /// origin of their requests, the path of the cookie, which is `Secure` with https.
    pub public_url: String,
    /// Further names under which the port is reached, beside that of `public_url`, addresses,
    /// `localhost` and names without a dot. On loopback, and once names are given, requests for
    /// other names are refused, so that no web page can reach the port through a name of its own;
    /// on the network without sign-in those of browsers.
    pub allowed_hosts: Vec<String>,
    /// PEM file of the certificate; with it and `tls_key_file` the port speaks HTTPS.
    pub tls_certificate_file: Option<PathBuf>,
    /// PEM file of its key.
    pub tls_key_file: Option<PathBuf>,
    /// Folder with `templates` and `assets` that are read at each request instead of those in the
    /// binary, for work on the pages.
    pub pages_folder: Option<PathBuf>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), HTTP_PORT),
            allow_anonymous: false,
            users_file: None,
            session_length: Interval::seconds(12 * 3600),
            public_url: String::new(),
            allowed_hosts: Vec::new(),
            tls_certificate_file: None,
            tls_key_file: None,
            pages_folder: None,
        }
    }
}

/// Buckets of the lower tiers and of the alert history. The raw tier is `influx.bucket`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TiersConfig {
    /// How long the raw tier keeps its points.
    pub raw_retention: Interval,
    /// Bucket of the hours.
    pub hourly_bucket: String,
    /// How long it keeps them.
    pub hourly_retention: Interval,
    /// Bucket of the days.
    pub daily_bucket: String,
    /// How long it keeps them.
    pub daily_retention: Interval,
    /// Bucket of what the alerter did.
    pub alerts_bucket: String,
}

impl Default for TiersConfig {
    fn default() -> Self {
        const DAY: u64 = 24 * 3600;
        Self {
            raw_retention: Interval::seconds(7 * DAY),
            hourly_bucket: "system_metrics_1h".to_owned(),
            hourly_retention: Interval::seconds(90 * DAY),
            daily_bucket: "system_metrics_1d".to_owned(),
            daily_retention: Interval::seconds(365 * DAY),
            alerts_bucket: "alerts_history".to_owned(),
        }
    }
}

/// The alerter whose alerts and silences are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AlerterConfig {
    /// Base URL of its API, `http://127.0.0.1:9102`; empty: there is none.
    pub url: String,
    /// File with the token of its API (mode 0600); without it silences cannot be made here.
    pub token_file: Option<PathBuf>,
}

/// Notes on the charts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AnnotationsConfig {
    /// The bucket that holds them; read with the token of `[influx]`.
    pub bucket: String,
    /// File with a token that may write this bucket and nothing else (mode 0600); without it notes
    /// are shown and cannot be made.
    pub token_file: Option<PathBuf>,
}

impl Default for AnnotationsConfig {
    fn default() -> Self {
        Self {
            bucket: "annotations".to_owned(),
            token_file: None,
        }
    }
}

/// How the fleet is watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LiveConfig {
    /// Time between two looks at the newest points; longer by itself while the database is slow.
    pub interval: Interval,
    /// Time between looks at all that the raw tier keeps, which find hosts that wrote late.
    pub sweep_interval: Interval,
    /// A host whose newest point is older than this is late.
    pub late_after: Interval,
    /// A host whose newest point is older than this is offline.
    pub offline_after: Interval,
    /// Browsers and scripts that may follow at a time.
    pub max_followers: usize,
}

impl Default for LiveConfig {
    fn default() -> Self {
        Self {
            interval: Interval::milliseconds(500),
            sweep_interval: Interval::seconds(60),
            late_after: Interval::seconds(15),
            offline_after: Interval::seconds(60),
            max_followers: 256,
        }
    }
}

impl HttpConfig {
    /// Certificate and key, where HTTPS is configured.
    pub fn tls_files(&self) -> Option<(&PathBuf, &PathBuf)> {
        self.tls_certificate_file
            .as_ref()
            .zip(self.tls_key_file.as_ref())
    }

    /// The names this port answers to.
    pub fn known_hosts(&self) -> KnownHosts {
        let has_login = self.users_file.is_some();
        let (listen, names) = (self.listen.ip(), &self.allowed_hosts);
        KnownHosts::new(listen, names, "http.allowed_hosts", has_login).and_of_url(&self.public_url)
    }

    /// Whether browsers reach the pages by https alone, here or at a proxy.
    pub fn is_secure(&self) -> bool {
        self.tls_files().is_some() || self.public_url.starts_with("https://")
    }

    fn check(&self, problems: &mut Problems) {
        if !self.listen.ip().is_loopback() && self.users_file.is_none() && !self.allow_anonymous {
            problems.add(
                "http.listen",
                format!(
                    "{} can be reached by others: set http.users_file, or say --allow-anonymous \
                     (http.allow_anonymous) to serve everyone without signing in",
                    self.listen
                ),
            );
        }
        if self.users_file.is_some() && self.allow_anonymous {
            problems.add(
                "http.allow_anonymous",
                "contradicts http.users_file; keep one of them",
            );
        }
        if let Some(path) = &self.users_file
            && let Err(error) = Users::read(path)
        {
            problems.add("http.users_file", error.to_string());
        }
        problems.require(
            self.public_url.is_empty() || crate::address::Public::read(&self.public_url).is_some(),
            "http.public_url",
            "is not a URL; write https://example.com/ or https://example.com/mon/",
        );
        problems.require(
            self.tls_certificate_file.is_some() == self.tls_key_file.is_some(),
            "http.tls_key_file",
            "HTTPS needs both http.tls_certificate_file and http.tls_key_file",
        );
        if let Some((certificate, key)) = self.tls_files()
            && let Err(error) = Certificate::load(certificate, key)
        {
            problems.add("http.tls_certificate_file", error.to_string());
        }
        problems.require(
            !self.session_length.get().is_zero(),
            "http.session_length",
            "must be longer than zero",
        );
    }
}

/// How far back InfluxDB 3 Core answers: 432 files (`--query-file-limit`) of ten minutes.
const CORE_LOOK_BACK: Duration = Duration::from_secs(72 * 3600);

impl WebConfig {
    /// What the kind of server cannot do of what is configured.
    fn check_kind(&self, problems: &mut Problems) {
        let kind: Kind = self.influx.kind.name().parse().unwrap_or_default();
        if kind == Kind::InfluxDb3 && self.tiers.hourly_retention.get() > CORE_LOOK_BACK {
            problems.warn(
                "tiers.hourly_retention",
                "is more than 72 hours, which InfluxDB 3 Core does not answer unless it runs with a larger \
                 --query-file-limit: charts of longer ranges show its error",
            );
        }
        if !kind.keeps_documents() && self.alerter.url.is_empty() {
            let said = format!(
                "is not set: on {} the alerter keeps notes, boards and preferences; there are none without it",
                kind.title()
            );
            problems.warn("alerter.url", said);
        }
        if !kind.keeps_documents() && self.annotations.token_file.is_some() {
            let said = format!(
                "is not used: on {} the alerter keeps the notes",
                kind.title()
            );
            problems.warn("annotations.token_file", said);
        }
    }
}

impl RoleConfig for WebConfig {
    const ROLE: &'static str = "web";
    const ENVIRONMENT: &'static [(&'static str, &'static str)] = InfluxConfig::ENVIRONMENT;

    fn check(&self, problems: &mut Problems) {
        self.log.check("log", problems);
        self.influx.check("influx", problems);
        self.http.check(problems);
        self.check_kind(problems);
        let url = &self.alerter.url;
        problems.require(
            url.is_empty() || url.starts_with("http://") || url.starts_with("https://"),
            "alerter.url",
            "is not a URL; it starts with http:// or https://",
        );
        for (key, file) in [
            ("alerter.token_file", &self.alerter.token_file),
            ("annotations.token_file", &self.annotations.token_file),
        ] {
            if let Some(path) = file {
                check_secret_file(path, key, problems);
            }
        }
        problems.require(
            self.live.interval.get().as_millis() >= 100,
            "live.interval",
            "must be 100ms or longer",
        );
        problems.require(
            self.live.late_after < self.live.offline_after,
            "live.offline_after",
            "must be longer than live.late_after",
        );
        problems.require(
            self.live.max_followers > 0,
            "live.max_followers",
            "must be at least 1",
        );
    }

    fn log(&self) -> &LogConfig {
        &self.log
    }
}
