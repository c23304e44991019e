//! Checks: kept as they are sent, run as the tasks that are made of them.

use serde_json::{Map, Value, json};

use crate::alerting::check_script;
use crate::api::call::{Answer, Call, Reply};
use crate::api::error::ApiError;
use crate::api::json::{self as body, Object};
use crate::api::page::Page;
use crate::api::{labels, orgs, tasks, users};
use crate::auth::{Action, ResourceType};
use crate::clock::rfc3339;
use crate::meta::{Changes, Check, Id, Kind, State, Task};
use crate::tasks::options::Options;

/// What checks and rules show of the task behind them.
pub fn show_task(shown: &mut Value, task: Option<&Task>) {
    let is_active = task.is_some_and(|task| task.active);
    let completed = task.map_or(0, |task| task.latest_completed);
    shown["status"] = json!(if is_active { "active" } else { "inactive" });
    shown["latestCompleted"] = json!(rfc3339(completed));
    shown["latestScheduled"] = json!(rfc3339(completed));
    if let Some(task) = task {
        let run = [
            ("lastRunStatus", &task.last_run_status),
            ("lastRunError", &task.last_run_error),
        ];
        for (name, value) in run {
            if let Some(value) = value {
                shown[name] = json!(value);
            }
        }
    }
}

fn shown(state: &State, check: &Check) -> Value {
    let id = check.id;
    let link = |part: &str| format!("/api/v2/checks/{id}{part}");
    let mut shown = Value::Object(check.settings.clone());
    shown["id"] = json!(id);
    shown["name"] = json!(check.name);
    shown["ownerID"] = json!(check.owner);
    shown["orgID"] = json!(check.org);
    shown["taskID"] = json!(check.task);
    shown["createdAt"] = json!(rfc3339(check.created_at));
    shown["updatedAt"] = json!(rfc3339(check.updated_at));
    shown["labels"] = state
        .labels_of(ResourceType::Checks, id)
        .into_iter()
        .map(labels::shown)
        .collect();
    shown["links"] = json!({
        "self": link(""),
        "labels": link("/labels"),
        "members": link("/members"),
        "owners": link("/owners"),
        "query": link("/query"),
    });
    show_task(&mut shown, state.tasks.get(&check.task));
    shown
}

fn find(state: &State, id: Id) -> Result<&Check, ApiError> {
    state
        .checks
        .get(&id)
        .ok_or_else(|| ApiError::not_found(format!("check not found for key \"{id}\"")))
}

/// `GET /api/v2/checks`.
pub fn list(call: &Call) -> Reply {
    let page = Page::of(call)?;
    let state = call.app.meta.read();
    let org = call
        .organization(&state)?
        .map(|organization| organization.id);
    let found: Vec<&Check> = state
        .checks
        .values()
        .filter(|check| org.is_none_or(|org| org == check.org))
        .filter(|check| call.may_read(ResourceType::Checks, check.org, check.id))
        .collect();
    let found = page.cut(found, |check| check.id);
    let filter = |name: &'static str| (name, call.query.get(name).map(str::to_owned));
    let links = page.links(
        "/api/v2/checks",
        &[filter("org"), filter("orgID")],
        found.len(),
    );
    let checks: Vec<Value> = found
        .into_iter()
        .map(|check| shown(&state, check))
        .collect();
    Ok(Answer::ok(json!({ "checks": checks, "links": links })))
}

/// What a request says of a check.
struct Given {
    org: Option<Id>,
    name: String,
    active: bool,
    settings: Map<String, Value>,
}

