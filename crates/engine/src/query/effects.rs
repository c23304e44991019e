//! What a query does to the world: points it writes, requests it sends, secrets it reads; limited to what the caller may.

use std::cell::RefCell;
use std::time::Instant;

use watchpost_core::line_protocol::{Field, Line, Tag, ValueRef};
use watchpost_flux::effects::{Effects, HttpAnswer, HttpRequest, OutputPoint, OutputValue};
use watchpost_flux::error::{Error, ErrorKind};
use watchpost_flux::source::BucketReference;
use watchpost_storage::{Batch, Unsynced};

use crate::API_VERSION;
use crate::api::error::{ApiError, Code};
use crate::app::App;
use crate::auth::{Action, Permission, Permissions, ResourceType};
use crate::meta::Id;
use crate::query::outgoing;
use crate::query::source::{Check, find_bucket, not_found};
use crate::write::{refusal, store_unsynced};

/// The host of a query of a caller.
pub struct HostEffects<'a> {
    /// The server.
    pub app: &'a App,
    /// The query's organization.
    pub org: Id,
    /// What the caller may do.
    pub permissions: &'a Permissions,
    /// When the task last succeeded, if the query is a task's run.
    pub last_success: Option<i64>,
    /// Says why the query has to end, if it has to.
    pub check: Check<'a>,
    /// What the query wrote so far: `to()` hands over table by table, and one sync serves them all.
    pub unsynced: RefCell<Unsynced>,
    /// When the query began to be compiled.
    pub begun: Instant,
}

impl HostEffects<'_> {
    /// Makes durable what the query wrote; to be called before its success is told to anybody.
    ///
    /// # Errors
    /// The disk refused.
    pub fn settle(&self) -> Result<(), ApiError> {
        Ok(self.app.storage.sync(&self.unsynced.borrow())?)
    }
}

impl Effects for HostEffects<'_> {
    fn elapsed(&self) -> i64 {
        i64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(i64::MAX)
    }

    fn with_memory(&self, bytes: usize, work: &mut dyn FnMut()) -> Result<(), Error> {
        let reserved = self.app.memory.reserve(bytes);
        let _reserved = reserved.map_err(|full| Error::exhausted(full.to_string()))?;
        work();
        Ok(())
    }

    fn write(&self, reference: &BucketReference, points: Vec<OutputPoint>) -> Result<(), Error> {
        let bucket = find_bucket(self.app, self.org, reference)
            .ok_or_else(|| Error::not_found(not_found(reference)))?;
        if !self.permissions.allow(&Permission::one(
            Action::Write,
            ResourceType::Points,
            bucket.org,
            bucket.id,
        )) {
            let message = "failed to initialize execute state: user not authorized to write";
            // InfluxDB finds it before the script runs, so no place in it is told.
            return Err(Error {
                located: true,
                ..Error::new(ErrorKind::Forbidden, message)
            });
        }
        let mut batch = Batch::new();
        for point in &points {
            push(&mut batch, point);
        }
        let mut unsynced = self.unsynced.borrow_mut();
        let now = self.app.clock.now();
        let outcome =
            store_unsynced(self.app, &bucket, batch, now, &mut unsynced).map_err(|error| {
                let kind = match error.code {
                    Code::Invalid => ErrorKind::Invalid,
                    Code::TooLarge => ErrorKind::Exhausted,
                    Code::Unavailable => ErrorKind::Unavailable,
                    _ => ErrorKind::Internal,
                };
                Error::new(kind, error.message)
            })?;
        match refusal(&bucket, &outcome) {
            None => Ok(()),
            Some(reason) => {
                let dropped = outcome.dropped();
                let message = format!(
                    "failure writing points to database: partial write: {reason} dropped={dropped}"
                );
                Err(Error::invalid(message))
            }
        }
    }

    fn http(&self, request: HttpRequest) -> Result<HttpAnswer, Error> {
        let needed = Permission::of_org(Action::Write, ResourceType::Requests, self.org);
        if !self.permissions.allow(&needed) {
            let message = format!(
                "the request to {} was refused: it needs the permission {needed}",
                request.url
            );
            return Err(Error::new(ErrorKind::Forbidden, message));
        }
        let runtime = tokio::runtime::Handle::try_current().map_err(Error::internal)?;
        runtime.block_on(outgoing::send(&self.app.egress, request, self.check))
    }

    fn secret(&self, key: &str) -> Result<String, Error> {
        let needed = Permission::of_org(Action::Read, ResourceType::Secrets, self.org);
        let state = self.app.meta.read();
        let secret = state
            .secret(self.org, key)
            .filter(|_| self.permissions.allow(&needed));
        secret
            .map(str::to_owned)
            .ok_or_else(|| Error::not_found(format!("secret key \"{key}\" not found")))
    }

    fn task_last_success(&self) -> Option<i64> {
        self.last_success
    }

    fn version(&self) -> String {
        API_VERSION.to_owned()
    }
}

fn push(batch: &mut Batch, point: &OutputPoint) {
    let tags: Vec<Tag<'_>> = point
        .tags
        .iter()
        .map(|(key, value)| Tag {
            key: key.as_ref().into(),
            value: value.as_ref().into(),
        })
        .collect();
    let fields: Vec<Field<'_>> = point
        .fields
        .iter()
        .map(|(key, value)| Field {
            key: key.as_ref().into(),
            value: match value {
                OutputValue::Float(value) => ValueRef::Float(*value),
                OutputValue::Integer(value) => ValueRef::Integer(*value),
                OutputValue::Unsigned(value) => ValueRef::Unsigned(*value),
                OutputValue::String(value) => ValueRef::String(value.as_ref().into()),
                OutputValue::Boolean(value) => ValueRef::Boolean(*value),
            },
        })
        .collect();
    let number = batch.len() + 1;
    batch.push(&Line {
        number,
        text: "",
        measurement: point.measurement.as_ref().into(),
        tags: &tags,
        fields: &fields,
        timestamp: point.time,
    });
}
