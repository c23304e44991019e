//! Runs of tasks: listed, asked for, tried again, ended, and their logs.

use serde_json::{Value, json};

use crate::api::call::{Answer, Call, Reply};
use crate::api::error::ApiError;
use crate::api::json as body;
use crate::api::tasks::{find, id};
use crate::auth::{Action, ResourceType};
use crate::clock::{parse_rfc3339, rfc3339, rfc3339_seconds};
use crate::meta::{Id, Task};
use crate::tasks::{Run, find_run, list_runs, request_run, shown_event};

/// The most runs a page shows, and how many it shows if not told.
const PAGE: std::ops::RangeInclusive<usize> = 1..=500;
const PAGE_DEFAULT: usize = 100;

fn shown(run: &Run) -> Value {
    let path = format!("/api/v2/tasks/{}", run.task);
    let link = |part: &str| format!("{path}/runs/{}{part}", run.id);
    let mut shown = json!({
        "links": { "logs": link("/logs"), "retry": link("/retry"), "self": link(""), "task": path },
        "id": run.id,
        "taskID": run.task,
        "status": run.status.name(),
        "scheduledFor": rfc3339_seconds(run.scheduled_for),
    });
    let times = [
        ("startedAt", run.started_at),
        ("finishedAt", run.finished_at),
        ("requestedAt", run.requested_at),
    ];
    for (name, time) in times {
        if let Some(time) = time {
            shown[name] = json!(rfc3339(time));
        }
    }
    if !run.log.is_empty() {
        shown["log"] = run
            .log
            .iter()
            .map(|event| shown_event(run.id, event))
            .collect();
    }
    shown
}

/// The task in the path, if the caller may do this to it; `doing` says what failed otherwise.
fn task(call: &Call, action: Action, doing: &str) -> Result<Task, ApiError> {
    let state = call.app.meta.read();
    let task = find(&state, id(call)?, doing)?;
    call.need_in(action, ResourceType::Tasks, task.org, Some(task.id))?;
    Ok(task.clone())
}

fn run_id(call: &Call) -> Result<Id, ApiError> {
    call.id("run")
        .map_err(|error| error.within("failed to decode request"))
}

fn run(call: &Call, task: &Task, doing: &str) -> Result<Run, ApiError> {
    find_run(&call.app, task, run_id(call)?)
        .map_err(|error| error.within(&format!("failed to {doing}")))
}

/// `GET /api/v2/tasks/{id}/runs`.
pub fn list(call: &Call) -> Reply {
    let limit = match call.query.get("limit") {
        None => PAGE_DEFAULT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| PAGE.contains(limit))
            .ok_or_else(|| {
                let range = format!("must be between {} and {}", PAGE.start(), PAGE.end());
                ApiError::invalid(format!(
                    "failed to decode request: run limit is out of bounds, {range}"
                ))
            })?,
    };
    let task = task(call, Action::Read, "find runs")?;
    let after = call.query.id("after")?;
    let time = |name: &str| call.query.get(name).and_then(parse_rfc3339);
    let (after_time, before_time) = (time("afterTime"), time("beforeTime"));
    let runs: Vec<Value> = list_runs(&call.app, &task)?
        .iter()
        .filter(|run| after.is_none_or(|after| run.id < after))
        .filter(|run| after_time.is_none_or(|time| run.scheduled_for > time))
        .filter(|run| before_time.is_none_or(|time| run.scheduled_for < time))
        .take(limit)
        .map(shown)
        .collect();
    let path = format!("/api/v2/tasks/{}", task.id);
    Ok(Answer::ok(
        json!({ "links": { "self": format!("{path}/runs"), "task": path }, "runs": runs }),
    ))
}

/// `POST /api/v2/tasks/{id}/runs`: a run now, whose `now()` is the time in the request.
pub fn create(call: &Call) -> Reply {
    let task = task(call, Action::Write, "force run")?;
    let scheduled_for = if call.body.iter().all(u8::is_ascii_whitespace) {
        None
    } else {
        let request = body::first_object(&call.body, "forceRunRequest", "http.forceRunRequest")
            .map_err(|error| ApiError::from(error).within("failed to decode request"))?;
        request
            .string("scheduledFor")?
            .filter(|text| !text.is_empty())
    };
    let scheduled_for = match scheduled_for {
        None => call.now().div_euclid(1_000_000_000) * 1_000_000_000,
        Some(text) => parse_rfc3339(&text).ok_or_else(|| {
            ApiError::invalid(format!(
                "failed to decode request: scheduledFor is not a time in RFC 3339: {text:?}"
            ))
        })?,
    };
    Ok(Answer::created(shown(&request_run(
        &call.app,
        &task,
        scheduled_for,
    ))))
}

/// `GET /api/v2/tasks/{id}/runs/{run}`.
pub fn get(call: &Call) -> Reply {
    let task = task(call, Action::Read, "find run")?;
    Ok(Answer::ok(shown(&run(call, &task, "find run")?)))
}

/// `POST /api/v2/tasks/{id}/runs/{run}/retry`: a new run for the same time.
pub fn retry(call: &Call) -> Reply {
    let task = task(call, Action::Write, "retry run")?;
    let run = run(call, &task, "retry run")?;
    Ok(Answer::ok(shown(&request_run(
        &call.app,
        &task,
        run.scheduled_for,
    ))))
}

/// `DELETE /api/v2/tasks/{id}/runs/{run}`: ends a run that is not finished.
pub fn cancel(call: &Call) -> Reply {
    let task = task(call, Action::Write, "cancel run")?;
    let id = run_id(call)?;
    let is_of_task = call
        .app
        .tasks
        .active_runs(task.id)
        .iter()
        .any(|run| run.id == id);
    match is_of_task && call.app.tasks.cancel(id) {
        true => Ok(Answer::no_content()),
        false => Err(ApiError::not_found("failed to cancel run: run not found")),
    }
}

fn events(runs: &[Run]) -> Reply {
    let events: Vec<Value> = runs
        .iter()
        .flat_map(|run| run.log.iter().map(|event| shown_event(run.id, event)))
        .collect();
    Ok(Answer::ok(json!({ "events": events })))
}

/// `GET /api/v2/tasks/{id}/runs/{run}/logs`.
pub fn logs(call: &Call) -> Reply {
    let task = task(call, Action::Read, "find logs")?;
    events(&[run(call, &task, "find logs")?])
}

/// `GET /api/v2/tasks/{id}/logs`: those of all runs, oldest first.
pub fn all_logs(call: &Call) -> Reply {
    let task = task(call, Action::Read, "find logs")?;
    let mut runs = list_runs(&call.app, &task)?;
    runs.reverse();
    events(&runs)
}
