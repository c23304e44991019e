//! Tasks: Flux scripts that run on a schedule. What runs them is in [`crate::tasks`].

use serde_json::{Value, json};

use crate::api::call::{Answer, Call, Reply};
use crate::api::error::ApiError;
use crate::api::json::{self as body, JsonError, Object};
use crate::api::{labels, users};
use crate::auth::{Action, Permission, ResourceType};
use crate::clock::rfc3339;
use crate::meta::{Id, Kind, State, Task};
use crate::tasks::options::{Edit, Options};

/// The most tasks a page shows, and how many it shows if not told.
const PAGE: std::ops::RangeInclusive<usize> = 1..=500;
const PAGE_DEFAULT: usize = 100;

/// A task as the API shows it.
pub fn shown(state: &State, task: &Task) -> Value {
    let id = task.id;
    let link = |part: &str| format!("/api/v2/tasks/{id}{part}");
    let labels: Vec<Value> = state
        .labels_of(ResourceType::Tasks, id)
        .into_iter()
        .map(labels::shown)
        .collect();
    let mut shown = json!({
        "links": {
            "labels": link("/labels"),
            "logs": link("/logs"),
            "members": link("/members"),
            "owners": link("/owners"),
            "runs": link("/runs"),
            "self": link(""),
        },
        "labels": labels,
        "id": id,
        "orgID": task.org,
        "org": state.organizations.get(&task.org).map_or("", |found| found.name.as_str()),
        "ownerID": task.owner,
        "name": task.name,
        "status": if task.active { "active" } else { "inactive" },
        "flux": task.flux,
        "latestCompleted": rfc3339(task.latest_completed),
        "createdAt": rfc3339(task.created_at),
    });
    let optional = [
        ("description", &task.description),
        ("every", &task.every),
        ("cron", &task.cron),
        ("offset", &task.offset),
        ("lastRunStatus", &task.last_run_status),
        ("lastRunError", &task.last_run_error),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            shown[name] = json!(value);
        }
    }
    if let Some(updated_at) = task.updated_at {
        shown["updatedAt"] = json!(rfc3339(updated_at));
    }
    // As InfluxDB does: no word of an offset that is none, nor of a run that went well.
    if task.offset.as_deref() == Some("0s") {
        remove(&mut shown, "offset");
    }
    if task.last_run_status.as_deref() == Some("success") {
        remove(&mut shown, "lastRunError");
    }
    shown
}

fn remove(shown: &mut Value, member: &str) {
    if let Some(members) = shown.as_object_mut() {
        members.remove(member);
    }
}

/// A task without what is long: `?type=basic`.
fn shown_briefly(state: &State, task: &Task) -> Value {
    let mut brief = shown(state, task);
    brief["flux"] = json!("");
    brief["org"] = json!("");
    remove(&mut brief, "createdAt");
    remove(&mut brief, "updatedAt");
    brief
}

fn decoding(error: impl Into<ApiError>) -> ApiError {
    error.into().within("failed to decode request")
}

