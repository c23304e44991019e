//! Runs a task's text for the past.
//!
//! A task's text asks `now()` for its window, and a query may say what `now()` is; so the past is
//! made by the same text, on any server, without a run queue in between. The tasks of this project
//! write the same points when a window is run again.
//!
//! A text with the parameter `span` makes several windows in one query, which saves most of the cost
//! of many small ones: as many as keep the query's memory bounded.

use std::collections::VecDeque;
use std::time::Duration;

use watchpost_client::flux_text;
use watchpost_client::query::Query;
use watchpost_service::config::Interval;

use crate::error::{Doing, Error, Result};
use crate::observe::Target;
use crate::platform::{Task, TaskText};

/// A day of a thousand hosts takes minutes; longer than this is a server in trouble.
const QUERY_TIMEOUT: Duration = Duration::from_secs(600);

/// A decade of hours. More is a mistake in the arguments.
const WINDOWS_MAX: usize = 100_000;

/// The parameter by which a text takes more than one window.
const SPAN: &str = "span";
/// The parameter that names the bucket a text reads.
const SOURCE: &str = "source";

/// Points that one query may read: some hundred megabytes on the server.
const POINTS_MAX: i64 = 2_000_000;
/// A day of hours: more in one query gains nothing.
const SPAN_WINDOWS_MAX: usize = 24;

/// Windows that one query makes, in the order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// What `now()` is for the query: the end of its last window.
    pub now: i64,
    /// How many windows, at least one.
    pub windows: usize,
}

/// The times at which the task would have run for the windows that lie wholly in `[from, to)`.
///
/// # Errors
/// The range holds no whole window, or too many.
pub fn runs(task: &Task, from: i64, to: i64) -> Result<Vec<i64>> {
    let every = nanoseconds(task.every);
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

/// The runs in groups of neighbours, none larger than `size`.
#[must_use]
pub fn batches(runs: &[i64], size: usize) -> Vec<Batch> {
    let groups = runs.chunks(size.max(1));
    groups
        .filter_map(|group| {
            Some(Batch {
                now: *group.last()?,
                windows: group.len(),
            })
        })
        .collect()
}

/// How many windows one query may make, by the points that the fuller of the first and the last
/// window reads. One for a text without the parameters `span` and `source`.
///
/// # Errors
/// The server's.
pub async fn batch_size(
    target: &Target,
    task: &Task,
    text: &TaskText,
    runs: &[i64],
) -> Result<usize> {
    let (Some(source), Some(_)) = (text.parameter(SOURCE), text.parameter(SPAN)) else {
        return Ok(1);
    };
    let mut fullest = 1;
    for now in runs.iter().take(1).chain(runs.last()) {
        let points = points_in(target, source, now - nanoseconds(task.every), *now).await?;
        fullest = fullest.max(points);
    }
    let fitting = usize::try_from(POINTS_MAX / fullest).unwrap_or(usize::MAX);
    Ok(fitting.clamp(1, SPAN_WINDOWS_MAX))
}

async fn points_in(target: &Target, bucket: &str, from: i64, to: i64) -> Result<i64> {
    let text = format!(
        "from(bucket: {}) |> range(start: {}, stop: {})\n    |> count() |> group() |> sum()",
        flux_text::string(bucket),
        flux_text::time(from),
        flux_text::time(to)
    );
    let query = Query::new(text).timeout(QUERY_TIMEOUT);
    let tables = target.client.query(&query).await;
    let tables = tables.doing(|| format!("counting the points of {bucket:?}"))?;
    let rows = tables.iter().flat_map(|it| it.rows());
    Ok(rows.filter_map(|row| row.i64("_value")).sum())
}

/// Makes the windows of all batches, in the order of time. A batch that the server has not the time or
/// the memory for is cut in two and tried again; `made` is told the number of windows after each.
///
/// # Errors
/// The server's, for a single window or a text that it refuses.
pub async fn run_all(
    target: &Target,
    task: &Task,
    text: &TaskText,
    batches: Vec<Batch>,
    mut made: impl FnMut(usize),
) -> Result<()> {
    let mut rest = VecDeque::from(batches);
    while let Some(batch) = rest.pop_front() {
        match run(target, task, text, batch).await {
            Ok(()) => made(batch.windows),
            Err(error) if batch.windows > 1 && error.is_too_much() => {
                let later = batch.windows / 2;
                let earlier = i64::try_from(later).unwrap_or(i64::MAX) * nanoseconds(task.every);
                rest.push_front(Batch {
                    now: batch.now,
                    windows: later,
                });
                rest.push_front(Batch {
                    now: batch.now - earlier,
                    windows: batch.windows - later,
                });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Makes the windows of a batch. What the text writes is passed through by the server and dropped
/// here, table by table.
///
/// # Errors
/// The server's.
pub async fn run(target: &Target, task: &Task, text: &TaskText, batch: Batch) -> Result<()> {
    let what = || {
        let until = watchpost_core::time::format_rfc3339(batch.now);
        format!(
            "running the task for {} windows until {until}",
            batch.windows
        )
    };
    let text = if batch.windows == 1 {
        text.text().to_owned()
    } else {
        let windows = u32::try_from(batch.windows).unwrap_or(u32::MAX);
        let span = Interval(task.every.get().saturating_mul(windows));
        text.with_parameter(SPAN, &span.to_string())
    };
    let query = Query::new(text)
        .now(batch.now)
        .timeout(QUERY_TIMEOUT)
        .row_limit(usize::MAX)
        .byte_limit(usize::MAX);
    let mut stream = target.client.query_stream(&query).await.doing(what)?;
    while stream.next_table().await.doing(what)?.is_some() {}
    Ok(())
}

fn nanoseconds(length: Interval) -> i64 {
    i64::try_from(length.get().as_nanos()).unwrap_or(i64::MAX)
}
