//! One run of a task: its script, run as its owner, with `now()` at the time it was scheduled for.

use crate::api::error::{ApiError, Code};
use crate::app::App;
use crate::auth::ResourceType;
use crate::auth::authenticate::of_user;
use crate::meta::Task;
use crate::query::{Request, Runner, Ticket};
use crate::tasks::history::{Run, Status};

/// Runs the script, as often as its `retry` allows, and says in the log how it went.
pub(super) fn execute(app: &App, task: &Task, run: &mut Run, ticket: &Ticket) {
    let now = app.tasks.start_time(app.clock.now());
    run.status = Status::Started;
    run.started_at = Some(now);
    run.say(
        now,
        format!("Started task from script: {}", quoted(&task.flux)),
    );
    let mut outcome = attempt(app, task, run, ticket);
    for turn in 2..=task.retry {
        match &outcome {
            Err(error) if error.code != Code::Unavailable => {
                run.say(
                    app.clock.now(),
                    format!(
                        "Retrying ({turn} of {}) after: {}",
                        task.retry, error.message
                    ),
                );
                outcome = attempt(app, task, run, ticket);
            }
            _ => break,
        }
    }
    finish(app, run, outcome);
}

fn attempt(app: &App, task: &Task, run: &Run, ticket: &Ticket) -> Result<(), ApiError> {
    let permissions = {
        let state = app.meta.read();
        if !state.is_active(task.owner) {
            return Err(ApiError::new(
                Code::Forbidden,
                "the task's owner does not exist or is inactive",
            ));
        }
        let rights = of_user(&state, task.owner);
        match task.may_request {
            true => rights,
            false => rights.without(ResourceType::Requests),
        }
    };
    let request = Request {
        org: task.org,
        permissions,
        text: task.flux.clone(),
        externals: None,
        now: run.scheduled_for,
        last_success: task.latest_success,
    };
    let is_canceled = || app.tasks.is_canceled(run.id);
    let runner = Runner {
        app,
        request: &request,
        ticket,
        abandoned: &is_canceled,
    };
    runner.run(&mut |_, _| Ok(())).map(|_| ())
}

fn finish(app: &App, run: &mut Run, outcome: Result<(), ApiError>) {
    let now = app.clock.now();
    run.finished_at = Some(now);
    match outcome {
        Ok(()) => {
            run.status = Status::Success;
            run.say(now, "Completed(success)");
        }
        Err(_) if app.tasks.is_canceled(run.id) => {
            run.status = Status::Canceled;
            run.say(now, "Completed(canceled)");
        }
        Err(error) => {
            run.status = Status::Failed;
            let reason = reason(&error);
            run.say(now, "Completed(failed)");
            run.say(now, reason.clone());
            if matches!(error.code, Code::Invalid | Code::NotFound | Code::Forbidden) {
                // Another try would fail in the same way.
                run.say(
                    now,
                    format!(
                        "Task encountered unrecoverable error, requires admin action: {reason}"
                    ),
                );
            }
        }
    }
}

/// A failure as the log and the task's `lastRunError` tell it.
fn reason(error: &ApiError) -> String {
    format!("error exhausting result iterator: {}", error.message)
}

/// What the task's `lastRunError` says after a run.
pub(super) fn last_error(run: &Run) -> Option<String> {
    let prefix = "error exhausting result iterator: ";
    (run.status == Status::Failed)
        .then(|| {
            run.log
                .iter()
                .map(|event| &event.message)
                .find(|message| message.starts_with(prefix))
                .cloned()
        })
        .flatten()
}

/// A text in quotes, as Go writes it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            other => quoted.push(other),
        }
    }
    quoted + "\""
}
