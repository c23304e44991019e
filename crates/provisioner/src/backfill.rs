//! Runs a task's text for the past, window by window.
//!
//! A task's text asks `now()` for its window, and a query may say what `now()` is; so the past is
//! made by the same text, on any server, without a run queue in between. The tasks of this project
//! write the same points when a window is run again.

use std::time::Duration;

use watchpost_client::query::Query;

use crate::error::{Doing, Error, Result};
use crate::observe::Target;
use crate::platform::{Task, TaskText};

/// A day of a thousand hosts takes minutes; longer than this is a server in trouble.
const WINDOW_TIMEOUT: Duration = Duration::from_secs(600);

/// A decade of hours. More is a mistake in the arguments.
const WINDOWS_MAX: usize = 100_000;

/// The times at which the task would have run for the windows that lie wholly in `[from, to)`.
///
/// # Errors
/// The range holds no whole window, or too many.
pub fn runs(task: &Task, from: i64, to: i64) -> Result<Vec<i64>> {
    let every = i64::try_from(task.every.get().as_nanos()).unwrap_or(i64::MAX);
    let first = from.div_euclid(every) + i64::from(from.rem_euclid(every) != 0);
    let last = to.div_euclid(every);
    let count = usize::try_from(last - first).unwrap_or(0);
    match count {
        0 => Err(Error::Request(format!(
            "no whole window of {} lies in that range",
            task.every
        ))),
        1..=WINDOWS_MAX => Ok((first + 1..=last).map(|it| it * every).collect()),
        _ => Err(Error::Request(format!(
            "{count} windows of {} are too many; at most {WINDOWS_MAX}",
            task.every
        ))),
    }
}

/// Runs the task's text as if it were `now`. What it writes is passed through by the server and
/// dropped here, table by table.
///
/// # Errors
/// The server's.
pub async fn run(target: &Target, text: &TaskText, now: i64) -> Result<()> {
    let what = || {
        format!(
            "running the task for {}",
            watchpost_core::time::format_rfc3339(now)
        )
    };
    let query = Query::new(&text.0)
        .now(now)
        .timeout(WINDOW_TIMEOUT)
        .row_limit(usize::MAX)
        .byte_limit(usize::MAX);
    let mut stream = target.client.query_stream(&query).await.doing(what)?;
    while stream.next_table().await.doing(what)?.is_some() {}
    Ok(())
}
