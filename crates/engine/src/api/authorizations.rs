//! Authorizations: tokens and what they may do.
//!
//! A token is in the answer to its making and never again: only its hash is kept. Those of version 1's clients
//! (`influx v1 auth`) have a name and a password instead, and routes of their own; they are kept and shown as the others.

use serde_json::{Value, json};

use crate::api::call::{Answer, Call, Reply};
use crate::api::error::{ApiError, Code};
use crate::api::json::{self as body, JsonError, Object};
use crate::api::resource::visible_user;
use crate::auth::password::PasswordHash;
use crate::auth::permission::Resource;
use crate::auth::token::{self, TokenHash};
use crate::auth::{Action, Permission, ResourceType};
use crate::clock::rfc3339;
use crate::meta::{Authorization, Id, Kind, LegacyUser, State};

const PATH: &str = "/api/v2/authorizations";
const LEGACY_PATH: &str = "/private/legacy/authorizations";

/// A new authorization as the answer to setup shows it. Where others have their token, one of version 1 has its name.
pub fn shown_at_setup(authorization: &Authorization, token: &str) -> Value {
    let legacy = authorization.legacy.as_ref();
    json!({
        "id": authorization.id,
        "token": legacy.map_or(token, |legacy| &legacy.name),
        "status": status(authorization),
        "description": authorization.description,
        "orgID": authorization.org,
        "userID": authorization.user,
        "permissions": authorization.permissions,
        "links": links(authorization),
        "createdAt": rfc3339(authorization.created_at),
        "updatedAt": rfc3339(authorization.updated_at),
    })
}

/// An authorization with the names of what its ids stand for.
fn shown(state: &State, authorization: &Authorization, token: &str) -> Value {
    let mut shown = shown_at_setup(authorization, token);
    let org_name = |id: Id| {
        state
            .organizations
            .get(&id)
            .map(|found| found.name.as_str())
    };
    shown["org"] = json!(org_name(authorization.org).unwrap_or_default());
    shown["user"] = json!(
        state
            .users
            .get(&authorization.user)
            .map_or("", |user| user.name.as_str())
    );
    let permissions = authorization.permissions.iter().map(|permission| {
        let mut shown = json!(permission);
        if let Some(name) = permission.resource.org.and_then(org_name) {
            shown["resource"]["org"] = json!(name);
        }
        if let Some(name) = resource_name(state, &permission.resource) {
            shown["resource"]["name"] = json!(name);
        }
        shown
    });
    shown["permissions"] = Value::Array(permissions.collect());
    shown
}

fn status(authorization: &Authorization) -> &'static str {
    if authorization.active {
        "active"
    } else {
        "inactive"
    }
}

fn path_of(is_legacy: bool) -> &'static str {
    if is_legacy { LEGACY_PATH } else { PATH }
}

/// Whether a request is about those of version 1's clients.
fn is_legacy(call: &Call) -> bool {
    call.path.starts_with(LEGACY_PATH)
}

fn links(authorization: &Authorization) -> Value {
    json!({
        "self": format!("{}/{}", path_of(authorization.legacy.is_some()), authorization.id),
        "user": format!("/api/v2/users/{}", authorization.user),
    })
}

/// The name of what a permission is for, if it belongs to the organization that the permission names.
fn resource_name<'s>(state: &'s State, resource: &Resource) -> Option<&'s str> {
    let id = resource.id?;
    let (org, name) = match resource.kind {
        ResourceType::Buckets | ResourceType::Points => {
            let found = state.buckets.get(&id)?;
            (found.org, &found.name)
        }
        ResourceType::Orgs => {
            let found = state.organizations.get(&id)?;
            (found.id, &found.name)
        }
        ResourceType::Tasks => {
            let found = state.tasks.get(&id)?;
            (found.org, &found.name)
        }
        ResourceType::Labels => {
            let found = state.labels.get(&id)?;
            (found.org, &found.name)
        }
        // Users belong to no organization.
        ResourceType::Users if resource.org.is_none() => {
            return state.users.get(&id).map(|found| found.name.as_str());
        }
        _ => return None,
    };
    (resource.org.is_none_or(|of| of == org)).then_some(name.as_str())
}

