//! What a token may do, written as `read:buckets/system_metrics_raw`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use watchpost_service::config::nearest;

/// Reading or writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    Read,
    Write,
}

impl Action {
    /// InfluxDB's word.
    pub fn name(self) -> &'static str {
        match self {
            Action::Read => "read",
            Action::Write => "write",
        }
    }
}

/// The types of resources of InfluxDB 2 that a permission can be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResourceType(&'static str);

/// As the server spells them (`/api/v2/resources` of InfluxDB 2.7), and the narrower ones of the embedded server.
const RESOURCE_TYPES: [&str; 25] = [
    "annotations",
    "authorizations",
    "backup",
    "buckets",
    "checks",
    "dashboards",
    "dbrp",
    "documents",
    "instance",
    "labels",
    "notebooks",
    "notificationEndpoints",
    "notificationRules",
    "orgs",
    "points",
    "remotes",
    "replications",
    "requests",
    "scrapers",
    "secrets",
    "sources",
    "tasks",
    "telegrafs",
    "users",
    "variables",
];

impl ResourceType {
    /// The type whose resources can be named one by one here.
    pub const BUCKETS: ResourceType = ResourceType("buckets");

    /// The points of a bucket, which may be written, but neither deleted nor their bucket changed. InfluxDB does not have
    /// it: there it is the whole bucket.
    pub const POINTS: ResourceType = ResourceType("points");

    /// Requests that queries send to listed hosts. InfluxDB does not have it: there everybody may who may query.
    pub const REQUESTS: ResourceType = ResourceType("requests");

    /// Copies of the whole server, for one who may see nothing of it. InfluxDB does not have it.
    pub const BACKUP: ResourceType = ResourceType("backup");

    /// Organizations; a permission is for the one of the file.
    pub const ORGS: ResourceType = ResourceType("orgs");

    /// InfluxDB's word.
    pub fn name(self) -> &'static str {
        self.0
    }
}

/// One permission: on all resources of a type, or on the bucket of a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission {
    pub action: Action,
    pub resource: ResourceType,
    /// Name of the bucket; `None` for every resource of the type.
    pub name: Option<String>,
}

/// A text that is no permission.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum PermissionError {
    #[error(
        "{0:?} is not a permission; write ACTION:TYPE or ACTION:buckets/NAME, such as read:buckets/system_metrics_raw"
    )]
    Form(String),
    #[error("{0:?}: the action is read or write")]
    Action(String),
    #[error("{text:?}: there is no resource type of that name{hint}")]
    Type { text: String, hint: String },
    #[error("{0:?}: only buckets and the points in them can be named one by one")]
    Named(String),
    #[error("{0:?}: there is only write:points/NAME, write:requests and read:backup")]
    Narrow(String),
}

impl Permission {
    /// The permission as a server knows it that lacks the narrower types; none if it needs none there.
    #[must_use]
    pub fn widened(&self) -> Option<Permission> {
        match self.resource {
            ResourceType::REQUESTS | ResourceType::BACKUP => None,
            ResourceType::POINTS => Some(Permission {
                resource: ResourceType::BUCKETS,
                ..self.clone()
            }),
            _ => Some(self.clone()),
        }
    }
}

impl FromStr for Permission {
    type Err = PermissionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (action, rest) = text
            .split_once(':')
            .ok_or_else(|| PermissionError::Form(text.to_owned()))?;
        let (kind, name) = match rest.split_once('/') {
            Some((kind, name)) => (kind, Some(name.to_owned())),
            None => (rest, None),
        };
        let action = match action {
            "read" => Action::Read,
            "write" => Action::Write,
            _ => return Err(PermissionError::Action(text.to_owned())),
        };
        let resource = RESOURCE_TYPES
            .iter()
            .find(|it| **it == kind)
            .map(|it| ResourceType(it));
        let resource = resource.ok_or_else(|| PermissionError::Type {
            text: text.to_owned(),
            hint: nearest(kind, RESOURCE_TYPES.into_iter())
                .map_or_else(String::new, |it| format!("; did you mean {it}?")),
        })?;
        let only = match resource {
            ResourceType::POINTS | ResourceType::REQUESTS => Some(Action::Write),
            ResourceType::BACKUP => Some(Action::Read),
            _ => None,
        };
        if only.is_some_and(|only| only != action) {
            return Err(PermissionError::Narrow(text.to_owned()));
        }
        match &name {
            Some(name) if name.is_empty() => Err(PermissionError::Form(text.to_owned())),
            Some(_) if !matches!(resource, ResourceType::BUCKETS | ResourceType::POINTS) => {
                Err(PermissionError::Named(text.to_owned()))
            }
            _ => Ok(Permission {
                action,
                resource,
                name,
            }),
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.action.name(), self.resource.0)?;
        self.name
            .as_ref()
            .map_or(Ok(()), |name| write!(f, "/{name}"))
    }
}

impl Serialize for Permission {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Permission {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

impl JsonSchema for Permission {
    fn schema_name() -> Cow<'static, str> {
        "Permission".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}
