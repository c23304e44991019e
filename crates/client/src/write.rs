//! Writing line protocol. The answer is a value that says what to do with the body next, because
//! the caller (a buffer, a load generator) decides when and how.
//!
//! What an answer means is the kind's: 400 is "nothing stored" for InfluxDB 2 and VictoriaMetrics, and "the
//! other lines are stored" for InfluxDB 3; a 422 is the first for InfluxDB 3's limits, the second for
//! InfluxDB 2.
//!
//! | answer | outcome |
//! |---|---|
//! | 204 | [`Outcome::Done`] |
//! | 429, 500, 502, 503, 504, no connection, timeout | [`Outcome::RetryAfter`] |
//! | 413 | [`Outcome::Split`] |
//! | 400 with refused lines, 422 | [`Outcome::RejectedLines`] |
//! | 401, 403, 404, any other | [`Outcome::Refused`] |

mod body;
mod rejection;

use std::borrow::Cow;
use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::Method;
pub use watchpost_core::line_protocol::Precision;
use watchpost_query::Kind;
use watchpost_query::dialect::metricsql::BUCKET_LABEL;

pub use self::rejection::{RejectedLine, Rejection};
use crate::client::{Body, Client, Request};
use crate::error::is_transient_status;
use crate::{Error, Result};

/// What became of a body, and what to do with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Stored. Forget the body.
    Done,
    /// Keep the body and send it again, not before `after` if the server named a time.
    RetryAfter {
        /// `Retry-After`.
        after: Option<Duration>,
        /// What happened.
        message: String,
    },
    /// The body is too large for the server: send it in smaller parts.
    Split {
        /// The server's message.
        message: String,
    },
    /// Some lines are not wanted, whenever they come: put them aside. See [`Rejection`] for the rest.
    RejectedLines(Rejection),
    /// The server does not take this from us: token, permission, bucket or organization. Keep the
    /// body and say so; sending it again helps once somebody has acted.
    Refused {
        /// HTTP status; 0 when the request could not even be made (no token file).
        status: u16,
        /// InfluxDB's code.
        code: String,
        /// InfluxDB's message.
        message: String,
    },
}

impl Client {
    /// Writes a body of line protocol into a bucket (name or id), compressed if so configured. Of what the
    /// kind of server cannot keep, texts are left out, and lines that would harm it are refused.
    pub async fn write(&self, bucket: &str, precision: Precision, lines: &[u8]) -> Outcome {
        let kind = self.config().kind;
        let lines = match body::for_kind(kind, precision, lines) {
            Ok(Cow::Owned(kept)) if kept.is_empty() => return Outcome::Done,
            Ok(lines) => lines,
            Err(rejection) => return Outcome::RejectedLines(rejection),
        };
        let body = if self.config().gzip {
            gzip(&lines).map(|bytes| (Bytes::from(bytes), true))
        } else {
            Ok((Bytes::copy_from_slice(&lines), false))
        };
        let (bytes, gzip) = match body {
            Ok(body) => body,
            Err(error) => {
                return Outcome::Refused {
                    status: 0,
                    code: "gzip".into(),
                    message: error.to_string(),
                };
            }
        };
        let body = Body {
            bytes,
            content_type: "text/plain; charset=utf-8",
            gzip,
        };
        outcome(kind, self.send_lines(bucket, precision, body).await, &lines)
    }

    async fn send_lines(&self, bucket: &str, precision: Precision, body: Body) -> Result<()> {
        let path = format!("{}api/v2/write", self.writing_prefix());
        let label = format!("{BUCKET_LABEL}={bucket}");
        let (path, query): (&str, Vec<(&str, Option<&str>)>) = match self.config().kind {
            Kind::InfluxDb2 => (
                "api/v2/write",
                vec![
                    ("org", self.org()),
                    ("bucket", Some(bucket)),
                    ("precision", Some(precision.name())),
                ],
            ),
            // It knows no buckets: a label keeps them apart.
            Kind::VictoriaMetrics => (
                &path,
                vec![
                    ("precision", Some(precision.name())),
                    ("extra_label", Some(&label)),
                ],
            ),
            // Version 2's route names no line, and stores all of a body or nothing.
            Kind::InfluxDb3 => (
                "api/v3/write_lp",
                vec![
                    ("db", Some(bucket)),
                    ("precision", Some(precision_in_words(precision))),
                    ("accept_partial", Some("true")),
                ],
            ),
        };
        let request = Request {
            method: Method::POST,
            path,
            is_write: true,
            query: &query,
            body: Some(body),
            timeout: None,
        };
        self.send_ok(&request).await.map(drop)
    }
}

/// As InfluxDB 3 names it; without it, it guesses by the size of the number.
fn precision_in_words(precision: Precision) -> &'static str {
    match precision {
        Precision::Nanoseconds => "nanosecond",
        Precision::Microseconds => "microsecond",
        Precision::Milliseconds => "millisecond",
        Precision::Seconds => "second",
    }
}

/// Compresses as a write does: level 1, where line protocol already shrinks to about a tenth.
fn gzip(lines: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(lines.len() / 8), Compression::fast());
    encoder.write_all(lines)?;
    encoder.finish()
}

/// The policy: what an answer to the body `lines` means.
fn outcome(kind: Kind, answer: Result<()>, lines: &[u8]) -> Outcome {
    match answer {
        Ok(()) => Outcome::Done,
        Err(Error::Connection { message, .. }) => Outcome::RetryAfter {
            after: None,
            message,
        },
        Err(Error::Api {
            status,
            code,
            message,
            retry_after,
        }) => match status {
            // 500 is how InfluxDB says "timeout" or "engine is closed": the points are good.
            500 => Outcome::RetryAfter {
                after: retry_after,
                message,
            },
            status if is_transient_status(status) => Outcome::RetryAfter {
                after: retry_after,
                message,
            },
            413 => Outcome::Split { message },
            400 | 422 => match Rejection::read(kind, status, &message, lines) {
                Some(rejection) => Outcome::RejectedLines(rejection),
                None => Outcome::Refused {
                    status,
                    code,
                    message,
                },
            },
            _ => Outcome::Refused {
                status,
                code,
                message,
            },
        },
        Err(error) => Outcome::Refused {
            status: 0,
            code: "client".into(),
            message: error.to_string(),
        },
    }
}
