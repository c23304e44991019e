//! Runs and their logs. Finished ones are points in the bucket `_tasks`, as InfluxDB keeps them: measurement `runs`, tags
//! `taskID` and `status`, at the time they started. So they age with the bucket's retention, are in backups, and can be
//! queried.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use watchpost_core::line_protocol::{Field, Line, Tag, ValueRef};
use watchpost_core::point::FieldValue;
use watchpost_storage::predicate::{Comparison, Literal, Subject};
use watchpost_storage::{Batch, Predicate, ScanRequest, TimeRange};

use crate::api::error::ApiError;
use crate::app::App;
use crate::clock::rfc3339;
use crate::limits::RUNS_KEPT;
use crate::meta::{Id, Task};

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Ascending.
    pub id: Id,
    /// The task.
    pub task: Id,
    /// How far it is.
    pub status: Status,
    /// What its `now()` answers, nanoseconds since 1970.
    pub scheduled_for: i64,
    /// When somebody asked for it; none: the schedule did.
    pub requested_at: Option<i64>,
    /// When it started.
    pub started_at: Option<i64>,
    /// When it ended.
    pub finished_at: Option<i64>,
    /// What happened.
    pub log: Vec<Event>,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It waits for its turn.
    Scheduled,
    /// It runs.
    Started,
    /// It ended well.
    Success,
    /// It ended with an error.
    Failed,
    /// Somebody ended it, or it was missed.
    Canceled,
}

/// A line of a run's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When, nanoseconds since 1970.
    pub time: i64,
    /// What.
    pub message: String,
}

impl Status {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Started => "started",
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    fn parse(name: &str) -> Self {
        match name {
            "success" => Self::Success,
            "failed" => Self::Failed,
            _ => Self::Canceled,
        }
    }
}

impl Run {
    /// Adds a line to the log.
    pub fn say(&mut self, time: i64, message: impl Into<String>) {
        self.log.push(Event {
            time,
            message: message.into(),
        });
    }
}

/// Keeps a finished run.
///
/// # Errors
/// The disk refused.
pub(super) fn keep(app: &App, task: &Task, run: &Run) -> Result<(), ApiError> {
    let Some(bucket) = app.meta.read().bucket_by_name(task.org, "_tasks").cloned() else {
        return Ok(());
    };
    let log: Vec<Value> = run
        .log
        .iter()
        .map(|event| json!({ "time": event.time, "message": event.message }))
        .collect();
    let texts = [
        ("runID", run.id.to_string()),
        ("logs", Value::Array(log).to_string()),
    ];
    let times = [
        ("scheduledFor", Some(run.scheduled_for)),
        ("requestedAt", run.requested_at),
        ("finishedAt", run.finished_at),
    ];
    let mut fields: Vec<Field<'_>> = texts
        .iter()
        .map(|(key, value)| Field {
            key: (*key).into(),
            value: ValueRef::String(value.as_str().into()),
        })
        .collect();
    for (key, time) in times {
        fields.extend(time.map(|time| Field {
            key: key.into(),
            value: ValueRef::Integer(time),
        }));
    }
    let (status, id) = (run.status.name(), task.id.to_string());
    let tags = [
        Tag {
            key: "status".into(),
            value: status.into(),
        },
        Tag {
            key: "taskID".into(),
            value: id.as_str().into(),
        },
    ];
    let mut batch = Batch::new();
    let timestamp = run.started_at.unwrap_or(run.scheduled_for);
    batch.push(&Line {
        number: 1,
        text: "",
        measurement: "runs".into(),
        tags: &tags,
        fields: &fields,
        timestamp,
    });
    crate::write::store_batch(app, &bucket, batch, app.clock.now())?;
    Ok(())
}

/// A task's runs, newest first: those that are not finished, then those that were kept, at most [`RUNS_KEPT`].
///
/// # Errors
/// They cannot be read.
pub fn list(app: &App, task: &Task) -> Result<Vec<Run>, ApiError> {
    let mut runs = app.tasks.active_runs(task.id);
    runs.extend(kept(app, task)?);
    runs.sort_by_key(|run| std::cmp::Reverse(run.id));
    runs.dedup_by_key(|run| run.id);
    runs.truncate(RUNS_KEPT);
    Ok(runs)
}

/// A run of a task.
///
/// # Errors
/// There is none, or it cannot be read.
pub fn find(app: &App, task: &Task, id: Id) -> Result<Run, ApiError> {
    let mut runs = list(app, task)?.into_iter();
    runs.find(|run| run.id == id)
        .ok_or_else(|| ApiError::not_found("run not found"))
}

fn kept(app: &App, task: &Task) -> Result<Vec<Run>, ApiError> {
    let Some(bucket) = app
        .meta
        .read()
        .bucket_by_name(task.org, "_tasks")
        .map(|bucket| bucket.id)
    else {
        return Ok(Vec::new());
    };
    let equal = |subject, text: &str| {
        Predicate::Compare(subject, Comparison::Equal, Literal::String(text.into()))
    };
    let request = ScanRequest {
        range: TimeRange::ALL,
        predicate: Predicate::And(vec![
            equal(Subject::Measurement, "runs"),
            equal(Subject::Tag("taskID".into()), &task.id.to_string()),
        ]),
    };
    // A row a status and start; its fields come one after the other.
    let mut rows: BTreeMap<(i64, String), BTreeMap<String, FieldValue>> = BTreeMap::new();
    for batch in app.storage.scan(bucket.number(), &request)? {
        let batch = batch?;
        let status = batch.series.tag("status").unwrap_or_default();
        for (row, time) in batch.times.iter().enumerate() {
            let fields = rows.entry((*time, status.to_owned())).or_default();
            fields.insert(batch.field.to_string(), batch.values.value(row));
        }
    }
    Ok(rows
        .into_iter()
        .filter_map(|((started, status), fields)| read(task.id, started, &status, &fields))
        .collect())
}

fn read(
    task: Id,
    started: i64,
    status: &str,
    fields: &BTreeMap<String, FieldValue>,
) -> Option<Run> {
    let text = |key: &str| match fields.get(key) {
        Some(FieldValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let time = |key: &str| match fields.get(key) {
        Some(FieldValue::Integer(time)) => Some(*time),
        _ => None,
    };
    let log: Vec<Value> = serde_json::from_str(text("logs").unwrap_or("[]")).unwrap_or_default();
    let event = |line: &Value| {
        Some(Event {
            time: line.get("time")?.as_i64()?,
            message: line.get("message")?.as_str()?.to_owned(),
        })
    };
    Some(Run {
        id: text("runID")?.parse().ok()?,
        task,
        status: Status::parse(status),
        scheduled_for: time("scheduledFor")?,
        requested_at: time("requestedAt"),
        started_at: Some(started),
        finished_at: time("finishedAt"),
        log: log.iter().filter_map(event).collect(),
    })
}

/// A line of a log as the API shows it.
pub fn shown_event(run: Id, event: &Event) -> Value {
    json!({ "runID": run, "time": rfc3339(event.time), "message": event.message })
}
