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

    /// The one that it is not.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Read => Self::Write,
            Self::Write => Self::Read,
        }
    }
}

macro_rules! resource_types {
    ($($variant:ident $name:literal,)* ; $($own:ident $own_name:literal,)*) => {
        /// What it is done to: InfluxDB's list and names, and narrower ones.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum ResourceType {
            $(#[doc = $name] #[serde(rename = $name)] $variant,)*
            $(#[doc = $own_name] #[serde(rename = $own_name)] $own,)*
        }

        impl ResourceType {
            /// InfluxDB's, in its order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Those that InfluxDB does not have.
            pub const OWN: &'static [Self] = &[$(Self::$own,)*];

            /// The type of a name.
            pub fn parse(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    $($own_name => Some(Self::$own),)*
                    _ => None,
                }
            }

            /// Its name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                    $(Self::$own => $own_name,)*
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
    ;
    Points "points",
    Requests "requests",
    Backup "backup",
}

impl ResourceType {
    /// The action that alone means anything for the type; `None` where both do.
    pub fn only_action(self) -> Option<Action> {
        match self {
            Self::Points | Self::Requests => Some(Action::Write),
            Self::Backup => Some(Action::Read),
            _ => None,
        }
    }

    /// The type whose permissions include those of this one: who may write a bucket may write its points, and delete them,
    /// change the bucket and remove it besides.
    fn wider(self) -> Option<Self> {
        match self {
            Self::Points => Some(Self::Buckets),
            _ => None,
        }
    }
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
        let is_own = matches!(
            needed.resource.kind,
            ResourceType::Requests | ResourceType::Backup
        );
        if is_own && self.is_over_all_tokens() {
            return true;
        }
        if self.action != needed.action {
            return false;
        }
        if self.resource.kind == ResourceType::Instance {
            return true;
        }
        let is_of_type = self.resource.kind == needed.resource.kind
            || Some(self.resource.kind) == needed.resource.kind.wider();
        if !is_of_type {
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

    /// Whether it lets its bearer make any token at all, as only the operator's does.
    fn is_over_all_tokens(&self) -> bool {
        *self == Self::all(Action::Write, ResourceType::Authorizations)
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
        permissions.push(Self::of_org(Action::Write, ResourceType::Requests, org));
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

    /// All but those of a type.
    #[must_use]
    pub fn without(mut self, kind: ResourceType) -> Self {
        self.0.retain(|permission| permission.resource.kind != kind);
        self
    }

    /// Whether any of them is for an organization or something in it. An inactive token has none and is answered as such
    /// elsewhere.
    pub fn reach(&self, org: Id) -> bool {
        let mut all = self.0.iter();
        self.0.is_empty()
            || all.any(|permission| {
                let Resource { kind, id, org: of } = permission.resource;
                match (of, id) {
                    (Some(of), _) => of == org,
                    (None, Some(id)) => kind == ResourceType::Orgs && id == org,
                    (None, None) => true,
                }
            })
    }

    /// Whether any of them lets its bearer read a bucket of an organization.
    pub fn read_any_bucket(&self, org: Id) -> bool {
        self.0.iter().any(|permission| {
            permission.action == Action::Read
                && matches!(
                    permission.resource.kind,
                    ResourceType::Buckets | ResourceType::Instance
                )
                && permission.resource.org.is_none_or(|of| of == org)
        })
    }

    /// Whether they let their bearer take a copy of the whole server. Only an operator gives that, so that it does not
    /// matter which organization it is written for: a copy is of all of them.
    pub fn back_up(&self) -> bool {
        let is_given = |permission: &Permission| {
            permission.resource.kind == ResourceType::Backup && permission.action == Action::Read
        };
        self.0.iter().any(is_given)
            || self.allow(&Permission::all(Action::Read, ResourceType::Backup))
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
    fn points_are_less_than_their_bucket() {
        let (org, one, two) = (
            id("0000000000000a01"),
            id("0000000000000b01"),
            id("0000000000000b02"),
        );
        let of = |kind, id| Permission::one(Action::Write, kind, org, id);
        let (bucket, points) = (
            of(ResourceType::Buckets, one),
            of(ResourceType::Points, one),
        );
        assert!(points.allows(&points));
        assert!(bucket.allows(&points));
        assert!(!points.allows(&bucket));
        assert!(!points.allows(&of(ResourceType::Points, two)));
        assert!(!Permission::one(Action::Read, ResourceType::Buckets, org, one).allows(&points));
    }

    #[test]
    fn requests_are_for_those_who_were_given_them_for_owners_and_operators() {
        let org = id("0000000000000a01");
        let needed = Permission::of_org(Action::Write, ResourceType::Requests, org);
        let may = |permissions| Permissions::new(permissions).allow(&needed);
        assert!(may(Permission::operator()));
        assert!(may(Permission::owner(org)));
        assert!(may(vec![needed.clone()]));
        assert!(!may(Permission::member(org)));
        assert!(!may(Permission::owner(id("0000000000000a02"))));
        let all_but_requests = ResourceType::ALL.iter().flat_map(|kind| {
            [Action::Read, Action::Write].map(|action| Permission::of_org(action, *kind, org))
        });
        let of_org = all_but_requests
            .filter(|it| it.resource.kind != ResourceType::Instance)
            .collect();
        assert!(!may(of_org));
    }

    #[test]
    fn only_an_operator_backs_up_or_lets_others_do_so() {
        let org = id("0000000000000a01");
        let may = |permissions| Permissions::new(permissions).back_up();
        assert!(may(Permission::operator()));
        assert!(may(vec![Permission::all(
            Action::Read,
            ResourceType::Backup
        )]));
        assert!(may(vec![Permission::of_org(
            Action::Read,
            ResourceType::Backup,
            org
        )]));
        assert!(!may(vec![Permission::all(
            Action::Write,
            ResourceType::Backup
        )]));
        assert!(!may(Permission::owner(org)));
        let owner = Permissions::new(Permission::owner(org));
        let given = Permission::of_org(Action::Read, ResourceType::Backup, org);
        assert!(!owner.allow(&given));
        let backup = Permissions::new(vec![given]);
        assert!(!backup.read_any_bucket(org));
        assert!(!backup.allow(&Permission::of_org(Action::Read, ResourceType::Tasks, org)));
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
