//! How the provisioner reaches the server. What should be on it stands in the desired-state file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchpost_service::config::{InfluxConfig, LogConfig, Problems, RoleConfig};

/// The configuration of `watchpost-provisioner`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The server, with a token that may manage it.
    pub influx: InfluxConfig,
    /// What is logged, and how.
    pub log: LogConfig,
}

impl RoleConfig for Settings {
    const ROLE: &'static str = "provisioner";
    const ENVIRONMENT: &'static [(&'static str, &'static str)] = InfluxConfig::ENVIRONMENT;

    fn check(&self, problems: &mut Problems) {
        self.influx.check("influx", problems);
        self.log.check("log", problems);
    }

    fn log(&self) -> &LogConfig {
        &self.log
    }
}
