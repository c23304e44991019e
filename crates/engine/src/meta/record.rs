//! The things that are managed, as they are kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::auth::password::PasswordHash;
use crate::auth::permission::{Permission, ResourceType};
use crate::auth::token::TokenHash;
use crate::meta::Id;

/// An organization: what buckets, tasks and tokens belong to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Organization {
    /// Random.
    pub id: Id,
    /// Unique.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Nanoseconds since 1970.
    pub created_at: i64,
    /// Nanoseconds since 1970.
    pub updated_at: i64,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// Ascending.
    pub id: Id,
    /// Unique.
    pub name: String,
    /// An inactive user's tokens and sessions are worth nothing.
    pub active: bool,
    /// None: they cannot sign in.
    pub password: Option<PasswordHash>,
}

/// A user's part in a resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// Ascending.
    pub id: Id,
    /// Of which type the resource is.
    pub resource_type: ResourceType,
    /// The resource.
    pub resource: Id,
    /// The user.
    pub user: Id,
    /// The part.
    pub role: Role,
}

/// The part a user has in a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May change it.
    Owner,
    /// May see it.
    Member,
}

/// A bucket: where points go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// Random; also names the bucket in storage.
    pub id: Id,
    /// The organization.
    pub org: Id,
    /// Whether it came with the organization.
    pub kind: BucketKind,
    /// Unique in the organization.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// The name of version 1's retention policy, kept for those who ask for it.
    pub rp: Option<String>,
    /// How long points are kept, seconds; 0 for ever.
    pub retention_seconds: i64,
    /// How much time a shard covers, seconds.
    pub shard_seconds: i64,
    /// Nanoseconds since 1970.
    pub created_at: i64,
    /// Nanoseconds since 1970.
    pub updated_at: i64,
}

/// Where a bucket comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BucketKind {
    /// Somebody made it.
    User,
    /// It came with the organization: `_monitoring`, `_tasks`.
    System,
}

/// A token and its rights. The token itself is not kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Authorization {
    /// Ascending.
    pub id: Id,
    /// What the token is known by.
    pub token_hash: TokenHash,
    /// An inactive one may do nothing.
    pub active: bool,
    /// Free text.
    pub description: String,
    /// The organization.
    pub org: Id,
    /// Who made it.
    pub user: Id,
    /// What it may.
    pub permissions: Vec<Permission>,
    /// For a client of version 1: it brings this name and password instead of a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legacy: Option<LegacyUser>,
    /// Nanoseconds since 1970.
    pub created_at: i64,
    /// Nanoseconds since 1970.
    pub updated_at: i64,
}

/// By what a client of version 1 is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LegacyUser {
    /// Unique.
    pub name: String,
    /// None: they cannot sign in yet.
    pub password: Option<PasswordHash>,
}

/// A label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Label {
    /// Ascending.
    pub id: Id,
    /// The organization.
    pub org: Id,
    /// Unique in the organization.
    pub name: String,
    /// Colour, description and the like.
    pub properties: BTreeMap<String, String>,
}

/// A label on a resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelMapping {
    /// Ascending.
    pub id: Id,
    /// The label.
    pub label: Id,
    /// Of which type the resource is.
    pub resource_type: ResourceType,
    /// The resource.
    pub resource: Id,
}

/// A secret of an organization, for `secrets.get` in Flux.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Secret {
    /// Ascending.
    pub id: Id,
    /// The organization.
    pub org: Id,
    /// Unique in the organization.
    pub key: String,
    /// Never shown by the API.
    pub value: String,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Secret {{ id: {}, org: {}, key: {:?}, value: *** }}",
            self.id, self.org, self.key
        )
    }
}

/// A mapping from version 1's database and retention policy to a bucket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dbrp {
    /// Ascending.
    pub id: Id,
    /// The organization.
    pub org: Id,
    /// The bucket.
    pub bucket: Id,
    /// Version 1's database.
    pub database: String,
    /// Version 1's retention policy.
    pub retention_policy: String,
    /// Whether it is meant when only the database is named.
    pub default: bool,
}

/// A variable of dashboards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Variable {
    /// Ascending.
    pub id: Id,
    /// The organization.
    pub org: Id,
    /// Unique in the organization.
    pub name: String,
    /// Free text.
    pub description: String,
    /// What is selected at first.
    pub selected: Option<Vec<String>>,
    /// `{"type": "constant" | "map" | "query", "values": …}`.
    pub arguments: Value,
    /// Nanoseconds since 1970.
    pub created_at: i64,
    /// Nanoseconds since 1970.
    pub updated_at: i64,
}

