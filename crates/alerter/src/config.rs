//! The alerter's configuration, as written in `watchpost-alerter.toml`. What is watched and who is
//! told stands in the rule file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::tz::TimeZone;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use watchpost_query::Kind as ServerKind;
use watchpost_service::config::{
    InfluxConfig, Interval, LogConfig, Problems, RoleConfig, TelemetryConfig, check_token_file,
};
use watchpost_service::secret::Secret;

use crate::alert::{Nanos, SECOND};
use crate::presentation::{Presentation, is_address};
use crate::rules::definition::{Kind, Rule};

/// Port of the API, `/health`, `/ready` and `/metrics`.
pub const API_PORT: u16 = 9102;

/// The whole configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AlerterConfig {
    /// Logging.
    pub log: LogConfig,
    /// The server that is queried; its bucket is used by rules that name none.
    pub influx: InfluxConfig,
    /// The HTTP API, which also serves health and metrics.
    pub api: ApiConfig,
    /// Rules, routes and receivers.
    pub rules: RulesConfig,
    /// What must survive a crash.
    pub store: StoreConfig,
    /// Where transitions and notifications are written.
    pub history: HistoryConfig,
    /// How messages show times and addresses.
    pub messages: MessagesConfig,
    /// A URL that hears from the alerter while everything works.
    pub heartbeat: HeartbeatConfig,
}

/// The HTTP API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ApiConfig {
    /// Address and port; loopback by default.
    pub listen: TelemetryConfig,
    /// File with the token (mode 0600, at least 16 characters) that requests which change something
    /// must bear. Without it nothing can be changed through the API.
    pub token_file: Option<PathBuf>,
}

impl Default for ApiConfig {
    fn default() -> ApiConfig {
        ApiConfig {
            listen: TelemetryConfig::on_port(API_PORT),
            token_file: None,
        }
    }
}

/// Rules, routes and receivers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RulesConfig {
    /// The rule file; it is read again on SIGHUP and when it changes. Another path here, as every other
    /// key but `log.level`, waits for the next start; the log says so.
    pub file: PathBuf,
    /// Files of one's own, and folders of such (`*.toml`), over `file`: a rule, receiver, inhibition or mute
    /// window takes the place of the one with its name, a route that of `file`. What is not there is left out.
    pub own: Vec<PathBuf>,
}

impl Default for RulesConfig {
    fn default() -> RulesConfig {
        RulesConfig {
            file: PathBuf::from("rules.toml"),
            own: vec![PathBuf::from("/etc/watchpost/rules.d")],
        }
    }
}

/// What must survive a crash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// Folder of the state, the dead letters and, for receivers with a relative path, their files.
    pub folder: PathBuf,
}

impl Default for StoreConfig {
    fn default() -> StoreConfig {
        StoreConfig {
            folder: PathBuf::from("alerter-data"),
        }
    }
}

/// Where transitions and notifications are written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HistoryConfig {
    /// Write them at all.
    pub enabled: bool,
    /// The bucket.
    pub bucket: String,
}

impl Default for HistoryConfig {
    fn default() -> HistoryConfig {
        HistoryConfig {
            enabled: true,
            bucket: "alerts_history".to_owned(),
        }
    }
}

/// How messages show times and addresses.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MessagesConfig {
    /// Address of the web page as people reach it, `https://watchpost.example.org`: messages link to the
    /// alert there, to silence and to acknowledge it. Without it they have no such links.
    pub public_url: String,
    /// Zone of the times in messages, such as `Europe/Berlin`; the machine's own when empty.
    pub time_zone: String,
}

impl MessagesConfig {
    /// A zone that is not known counts as UTC; `check` has refused it.
    pub fn presentation(&self) -> Presentation {
        let zone = match self.time_zone.as_str() {
            "" => TimeZone::try_system(),
            name => TimeZone::get(name),
        };
        Presentation::new(&self.public_url, zone.unwrap_or(TimeZone::UTC))
    }

    fn check(&self, problems: &mut Problems) {
        if self.public_url.is_empty() {
            let missing = "is not set, so messages have no links that show, silence or acknowledge \
                           the alert; give the address at which people open the web page";
            problems.warn("messages.public_url", missing);
        } else if !is_address(&self.public_url) || self.public_url.contains(['?', '#']) {
            problems.add(
                "messages.public_url",
                "is not the address of a web page; write one such as https://watchpost.example.org",
            );
        }
        if !self.time_zone.is_empty() && TimeZone::get(&self.time_zone).is_err() {
            problems.add(
                "messages.time_zone",
                "is not a time zone; write a name such as Europe/Berlin",
            );
        }
    }
}

/// A URL that hears from the alerter while everything works: the service that waits there notifies when
/// it falls silent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HeartbeatConfig {
    /// The URL that gets a request; none when empty. It may be a secret.
    pub url: Secret,
    /// Time between requests.
    pub interval: Interval,
    /// Newest data may be this old; older means that collecting or storing is broken.
    pub data_within: Interval,
}