/// `GET /api/v2/authorizations`, `GET /private/legacy/authorizations`.
pub fn list(call: &Call) -> Reply {
    let state = call.app.meta.read();
    // One that is not known has none, as in InfluxDB; a name must be known.
    let org = match call.query.id("orgID")? {
        Some(org) => Some(org),
        None => call
            .organization(&state)?
            .map(|organization| organization.id),
    };
    let id = call.query.id("id")?;
    if let Some(id) = id {
        find(call, &state, id)?;
    }
    let mut user = call.query.id("userID")?;
    if let Some(name) = call.query.get("user") {
        let found = state.user_by_name(name);
        let found = found.ok_or_else(|| ApiError::not_found("user not found"))?;
        let caller_org = org.unwrap_or(found.id);
        user = Some(visible_user(call, &state, found.id, caller_org)?.id);
    }
    let legacy_name = call.query.get("token").filter(|_| is_legacy(call));
    let is_called = |one: &Authorization, name: &str| {
        let legacy = one.legacy.as_ref();
        legacy.is_some_and(|legacy| legacy.name == name)
    };
    let found: Vec<Value> = state
        .authorizations
        .values()
        .filter(|one| one.legacy.is_some() == is_legacy(call))
        .filter(|one| legacy_name.is_none_or(|name| is_called(one, name)))
        .filter(|one| id.is_none_or(|id| id == one.id))
        .filter(|one| {
            org.is_none_or(|org| org == one.org) && user.is_none_or(|user| user == one.user)
        })
        .filter(|one| call.may_read(ResourceType::Authorizations, one.org, one.id))
        .map(|one| shown(&state, one, ""))
        .collect();
    Ok(Answer::ok(
        json!({ "links": { "self": path_of(is_legacy(call)) }, "authorizations": found }),
    ))
}

/// `POST /api/v2/authorizations`, `POST /private/legacy/authorizations`.
pub fn create(call: &Call) -> Reply {
    let unreadable = |error: JsonError| ApiError::from(error).within("invalid json structure");
    let owner = "postAuthorizationRequest";
    let request = body::first_object(&call.body, owner, "authorization.postAuthorizationRequest")
        .map_err(unreadable)?;
    // As InfluxDB: what is of another type is refused before anything that is missing.
    let org = id_of(&request, "orgID").map_err(unreadable)?;
    let user = id_of(&request, "userID").map_err(unreadable)?;
    let status = request
        .word("status", "influxdb.Status")
        .map_err(unreadable)?;
    let description = request.text("description").map_err(unreadable)?;
    let wanted = request
        .list("permissions", "[]influxdb.Permission")
        .map_err(unreadable)?;
    let wanted = wanted.filter(|wanted| !wanted.is_empty());
    let wanted =
        wanted.ok_or_else(|| ApiError::invalid("authorization must include permissions"))?;
    let org = org.ok_or_else(|| ApiError::invalid("org id required: invalid ID"))?;
    let user = user.map_or_else(|| call.caller().map(|caller| caller.user), Ok)?;
    let permissions = wanted
        .iter()
        .map(|one| permission(one, org))
        .collect::<Result<Vec<_>, _>>()?;
    let active = super::users::active(status.as_deref())
        .map_err(|_| ApiError::invalid("invalid status: must be active or inactive"))?
        .unwrap_or(true);
    // One of version 1 has no token: nobody is told this one.
    let token = token::generate();
    let legacy =
        legacy_user(call, &request).map_err(|error| error.within("invalid json structure"))?;
    call.app.meta.update(|state, changes| {
        call.need_in(Action::Write, ResourceType::Authorizations, org, None)?;
        let is_known = state.organizations.contains_key(&org);
        if !is_known || visible_user(call, state, user, org).is_err() {
            return Err(ApiError::invalid("unable to create token"));
        }
        check_free(state, legacy.as_ref())?;
        check_rights(call, &permissions)?;
        let now = call.now();
        let authorization = Authorization {
            id: call.app.meta.next_id(now),
            token_hash: TokenHash::of(&token),
            active,
            description,
            org,
            user,
            permissions,
            legacy,
            created_at: now,
            updated_at: now,
        };
        changes.put(authorization.clone());
        Ok(Answer::created(shown(state, &authorization, &token)))
    })
}

