//! Labels, and what they are put on.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::api::call::{Answer, Call, Reply};
use crate::api::error::ApiError;
use crate::api::json as body;
use crate::api::resource::{Found, visible};
use crate::auth::{Action, Permission, ResourceType};
use crate::meta::{Changes, Id, Kind, Label, LabelMapping, State};

/// A label as the API shows it.
pub fn shown(label: &Label) -> Value {
    let mut shown = json!({ "id": label.id, "orgID": label.org, "name": label.name });
    if !label.properties.is_empty() {
        shown["properties"] = json!(label.properties);
    }
    shown
}

fn one(label: &Label) -> Value {
    json!({ "links": { "self": format!("/api/v2/labels/{}", label.id) }, "label": shown(label) })
}

fn many<'a>(labels: impl IntoIterator<Item = &'a Label>) -> Value {
    let labels: Vec<Value> = labels.into_iter().map(shown).collect();
    json!({ "links": { "self": "/api/v2/labels" }, "labels": labels })
}

fn find(state: &State, id: Id) -> Result<&Label, ApiError> {
    state
        .labels
        .get(&id)
        .ok_or_else(|| ApiError::not_found("label not found"))
}

/// `GET /api/v2/labels`.
pub fn list(call: &Call) -> Reply {
    let state = call.app.meta.read();
    let org = call
        .organization(&state)?
        .map(|organization| organization.id);
    let name = call.query.get("name");
    let found = state
        .labels
        .values()
        .filter(|label| {
            org.is_none_or(|org| org == label.org) && name.is_none_or(|name| name == label.name)
        })
        .filter(|label| call.may_read(ResourceType::Labels, label.org, label.id));
    Ok(Answer::ok(many(found)))
}

/// `POST /api/v2/labels`.
pub fn create(call: &Call) -> Reply {
    let request = body::first_object(&call.body, "Label", "influxdb.Label")?;
    let name = request.text("name")?;
    let org = request
        .id("orgID")?
        .ok_or_else(|| ApiError::invalid("orgID is required"))?;
    if name.trim().is_empty() {
        return Err(ApiError::invalid("label name is required"));
    }
    let mut properties = BTreeMap::new();
    change_properties(
        &mut properties,
        request.object("properties", "map[string]string")?,
    )?;
    call.app.meta.update(|state, changes| {
        super::orgs::find(state, org)?;
        call.need_in(Action::Write, ResourceType::Labels, org, None)?;
        check_free(state, org, &name)?;
        let label = Label {
            id: call.app.meta.next_id(call.now()),
            org,
            name,
            properties,
        };
        changes.put(label.clone());
        Ok(Answer::created(one(&label)))
    })
}

fn check_free(state: &State, org: Id, name: &str) -> Result<(), ApiError> {
    if state
        .labels
        .values()
        .any(|label| label.org == org && label.name.eq_ignore_ascii_case(name))
    {
        return Err(ApiError::conflict(format!(
            "label with name {name} already exists"
        )));
    }
    Ok(())
}

/// Sets properties; an empty one is removed.
fn change_properties(
    properties: &mut BTreeMap<String, String>,
    given: Option<&Map<String, Value>>,
) -> Result<(), ApiError> {
    for (key, value) in given.into_iter().flatten() {
        match value.as_str() {
            None => return Err(ApiError::invalid(format!("property {key} is not a text"))),
            Some("") => drop(properties.remove(key)),
            Some(text) => drop(properties.insert(key.clone(), text.to_owned())),
        }
    }
    Ok(())
}

/// `GET /api/v2/labels/{id}`.
pub fn get(call: &Call) -> Reply {
    let state = call.app.meta.read();
    let label = find(&state, call.id("id")?)?;
    call.need_in(
        Action::Read,
        ResourceType::Labels,
        label.org,
        Some(label.id),
    )?;
    Ok(Answer::ok(one(label)))
}

/// `PATCH /api/v2/labels/{id}`.
pub fn change(call: &Call) -> Reply {
    let id = call.id("id")?;
    let request = body::first_object(&call.body, "LabelUpdate", "influxdb.LabelUpdate")?;
    call.app.meta.update(|state, changes| {
        let mut label = find(state, id)?.clone();
        call.need_in(Action::Write, ResourceType::Labels, label.org, Some(id))?;
        if let Some(name) = request
            .string("name")?
            .filter(|name| !name.is_empty() && *name != label.name)
        {
            check_free(state, label.org, &name)?;
            label.name = name;
        }
        change_properties(
            &mut label.properties,
            request.object("properties", "map[string]string")?,
        )?;
        changes.put(label.clone());
        Ok(Answer::ok(one(&label)))
    })
}

/// `DELETE /api/v2/labels/{id}`.
pub fn delete(call: &Call) -> Reply {
    let id = call.id("id")?;
    call.app.meta.update(|state, changes| {
        let label = find(state, id)?;
        call.need_in(Action::Write, ResourceType::Labels, label.org, Some(id))?;
        changes.delete(Kind::Label, id);
        for mapping in state
            .label_mappings
            .values()
            .filter(|mapping| mapping.label == id)
        {
            changes.delete(Kind::LabelMapping, mapping.id);
        }
        Ok(Answer::no_content())
    })
}

/// `GET /api/v2/…/{id}/labels`.
pub fn of_resource(call: &Call) -> Reply {
    let state = call.app.meta.read();
    let found = Found::in_path(call, &state)?;
    found.need(call, Action::Read)?;
    Ok(Answer::ok(many(state.labels_of(found.kind, found.id))))
}

/// `POST /api/v2/…/{id}/labels`.
pub fn put_on(call: &Call) -> Reply {
    let request = body::first_object(&call.body, "LabelMapping", "influxdb.LabelMapping")?;
    let label = request
        .id("labelID")?
        .ok_or_else(|| ApiError::invalid("label id is required"))?;
    call.app.meta.update(|state, changes| {
        let found = Found::in_path(call, state)?;
        found.need(call, Action::Write)?;
        let missing = || ApiError::not_found("label not found");
        let read = |label: &Label| {
            Permission::one(Action::Read, ResourceType::Labels, label.org, label.id)
        };
        let label = visible(call, state.labels.get(&label), read, found.org, missing)?;
        if state
            .labels_of(found.kind, found.id)
            .iter()
            .any(|known| known.id == label.id)
        {
            return Err(ApiError::conflict(
                "Cannot add label, label already exists on resource",
            ));
        }
        changes.put(LabelMapping {
            id: call.app.meta.next_id(call.now()),
            label: label.id,
            resource_type: found.kind,
            resource: found.id,
        });
        Ok(Answer::created(one(label)))
    })
}

/// `DELETE /api/v2/…/{id}/labels/{label}`.
pub fn take_off(call: &Call) -> Reply {
    let label = call.id("label")?;
    call.app.meta.update(|state, changes| {
        let found = Found::in_path(call, state)?;
        found.need(call, Action::Write)?;
        let mappings = state.label_mappings.values();
        for mapping in mappings.filter(|one| one.resource == found.id && one.label == label) {
            changes.delete(Kind::LabelMapping, mapping.id);
        }
        Ok(Answer::no_content())
    })
}

/// Removes what hung on a resource that goes.
pub fn forget_resource(state: &State, changes: &mut Changes, resource: Id) {
    for mapping in state
        .label_mappings
        .values()
        .filter(|mapping| mapping.resource == resource)
    {
        changes.delete(Kind::LabelMapping, mapping.id);
    }
    for member in state
        .members
        .values()
        .filter(|member| member.resource == resource)
    {
        changes.delete(Kind::Member, member.id);
    }
}
