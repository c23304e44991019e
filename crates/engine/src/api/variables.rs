//! Variables of dashboards.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::api::call::{Answer, Call, Reply};
use crate::api::collection::{Common, Item, show, to_change};
use crate::api::error::ApiError;
use crate::api::json::{self as body, Object};
use crate::api::{labels, orgs};
use crate::auth::{Action, ResourceType};
use crate::meta::{Id, Kind, State, Variable};

impl Item for Variable {
    const TYPE: ResourceType = ResourceType::Variables;

    fn table(state: &State) -> &BTreeMap<Id, Self> {
        &state.variables
    }

    fn id(&self) -> Id {
        self.id
    }

    fn org(&self) -> Id {
        self.org
    }

    fn shown(&self, state: &State) -> Value {
        let common = Common {
            name: &self.name,
            created_at: self.created_at,
            updated_at: self.updated_at,
            parts: &["labels"],
        };
        let own = json!({
            "description": self.description,
            "selected": self.selected,
            "arguments": self.arguments,
        });
        let mut shown = show(self, state, &common, own);
        shown["links"]["org"] = json!(format!("/api/v2/orgs/{}", self.org));
        shown
    }

    fn missing(id: Id) -> String {
        format!("variable not found for key \"{id}\"")
    }
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
        Ok(Answer::created(variable.shown(state)))
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

/// `PATCH` and `PUT /api/v2/variables/{id}`.
pub fn change(call: &Call) -> Reply {
    let id = call.id("id")?;
    let request = body::first_object(&call.body, "VariableUpdate", "influxdb.VariableUpdate")?;
    let arguments = arguments(&request)?;
    call.app.meta.update(|state, changes| {
        let mut variable: Variable = to_change(call, state, id)?;
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
        Ok(Answer::ok(variable.shown(state)))
    })
}

/// `DELETE /api/v2/variables/{id}`.
pub fn delete(call: &Call) -> Reply {
    let id = call.id("id")?;
    call.app.meta.update(|state, changes| {
        to_change::<Variable>(call, state, id)?;
        changes.delete(Kind::Variable, id);
        labels::forget_resource(state, changes, id);
        Ok(Answer::no_content())
    })
}
