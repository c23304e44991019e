//! Secrets of an organization: their keys are listed, their values only given to Flux scripts.

use serde_json::json;

use crate::api::call::{Answer, Call, Reply};
use crate::api::error::ApiError;
use crate::api::json as body;
use crate::auth::{Action, ResourceType};
use crate::meta::{Changes, Id, Kind, Secret, State};

fn organization(call: &Call, state: &State) -> Result<Id, ApiError> {
    let id = call.id("id")?;
    match state.organizations.contains_key(&id) {
        true => Ok(id),
        false => Err(ApiError::not_found("404 page not found")),
    }
}

/// `GET /api/v2/orgs/{id}/secrets`.
pub fn list(call: &Call) -> Reply {
    let state = call.app.meta.read();
    let org = organization(call, &state)?;
    call.need_in(Action::Read, ResourceType::Secrets, org, None)?;
    let mut keys: Vec<&str> = state
        .secrets
        .values()
        .filter(|secret| secret.org == org)
        .map(|secret| secret.key.as_str())
        .collect();
    keys.sort_unstable();
    let links = json!({ "org": format!("/api/v2/orgs/{org}"), "self": format!("/api/v2/orgs/{org}/secrets") });
    Ok(Answer::ok(json!({ "links": links, "secrets": keys })))
}

/// `PATCH /api/v2/orgs/{id}/secrets`: sets each member of the object.
pub fn set(call: &Call) -> Reply {
    let unreadable =
        |error: body::JsonError| ApiError::from(error).within("failed to unmarshal json");
    let request =
        body::first_object(&call.body, "secrets", "map[string]string").map_err(unreadable)?;
    let mut given = Vec::new();
    for (key, value) in request.members() {
        let value = value.as_str().ok_or_else(|| {
            let found = if value.is_number() { "number" } else { "value" };
            ApiError::invalid(format!("failed to unmarshal json: json: cannot unmarshal {found} into Go value of type string"))
        })?;
        given.push((key.clone(), value.to_owned()));
    }
    call.app.meta.update(|state, changes| {
        let org = organization(call, state)?;
        call.need_in(Action::Write, ResourceType::Secrets, org, None)?;
        for (key, value) in given {
            put(
                state,
                changes,
                Secret {
                    id: call.app.meta.next_id(call.now()),
                    org,
                    key,
                    value,
                },
            );
        }
        Ok(Answer::no_content())
    })
}

/// Keeps a secret in place of the one with its key.
pub fn put(state: &State, changes: &mut Changes, mut secret: Secret) {
    let mut known = state.secrets.values();
    if let Some(known) = known.find(|known| known.org == secret.org && known.key == secret.key) {
        secret.id = known.id;
    }
    changes.put(secret);
}

/// Removes secrets by their keys.
pub fn forget(state: &State, changes: &mut Changes, org: Id, keys: &[String]) {
    for secret in state
        .secrets
        .values()
        .filter(|secret| secret.org == org && keys.contains(&secret.key))
    {
        changes.delete(Kind::Secret, secret.id);
    }
}

fn remove(call: &Call, keys: &[String]) -> Reply {
    call.app.meta.update(|state, changes| {
        let org = organization(call, state)?;
        call.need_in(Action::Write, ResourceType::Secrets, org, None)?;
        forget(state, changes, org, keys);
        Ok(Answer::no_content())
    })
}

/// `POST /api/v2/orgs/{id}/secrets/delete`.
pub fn delete_many(call: &Call) -> Reply {
    let request = body::first_object(&call.body, "secretsDeleteBody", "tenant.secretsDeleteBody")?;
    let keys = request
        .list("secrets", "[]string")?
        .map(Vec::as_slice)
        .unwrap_or_default();
    let keys: Vec<String> = keys
        .iter()
        .filter_map(|key| key.as_str().map(str::to_owned))
        .collect();
    remove(call, &keys)
}

/// `DELETE /api/v2/orgs/{id}/secrets/{key}`.
pub fn delete(call: &Call) -> Reply {
    remove(call, &[call.parameter("key").to_owned()])
}