/// An id, of which an empty one is none.
fn id_of(request: &Object, member: &str) -> Result<Option<Id>, JsonError> {
    let text = request.word(member, "platform.ID")?;
    text.map(|text| text.parse().map_err(JsonError::Id))
        .transpose()
}

/// Fails if another client of version 1 has the name.
fn check_free(state: &State, legacy: Option<&LegacyUser>) -> Result<(), ApiError> {
    let Some(LegacyUser { name, .. }) = legacy else {
        return Ok(());
    };
    match state.authorization_by_legacy_name(name) {
        None => Ok(()),
        Some(_) => Err(ApiError::conflict(format!(
            "authorization for username {name:?} already exists"
        ))),
    }
}

/// Nobody gives rights that they do not have.
fn check_rights(call: &Call, permissions: &[Permission]) -> Result<(), ApiError> {
    let caller = call.caller()?;
    match permissions.iter().find(|one| !caller.may(one)) {
        None => Ok(()),
        Some(lacking) => Err(ApiError::new(
            Code::Forbidden,
            format!("permission {lacking} is not allowed"),
        )),
    }
}

/// The name that a new authorization of version 1 must have; the request calls it its token.
fn legacy_user(call: &Call, request: &Object) -> Result<Option<LegacyUser>, ApiError> {
    if !is_legacy(call) {
        return Ok(None);
    }
    match request.text("token")? {
        name if name.is_empty() => Err(ApiError::invalid(
            "token required for v1 user authorization type: the user name goes there",
        )),
        name => Ok(Some(LegacyUser {
            name,
            password: None,
        })),
    }
}

fn permission(given: &Value, org: Id) -> Result<Permission, ApiError> {
    let unreadable = |error: JsonError| ApiError::from(error).within("invalid json structure");
    let given = match given {
        Value::Object(members) => members.clone(),
        other => {
            let (owner, expected) = ("postAuthorizationRequest", "influxdb.Permission");
            let error = JsonError::member(owner, "permissions", other, expected);
            return Err(unreadable(error));
        }
    };
    let given = Object::new(given, "Permission").at("permissions.");
    let resource = given
        .object("resource", "influxdb.Resource")
        .map_err(unreadable)?;
    let resource =
        Object::new(resource.cloned().unwrap_or_default(), "Resource").at("permissions.resource.");
    let action = given
        .word("action", "influxdb.Action")
        .map_err(unreadable)?;
    let kind = resource
        .word("type", "influxdb.ResourceType")
        .map_err(unreadable)?;
    let kind = ResourceType::parse(&kind.unwrap_or_default()).ok_or_else(|| {
        ApiError::invalid(
            "invalid resource type for permission: unknown resource type for permission",
        )
    })?;
    let action = Action::parse(&action.unwrap_or_default()).ok_or_else(|| {
        ApiError::invalid("invalid action type for permission: unknown action for permission")
    })?;
    if kind.only_action().is_some_and(|only| only != action) {
        let (only, name) = (action.other().name(), kind.name());
        return Err(ApiError::invalid(format!(
            "invalid action type for permission: there is only {only}:{name}"
        )));
    }
    let id = |member: &str| {
        let id = resource.id(member).map_err(ApiError::from);
        id.map_err(|error| error.within("invalid json structure"))
    };
    let permission = Permission {
        action,
        resource: Resource {
            kind,
            id: id("id")?,
            org: id("orgID")?,
        },
    };
    match permission.resource.org {
        Some(other) if other != org => Err(ApiError::invalid(format!(
            "permission {permission} is not for org id {org}"
        ))),
        _ => Ok(permission),
    }
}

