//! The resources that labels and members hang on, found by the type and id in a path.

use crate::api::call::Call;
use crate::api::error::ApiError;
use crate::auth::{Action, Permission, ResourceType};
use crate::meta::{Id, State};

/// A resource and the organization that owns it.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// Its type.
    pub kind: ResourceType,
    /// Its id.
    pub id: Id,
    org: Id,
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
