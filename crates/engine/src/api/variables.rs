//! Variables of dashboards.

use serde_json::{Value, json};

use crate::api::call::{Answer, Call, Reply};
use crate::api::error::ApiError;
use crate::api::json::{self as body, Object};
use crate::api::page::Page;
use crate::api::{labels, orgs};
use crate::auth::{Action, ResourceType};
use crate::clock::rfc3339;
use crate::meta::{Id, Kind, State, Variable};

fn shown(state: &State, variable: &Variable) -> Value {
    let id = variable.id;
    let labels: Vec<Value> = state
        .labels_of(ResourceType::Variables, id)
        .into_iter()
        .map(labels::shown)
        .collect();
    json!({
        "id": id,
        "orgID": variable.org,
        "name": variable.name,
        "description": variable.description,
        "selected": variable.selected,
        "arguments": variable.arguments,
        "createdAt": rfc3339(variable.created_at),
        "updatedAt": rfc3339(variable.updated_at),
        "labels": labels,
        "links": {
            "self": format!("/api/v2/variables/{id}"),
            "labels": format!("/api/v2/variables/{id}/labels"),
            "org": format!("/api/v2/orgs/{}", variable.org),
        },
    })
}

fn find(state: &State, id: Id) -> Result<&Variable, ApiError> {
    state
        .variables
        .get(&id)
        .ok_or_else(|| ApiError::not_found(format!("variable not found for key \"{id}\"")))
}

/// `GET /api/v2/variables`.
pub fn list(call: &Call) -> Reply {
    let page = Page::of(call)?;
    let state = call.app.meta.read();
    let org = call
        .organization(&state)?
        .map(|organization| organization.id);
    let found: Vec<&Variable> = state
        .variables
        .values()
        .filter(|variable| org.is_none_or(|org| org == variable.org))
        .filter(|variable| call.may_read(ResourceType::Variables, variable.org, variable.id))
        .collect();
    let found = page.cut(found, |variable| variable.id);
    let filter = |name: &'static str| (name, call.query.get(name).map(str::to_owned));
    let links = page.links(
        "/api/v2/variables",
        &[filter("org"), filter("orgID")],
        found.len(),
    );
    let found: Vec<Value> = found
        .into_iter()
        .map(|variable| shown(&state, variable))
        .collect();
    Ok(Answer::ok(json!({ "variables": found, "links": links })))
}

fn arguments(request: &Object) -> Result<Option<Value>, ApiError> {
    let Some(arguments) = request.object("arguments", "influxdb.VariableArguments")? else {
        return Ok(None);
    };
    match arguments
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default()
    {
        "constant" | "map" | "query" => Ok(Some(Value::Object(arguments.clone()))),
        other => Err(ApiError::invalid(format!(
            "unknown VariableArguments type {other}"
        ))),
    }
}

fn selected(request: &Object) -> Result<Option<Vec<String>>, ApiError> {
    let selected = request.list("selected", "[]string")?;
    Ok(selected.map(|items| {
        items
            .iter()
            .filter_map(|item| item.as_str().map(str::to_owned))
            .collect()
    }))
}

/// `POST /api/v2/variables`.
pub fn create(call: &Call) -> Reply {
    let request = body::first_object(&call.body, "Variable", "influxdb.Variable")?;
    let arguments =
        arguments(&request)?.ok_or_else(|| ApiError::invalid("missing variable arguments"))?;
    let org = request
        .id("orgID")?
        .ok_or_else(|| ApiError::invalid("orgID is required"))?;
    let name = request.text("name")?;
    if name.trim().is_empty() {
        return Err(ApiError::invalid("missing variable name"));
    }
    let now = call.now();
    let variable = Variable {
        id: call.app.meta.next_id(now),
        org,
        name,
        description: request.text("description")?,
        selected: selected(&request)?,
        arguments,
        created_at: now,
        updated_at: now,
    };
    call.app.meta.update(|state, changes| {
        orgs::find(state, org)?;
        call.need_in(Action::Write, ResourceType::Variables, org, None)?;
        check_free(state, &variable, &variable.name)?;
        changes.put(variable.clone());
        Ok(Answer::created(shown(state, &variable)))
    })
}

fn check_free(state: &State, variable: &Variable, name: &str) -> Result<(), ApiError> {
    let mut others = state
        .variables
        .values()
        .filter(|other| other.org == variable.org && other.id != variable.id);
    match others.any(|other| other.name.eq_ignore_ascii_case(name)) {
        true => Err(ApiError::conflict(format!(
            "variable is not unique for key {}{name}",
            variable.org
        ))),
        false => Ok(()),
    }
}

/// `GET /api/v2/variables/{id}`.
pub fn get(call: &Call) -> Reply {
    let state = call.app.meta.read();
    let variable = find(&state, call.id("id")?)?;
    call.need_in(
        Action::Read,
        ResourceType::Variables,
        variable.org,
        Some(variable.id),
    )?;
    Ok(Answer::ok(shown(&state, variable)))
}

/// `PATCH` and `PUT /api/v2/variables/{id}`.
pub fn change(call: &Call) -> Reply {
    let id = call.id("id")?;
    let request = body::first_object(&call.body, "VariableUpdate", "influxdb.VariableUpdate")?;
    let arguments = arguments(&request)?;
    call.app.meta.update(|state, changes| {
        let mut variable = find(state, id)?.clone();
        call.need_in(
            Action::Write,
            ResourceType::Variables,
            variable.org,
            Some(id),
        )?;
        if let Some(name) = request.string("name")?.filter(|name| !name.is_empty()) {
            check_free(state, &variable, &name)?;
            variable.name = name;
        }
        variable.description = request
            .string("description")?
            .unwrap_or(variable.description);
        variable.selected = selected(&request)?.or(variable.selected);
        variable.arguments = arguments.unwrap_or(variable.arguments);
        variable.updated_at = call.now();
        changes.put(variable.clone());
        Ok(Answer::ok(shown(state, &variable)))
    })
}

/// `DELETE /api/v2/variables/{id}`.
pub fn delete(call: &Call) -> Reply {
    let id = call.id("id")?;
    call.app.meta.update(|state, changes| {
        let variable = find(state, id)?;
        call.need_in(
            Action::Write,
            ResourceType::Variables,
            variable.org,
            Some(id),
        )?;
        changes.delete(Kind::Variable, id);
        labels::forget_resource(state, changes, id);
        Ok(Answer::no_content())
    })
}
