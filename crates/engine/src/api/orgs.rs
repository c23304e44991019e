//! Organizations.

use serde_json::{Value, json};

use crate::api::call::{Answer, Call, Reply};
use crate::api::error::ApiError;
use crate::api::json as body;
use crate::api::page::Page;
use crate::api::setup::system_buckets;
use crate::auth::{Action, Permission, ResourceType};
use crate::clock::rfc3339;
use crate::meta::{Changes, Id, Kind, Member, Organization, Role, State};

/// An organization as the API shows it.
pub fn shown(organization: &Organization) -> Value {
    let (id, name) = (organization.id, &organization.name);
    let by_name: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
    json!({
        "links": {
            "buckets": format!("/api/v2/buckets?org={by_name}"),
            "dashboards": format!("/api/v2/dashboards?org={by_name}"),
            "labels": format!("/api/v2/orgs/{id}/labels"),
            "logs": format!("/api/v2/orgs/{id}/logs"),
            "members": format!("/api/v2/orgs/{id}/members"),
            "owners": format!("/api/v2/orgs/{id}/owners"),
            "secrets": format!("/api/v2/orgs/{id}/secrets"),
            "self": format!("/api/v2/orgs/{id}"),
            "tasks": format!("/api/v2/tasks?org={by_name}"),
        },
        "id": id,
        "name": name,
        "description": organization.description,
        "createdAt": rfc3339(organization.created_at),
        "updatedAt": rfc3339(organization.updated_at),
    })
}

fn permission(action: Action, id: Id) -> Permission {
    Permission::global(action, ResourceType::Orgs, id)
}

/// The organization of an id.
///
/// # Errors
/// There is none.
pub fn find(state: &State, id: Id) -> Result<&Organization, ApiError> {
    state
        .organizations
        .get(&id)
        .ok_or_else(|| ApiError::not_found("organization not found"))
}

/// `GET /api/v2/orgs`.
pub fn list(call: &Call) -> Reply {
    let page = Page::of(call)?;
    let state = call.app.meta.read();
    let wanted = call
        .organization(&state)?
        .map(|organization| organization.id);
    let member_of = call.query.id("userID")?;
    let found: Vec<&Organization> = state
        .organizations
        .values()
        .filter(|organization| wanted.is_none_or(|wanted| wanted == organization.id))
        .filter(|organization| {
            member_of.is_none_or(|user| is_member(&state, user, organization.id))
        })
        .filter(|organization| {
            call.caller
                .as_ref()
                .is_some_and(|c| c.may(&permission(Action::Read, organization.id)))
        })
        .collect();
    let found = page.cut(found, |organization| organization.id);
    Ok(Answer::ok(json!({
        "links": { "self": "/api/v2/orgs" },
        "orgs": found.into_iter().map(shown).collect::<Vec<_>>(),
    })))
}

fn is_member(state: &State, user: Id, org: Id) -> bool {
    state
        .members
        .values()
        .any(|member| member.user == user && member.resource == org)
}

/// `POST /api/v2/orgs`.
pub fn create(call: &Call) -> Reply {
    let request = body::first_object(&call.body, "Organization", "influxdb.Organization")?;
    call.need(&Permission::all(Action::Write, ResourceType::Orgs))?;
    let now = call.now();
    let organization = Organization {
        id: Id::random(),
        name: request.text("name")?,
        description: request.text("description")?,
        created_at: now,
        updated_at: now,
    };
    call.app.meta.update(|state, changes| {
        check_name(state, &organization.name)?;
        changes.put(organization.clone());
        changes.put(Member {
            id: call.app.meta.next_id(now),
            resource_type: ResourceType::Orgs,
            resource: organization.id,
            user: call.caller()?.user,
            role: Role::Owner,
        });
        for bucket in system_buckets(organization.id, now) {
            changes.put(bucket);
        }
        Ok::<_, ApiError>(())
    })?;
    call.app.apply_retention()?;
    Ok(Answer::created(shown(&organization)))
}

fn check_name(state: &State, name: &str) -> Result<(), ApiError> {
    if name.trim().is_empty() {
        return Err(ApiError::invalid("org name is empty"));
    }
    if state.organization_by_name(name).is_some() {
        return Err(ApiError::conflict(format!(
            "organization with name {name} already exists"
        )));
    }
    Ok(())
}

/// `GET /api/v2/orgs/{id}`.
pub fn get(call: &Call) -> Reply {
    let state = call.app.meta.read();
    let organization = find(&state, call.id("id")?)?;
    call.need(&permission(Action::Read, organization.id))?;
    Ok(Answer::ok(shown(organization)))
}

/// `PATCH /api/v2/orgs/{id}`.
pub fn change(call: &Call) -> Reply {
    let id = call.id("id")?;
    let request = body::first_object(
        &call.body,
        "OrganizationUpdate",
        "influxdb.OrganizationUpdate",
    )?;
    let (name, description) = (request.string("name")?, request.string("description")?);
    call.app.meta.update(|state, changes| {
        let mut organization = find(state, id)?.clone();
        call.need(&permission(Action::Write, id))?;
        if let Some(name) = name.filter(|name| *name != organization.name) {
            check_name(state, &name)?;
            organization.name = name;
        }
        organization.description = description.unwrap_or(organization.description);
        organization.updated_at = call.now();
        changes.put(organization.clone());
        Ok(Answer::ok(shown(&organization)))
    })
}

/// `DELETE /api/v2/orgs/{id}`: the organization and all that belongs to it.
pub fn delete(call: &Call) -> Reply {
    let id = call.id("id")?;
    let buckets = call.app.meta.update(|state, changes| {
        find(state, id)?;
        call.need(&permission(Action::Write, id))?;
        changes.delete(Kind::Organization, id);
        Ok::<_, ApiError>(forget_contents(state, changes, id))
    })?;
    for bucket in buckets {
        call.app.drop_bucket(bucket)?;
    }
    Ok(Answer::no_content())
}

/// Removes what belongs to an organization; hands back its buckets, whose points are to be dropped.
fn forget_contents(state: &State, changes: &mut Changes, org: Id) -> Vec<Id> {
    let buckets: Vec<Id> = state
        .buckets
        .values()
        .filter(|one| one.org == org)
        .map(|one| one.id)
        .collect();
    buckets
        .iter()
        .for_each(|id| changes.delete(Kind::Bucket, *id));
    macro_rules! forget {
        ($($table:ident $kind:ident),*) => {
            $(for one in state.$table.values().filter(|one| one.org == org) {
                changes.delete(Kind::$kind, one.id);
            })*
        };
    }
    forget!(
        authorizations Authorization, labels Label, secrets Secret, dbrps Dbrp, variables Variable, tasks Task,
        checks Check, notification_endpoints NotificationEndpoint, notification_rules NotificationRule
    );
    for member in state
        .members
        .values()
        .filter(|member| member.resource == org)
    {
        changes.delete(Kind::Member, member.id);
    }
    buckets
}
