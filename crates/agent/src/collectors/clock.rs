//! Whether the host's clock follows a source of time, and how far it is off: chrony tells both, systemd-timesyncd by a
//! file whether it does.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::command::{self, Output};
use super::host_files::HostFiles;
use super::row::Row;
use super::{CollectError, Collector, Points};

/// systemd-timesyncd keeps its state here, with a file `synchronized` once it is.
const TIMESYNC: &str = "run/systemd/timesync";

/// chronyd's socket for questions.
const CHRONY: &str = "run/chrony/chronyd.sock";

/// How long chronyc may take; it asks a process of this host.
const DEADLINE: Duration = Duration::from_secs(2);

/// What chronyc may say: one line.
const MAX_BYTES: u64 = 4096;

/// Columns of `chronyc -c tracking`: the offset of the clock in seconds, and the state.
const OFFSET: usize = 4;
const LEAP: usize = 13;

/// Asks chrony: one line of columns with commas between.
pub type Tracking = Arc<dyn Fn() -> io::Result<Output> + Send + Sync>;

/// `chronyc -c tracking`.
///
/// Errors: there is none, or it takes too long.
pub fn chronyc() -> io::Result<Output> {
    command::run("chronyc", &["-n", "-c", "tracking"], DEADLINE, MAX_BYTES)
}

/// The state of the clock.
pub struct Clock {
    tracking: Tracking,
}

impl Clock {
    /// Asks chrony by `tracking`.
    pub fn new(tracking: Tracking) -> Self {
        Self { tracking }
    }
}

/// A row of what chrony says; `None` if it says nothing of use.
fn by_chrony(text: &str, row: Row) -> Option<Row> {
    let columns: Vec<&str> = text.trim().split(',').collect();
    let offset: f64 = columns.get(OFFSET)?.parse().ok()?;
    let follows = *columns.get(LEAP)? != "Not synchronised";
    let microseconds = (offset.abs() * 1e6).round();
    let known = follows && microseconds.is_finite();
    Some(
        row.integer("clock_synchronized", u64::from(follows))
            .optional_integer("clock_offset_us", known.then_some(microseconds as u64)),
    )
}

impl Collector for Clock {
    fn name(&self) -> &'static str {
        "clock"
    }

    fn collect(
        &mut self,
        files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        if files.exists(CHRONY) {
            let answer = (self.tracking)()
                .ok()
                .filter(|output| output.code == Some(0));
            if let Some(row) =
                answer.and_then(|output| by_chrony(&output.text, Row::new("system", at)))
            {
                points.push(row);
                return Ok(());
            }
        }
        if files.exists(TIMESYNC) {
            let follows = files.exists(&format!("{TIMESYNC}/synchronized"));
            points.push(Row::new("system", at).integer("clock_synchronized", u64::from(follows)));
        }
        Ok(())
    }
}