/// `GET /api/v2/tasks`.
pub fn list(call: &Call) -> Reply {
    let query = &call.query;
    let limit = match query.get("limit") {
        None => PAGE_DEFAULT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| PAGE.contains(limit))
            .ok_or_else(|| {
                decoding(ApiError::invalid(format!(
                    "limit must be between {} and {}",
                    PAGE.start(),
                    PAGE.end()
                )))
            })?,
    };
    let state = call.app.meta.read();
    let org = call
        .organization(&state)
        .map_err(|error| ApiError::invalid(decoding(error).message))?;
    let org = org.map(|organization| organization.id);
    let (after, owner) = (
        query.id("after").map_err(decoding)?,
        query.id("user").map_err(decoding)?,
    );
    let active = users::active(query.get("status")).map_err(decoding)?;
    let found: Vec<&Task> = state
        .tasks
        .values()
        .filter(|task| task.made_of.is_none())
        .filter(|task| {
            org.is_none_or(|org| org == task.org) && owner.is_none_or(|owner| owner == task.owner)
        })
        .filter(|task| query.get("name").is_none_or(|name| name == task.name))
        .filter(|task| active.is_none_or(|active| active == task.active))
        .filter(|task| after.is_none_or(|after| task.id > after))
        .filter(|task| call.may_read(ResourceType::Tasks, task.org, task.id))
        .take(limit)
        .collect();
    let link = |after: Option<Id>| match after {
        Some(after) => format!("/api/v2/tasks?after={after}&limit={limit}"),
        None => format!("/api/v2/tasks?limit={limit}"),
    };
    let mut links = json!({ "self": link(after) });
    if let Some(last) = found.last().filter(|_| found.len() == limit) {
        links["next"] = json!(link(Some(last.id)));
    }
    let show = if query.get("type") == Some("basic") {
        shown_briefly
    } else {
        shown
    };
    let tasks: Vec<Value> = found.into_iter().map(|task| show(&state, task)).collect();
    Ok(Answer::ok(json!({ "links": links, "tasks": tasks })))
}

/// `POST /api/v2/tasks`.
pub fn create(call: &Call) -> Reply {
    let request =
        body::first_object(&call.body, "TaskCreate", "taskmodel.TaskCreate").map_err(decoding)?;
    let flux = request.text("flux").map_err(decoding)?;
    if flux.is_empty() {
        return Err(decoding(ApiError::invalid("missing flux")));
    }
    let (org_id, org_name) = (
        request.id("orgID").map_err(decoding)?,
        request.text("org").map_err(decoding)?,
    );
    if org_id.is_none() && org_name.is_empty() {
        return Err(decoding(ApiError::invalid("missing orgID and org")));
    }
    let active = status(&request)?.unwrap_or(true);
    let description = request
        .string("description")
        .map_err(decoding)?
        .filter(|text| !text.is_empty());
    let options = Options::of(&flux)
        .map_err(|reason| ApiError::invalid(format!("invalid options: {reason}")))?;
    let now = call.now();
    let made = call.app.meta.update(|state, changes| {
        let org = match org_id {
            Some(id) => super::orgs::find(state, id)?.id,
            None => {
                state
                    .organization_by_name(&org_name)
                    .ok_or_else(|| ApiError::no_organization(&org_name))?
                    .id
            }
        };
        call.need_in(Action::Write, ResourceType::Tasks, org, None)?;
        let id = call.app.meta.next_id(now);
        let task = Task {
            active,
            description,
            may_request: may_request(call, org),
            ..new(id, org, call.caller()?.user, flux, options, now)
        };
        changes.put(task.clone());
        Ok::<_, ApiError>(shown(state, &task))
    })?;
    call.app.tasks.tell_changed();
    Ok(Answer::created(made))
}

/// A task that was never run.
pub fn new(id: Id, org: Id, owner: Id, flux: String, options: Options, now: i64) -> Task {
    Task {
        id,
        org,
        owner,
        name: options.name,
        description: None,
        active: true,
        flux,
        every: options.every,
        cron: options.cron,
        offset: options.offset,
        concurrency: options.concurrency,
        retry: options.retry,
        made_of: None,
        may_request: false,
        latest_completed: now,
        latest_success: None,
        last_run_status: None,
        last_run_error: None,
        created_at: now,
        updated_at: None,
    }
}

/// Whether a script that the caller writes may send requests. A task runs with its owner's rights, which may be more than
/// those of the token that made it; this one does not grow so.
pub fn may_request(call: &Call, org: Id) -> bool {
    let needed = Permission::of_org(Action::Write, ResourceType::Requests, org);
    let caller = call.caller.as_ref();
    caller.is_some_and(|caller| caller.may(&needed))
}

/// Gives a task another script.
pub fn rewrite(task: &mut Task, flux: String, options: Options) {
    task.name = options.name;
    task.flux = flux;
    task.every = options.every;
    task.cron = options.cron;
    task.offset = options.offset;
    task.concurrency = options.concurrency;
    task.retry = options.retry;
}

