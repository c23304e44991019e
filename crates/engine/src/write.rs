//! From a body of line protocol to durable points: what the write routes of both versions, `to()` and tasks share.

use std::borrow::Cow;

use watchpost_core::line_protocol::{LineErrors, Lines, Precision, only_time_field_message};
use watchpost_storage::{Batch, Unsynced, WriteOutcome};

use crate::api::error::{ApiError, Code};
use crate::app::App;
use crate::clock::rfc3339;
use crate::meta::Bucket;

/// Stores a body. On return its points are durable. A line that cannot be read refuses the whole body, as InfluxDB does;
/// points that storage refuses (another type, too old) are left out, and the answer says so.
///
/// # Errors
/// As above, or the disk refused all of it.
pub fn store_lines(
    app: &App,
    bucket: &Bucket,
    body: &[u8],
    precision: Precision,
) -> Result<(), ApiError> {
    check_lines(body, app.limits.max_line_bytes)?;
    let now = app.clock.now();
    let body = as_text(body);
    let mut lines = Lines::new(&body, precision, now);
    let mut batch = Batch::new();
    let mut errors = LineErrors::default();
    let mut only_time: Vec<String> = Vec::new();
    while let Some(line) = lines.next_line() {
        match line {
            Err(error) => errors.push(error),
            Ok(line) => {
                if !batch.push(&line) {
                    only_time.push(only_time_field_message(&line.measurement));
                }
            }
        }
    }
    if !errors.is_empty() {
        app.metrics.points_refused.add(errors.total() as u64);
        return Err(ApiError::invalid(errors.to_string()));
    }
    let asked = batch.len() + only_time.len();
    app.metrics.points_requested.add(asked as u64);
    if asked == 0 {
        return Ok(());
    }
    let outcome = store_batch(app, bucket, batch, now)?;
    let refused = only_time
        .first()
        .cloned()
        .or_else(|| refusal(bucket, &outcome));
    match refused {
        None => Ok(()),
        Some(reason) => {
            let dropped = only_time.len() + outcome.dropped();
            Err(partial_write(bucket, &outcome, &reason, dropped))
        }
    }
}

/// Stores a batch and counts what became of it.
///
/// # Errors
/// The disk refused all of it.
pub fn store_batch(
    app: &App,
    bucket: &Bucket,
    batch: Batch,
    now: i64,
) -> Result<WriteOutcome, ApiError> {
    let mut unsynced = Unsynced::default();
    let outcome = store_unsynced(app, bucket, batch, now, &mut unsynced)?;
    app.storage.sync(&unsynced)?;
    Ok(outcome)
}

/// As [`store_batch`], but the points are durable only after a [`watchpost_storage::Storage::sync`].
///
/// # Errors
/// The disk refused all of it.
pub fn store_unsynced(
    app: &App,
    bucket: &Bucket,
    batch: Batch,
    now: i64,
    unsynced: &mut Unsynced,
) -> Result<WriteOutcome, ApiError> {
    let outcome = app
        .storage
        .write_unsynced(bucket.id.number(), batch, now, unsynced)?;
    app.metrics.points_written.add(outcome.written as u64);
    app.metrics.points_dropped.add(outcome.dropped() as u64);
    Ok(outcome)
}

/// Why points were left out, in InfluxDB's words; none if all were stored.
pub fn refusal(bucket: &Bucket, outcome: &WriteOutcome) -> Option<String> {
    if let Some(first) = outcome.rejected.first() {
        return Some(first.reason.to_string());
    }
    let beyond = outcome.beyond_retention.as_ref()?;
    let bound = rfc3339(beyond.lower_bound);
    let point = |(series, time): &(watchpost_core::point::SeriesKey, i64)| {
        let at = rfc3339(*time);
        format!(
            "point {series} at {at} dropped because it violates a Retention Policy Lower Bound at {bound}"
        )
    };
    Some(format!(
        "dropped {} points outside retention policy of duration {} - oldest {}, newest {}",
        beyond.count,
        go_duration(bucket.retention_seconds),
        point(&beyond.oldest),
        point(&beyond.newest),
    ))
}

fn partial_write(
    bucket: &Bucket,
    outcome: &WriteOutcome,
    reason: &str,
    dropped: usize,
) -> ApiError {
    let mut message =
        format!("failure writing points to database: partial write: {reason} dropped={dropped}");
    if outcome.rejected.is_empty() && outcome.beyond_retention.is_some() {
        message.push_str(&format!(
            " for database: {} for retention policy: autogen",
            bucket.id
        ));
    }
    ApiError::new(Code::Unprocessable, message)
}

/// Seconds as Go writes a duration: `1h0m0s`.
pub fn go_duration(seconds: i64) -> String {
    match seconds {
        0 => "0s".to_owned(),
        1..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m{}s", seconds / 60, seconds % 60),
        _ => format!(
            "{}h{}m{}s",
            seconds / 3_600,
            seconds / 60 % 60,
            seconds % 60
        ),
    }
}

/// A body as text: bytes that are not UTF-8 are read as Latin-1, in which old devices and Windows spell their names. InfluxDB
/// takes such bytes as they are; a refusal would cost all other lines of the batch.
fn as_text(body: &[u8]) -> Cow<'_, [u8]> {
    if std::str::from_utf8(body).is_ok() {
        return Cow::Borrowed(body);
    }
    let mut text = String::with_capacity(body.len());
    for chunk in body.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| char::from(*byte)));
    }
    Cow::Owned(text.into_bytes())
}

fn check_lines(body: &[u8], longest: usize) -> Result<(), ApiError> {
    if body.len() <= longest {
        return Ok(());
    }
    let too_long = body
        .split(|byte| *byte == b'\n')
        .enumerate()
        .find(|(_, line)| line.len() > longest);
    match too_long {
        None => Ok(()),
        Some((index, line)) => Err(ApiError::new(
            Code::TooLarge,
            format!(
                "line {} has {} bytes, at most {longest} are taken (--max-line-bytes)",
                index + 1,
                line.len()
            ),
        )),
    }
}
