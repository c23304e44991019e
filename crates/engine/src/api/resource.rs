//! The resources that labels and members hang on, found by the type and id in a path.

use crate::api::call::Call;
use crate::api::error::ApiError;
use crate::auth::{Action, Permission, ResourceType};
use crate::meta::{Id, State, User};

/// A resource and the organization that owns it.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// Its type.
    pub kind: ResourceType,
    /// Its id.
    pub id: Id,
    /// The organization that owns it.
    pub org: Id,
}

/// What an identifier in a request stands for, beside the resource that its path names: it belongs to that resource's
/// organization, and the caller may read it. For everybody else it is not there.
///
/// # Errors
/// `missing`: it does not exist, or not for this caller.
pub fn visible<'s, T>(
    call: &Call,
    found: Option<&'s T>,
    needed: impl Fn(&T) -> Permission,
    org: Id,
    missing: impl FnOnce() -> ApiError,
) -> Result<&'s T, ApiError> {
    let may_see = |found: &&T| {
        let needed = needed(found);
        let is_of_org = needed.resource.org.is_none_or(|of| of == org);
        is_of_org
            && call
                .caller
                .as_ref()
                .is_some_and(|caller| caller.may(&needed))
    };
    found.filter(may_see).ok_or_else(missing)
}

/// A user that a request names: the caller, a member of the organization, or one that the caller may read.
///
/// # Errors
/// There is none, or not for this caller.
pub fn visible_user<'s>(
    call: &Call,
    state: &'s State,
    user: Id,
    org: Id,
) -> Result<&'s User, ApiError> {
    let found = super::users::find(state, user)?;
    let is_self = call.caller()?.user == user;
    let is_member = state
        .members
        .values()
        .any(|member| member.user == user && member.resource == org);
    let needed = Permission::global(Action::Read, ResourceType::Users, user);
    match is_self || is_member || call.caller()?.may(&needed) {
        true => Ok(found),
        false => Err(ApiError::not_found("user not found")),
    }
}

impl Found {
    /// The resource of `/api/v2/TYPE/{id}/…`.
    ///
    /// # Errors
    /// There is none.
    pub fn in_path(call: &Call, state: &State) -> Result<Self, ApiError> {
        let kind = call.path.split('/').nth(3).and_then(ResourceType::parse);
        let kind = kind.ok_or_else(|| ApiError::not_found("path not found"))?;
        let id = call.id("id")?;
        let (org, name) = match kind {
            ResourceType::Orgs => (
                state.organizations.get(&id).map(|found| found.id),
                "organization",
            ),
            ResourceType::Buckets => (state.buckets.get(&id).map(|found| found.org), "bucket"),
            ResourceType::Tasks => (state.tasks.get(&id).map(|found| found.org), "task"),
            ResourceType::Variables => {
                (state.variables.get(&id).map(|found| found.org), "variable")
            }
            ResourceType::Checks => (state.checks.get(&id).map(|found| found.org), "check"),
            ResourceType::NotificationRules => (
                state.notification_rules.get(&id).map(|found| found.org),
                "notification rule",
            ),
            ResourceType::NotificationEndpoints => (
                state.notification_endpoints.get(&id).map(|found| found.org),
                "notification endpoint",
            ),
            _ => (None, kind.name()),
        };
        let org = org.ok_or_else(|| ApiError::not_found(format!("{name} not found")))?;
        Ok(Self { kind, id, org })
    }

    /// Fails unless the caller may.
    ///
    /// # Errors
    /// They may not.
    pub fn need(&self, call: &Call, action: Action) -> Result<(), ApiError> {
        call.need(&match self.kind {
            ResourceType::Orgs => Permission::global(action, ResourceType::Orgs, self.id),
            kind => Permission::one(action, kind, self.org, self.id),
        })
    }
}