/// A Flux script that runs on a schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Ascending.
    pub id: Id,
    /// The organization.
    pub org: Id,
    /// As whom it runs.
    pub owner: Id,
    /// From `option task`.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// Whether the schedule runs it.
    pub active: bool,
    /// The script.
    pub flux: String,
    /// From `option task`: a duration as written there.
    pub every: Option<String>,
    /// From `option task`.
    pub cron: Option<String>,
    /// From `option task`: a duration as written there.
    pub offset: Option<String>,
    /// From `option task`: how many runs at once.
    pub concurrency: i64,
    /// From `option task`: how often a failed run is tried.
    pub retry: i64,
    /// The check or rule that the task was made of; such a task is changed through it.
    #[serde(default)]
    pub made_of: Option<Id>,
    /// Whether it may send requests: whoever last wrote its script might.
    #[serde(default)]
    pub may_request: bool,
    /// The scheduled time of the newest run that ended, nanoseconds since 1970.
    pub latest_completed: i64,
    /// The scheduled time of the newest run that succeeded.
    pub latest_success: Option<i64>,
    /// How the newest run ended: `success`, `failed`, `canceled`.
    pub last_run_status: Option<String>,
    /// Why it failed.
    pub last_run_error: Option<String>,
    /// Nanoseconds since 1970.
    pub created_at: i64,
    /// Nanoseconds since 1970; none if never changed.
    pub updated_at: Option<i64>,
}

/// A check: a task that gives rows a level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Ascending.
    pub id: Id,
    /// The organization.
    pub org: Id,
    /// Who made it.
    pub owner: Id,
    /// The task that runs it.
    pub task: Id,
    /// Unique in the organization.
    pub name: String,
    /// The rest, in the form the API shows it.
    pub settings: Map<String, Value>,
    /// Nanoseconds since 1970.
    pub created_at: i64,
    /// Nanoseconds since 1970.
    pub updated_at: i64,
}

/// Where notifications go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NotificationEndpoint {
    /// Ascending.
    pub id: Id,
    /// The organization.
    pub org: Id,
    /// Unique in the organization.
    pub name: String,
    /// Whether it may be used.
    pub active: bool,
    /// The rest, in the form the API shows it: secrets by their keys.
    pub settings: Map<String, Value>,
    /// Nanoseconds since 1970.
    pub created_at: i64,
    /// Nanoseconds since 1970.
    pub updated_at: i64,
}

/// A notification rule: a task that sends levels to an endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NotificationRule {
    /// Ascending.
    pub id: Id,
    /// The organization.
    pub org: Id,
    /// Who made it.
    pub owner: Id,
    /// The task that runs it.
    pub task: Id,
    /// The endpoint.
    pub endpoint: Id,
    /// Free.
    pub name: String,
    /// The rest, in the form the API shows it.
    pub settings: Map<String, Value>,
    /// Nanoseconds since 1970.
    pub created_at: i64,
    /// Nanoseconds since 1970.
    pub updated_at: i64,
}

macro_rules! records {
    ($($kind:ident $record:ty, $table:ident;)*) => {
        /// The kinds of records.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Kind {
            $(#[doc = stringify!($kind)] $kind,)*
        }

        /// A record of any kind.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub enum Record {
            $(#[doc = stringify!($kind)] $kind($record),)*
        }

        impl Record {
            /// Its id.
            pub fn id(&self) -> Id {
                match self {
                    $(Self::$kind(record) => record.id,)*
                }
            }
        }

        $(impl From<$record> for Record {
            fn from(record: $record) -> Self {
                Self::$kind(record)
            }
        })*

        /// The tables of the state.
        #[derive(Debug, Default, Clone)]
        pub struct Tables {
            $(#[doc = stringify!($kind)] pub $table: BTreeMap<Id, $record>,)*
        }

        impl Tables {
            /// Puts a record in place of the one with its id.
            pub(super) fn put(&mut self, record: Record) {
                match record {
                    $(Record::$kind(record) => { self.$table.insert(record.id, record); })*
                }
            }

            /// Removes a record.
            pub(super) fn remove(&mut self, kind: Kind, id: Id) {
                match kind {
                    $(Kind::$kind => { self.$table.remove(&id); })*
                }
            }

            /// Every record, for a snapshot.
            pub(super) fn all(&self) -> Vec<Record> {
                let mut records = Vec::new();
                $(records.extend(self.$table.values().cloned().map(Record::$kind));)*
                records
            }
        }
    };
}

records! {
    Organization Organization, organizations;
    User User, users;
    Member Member, members;
    Bucket Bucket, buckets;
    Authorization Authorization, authorizations;
    Label Label, labels;
    LabelMapping LabelMapping, label_mappings;
    Secret Secret, secrets;
    Dbrp Dbrp, dbrps;
    Variable Variable, variables;
    Task Task, tasks;
    Check Check, checks;
    NotificationEndpoint NotificationEndpoint, notification_endpoints;
    NotificationRule NotificationRule, notification_rules;
}
