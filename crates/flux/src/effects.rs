//! What a query does to the world: writing points, sending notifications, reading secrets. The host implements it.

use std::sync::Arc;

use crate::error::Error;
use crate::source::BucketReference;

/// The value of a field to be written.
#[derive(Debug, Clone, PartialEq)]
pub enum OutputValue {
    /// 64-bit float.
    Float(f64),
    /// Signed integer.
    Integer(i64),
    /// Unsigned integer.
    Unsigned(u64),
    /// Text.
    String(Arc<str>),
    /// Truth value.
    Boolean(bool),
}

/// A point that `to()` writes: at least one field.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputPoint {
    /// The measurement.
    pub measurement: Arc<str>,
    /// Tags by key, ascending, none empty.
    pub tags: Vec<(Arc<str>, Arc<str>)>,
    /// Fields in the order of the columns.
    pub fields: Vec<(Arc<str>, OutputValue)>,
    /// Nanoseconds since 1970.
    pub time: i64,
}

/// An answer to an HTTP request of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// An HTTP request that a query sends (`http.post`, `http/requests`, the notification endpoints).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// `GET`, `POST`, …
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// The headers as given.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long the answer may take, nanoseconds.
    pub timeout: i64,
}

/// The host's side of a query's effects.
pub trait Effects {
    /// Writes points; called with bounded batches while rows stream.
    ///
    /// # Errors
    /// An unknown bucket (kind not found), a type conflict, no permission.
    fn write(&self, bucket: &BucketReference, points: Vec<OutputPoint>) -> Result<(), Error>;

    /// Sends a request and waits for the answer.
    ///
    /// # Errors
    /// The host refuses the URL, or could not reach it.
    fn http(&self, request: HttpRequest) -> Result<HttpAnswer, Error>;

    /// The secret under a key.
    ///
    /// # Errors
    /// There is none (kind not found).
    fn secret(&self, key: &str) -> Result<String, Error>;

    /// When the running task last succeeded, nanoseconds since 1970; `None` outside a task or before its first success.
    fn task_last_success(&self) -> Option<i64>;

    /// What `runtime.version()` answers.
    fn version(&self) -> String;

    /// Nanoseconds since the query began to be compiled, for the profilers; a host without a clock has none.
    fn elapsed(&self) -> i64 {
        0
    }

    /// Does work that takes so many bytes for a moment, if the host has them.
    ///
    /// # Errors
    /// It has not (kind exhausted).
    fn with_memory(&self, _bytes: usize, work: &mut dyn FnMut()) -> Result<(), Error> {
        work();
        Ok(())
    }
}

/// A host without a world: nothing can be written, sent or read. For pure evaluation.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoEffects;

impl Effects for NoEffects {
    fn write(&self, bucket: &BucketReference, _points: Vec<OutputPoint>) -> Result<(), Error> {
        Err(Error::not_found(format!(
            "could not find bucket {:?}",
            bucket.text()
        )))
    }

    fn http(&self, request: HttpRequest) -> Result<HttpAnswer, Error> {
        Err(Error::invalid(format!(
            "no request may be sent to {}",
            request.url
        )))
    }

    fn secret(&self, key: &str) -> Result<String, Error> {
        Err(Error::not_found(format!("secret key {key:?} not found")))
    }

    fn task_last_success(&self) -> Option<i64> {
        None
    }

    fn version(&self) -> String {
        "2.7".to_owned()
    }
}
