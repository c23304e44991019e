//! Users, the caller among them, and their passwords.

use serde_json::{Value, json};

use crate::api::call::{Answer, Call, Reply};
use crate::api::error::{ApiError, Code};
use crate::api::json as body;
use crate::auth::password::PasswordHash;
use crate::auth::{Action, Permission, ResourceType};
use crate::meta::{Id, Kind, State, User};

/// A user as the API shows it.
pub fn shown(user: &User) -> Value {
    json!({
        "links": { "self": format!("/api/v2/users/{}", user.id) },
        "id": user.id,
        "name": user.name,
        "status": if user.active { "active" } else { "inactive" },
    })
}

fn permission(action: Action, id: Id) -> Permission {
    Permission::global(action, ResourceType::Users, id)
}

/// The user of an id.
///
/// # Errors
/// There is none.
pub fn find(state: &State, id: Id) -> Result<&User, ApiError> {
    state.users.get(&id).ok_or_else(not_found)
}

fn not_found() -> ApiError {
    ApiError::not_found("user not found")
}

/// `GET /api/v2/me`.
pub fn me(call: &Call) -> Reply {
    let state = call.app.meta.read();
    let user = find(&state, call.caller()?.user)?;
    call.need(&permission(Action::Read, user.id))?;
    Ok(Answer::ok(shown(user)))
}

/// `GET /api/v2/users`.
pub fn list(call: &Call) -> Reply {
    let state = call.app.meta.read();
    let (name, id) = (call.query.get("name"), call.query.id("id")?);
    let found: Vec<Value> = state
        .users
        .values()
        .filter(|user| {
            name.is_none_or(|name| name == user.name) && id.is_none_or(|id| id == user.id)
        })
        .filter(|user| {
            call.caller
                .as_ref()
                .is_some_and(|caller| caller.may(&permission(Action::Read, user.id)))
        })
        .map(shown)
        .collect();
    if found.is_empty() && (name.is_some() || id.is_some()) {
        return Err(not_found());
    }
    Ok(Answer::ok(
        json!({ "links": { "self": "/api/v2/users" }, "users": found }),
    ))
}

/// `GET /api/v2/users/{id}`.
pub fn get(call: &Call) -> Reply {
    let state = call.app.meta.read();
    let user = find(&state, call.id("id")?)?;
    call.need(&permission(Action::Read, user.id))?;
    Ok(Answer::ok(shown(user)))
}

/// `POST /api/v2/users`.
pub fn create(call: &Call) -> Reply {
    let request = body::first_object(&call.body, "User", "influxdb.User")?;
    call.need(&Permission::all(Action::Write, ResourceType::Users))?;
    let name = request.text("name")?;
    if name.is_empty() {
        return Err(ApiError::new(Code::EmptyValue, "key required"));
    }
    let active = active(request.string("status")?.as_deref())?.unwrap_or(true);
    call.app.meta.update(|state, changes| {
        check_free(state, &name)?;
        let user = User {
            id: call.app.meta.next_id(call.now()),
            name,
            active,
            password: None,
        };
        changes.put(user.clone());
        Ok(Answer::created(shown(&user)))
    })
}

fn check_free(state: &State, name: &str) -> Result<(), ApiError> {
    match state.user_by_name(name) {
        Some(_) => Err(ApiError::conflict(format!(
            "user with name {name} already exists"
        ))),
        None => Ok(()),
    }
}

/// Reads a status; none if absent or empty.
///
/// # Errors
/// Another word than `active` and `inactive`.
pub fn active(status: Option<&str>) -> Result<Option<bool>, ApiError> {
    match status {
        None | Some("") => Ok(None),
        Some("active") => Ok(Some(true)),
        Some("inactive") => Ok(Some(false)),
        Some(_) => Err(ApiError::invalid("invalid status")),
    }
}

/// `PATCH /api/v2/users/{id}`.
pub fn change(call: &Call) -> Reply {
    let id = call.id("id")?;
    let request = body::first_object(&call.body, "UserUpdate", "influxdb.UserUpdate")?;
    let (name, active) = (
        request.string("name")?,
        active(request.string("status")?.as_deref())?,
    );
    let user = call.app.meta.update(|state, changes| {
        let mut user = find(state, id)?.clone();
        call.need(&permission(Action::Write, id))?;
        if let Some(name) = name.filter(|name| *name != user.name && !name.is_empty()) {
            check_free(state, &name)?;
            user.name = name;
        }
        user.active = active.unwrap_or(user.active);
        changes.put(user.clone());
        Ok::<_, ApiError>(user)
    })?;
    if !user.active {
        call.app.sessions.close_all(id);
    }
    Ok(Answer::ok(shown(&user)))
}

/// `DELETE /api/v2/users/{id}`: the user, their tokens and their parts in resources.
pub fn delete(call: &Call) -> Reply {
    let id = call.id("id")?;
    call.app.meta.update(|state, changes| {
        find(state, id)?;
        call.need(&permission(Action::Write, id))?;
        if call.caller()?.user == id {
            return Err(ApiError::invalid("users cannot delete themselves"));
        }
        changes.delete(Kind::User, id);
        for member in state.members.values().filter(|member| member.user == id) {
            changes.delete(Kind::Member, member.id);
        }
        for authorization in state.authorizations.values().filter(|one| one.user == id) {
            changes.delete(Kind::Authorization, authorization.id);
        }
        Ok::<_, ApiError>(())
    })?;
    call.app.sessions.close_all(id);
    Ok(Answer::no_content())
}

/// `POST /api/v2/users/{id}/password`.
pub fn set_password(call: &Call) -> Reply {
    let id = call.id("id")?;
    find(&call.app.meta.read(), id)?;
    call.need(&permission(Action::Write, id))?;
    store_password(call, id)
}

/// `PUT /api/v2/me/password`: needs the old password, as Basic, beside the session.
pub fn change_my_password(call: &Call) -> Reply {
    let id = call.caller()?.user;
    match &call.signed_in {
        Some(user) if user.id == id => store_password(call, id),
        _ => Err(ApiError::unauthorized()),
    }
}

fn store_password(call: &Call, id: Id) -> Reply {
    let request = body::first_object(
        &call.body,
        "passwordSetRequest",
        "tenant.passwordSetRequest",
    )?;
    let password = PasswordHash::of(&request.text("password")?)
        .map_err(|error| ApiError::invalid(error.to_string()))?;
    call.app.meta.update(|state, changes| {
        let mut user = find(state, id)?.clone();
        user.password = Some(password);
        changes.put(user);
        Ok::<_, ApiError>(())
    })?;
    call.app.sessions.close_all(id);
    Ok(Answer::no_content())
}
