//! Members and owners of resources.

use serde_json::{Value, json};

use crate::api::call::{Answer, Call, Reply};
use crate::api::error::ApiError;
use crate::api::resource::{Found, visible_user};
use crate::api::{json as body, users};
use crate::auth::Action;
use crate::meta::{Kind, Member, Role, State};

fn role(call: &Call) -> Role {
    if call.path.split('/').any(|part| part == "owners") {
        Role::Owner
    } else {
        Role::Member
    }
}

fn shown(state: &State, member: &Member) -> Option<Value> {
    let mut shown = users::shown(state.users.get(&member.user)?);
    shown["role"] = json!(member.role);
    Some(shown)
}

/// `GET /api/v2/…/{id}/members` and `owners`.
pub fn list(call: &Call) -> Reply {
    let state = call.app.meta.read();
    let found = Found::in_path(call, &state)?;
    found.need(call, Action::Read)?;
    let role = role(call);
    let users: Vec<Value> = state
        .members
        .values()
        .filter(|member| member.resource == found.id && member.role == role)
        .filter_map(|member| shown(&state, member))
        .collect();
    Ok(Answer::ok(
        json!({ "links": { "self": call.path }, "users": users }),
    ))
}

/// `POST /api/v2/…/{id}/members` and `owners`.
pub fn add(call: &Call) -> Reply {
    let request = body::first_object(&call.body, "postMemberRequest", "postMemberRequest")?;
    let user = request
        .id("id")?
        .ok_or_else(|| ApiError::invalid("user id missing or invalid"))?;
    let role = role(call);
    call.app.meta.update(|state, changes| {
        let found = Found::in_path(call, state)?;
        found.need(call, Action::Write)?;
        visible_user(call, state, user, found.org)?;
        if state
            .members
            .values()
            .any(|one| one.resource == found.id && one.user == user && one.role == role)
        {
            return Err(ApiError::conflict(format!(
                "user {user} has this part in {} already",
                found.id
            )));
        }
        let member = Member {
            id: call.app.meta.next_id(call.now()),
            resource_type: found.kind,
            resource: found.id,
            user,
            role,
        };
        let shown = shown(state, &member).ok_or_else(|| ApiError::not_found("user not found"))?;
        changes.put(member);
        Ok(Answer::created(shown))
    })
}

/// `DELETE /api/v2/…/{id}/members/{user}` and `owners/{user}`.
pub fn remove(call: &Call) -> Reply {
    let user = call.id("user")?;
    let role = role(call);
    call.app.meta.update(|state, changes| {
        let found = Found::in_path(call, state)?;
        found.need(call, Action::Write)?;
        let mut members = state.members.values();
        let member =
            members.find(|one| one.resource == found.id && one.user == user && one.role == role);
        let member =
            member.ok_or_else(|| ApiError::not_found("user to resource mapping not found"))?;
        changes.delete(Kind::Member, member.id);
        Ok(Answer::no_content())
    })
}
