//! What VictoriaMetrics has instead of buckets and Flux: a label for each run, an export of raw
//! points, a delete by selector.
//!
//! <https://docs.victoriametrics.com/victoriametrics/#how-to-export-data-in-json-line-format>

use std::time::Duration;

use reqwest::{Response, StatusCode};
use serde::Deserialize;
use watchpost_client::tls;

use crate::data::{MEASUREMENT, RUN_TAG};
use crate::load::{Failure, FailureKind};
use crate::settings::ServerConfig;

/// Longest export or delete.
const REQUEST_LIMIT: Duration = Duration::from_secs(300);

/// A line of an export longer than this is none: a series of ten million points has less.
const LINE_LIMIT: usize = 512 * 1024 * 1024;

/// Access to a VictoriaMetrics server.
pub struct Victoria {
    http: reqwest::Client,
    base: String,
    run: String,
}

/// A block of one series of an export.
#[derive(Debug, Deserialize)]
pub struct ExportedSeries {
    /// Labels, the name of the metric as `__name__`.
    pub metric: std::collections::BTreeMap<String, String>,
    /// Values; `null` for a gap.
    pub values: Vec<Option<f64>>,
    /// Milliseconds since 1970.
    pub timestamps: Vec<i64>,
}

impl ExportedSeries {
    /// Name of the field, without the measurement that stands before it.
    pub fn field(&self) -> Option<&str> {
        let name = self.metric.get("__name__")?;
        name.strip_prefix(MEASUREMENT)?.strip_prefix('_')
    }
}

impl Victoria {
    pub(super) fn new(server: &ServerConfig, run: &str) -> Result<Self, Failure> {
        let fail = |message: String| Failure::new(FailureKind::Client, message);
        let tls = if server.url.starts_with("https") {
            tls::client_config(server.ca_file.as_deref())
        } else {
            tls::no_trust()
        };
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls.map_err(|error| fail(error.to_string()))?)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(REQUEST_LIMIT)
            .build();
        Ok(Self {
            http: http.map_err(|error| fail(error.to_string()))?,
            base: server.url.trim_end_matches('/').to_owned(),
            run: run.to_owned(),
        })
    }

    /// Value of the label that marks this run's points.
    pub fn run(&self) -> &str {
        &self.run
    }

    pub(super) async fn check(&self) -> Result<(), Failure> {
        self.get("health", &[]).await.map(drop)
    }

    /// Hands every block of points between two times (ms since 1970) to `take`.
    pub async fn export(
        &self,
        (start, end): (i64, i64),
        mut take: impl FnMut(ExportedSeries),
    ) -> Result<(), Failure> {
        // What was just written becomes visible to queries.
        let _ = self.get("internal/force_flush", &[]).await;
        let (start, end) = (seconds(start), seconds(end));
        let parameters = [("match[]", self.selector()), ("start", start), ("end", end)];
        let mut response = self.get("api/v1/export", &parameters).await?;
        let mut pending: Vec<u8> = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(broken)? {
            pending.extend_from_slice(&piece);
            if pending.len() > LINE_LIMIT {
                return Err(Failure::new(FailureKind::Answer, "a line without end"));
            }
            while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = pending.drain(..=end).collect();
                take(parse(&line)?);
            }
        }
        if !pending.is_empty() {
            take(parse(&pending)?);
        }
        Ok(())
    }

    /// Deletes the points of this run.
    pub(super) async fn remove(&self) -> Result<(), Failure> {
        let parameters = [("match[]", self.selector())];
        self.get("api/v1/admin/tsdb/delete_series", &parameters)
            .await
            .map(drop)
    }

    fn selector(&self) -> String {
        format!("{{{RUN_TAG}={:?}}}", self.run)
    }

    async fn get(&self, path: &str, parameters: &[(&str, String)]) -> Result<Response, Failure> {
        let url = reqwest::Url::parse_with_params(&format!("{}/{path}", self.base), parameters)
            .map_err(|error| Failure::new(FailureKind::Client, error.to_string()))?;
        let response = self.http.get(url).send().await.map_err(broken)?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let kind = match status {
            StatusCode::UNAUTHORIZED => FailureKind::Unauthorized,
            StatusCode::FORBIDDEN => FailureKind::Forbidden,
            StatusCode::NOT_FOUND => FailureKind::NotFound,
            _ => FailureKind::Server,
        };
        Err(Failure::new(kind, format!("/{path} answers {status}")))
    }
}

fn parse(line: &[u8]) -> Result<ExportedSeries, Failure> {
    serde_json::from_slice(line)
        .map_err(|error| Failure::new(FailureKind::Answer, format!("export: {error}")))
}

fn seconds(milliseconds: i64) -> String {
    format!("{}.{:03}", milliseconds / 1_000, milliseconds % 1_000)
}

fn broken(error: reqwest::Error) -> Failure {
    let kind = if error.is_timeout() {
        FailureKind::Timeout
    } else {
        FailureKind::Unreachable
    };
    Failure::new(kind, error.to_string())
}
