//! Permissions: an action on a type of resource, of all, of an organization's, or of one.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::meta::Id;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// See it.
    Read,
    /// Make, change or remove it.
    Write,
}

impl Action {
    /// The action of a name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "read" => Some(Self::Read),
            "write" => Some(Self::Write),
            _ => None,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

macro_rules! resource_types {
    ($($variant:ident $name:literal,)*) => {
        /// What it is done to; InfluxDB's list and names.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum ResourceType {
            $(#[doc = $name] #[serde(rename = $name)] $variant,)*
        }

        impl ResourceType {
            /// All of them, in InfluxDB's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The type of a name.
            pub fn parse(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// Its name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

resource_types! {
    Authorizations "authorizations",
    Buckets "buckets",
    Dashboards "dashboards",
    Orgs "orgs",
    Sources "sources",
    Tasks "tasks",
    Telegrafs "telegrafs",
    Users "users",
    Variables "variables",
    Scrapers "scrapers",
    Secrets "secrets",
    Labels "labels",
    Views "views",
    Documents "documents",
    NotificationRules "notificationRules",
    NotificationEndpoints "notificationEndpoints",
    Checks "checks",
    Dbrp "dbrp",
    Notebooks "notebooks",
    Annotations "annotations",
    Remotes "remotes",
    Replications "replications",
    Instance "instance",
}

/// A right that a token carries, or that a request needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permission {
    /// What.
    pub action: Action,
    /// To which resources.
    pub resource: Resource,
}

/// The resources of a permission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// Their type.
    #[serde(rename = "type")]
    pub kind: ResourceType,
    /// Only this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// Only those of this organization.
    #[serde(default, rename = "orgID", skip_serializing_if = "Option::is_none")]
    pub org: Option<Id>,
}

impl Permission {
    /// All resources of a type.
    pub fn all(action: Action, kind: ResourceType) -> Self {
        Self {
            action,
            resource: Resource {
                kind,
                id: None,
                org: None,
            },
        }
    }

    /// The resources of a type that an organization has.
    pub fn of_org(action: Action, kind: ResourceType, org: Id) -> Self {
        Self {
            action,
            resource: Resource {
                kind,
                id: None,
                org: Some(org),
            },
        }
    }

    /// One resource of an organization.
    pub fn one(action: Action, kind: ResourceType, org: Id, id: Id) -> Self {
        Self {
            action,
            resource: Resource {
                kind,
                id: Some(id),
                org: Some(org),
            },
        }
    }

    /// One resource that no organization owns: a user, an organization itself.
    pub fn global(action: Action, kind: ResourceType, id: Id) -> Self {
        Self {
            action,
            resource: Resource {
                kind,
                id: Some(id),
                org: None,
            },
        }
    }

    /// Whether having this permission allows what the other one asks for.
    pub fn allows(&self, needed: &Self) -> bool {
        if self.action != needed.action {
            return false;
        }
        if self.resource.kind == ResourceType::Instance {
            return true;
        }
        if self.resource.kind != needed.resource.kind {
            return false;
        }
        match (self.resource.org, self.resource.id) {
            (None, None) => true,
            (Some(org), None) => needed.resource.org == Some(org),
            (None, Some(id)) => needed.resource.id == Some(id),
            (Some(org), Some(id)) => {
                needed.resource.org == Some(org) && needed.resource.id == Some(id)
            }
        }
    }

    /// What the operator's token may: everything. In InfluxDB's order.
    pub fn operator() -> Vec<Self> {
        ResourceType::ALL
            .iter()
            .filter(|kind| **kind != ResourceType::Instance)
            .flat_map(|kind| {
                [
                    Self::all(Action::Read, *kind),
                    Self::all(Action::Write, *kind),
                ]
            })
            .collect()
    }

    /// What an owner of an organization may: everything in it.
    pub fn owner(org: Id) -> Vec<Self> {
        let mut permissions = Vec::new();
        for kind in ResourceType::ALL.iter().copied() {
            for action in [Action::Read, Action::Write] {
                permissions.push(match kind {
                    ResourceType::Users | ResourceType::Instance => continue,
                    ResourceType::Orgs => Self::global(action, kind, org),
                    _ => Self::of_org(action, kind, org),
                });
            }
        }
        permissions
    }

    /// What a member of an organization may: read what is in it.
    pub fn member(org: Id) -> Vec<Self> {
        Self::owner(org)
            .into_iter()
            .filter(|permission| permission.action == Action::Read)
            .filter(|permission| permission.resource.kind != ResourceType::Authorizations)
            .collect()
    }
}

impl fmt::Display for Permission {
    /// `write:orgs/ORG/buckets/ID`, as InfluxDB's messages spell it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.action.name())?;
        if let Some(org) = self.resource.org {
            write!(f, "orgs/{org}/")?;
        }
        f.write_str(self.resource.kind.name())?;
        match self.resource.id {
            Some(id) => write!(f, "/{id}"),
            None => Ok(()),
        }
    }
}

/// What a caller may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions(Vec<Permission>);

impl Permissions {
    /// These.
    pub fn new(permissions: Vec<Permission>) -> Self {
        Self(permissions)
    }

    /// Whether one of them allows it.
    pub fn allow(&self, needed: &Permission) -> bool {
        self.0.iter().any(|permission| permission.allows(needed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Id {
        text.parse().expect("an id")
    }

    #[test]
    fn a_permission_reaches_as_far_as_it_says() {
        let (org, other) = (id("0000000000000a01"), id("0000000000000a02"));
        let (one, two) = (id("0000000000000b01"), id("0000000000000b02"));
        let needed = Permission::one(Action::Read, ResourceType::Buckets, org, one);
        let cases = [
            (Permission::all(Action::Read, ResourceType::Buckets), true),
            (Permission::all(Action::Write, ResourceType::Buckets), false),
            (Permission::all(Action::Read, ResourceType::Tasks), false),
            (
                Permission::of_org(Action::Read, ResourceType::Buckets, org),
                true,
            ),
            (
                Permission::of_org(Action::Read, ResourceType::Buckets, other),
                false,
            ),
            (
                Permission::one(Action::Read, ResourceType::Buckets, org, one),
                true,
            ),
            (
                Permission::one(Action::Read, ResourceType::Buckets, org, two),
                false,
            ),
            (
                Permission::one(Action::Read, ResourceType::Buckets, other, one),
                false,
            ),
            (
                Permission::global(Action::Read, ResourceType::Buckets, one),
                true,
            ),
        ];
        for (has, expected) in cases {
            assert_eq!(has.allows(&needed), expected, "{has} for {needed}");
        }
    }

    #[test]
    fn one_bucket_does_not_allow_all_of_the_organization() {
        let (org, one) = (id("0000000000000a01"), id("0000000000000b01"));
        let has = Permission::one(Action::Write, ResourceType::Buckets, org, one);
        assert!(!has.allows(&Permission::of_org(
            Action::Write,
            ResourceType::Buckets,
            org
        )));
    }

    #[test]
    fn a_permission_is_written_as_a_path() {
        let (org, one) = (id("0000000000000a01"), id("0000000000000b01"));
        let cases = [
            (
                Permission::one(Action::Write, ResourceType::Buckets, org, one),
                "write:orgs/0000000000000a01/buckets/0000000000000b01",
            ),
            (
                Permission::of_org(Action::Read, ResourceType::Tasks, org),
                "read:orgs/0000000000000a01/tasks",
            ),
            (
                Permission::global(Action::Read, ResourceType::Users, one),
                "read:users/0000000000000b01",
            ),
        ];
        for (permission, text) in cases {
            assert_eq!(permission.to_string(), text);
        }
    }
}
