//! The schedule: looks whose turn it is, starts their runs, and writes down what became of them.

use std::sync::Arc;
use std::time::Duration;

use crate::api::error::ApiError;
use crate::app::App;
use crate::meta::{Id, Task};
use crate::query::Asker;
use crate::tasks::execute::{execute, last_error};
use crate::tasks::history::{self, Run, Status};
use crate::tasks::schedule::Schedule;
use watchpost_core::duration;

/// How long the scheduler sleeps at most: the clock may be set meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// Missed runs that are made up for, the newest ones, a task: a task of every second that was down for a day would
/// otherwise keep the server busy for hours.
const MOST_CATCH_UP: usize = 1_000;

/// Starts the schedule; it ends with the runtime.
pub fn start(app: &Arc<App>) {
    let app = Arc::downgrade(app);
    tokio::spawn(async move {
        let mut is_first = true;
        loop {
            let Some(app) = app.upgrade() else { return };
            let sleep = round(&app, is_first);
            is_first = false;
            let changed = Arc::clone(&app.tasks.changed);
            // Waits without holding the server: it may be closed meanwhile.
            drop(app);
            let _ = tokio::time::timeout(sleep, changed.notified()).await;
        }
    });
}

/// Starts what is due, and says how long nothing else will be.
fn round(app: &Arc<App>, is_first: bool) -> Duration {
    let now = app.clock.now();
    let tasks: Vec<Task> = app
        .meta
        .read()
        .tasks
        .values()
        .filter(|task| task.active)
        .cloned()
        .collect();
    let mut next = now + LONGEST_SLEEP.as_nanos() as i64;
    for task in tasks {
        let Ok(schedule) = Schedule::of(task.every.as_deref(), task.cron.as_deref()) else {
            continue;
        };
        if is_first {
            look_back(app, &task, &schedule, now);
        }
        let offset = offset_of(&task);
        while let Some(due) = schedule.next_after(stands_at(app, &task)) {
            let at = due.saturating_add(offset);
            if at > now {
                next = next.min(at);
                break;
            }
            if !has_room(app, &task) {
                break;
            }
            advance(app, &task, due);
            begin(app, task.clone(), run_of(app, &task, due, None));
        }
    }
    Duration::from_nanos(u64::try_from(next - now).unwrap_or(0).max(1_000_000))
}

fn offset_of(task: &Task) -> i64 {
    let offset = task
        .offset
        .as_deref()
        .and_then(|offset| offset.parse::<duration::Duration>().ok());
    offset
        .and_then(duration::Duration::fixed_nanos)
        .unwrap_or(0)
}

/// The newest time that the task was run for.
fn stands_at(app: &App, task: &Task) -> i64 {
    let known = app.tasks.lock().scheduled.get(&task.id).copied();
    known
        .unwrap_or(task.latest_completed)
        .max(task.latest_completed)
}

fn advance(app: &App, task: &Task, to: i64) {
    app.tasks.lock().scheduled.insert(task.id, to);
}

fn has_room(app: &App, task: &Task) -> bool {
    let running = app.tasks.active_runs(task.id).len();
    i64::try_from(running).unwrap_or(i64::MAX) < task.concurrency
}

/// What a task missed while the server was down: made up for, or written down.
fn look_back(app: &Arc<App>, task: &Task, schedule: &Schedule, now: i64) {
    let offset = offset_of(task);
    let mut missed = Vec::new();
    let mut at = task.latest_completed;
    while let Some(due) = schedule
        .next_after(at)
        .filter(|due| due.saturating_add(offset) <= now)
    {
        missed.push(due);
        at = due;
        if missed.len() > 100 * MOST_CATCH_UP {
            missed.drain(..missed.len() - MOST_CATCH_UP);
        }
    }
    if app.tasks.catch_up {
        let skip = missed.len().saturating_sub(MOST_CATCH_UP);
        if let Some(last_skipped) = missed[..skip].last() {
            advance(app, task, *last_skipped);
        }
        return;
    }
    // The newest one is not late yet: it is run as usual.
    missed.pop();
    let (Some(first), Some(last)) = (missed.first(), missed.last()) else {
        return;
    };
    let (first, last, count) = (
        crate::clock::rfc3339(*first),
        crate::clock::rfc3339(*last),
        missed.len(),
    );
    tracing::warn!(task = %task.name, count, first, last, "runs were missed while the server was down");
    let mut run = run_of(app, task, missed[count - 1], None);
    let message = format!(
        "{count} runs, from {first} to {last}, were missed while the server was down; start the server with \
         --catch-up-tasks or ask for them one by one"
    );
    run.status = Status::Canceled;
    run.started_at = Some(app.tasks.start_time(now));
    run.finished_at = Some(now);
    run.say(now, message);
    advance(app, task, missed[count - 1]);
    settle(app, task, &run);
}