impl Given {
    fn read(bytes: &[u8]) -> Result<Self, ApiError> {
        let request = body::first_object(bytes, "check", "check.decodeStatus")?;
        let kind = request.text("type")?;
        if !matches!(kind.as_str(), "threshold" | "deadman" | "custom") {
            return Err(ApiError::invalid(format!("invalid check type {kind}")));
        }
        let name = request.text("name")?;
        if name.is_empty() {
            return Err(ApiError::invalid("Check Name can't be empty"));
        }
        let every = request.text("every")?;
        if every.is_empty() {
            return Err(ApiError::invalid("Check Every can't be empty"));
        }
        let mut settings = Map::new();
        settings.insert("type".to_owned(), json!(kind));
        settings.insert("every".to_owned(), json!(every));
        settings.insert(
            "statusMessageTemplate".to_owned(),
            json!(request.text("statusMessageTemplate")?),
        );
        settings.insert(
            "tags".to_owned(),
            request.get("tags").cloned().unwrap_or_else(|| json!([])),
        );
        settings.insert("query".to_owned(), query(&request)?);
        for optional in ["offset", "description"] {
            if let Some(text) = request.string(optional)?.filter(|text| !text.is_empty()) {
                settings.insert(optional.to_owned(), json!(text));
            }
        }
        if kind == "deadman" {
            for member in ["timeSince", "staleTime", "level"] {
                settings.insert(member.to_owned(), json!(request.text(member)?));
            }
            settings.insert(
                "reportZero".to_owned(),
                json!(request.boolean("reportZero")?.unwrap_or(false)),
            );
        } else {
            settings.insert("thresholds".to_owned(), thresholds(&request)?);
        }
        let active = users::active(request.string("status")?.as_deref())?.unwrap_or(true);
        Ok(Self {
            org: request.id("orgID")?,
            name,
            active,
            settings,
        })
    }
}

fn query(request: &Object) -> Result<Value, ApiError> {
    let given = request
        .object("query", "influxdb.DashboardQuery")?
        .cloned()
        .unwrap_or_default();
    let given = Object::new(given, "query");
    let builder = given.get("builderConfig").cloned().unwrap_or_else(|| {
        json!({ "buckets": [], "tags": [], "functions": [], "aggregateWindow": { "period": "", "fillValues": false } })
    });
    Ok(json!({
        "text": given.text("text")?,
        "editMode": given.text("editMode")?,
        "name": given.text("name")?,
        "builderConfig": builder,
    }))
}

fn thresholds(request: &Object) -> Result<Value, ApiError> {
    let given = request
        .list("thresholds", "[]check.ThresholdConfig")?
        .map(Vec::as_slice)
        .unwrap_or_default();
    if given.is_empty() {
        return Ok(Value::Null);
    }
    let mut kept = Vec::new();
    for one in given {
        let one = Object::new(one.as_object().cloned().unwrap_or_default(), "threshold");
        let number = |member: &str| one.get(member).cloned().unwrap_or_else(|| json!(0));
        let kind = one.text("type")?;
        let mut threshold = json!({
            "type": kind,
            "level": one.text("level")?,
            "allValues": one.boolean("allValues")?.unwrap_or(false),
        });
        match kind.as_str() {
            "greater" | "lesser" => threshold["value"] = number("value"),
            "range" => {
                threshold["min"] = number("min");
                threshold["max"] = number("max");
                threshold["within"] = json!(one.boolean("within")?.unwrap_or(false));
            }
            other => return Err(ApiError::invalid(format!("invalid threshold type {other}"))),
        }
        kept.push(threshold);
    }
    Ok(Value::Array(kept))
}

fn check_free(state: &State, check: &Check, name: &str) -> Result<(), ApiError> {
    let mut others = state
        .checks
        .values()
        .filter(|other| other.org == check.org && other.id != check.id);
    match others.any(|other| other.name == name) {
        true => Err(ApiError::conflict(format!(
            "check is not unique for key {}{name}",
            check.org
        ))),
        false => Ok(()),
    }
}

/// The script of a check and its schedule.
fn script(check: &Check) -> Result<(String, Options), ApiError> {
    let refuse =
        |reason: String| ApiError::invalid(format!("Could not create task from check: {reason}"));
    let flux = check_script(check).map_err(refuse)?;
    let options = Options::of(&flux).map_err(refuse)?;
    Ok((flux, options))
}