impl Default for HeartbeatConfig {
    fn default() -> HeartbeatConfig {
        HeartbeatConfig {
            url: Secret::default(),
            interval: Interval::seconds(60),
            data_within: Interval::seconds(300),
        }
    }
}

impl RoleConfig for AlerterConfig {
    const ROLE: &'static str = "alerter";
    const ENVIRONMENT: &'static [(&'static str, &'static str)] = InfluxConfig::ENVIRONMENT;

    fn check(&self, problems: &mut Problems) {
        self.influx.check("influx", problems);
        self.log.check("log", problems);
        self.messages.check(problems);
        match crate::rule_files::read(&self.rules) {
            Ok(file) => {
                for window in file.windows_that_are_over(crate::clock::now()) {
                    let said =
                        format!("[[mute]] {window:?}: all its years are past, so it never applies");
                    problems.warn("rules.file", said);
                }
                self.check_kind(&file.rules, problems);
            }
            Err(mistakes) => {
                for mistake in mistakes {
                    problems.add("rules.file", mistake);
                }
            }
        }
        for path in &self.rules.own {
            let path = path.display().to_string();
            if path.contains(['*', '?']) {
                let said = format!(
                    "{path:?} is a pattern; name the folder instead: every .toml file in it is read"
                );
                problems.add("rules.own", said);
            }
        }
        if let Some(file) = &self.api.token_file {
            check_token_file(file, "api.token_file", problems);
        }
        let url = self.heartbeat.url.reveal();
        if !url.is_empty() && !url.starts_with("http://") && !url.starts_with("https://") {
            problems.add(
                "heartbeat.url",
                "is not a URL; it starts with http:// or https://",
            );
        }
    }

    fn check_use(&self, environment: &BTreeMap<String, String>, problems: &mut Problems) {
        let Ok(file) = crate::rule_files::read(&self.rules) else {
            return;
        };
        let folder = std::path::absolute(&self.store.folder);
        let folder = folder.unwrap_or_else(|_| self.store.folder.clone());
        for (name, receiver) in &file.receivers {
            crate::receivers::check_use(
                receiver,
                &folder,
                environment,
                &mut |message, is_error| {
                    let message = format!("receiver {name:?}: {message}");
                    match is_error {
                        true => problems.add("rules.file", message),
                        false => problems.warn("rules.file", message),
                    }
                },
            );
        }
    }

    fn log(&self) -> &LogConfig {
        &self.log
    }
}

/// How far back InfluxDB 3 Core answers: 432 files (`--query-file-limit`) of ten minutes.
const CORE_LOOK_BACK: Nanos = 72 * 3_600 * SECOND;

impl AlerterConfig {
    /// What the kind of server cannot do of what is configured.
    fn check_kind(&self, rules: &[Arc<Rule>], problems: &mut Problems) {
        let kind: ServerKind = self.influx.kind.name().parse().unwrap_or_default();
        if !kind.runs_flux() {
            for rule in rules
                .iter()
                .filter(|rule| matches!(rule.kind, Kind::Flux { .. }))
            {
                let said = format!(
                    "rule {:?} is of kind \"flux\", which {} does not run; write it as another kind, or leave it out",
                    rule.name,
                    kind.title()
                );
                problems.add("rules.file", said);
            }
        }
        if kind == ServerKind::InfluxDb3 {
            let far = |rule: &&Arc<Rule>| rule.kind.look_back() > CORE_LOOK_BACK;
            for rule in rules.iter().filter(far) {
                let said = format!(
                    "rule {:?} looks back further than 72 hours, which InfluxDB 3 Core does not answer unless it runs with \
                     a larger --query-file-limit",
                    rule.name
                );
                problems.warn("rules.file", said);
            }
        }
        if !kind.keeps_text() && self.history.enabled {
            let said = format!(
                "{} stores no strings: the history stays in the alerter's own store, where the page reads it",
                kind.title()
            );
            problems.warn("history.enabled", said);
        }
    }
}

/// The configuration of commands that only ask a running alerter, from wherever they are typed:
/// unknown keys and wrong values are refused, files that only the alerter reads need not be there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AskingConfig(pub AlerterConfig);

/// The keys are the same; derived, the schema would refer to them instead of naming them.
impl JsonSchema for AskingConfig {
    fn schema_name() -> Cow<'static, str> {
        AlerterConfig::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        AlerterConfig::json_schema(generator)
    }
}

impl RoleConfig for AskingConfig {
    const ROLE: &'static str = AlerterConfig::ROLE;
    const ENVIRONMENT: &'static [(&'static str, &'static str)] = AlerterConfig::ENVIRONMENT;

    fn check(&self, problems: &mut Problems) {
        self.0.log.check("log", problems);
    }

    fn log(&self) -> &LogConfig {
        &self.0.log
    }
}