fn run_of(app: &App, task: &Task, scheduled_for: i64, requested_at: Option<i64>) -> Run {
    Run {
        id: app.meta.next_id(app.clock.now()),
        task: task.id,
        status: Status::Scheduled,
        scheduled_for,
        requested_at,
        started_at: None,
        finished_at: None,
        log: Vec::new(),
    }
}

/// Starts a run that somebody asked for; `scheduled_for` is what its `now()` answers.
pub fn request_run(app: &Arc<App>, task: &Task, scheduled_for: i64) -> Run {
    let run = run_of(app, task, scheduled_for, Some(app.clock.now()));
    begin(app, task.clone(), run.clone());
    run
}

fn begin(app: &Arc<App>, task: Task, run: Run) {
    app.tasks.lock().runs.insert(run.id, run.clone());
    let app = Arc::clone(app);
    tokio::spawn(async move {
        let queries = &app.queries;
        let asker = Asker {
            user: task.owner,
            holder: task.owner,
            reads: true,
        };
        let ticket = queries.enter(&task.flux, task.org, asker);
        let ticket = ticket.await;
        let done = tokio::task::spawn_blocking(move || perform(&app, &task, run, ticket));
        if let Err(panic) = done.await {
            tracing::error!(%panic, "a task's run panicked");
        }
    });
}

fn perform(app: &App, task: &Task, mut run: Run, ticket: Result<crate::query::Ticket, ApiError>) {
    // The newest state of the task: it may have waited, or been changed.
    let task = app
        .meta
        .read()
        .tasks
        .get(&task.id)
        .cloned()
        .unwrap_or_else(|| task.clone());
    match ticket {
        Ok(ticket) => {
            let mut started = run.clone();
            started.status = Status::Started;
            started.started_at = Some(app.clock.now());
            app.tasks.lock().runs.insert(run.id, started);
            execute(app, &task, &mut run, &ticket);
        }
        Err(error) => {
            let now = app.tasks.start_time(app.clock.now());
            run.status = Status::Failed;
            run.started_at = Some(now);
            run.finished_at = Some(now);
            run.say(now, "Completed(failed)");
            run.say(
                now,
                format!("error exhausting result iterator: {}", error.message),
            );
        }
    }
    settle(app, &task, &run);
    app.tasks.tell_changed();
}

/// Writes down how a run ended: its log, then what the task knows of itself.
fn settle(app: &App, task: &Task, run: &Run) {
    app.metrics.runs.with(&[run.status.name()]).increment();
    if let Err(error) = history::keep(app, task, run) {
        tracing::error!(%error, task = %task.name, "a run's log could not be kept");
    }
    let settled = app.meta.update(|state, changes| {
        let Some(mut task) = state.tasks.get(&task.id).cloned() else {
            return Ok::<_, ApiError>(());
        };
        task.latest_completed = task.latest_completed.max(if run.requested_at.is_none() {
            run.scheduled_for
        } else {
            0
        });
        if run.status == Status::Success {
            task.latest_success = Some(
                task.latest_success
                    .unwrap_or(i64::MIN)
                    .max(run.scheduled_for),
            );
        }
        task.last_run_status = Some(run.status.name().to_owned());
        task.last_run_error = last_error(run);
        changes.put(task);
        Ok(())
    });
    if let Err(error) = settled {
        tracing::error!(%error, task = %task.name, "the end of a run could not be kept");
    }
    let mut active = app.tasks.lock();
    active.runs.remove(&run.id);
    active.canceled.retain(|canceled| *canceled != run.id);
}

/// Forgets where a task's schedule stands: it was removed, or its schedule changed.
pub fn forget(app: &App, task: Id) {
    app.tasks.lock().scheduled.remove(&task);
}