fn find<'s>(call: &Call, state: &'s State, id: Id) -> Result<&'s Authorization, ApiError> {
    state
        .authorizations
        .get(&id)
        .filter(|found| found.legacy.is_some() == is_legacy(call))
        .ok_or_else(|| ApiError::not_found("authorization not found"))
}

/// `GET /api/v2/authorizations/{id}`.
pub fn get(call: &Call) -> Reply {
    let state = call.app.meta.read();
    let authorization = find(call, &state, call.id("id")?)?;
    call.need_in(
        Action::Read,
        ResourceType::Authorizations,
        authorization.org,
        Some(authorization.id),
    )?;
    Ok(Answer::ok(shown(&state, authorization, "")))
}

/// `PATCH /api/v2/authorizations/{id}`: status and description.
pub fn change(call: &Call) -> Reply {
    let id = call.id("id")?;
    // InfluxDB answers 500 here, and clients are written for its answers.
    let unreadable = |error: JsonError| ApiError::new(Code::Internal, error.to_string());
    let owner = "AuthorizationUpdate";
    let request = body::first_object(&call.body, owner, "influxdb.AuthorizationUpdate")
        .map_err(unreadable)?;
    let status = request
        .word("status", "influxdb.Status")
        .map_err(unreadable)?;
    let active = super::users::active(status.as_deref())
        .map_err(|_| ApiError::invalid("unknown authorization status"))?;
    let description = request.string("description").map_err(unreadable)?;
    call.app.meta.update(|state, changes| {
        let mut authorization = find(call, state, id)?.clone();
        call.need_in(
            Action::Write,
            ResourceType::Authorizations,
            authorization.org,
            Some(id),
        )?;
        authorization.active = active.unwrap_or(authorization.active);
        authorization.description = description.unwrap_or(authorization.description);
        authorization.updated_at = call.now();
        changes.put(authorization.clone());
        Ok(Answer::ok(shown(state, &authorization, "")))
    })
}

/// `DELETE /api/v2/authorizations/{id}`.
pub fn delete(call: &Call) -> Reply {
    let id = call.id("id")?;
    call.app.meta.update(|state, changes| {
        let authorization = find(call, state, id)?;
        call.need_in(
            Action::Write,
            ResourceType::Authorizations,
            authorization.org,
            Some(id),
        )?;
        changes.delete(Kind::Authorization, id);
        Ok(Answer::no_content())
    })
}

/// `POST /private/legacy/authorizations/{id}/password`.
pub fn set_legacy_password(call: &Call) -> Reply {
    let id = call.id("id")?;
    let owner = "passwordSetRequest";
    let request = body::first_object(&call.body, owner, "legacy.passwordSetRequest")?;
    {
        let state = call.app.meta.read();
        let org = find(call, &state, id)?.org;
        call.need_in(Action::Write, ResourceType::Authorizations, org, Some(id))?;
    }
    let password = PasswordHash::of(&request.text("password")?);
    let password = password.map_err(|error| ApiError::invalid(error.to_string()))?;
    call.app.meta.update(|state, changes| {
        let mut authorization = find(call, state, id)?.clone();
        let org = authorization.org;
        call.need_in(Action::Write, ResourceType::Authorizations, org, Some(id))?;
        if let Some(legacy) = &mut authorization.legacy {
            legacy.password = Some(password);
        }
        authorization.updated_at = call.now();
        changes.put(authorization);
        Ok(Answer::no_content())
    })
}
