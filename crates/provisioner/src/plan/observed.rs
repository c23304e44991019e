//! What a server holds, as far as the plan needs to know. It can be read from a text, so that the
//! cases of the tests are data.

use serde::Deserialize;

/// The state of one organization on a server.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Observed {
    pub labels: Vec<ObservedLabel>,
    pub buckets: Vec<ObservedBucket>,
    pub dbrps: Vec<ObservedDbrp>,
    pub tasks: Vec<ObservedTask>,
    pub checks: Vec<ObservedCheck>,
    pub tokens: Vec<ObservedToken>,
    /// The server knows `write:points`, `write:requests` and `read:backup`, which InfluxDB does not.
    pub has_narrow_permissions: bool,
}

/// A label.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ObservedLabel {
    pub id: String,
    pub name: String,
    pub properties: Vec<(String, String)>,
}

/// A bucket.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ObservedBucket {
    pub id: String,
    pub name: String,
    /// Seconds; 0 keeps points for ever.
    pub retention_seconds: u64,
    pub description: String,
    /// It carries our label.
    pub managed: bool,
    /// It holds at least one point.
    pub has_data: bool,
}

/// A database and retention policy of InfluxDB 1.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ObservedDbrp {
    pub id: String,
    pub database: String,
    pub retention_policy: String,
    pub bucket_id: String,
    pub default: bool,
}

/// A task.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ObservedTask {
    pub id: String,
    pub name: String,
    pub flux: String,
    pub paused: bool,
    pub managed: bool,
}

/// A check.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ObservedCheck {
    pub id: String,
    pub name: String,
    pub query: String,
    pub every: String,
    pub critical_above: Option<f64>,
    pub warn_above: Option<f64>,
    pub managed: bool,
}

/// Whether the file of a token can be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Secret {
    /// There is no file, or an empty one.
    #[default]
    Missing,
    /// What the file holds is the secret of another token.
    Foreign,
    /// The server refuses what the file holds.
    Refused,
    /// Other users may read the file.
    Exposed,
    /// The server takes it.
    Valid,
}

/// A token whose description begins with our label and a colon: tokens cannot carry labels.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ObservedToken {
    pub id: String,
    /// The description behind the colon.
    pub name: String,
    /// Sorted, buckets by name: `read:buckets/system_metrics_raw`.
    pub permissions: Vec<String>,
    pub active: bool,
    pub secret: Secret,
}
