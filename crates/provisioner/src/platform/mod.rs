//! The desired state: what `deploy/platform.toml` says, typed and checked whole.
//!
//! Unknown keys are refused, and every mistake is told at once with its place, by the same loader
//! that reads a daemon's configuration.

mod check;
mod file;
mod permission;
mod task_text;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchpost_service::config::{Interval, LogConfig, Problems, RoleConfig};

pub use self::file::{FileError, Whole, parse, read, read_whole, write};
pub use self::permission::{Action, Permission, ResourceType};
pub use self::task_text::{TaskText, TaskTextError, render};

/// Everything that should exist on a server, for one organization.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Platform {
    /// Name of the organization. It must exist: the server's setup makes it.
    pub organization: String,
    /// Name of the label that marks a resource as ours. Only what carries it is ever removed.
    pub label: String,
    /// Buckets, with how long each keeps its points.
    pub buckets: Vec<Bucket>,
    /// Tasks: a file of Flux, how often, and its parameters.
    pub tasks: Vec<Task>,
    /// Tokens: who uses each, what it may do, and where its secret is written.
    pub tokens: Vec<Token>,
    /// Further labels, to sort resources by.
    pub labels: Vec<Label>,
    /// Names under which InfluxDB 1 clients see a bucket.
    pub dbrps: Vec<Dbrp>,
    /// Checks of InfluxDB's own, where someone wants them beside the alerter.
    pub checks: Vec<Check>,
    #[serde(skip)]
    #[schemars(skip)]
    pub(crate) log: LogConfig,
}

impl Default for Platform {
    fn default() -> Self {
        Platform {
            organization: "watchpost".into(),
            label: "watchpost".into(),
            buckets: Vec::new(),
            tasks: Vec::new(),
            tokens: Vec::new(),
            labels: Vec::new(),
            dbrps: Vec::new(),
            checks: Vec::new(),
            log: LogConfig::default(),
        }
    }
}

impl RoleConfig for Platform {
    const ROLE: &'static str = "platform";

    fn check(&self, problems: &mut Problems) {
        check::platform(self, problems);
    }

    fn log(&self) -> &LogConfig {
        &self.log
    }
}

/// A bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Bucket {
    /// Its name, which is how it is found.
    pub name: String,
    /// How long points are kept (at least 1h); `0s` keeps them for ever.
    pub retention: Interval,
    /// What it is for: the bucket's description on the server.
    pub purpose: String,
    /// The name it had before: a bucket of that name is renamed, with its data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<String>,
}

/// A task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Task {
    /// Its name, which is how it is found.
    pub name: String,
    /// File of Flux without `option task`, from the folder of this file.
    pub file: String,
    /// How often it runs; the runs are aligned to it.
    pub every: Interval,
    /// How long after the end of its window it waits for late points.
    pub offset: Interval,
    /// Values for the file's `option parameters`; each must be named there.
    pub parameters: BTreeMap<String, String>,
    /// Kept on the server, but not run.
    pub paused: bool,
    /// The name it had before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<String>,
}

/// A token.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Token {
    /// Its name, which is how it is found (in the token's description).
    pub name: String,
    /// Who uses it.
    pub used_by: String,
    /// What it may do, each as `read:buckets/NAME`, `write:points/NAME` or `write:tasks`.
    pub permissions: Vec<Permission>,
    /// File that its secret is written to (mode 0600), from the folder of tokens.
    pub file: String,
}

impl Token {
    /// What it may do on a server: one that lacks the narrower permissions gets the next wider ones.
    #[must_use]
    pub fn permissions_on(&self, has_narrow_permissions: bool) -> Vec<Permission> {
        let wanted = self.permissions.iter();
        match has_narrow_permissions {
            true => wanted.cloned().collect(),
            false => wanted.filter_map(Permission::widened).collect(),
        }
    }
}

/// A label.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Label {
    /// Its name.
    pub name: String,
    /// Free properties, such as `color = "#1f77b4"`.
    pub properties: BTreeMap<String, String>,
}

/// A database and retention policy of InfluxDB 1 and the bucket behind it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dbrp {
    /// Name of the database.
    pub database: String,
    /// Name of the retention policy.
    pub retention_policy: String,
    /// Name of the bucket; it must be in this file.
    pub bucket: String,
    /// Used where a client names no retention policy.
    pub default: bool,
}

/// A threshold check of InfluxDB.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Check {
    /// Its name, which is how it is found.
    pub name: String,
    /// File of Flux that yields the values, from the folder of this file.
    pub file: String,
    /// How often it runs.
    pub every: Interval,
    /// Above this the level is critical.
    pub critical_above: Option<f64>,
    /// Above this the level is a warning.
    pub warn_above: Option<f64>,
}