/// `POST /api/v2/checks`.
pub fn create(call: &Call) -> Reply {
    let given = Given::read(&call.body)?;
    let org = given
        .org
        .ok_or_else(|| ApiError::invalid("orgID is required"))?;
    let now = call.now();
    let check = Check {
        id: call.app.meta.next_id(now),
        task: call.app.meta.next_id(now),
        owner: call.caller()?.user,
        org,
        name: given.name,
        settings: given.settings,
        created_at: now,
        updated_at: now,
    };
    let (flux, options) = script(&check)?;
    call.app.meta.update(|state, changes| {
        orgs::find(state, org)?;
        call.need_in(Action::Write, ResourceType::Checks, org, None)?;
        check_free(state, &check, &check.name)?;
        let task = tasks::new(check.task, org, check.owner, flux, options, now);
        changes.put(Task {
            active: given.active,
            made_of: Some(check.id),
            ..task
        });
        changes.put(check.clone());
        Ok::<_, ApiError>(())
    })?;
    call.app.tasks.tell_changed();
    Ok(Answer::created(shown(&call.app.meta.read(), &check)))
}

/// `GET /api/v2/checks/{id}`.
pub fn get(call: &Call) -> Reply {
    let state = call.app.meta.read();
    let check = find(&state, call.id("id")?)?;
    call.need_in(
        Action::Read,
        ResourceType::Checks,
        check.org,
        Some(check.id),
    )?;
    Ok(Answer::ok(shown(&state, check)))
}

/// `GET /api/v2/checks/{id}/query`.
pub fn script_of(call: &Call) -> Reply {
    let state = call.app.meta.read();
    let check = find(&state, call.id("id")?)?;
    call.need_in(
        Action::Read,
        ResourceType::Checks,
        check.org,
        Some(check.id),
    )?;
    Ok(Answer::ok(json!({ "flux": script(check)?.0 })))
}

/// `PUT /api/v2/checks/{id}`: all of it anew.
pub fn replace(call: &Call) -> Reply {
    let id = call.id("id")?;
    let given = Given::read(&call.body)?;
    change_with(call, id, |check, active| {
        check.name = given.name;
        check.settings = given.settings;
        *active = given.active;
        Ok(())
    })
}

/// `PATCH /api/v2/checks/{id}`: name, description, status.
pub fn change(call: &Call) -> Reply {
    let id = call.id("id")?;
    let request = body::first_object(&call.body, "CheckUpdate", "influxdb.CheckUpdate")?;
    change_with(call, id, |check, active| {
        if let Some(name) = request.string("name")?.filter(|name| !name.is_empty()) {
            check.name = name;
        }
        if let Some(description) = request.string("description")? {
            check
                .settings
                .insert("description".to_owned(), json!(description));
        }
        *active = users::active(request.string("status")?.as_deref())?.unwrap_or(*active);
        Ok(())
    })
}

fn change_with(
    call: &Call,
    id: Id,
    edit: impl FnOnce(&mut Check, &mut bool) -> Result<(), ApiError>,
) -> Reply {
    call.app.meta.update(|state, changes| {
        let mut check = find(state, id)?.clone();
        call.need_in(Action::Write, ResourceType::Checks, check.org, Some(id))?;
        let mut active = state.tasks.get(&check.task).is_some_and(|task| task.active);
        edit(&mut check, &mut active)?;
        check_free(state, &check, &check.name)?;
        check.updated_at = call.now();
        let (flux, options) = script(&check)?;
        rewrite_task(
            state,
            changes,
            check.task,
            active,
            (flux, options),
            call.now(),
        );
        changes.put(check);
        Ok::<_, ApiError>(())
    })?;
    call.app.tasks.tell_changed();
    let state = call.app.meta.read();
    Ok(Answer::ok(shown(&state, find(&state, id)?)))
}

/// Gives the task behind a check or rule its new script.
pub fn rewrite_task(
    state: &State,
    changes: &mut Changes,
    task: Id,
    active: bool,
    (flux, options): (String, Options),
    now: i64,
) {
    if let Some(mut task) = state.tasks.get(&task).cloned() {
        tasks::rewrite(&mut task, flux, options);
        task.active = active;
        task.updated_at = Some(now);
        changes.put(task);
    }
}

/// `DELETE /api/v2/checks/{id}`: the check and its task.
pub fn delete(call: &Call) -> Reply {
    let id = call.id("id")?;
    call.app.meta.update(|state, changes| {
        let check = find(state, id)?;
        call.need_in(Action::Write, ResourceType::Checks, check.org, Some(id))?;
        changes.delete(Kind::Check, id);
        changes.delete(Kind::Task, check.task);
        labels::forget_resource(state, changes, id);
        Ok(Answer::no_content())
    })
}
