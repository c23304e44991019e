//! Checks and notification rules: kept as they are sent, run as the tasks that are made of them.

use serde_json::{Value, json};

use crate::api::call::{Answer, Call, Reply};
use crate::api::collection::{Item, find, need, to_change};
use crate::api::error::ApiError;
use crate::api::{labels, orgs, tasks};
use crate::auth::Action;
use crate::clock::rfc3339;
use crate::meta::{Id, Kind, State, Task};
use crate::tasks::options::Options;

/// One of them.
pub trait Scripted: Item {
    /// The kind of its record.
    const KIND: Kind;

    /// The task that is made of it.
    fn task(&self) -> Id;

    /// Who made it: the task runs with their rights.
    fn owner(&self) -> Id;

    /// It was changed at a time, nanoseconds since 1970.
    fn touch(&mut self, now: i64);

    /// Fails if another one stands in its way.
    ///
    /// # Errors
    /// One has its name.
    fn check_free(&self, state: &State) -> Result<(), ApiError>;

    /// Its script and schedule.
    ///
    /// # Errors
    /// No script can be made of what was sent.
    fn script(&self, state: &State) -> Result<(String, Options), ApiError>;
}

/// Keeps a new one with its task.
///
/// # Errors
/// The caller may not, its name is taken, or the disk refused.
pub fn keep<S: Scripted>(call: &Call, scripted: S, active: bool) -> Reply {
    let now = call.now();
    call.app.meta.update(|state, changes| {
        orgs::find(state, scripted.org())?;
        call.need_in(Action::Write, S::TYPE, scripted.org(), None)?;
        scripted.check_free(state)?;
        let (flux, options) = scripted.script(state)?;
        let task = tasks::new(
            scripted.task(),
            scripted.org(),
            scripted.owner(),
            flux,
            options,
            now,
        );
        changes.put(Task {
            active,
            made_of: Some(scripted.id()),
            may_request: tasks::may_request(call, scripted.org()),
            ..task
        });
        changes.put(scripted.clone());
        Ok::<_, ApiError>(())
    })?;
    call.app.tasks.tell_changed();
    Ok(Answer::created(scripted.shown(&call.app.meta.read())))
}

/// Changes one and the task behind it; `edit` also says whether it is active.
///
/// # Errors
/// There is none, the caller may not, the change is wrong, or the disk refused.
pub fn change<S: Scripted>(
    call: &Call,
    id: Id,
    edit: impl FnOnce(&mut S, &mut bool) -> Result<(), ApiError>,
) -> Reply {
    call.app.meta.update(|state, changes| {
        let mut scripted: S = to_change(call, state, id)?;
        let task = state.tasks.get(&scripted.task());
        let mut active = task.is_some_and(|task| task.active);
        edit(&mut scripted, &mut active)?;
        scripted.check_free(state)?;
        scripted.touch(call.now());
        let (flux, options) = scripted.script(state)?;
        if let Some(mut task) = task.cloned() {
            tasks::rewrite(&mut task, flux, options);
            task.active = active;
            task.may_request = tasks::may_request(call, scripted.org());
            task.updated_at = Some(call.now());
            changes.put(task);
        }
        changes.put(scripted);
        Ok::<_, ApiError>(())
    })?;
    call.app.tasks.tell_changed();
    let state = call.app.meta.read();
    Ok(Answer::ok(find::<S>(&state, id)?.shown(&state)))
}

/// `GET /api/v2/TYPE/{id}/query`.
pub fn script_of<S: Scripted>(call: &Call) -> Reply {
    let state = call.app.meta.read();
    let scripted: &S = find(&state, call.id("id")?)?;
    need(call, Action::Read, scripted)?;
    Ok(Answer::ok(json!({ "flux": scripted.script(&state)?.0 })))
}

/// `DELETE /api/v2/TYPE/{id}`: it and its task.
pub fn delete<S: Scripted>(call: &Call) -> Reply {
    let id = call.id("id")?;
    call.app.meta.update(|state, changes| {
        let scripted: S = to_change(call, state, id)?;
        changes.delete(S::KIND, id);
        changes.delete(Kind::Task, scripted.task());
        labels::forget_resource(state, changes, id);
        Ok(Answer::no_content())
    })
}

/// Adds what is shown of the task behind it.
pub fn show_task<S: Scripted>(scripted: &S, state: &State, mut shown: Value) -> Value {
    let task = state.tasks.get(&scripted.task());
    let is_active = task.is_some_and(|task| task.active);
    let completed = task.map_or(0, |task| task.latest_completed);
    shown["taskID"] = json!(scripted.task());
    shown["ownerID"] = json!(scripted.owner());
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
    shown
}
