//! Tasks: Flux scripts that run on a schedule, and the record of their runs.
//!
//! ```text
//! scheduler (whose turn is it?) ─▶ execute (the script, as its owner) ─▶ history (runs and their logs, in `_tasks`)
//! ```
//! A run's `now()` is the time it was scheduled for; the offset only delays it. What is known of a task's past is kept with
//! the task, so a restart goes on where the last process stopped, and sees what was missed meanwhile.

pub mod cron;
mod execute;
mod history;
pub mod options;
pub mod schedule;
mod scheduler;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::meta::Id;

pub use history::shown_event;
pub use history::{Event, Run, Status, find as find_run, list as list_runs};
pub use scheduler::{forget, request_run, start};

/// What is going on.
#[derive(Debug)]
pub struct Tasks {
    /// Whether runs that were missed while the server was down are made up for.
    catch_up: bool,
    /// Tells the scheduler that something changed.
    changed: Arc<Notify>,
    active: Mutex<Active>,
}

/// Runs that are not finished, and where each task's schedule stands.
#[derive(Debug, Default)]
struct Active {
    runs: BTreeMap<Id, Run>,
    /// The newest time that each task was run for, or was found to have missed.
    scheduled: BTreeMap<Id, i64>,
    /// Runs that were asked to end.
    canceled: Vec<Id>,
    /// When the newest run started.
    last_start: i64,
}

impl Tasks {
    /// None yet.
    pub fn new(catch_up: bool) -> Self {
        Self {
            catch_up,
            changed: Arc::default(),
            active: Mutex::default(),
        }
    }

    /// How many runs are not finished.
    pub fn active(&self) -> usize {
        self.lock().runs.len()
    }

    /// The unfinished runs of a task.
    pub fn active_runs(&self, task: Id) -> Vec<Run> {
        self.lock()
            .runs
            .values()
            .filter(|run| run.task == task)
            .cloned()
            .collect()
    }

    /// Asks an unfinished run to end; whether there is such a run.
    pub fn cancel(&self, run: Id) -> bool {
        let mut active = self.lock();
        let is_active = active.runs.contains_key(&run);
        if is_active {
            active.canceled.push(run);
        }
        is_active
    }

    /// Says that tasks were made, changed or removed.
    pub fn tell_changed(&self) {
        self.changed.notify_one();
    }

    /// When a run that starts now starts: no two start at the same nanosecond, for they are kept by it.
    fn start_time(&self, now: i64) -> i64 {
        let mut active = self.lock();
        active.last_start = now.max(active.last_start + 1);
        active.last_start
    }

    fn is_canceled(&self, run: Id) -> bool {
        self.lock().canceled.contains(&run)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Active> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
