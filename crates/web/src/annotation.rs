//! Notes that people put on the charts: points of a bucket of their own, or documents of the alerter where the
//! server keeps no such points.
//!
//! Measurement `annotations`, tag `host` where a note is about one; fields `text`, `author`, `stop`
//! (RFC 3339, of a note about a span). A deleted note keeps its point and gets `deleted = true`:
//! the token that writes may not do more.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use serde_json::json;
use watchpost_client::Client;
use watchpost_client::write::{Outcome, Precision};
use watchpost_core::csv::Value;
use watchpost_core::line_protocol::append_point;
use watchpost_core::point::Point;
use watchpost_core::time::{NANOS_PER_MILLI, NANOS_PER_SECOND, format_rfc3339, parse_rfc3339};
use watchpost_query::{Answer, Ask, Kind, Question, Range};

use crate::alerter::Alerter;
use crate::config::WebConfig;
use crate::database::{self, Database};
use crate::document::{Collection, Documents};
use crate::time_range::TimeRange;
use crate::{ApiError, Result};

const MEASUREMENT: &str = "annotations";

/// Longest text, in bytes.
pub const TEXT_LIMIT: usize = 1_000;

/// Most notes of one answer.
pub const LIMIT: usize = 500;

/// One note.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    documents: Option<Documents>,
    made: AtomicU64,
}

impl Annotations {
    /// Errors: the client cannot be made.
    pub(crate) fn new(config: &WebConfig, kind: Kind, alerter: &Alerter) -> Result<Annotations> {
        let file = config.annotations.token_file.as_deref();
        let writer = file
            .map(|file| database::client(&config.influx, Some(file)))
            .transpose()?;
        Ok(Annotations {
            bucket: config.annotations.bucket.clone(),
            writer,
            documents: (!kind.keeps_documents()).then(|| Documents::of(alerter)),
            made: AtomicU64::new(0),
        })
    }

    /// The bucket of the notes, which boards share.
    pub(crate) fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Whether notes can be made.
    pub fn may_change(&self) -> bool {
        match &self.documents {
            Some(documents) => documents.may_change(),
            None => self.writer.is_some(),
        }
    }

    /// Where notes, boards and preferences are, if they are no points of the server.
    pub(crate) fn documents(&self) -> Option<&Documents> {
        self.documents.as_ref()
    }

    /// The notes of a range, for all hosts and for `host`; the newest first.
    pub(crate) async fn list(
        &self,
        database: &Database,
        range: TimeRange,
        host: Option<&str>,
    ) -> Result<Vec<Annotation>> {
        let mut found = match &self.documents {
            Some(documents) => notes_of_documents(documents, range).await?,
            None => self.notes_of_bucket(database, range).await?,
        };
        found.retain(|note| host.is_none() || note.host.is_none() || note.host.as_deref() == host);
        found.sort_by(|a, b| b.id.cmp(&a.id));
        found.truncate(LIMIT);
        Ok(found)
    }

    async fn notes_of_bucket(
        &self,
        database: &Database,
        range: TimeRange,
    ) -> Result<Vec<Annotation>> {
        let range = Range::new(range.start, range.stop);
        let rows = Ask::Rows { limit: None };
        let question = Question::new(&self.bucket, MEASUREMENT, range, rows).with_tags(["host"]);
        let answer = match database.ask(&question).await {
            Err(error) if error.is_missing_bucket() => return Ok(Vec::new()),
            answer => answer?,
        };
        Ok(notes(&answer))
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
        let note = Annotation {
            id: time.to_string(),
            time: format_rfc3339(time),
            time_ms: time / NANOS_PER_MILLI,
            stop: stop.map(format_rfc3339),
            host: host.map(str::to_owned),
            text: text.to_owned(),
            author: author.to_owned(),
        };
        match &self.documents {
            Some(documents) => {
                let name = document_name(time);
                documents
                    .put(Collection::Notes, &name, &json!(note))
                    .await?;
            }
            None => self.write(&note_point(time, &note)).await?,
        }
        Ok(note)
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
        if let Some(documents) = &self.documents {
            return documents
                .remove(Collection::Notes, &document_name(time))
                .await;
        }
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

/// Names by which documents are in order of time: of nanoseconds since 1970, all of one length.
fn document_name(time: i64) -> String {
    format!("{:020}", time.max(0))
}

async fn notes_of_documents(documents: &Documents, range: TimeRange) -> Result<Vec<Annotation>> {
    let ends = [range.start, range.stop].map(document_name);
    let found = documents
        .list(Collection::Notes, &ends[0], &ends[1])
        .await?;
    let notes = found.into_iter();
    // One that is no note costs only itself.
    Ok(notes
        .filter_map(|(_, document)| serde_json::from_value(document).ok())
        .collect())
}

fn note_point(time: i64, note: &Annotation) -> Point {
    let mut point = Point::new(MEASUREMENT, time)
        .field("text", note.text.as_str())
        .field("author", note.author.as_str());
    if let Some(stop) = &note.stop {
        point = point.field("stop", stop.as_str());
    }
    if let Some(host) = &note.host {
        point = point.tag("host", host.as_str());
    }
    point
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
