//! Tasks: Flux scripts that run on a schedule, and the record of their runs.

use std::io;
use std::path::Path;

/// Runs of tasks.
#[derive(Debug)]
pub struct Tasks {
    _catch_up: bool,
}

impl Tasks {
    /// Opens the record of runs in a folder.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(_folder: &Path, catch_up: bool) -> io::Result<Self> {
        Ok(Self {
            _catch_up: catch_up,
        })
    }

    /// Runs that are not finished.
    pub fn active(&self) -> usize {
        0
    }
}

/// Starts the schedule.
pub fn start(_app: &std::sync::Arc<crate::app::App>) {}
