//! Notes that people put on the charts: points of a bucket of their own.
//!
//! Measurement `annotations`, tag `host` where a note is about one; fields `text`, `author`, `stop`
//! (RFC 3339, of a note about a span). A deleted note keeps its point and gets `deleted = true`:
//! the token that writes may not do more.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use watchpost_client::Client;
use watchpost_client::write::{Outcome, Precision};
use watchpost_core::csv::Value;
use watchpost_core::line_protocol::append_point;
use watchpost_core::point::Point;
use watchpost_core::time::{NANOS_PER_MILLI, NANOS_PER_SECOND, format_rfc3339, parse_rfc3339};
use watchpost_query::{Answer, Ask, Question, Range};

use crate::config::WebConfig;
use crate::database::{self, Database};
use crate::time_range::TimeRange;
use crate::{ApiError, Result};

const MEASUREMENT: &str = "annotations";

/// Longest text, in bytes.
pub const TEXT_LIMIT: usize = 1_000;

/// Most notes of one answer.
pub const LIMIT: usize = 500;

/// One note.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Annotation {
    /// The nanosecond it stands at, which no other note has.
    pub id: String,
    /// When, RFC 3339.
    pub time: String,
    /// Milliseconds since 1970.
    pub time_ms: i64,
    /// End of the span it is about.
    pub stop: Option<String>,
    /// The host it is about; none: all.
    pub host: Option<String>,
    /// What it says.
    pub text: String,
    /// Who wrote it.
    pub author: String,
}

/// Reads and writes notes.
#[derive(Debug)]
pub struct Annotations {
    bucket: String,
    writer: Option<Client>,
    made: AtomicU64,
}

impl Annotations {
    /// Errors: the client cannot be made.
    pub fn new(config: &WebConfig) -> Result<Annotations> {
        let file = config.annotations.token_file.as_deref();
        let writer = file
            .map(|file| database::client(&config.influx, Some(file)))
            .transpose()?;
        Ok(Annotations {
            bucket: config.annotations.bucket.clone(),
            writer,
            made: AtomicU64::new(0),
        })
    }

    /// The bucket of the notes, which boards share.
    pub(crate) fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Whether notes can be made.
    pub fn may_change(&self) -> bool {
        self.writer.is_some()
    }

    /// The notes of a range, for all hosts and for `host`; the newest first.
    pub(crate) async fn list(
        &self,
        database: &Database,
        range: TimeRange,
        host: Option<&str>,
    ) -> Result<Vec<Annotation>> {
        if !database.kind().keeps_text() {
            return Ok(Vec::new());
        }
        let range = Range::new(range.start, range.stop);
        let rows = Ask::Rows { limit: None };
        let question = Question::new(&self.bucket, MEASUREMENT, range, rows).with_tags(["host"]);
        let answer = match database.ask(&question).await {
            Err(error) if error.is_missing_bucket() => return Ok(Vec::new()),
            answer => answer?,
        };
        let mut found = notes(&answer);
        found.retain(|note| host.is_none() || note.host.is_none() || note.host.as_deref() == host);
        found.sort_by(|a, b| b.id.cmp(&a.id));
        found.truncate(LIMIT);
        Ok(found)
    }

    /// Writes a note at a time, made unique below the millisecond.
    pub async fn create(
        &self,
        time: i64,
        stop: Option<i64>,
        host: Option<&str>,
        text: &str,
        author: &str,
    ) -> Result<Annotation> {
        let unique = i64::try_from(self.made.fetch_add(1, Ordering::Relaxed) % 1_000).unwrap_or(0);
        let noise = crate::now() % 1_000;
        let time = time - time.rem_euclid(NANOS_PER_MILLI) + 1_000 * unique + noise;
        let mut point = Point::new(MEASUREMENT, time)
            .field("text", text)
            .field("author", author);
        if let Some(stop) = stop {
            point = point.field("stop", format_rfc3339(stop));
        }
        if let Some(host) = host {
            point = point.tag("host", host);
        }
        self.write(&point).await?;
        Ok(Annotation {
            id: time.to_string(),
            time: format_rfc3339(time),
            time_ms: time / NANOS_PER_MILLI,
            stop: stop.map(format_rfc3339),
            host: host.map(str::to_owned),
            text: text.to_owned(),
            author: author.to_owned(),
        })
    }

    /// Deletes the note of an id.
    pub(crate) async fn delete(&self, database: &Database, id: &str) -> Result<()> {
        let missing = || ApiError::NotFound(format!("annotation {id}"));
        let time: i64 = id.parse().map_err(|_| missing())?;
        let stop = time.checked_add(1).ok_or_else(missing)?;
        let found = self
            .list(database, TimeRange { start: time, stop }, None)
            .await?;
        let note = found.first().ok_or_else(missing)?;
        let mut point = Point::new(MEASUREMENT, time).field("deleted", true);
        if let Some(host) = &note.host {
            point = point.tag("host", host.as_str());
        }
        self.write(&point).await
    }

    pub(crate) async fn write(&self, point: &Point) -> Result<()> {
        let Some(writer) = &self.writer else {
            return Err(ApiError::NotConfigured("annotations.token_file"));
        };
        let kind = writer.config().kind;
        if !kind.keeps_text() {
            return Err(ApiError::Database {
                failure: crate::error::DatabaseFailure::Refused,
                message: format!(
                    "the note was not stored: {} stores no strings",
                    kind.title()
                ),
            });
        }
        let mut line = Vec::new();
        append_point(&mut line, point)
            .map_err(|error| ApiError::invalid("text", error.to_string()))?;
        let (failure, message) = match writer
            .write(&self.bucket, Precision::Nanoseconds, &line)
            .await
        {
            Outcome::Done => return Ok(()),
            Outcome::RetryAfter { message, .. } => (crate::error::DatabaseFailure::Down, message),
            Outcome::Refused { message, .. } => (crate::error::DatabaseFailure::Refused, message),
            other => (crate::error::DatabaseFailure::Failed, format!("{other:?}")),
        };
        Err(ApiError::Database {
            failure,
            message: format!("it is not stored: {message}"),
        })
    }
}

/// The fields of each note, by its time and host, put together.
fn notes(answer: &Answer) -> Vec<Annotation> {
    let mut fields: BTreeMap<(i64, Option<&str>), HashMap<&str, &Value>> = BTreeMap::new();
    for series in &answer.series {
        let host = series.labels.get("host").map(String::as_str);
        for point in &series.points {
            if let Some(time) = point.time {
                let note = fields.entry((time, host)).or_default();
                note.insert(&series.field, &point.value);
            }
        }
    }
    let notes = fields.into_iter();
    notes
        .filter_map(|((time, host), fields)| note(time, host, &fields))
        .collect()
}

fn note(time: i64, host: Option<&str>, fields: &HashMap<&str, &Value>) -> Option<Annotation> {
    let text = |name: &str| fields.get(name)?.as_str();
    if fields.get("deleted").and_then(|it| it.as_bool()) == Some(true) {
        return None;
    }
    Some(Annotation {
        id: time.to_string(),
        time: format_rfc3339(time),
        time_ms: time / NANOS_PER_MILLI,
        stop: text("stop")
            .filter(|stop| parse_rfc3339(stop).is_ok())
            .map(str::to_owned),
        host: host.map(str::to_owned),
        text: text("text")?.to_owned(),
        author: text("author").unwrap_or("unknown").to_owned(),
    })
}

/// Notes of at least a second's span; used to check a body's times.
pub const SHORTEST: i64 = NANOS_PER_SECOND;