fn status(request: &Object) -> Result<Option<bool>, ApiError> {
    users::active(request.string("status").map_err(decoding)?.as_deref()).map_err(decoding)
}

/// The task of an id; `doing` says what failed without it.
///
/// # Errors
/// There is none.
pub fn find<'s>(state: &'s State, id: Id, doing: &str) -> Result<&'s Task, ApiError> {
    let found = state.tasks.get(&id);
    found.ok_or_else(|| ApiError::not_found(format!("failed to {doing}: task not found")))
}

/// The id in the path.
///
/// # Errors
/// It is no id.
pub fn id(call: &Call) -> Result<Id, ApiError> {
    call.id("id").map_err(decoding)
}

/// `GET /api/v2/tasks/{id}`.
pub fn get(call: &Call) -> Reply {
    let state = call.app.meta.read();
    let task = find(&state, id(call)?, "find task")?;
    call.need_in(Action::Read, ResourceType::Tasks, task.org, Some(task.id))?;
    Ok(Answer::ok(shown(&state, task)))
}

/// `PATCH /api/v2/tasks/{id}`.
pub fn change(call: &Call) -> Reply {
    let id = id(call)?;
    let request =
        body::first_object(&call.body, "TaskUpdate", "taskmodel.TaskUpdate").map_err(decoding)?;
    let text = |member: &str| -> Result<Option<String>, JsonError> {
        Ok(request.string(member)?.filter(|text| !text.is_empty()))
    };
    let edit = Edit {
        name: text("name").map_err(decoding)?,
        every: text("every").map_err(decoding)?,
        cron: text("cron").map_err(decoding)?,
        offset: text("offset").map_err(decoding)?,
    };
    let (flux, active) = (text("flux").map_err(decoding)?, status(&request)?);
    if edit.is_empty() && flux.is_none() && active.is_none() {
        return Err(decoding(ApiError::invalid(
            "cannot update task without content",
        )));
    }
    let description = request.string("description").map_err(decoding)?;
    let shown = call.app.meta.update(|state, changes| {
        let mut task = find(state, id, "update task")?.clone();
        call.need_in(Action::Write, ResourceType::Tasks, task.org, Some(id))?;
        let failed = |reason: String| ApiError::invalid(format!("failed to update task: {reason}"));
        if flux.is_some() || !edit.is_empty() {
            let mut flux = flux.unwrap_or_else(|| task.flux.clone());
            if !edit.is_empty() {
                flux = edit.apply(&flux).map_err(failed)?;
            }
            let options = Options::of(&flux).map_err(failed)?;
            rewrite(&mut task, flux, options);
            task.may_request = may_request(call, task.org);
        }
        let now = call.now();
        if active == Some(true) && !task.active {
            // What it missed while it was inactive was not wanted.
            task.latest_completed = now;
        }
        task.active = active.unwrap_or(task.active);
        task.description = description.or(task.description);
        task.updated_at = Some(now);
        changes.put(task.clone());
        Ok::<_, ApiError>(shown(state, &task))
    })?;
    crate::tasks::forget(&call.app, id);
    call.app.tasks.tell_changed();
    Ok(Answer::ok(shown))
}

/// `DELETE /api/v2/tasks/{id}`.
pub fn delete(call: &Call) -> Reply {
    let id = id(call)?;
    call.app.meta.update(|state, changes| {
        let task = find(state, id, "delete task")?;
        call.need_in(Action::Write, ResourceType::Tasks, task.org, Some(id))?;
        changes.delete(Kind::Task, id);
        labels::forget_resource(state, changes, id);
        Ok::<_, ApiError>(())
    })?;
    for run in call.app.tasks.active_runs(id) {
        call.app.tasks.cancel(run.id);
    }
    crate::tasks::forget(&call.app, id);
    Ok(Answer::no_content())
}
