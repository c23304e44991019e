//! The alerter's API as this server uses it: its token stays here.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::Value;
use watchpost_service::secret::Secret;

use crate::config::AlerterConfig;
use crate::{ApiError, Result};

/// Longest a call takes: the alerter is near and answers from memory.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Longest a backtest takes: the alerter gives up after reading and replaying for a minute each.
const BACKTEST_TIMEOUT: Duration = Duration::from_secs(130);

/// Largest answer: ten thousand alerts.
const ANSWER_LIMIT: usize = 32 * 1024 * 1024;

/// Calls the alerter.
#[derive(Debug, Clone)]
pub struct Alerter {
    http: reqwest::Client,
    url: String,
    token_file: Option<PathBuf>,
}

impl Alerter {
    /// Errors: no HTTP client can be made.
    pub fn new(config: &AlerterConfig) -> Result<Alerter> {
        let tls = match config.url.starts_with("https://") {
            true => watchpost_client::tls::client_config(None),
            false => watchpost_client::tls::no_trust(),
        };
        let tls = tls.map_err(|error| ApiError::Internal(error.to_string()))?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| ApiError::Internal(error.to_string()))?;
        Ok(Alerter {
            http,
            url: config.url.trim_end_matches('/').to_owned(),
            token_file: config.token_file.clone(),
        })
    }

    /// Whether there is one.
    pub fn is_configured(&self) -> bool {
        !self.url.is_empty()
    }

    /// Whether it takes changes from here.
    pub fn may_change(&self) -> bool {
        self.is_configured() && self.token_file.is_some()
    }

    /// Reads; `path` begins with a slash, each segment of it encoded.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.call(Method::GET, path, None).await
    }

    /// Changes something.
    pub async fn change(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        if self.token_file.is_none() {
            return Err(ApiError::NotConfigured("alerter.token_file"));
        }
        self.call(method, path, body).await
    }

    /// Runs a backtest: it reads and replays for longer than other calls take.
    pub async fn backtest(&self, path: &str) -> Result<Value> {
        if self.token_file.is_none() {
            return Err(ApiError::NotConfigured("alerter.token_file"));
        }
        self.call_within(Method::POST, path, None, BACKTEST_TIMEOUT)
            .await
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        self.call_within(method, path, body, TIMEOUT).await
    }

    async fn call_within(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        timeout: Duration,
    ) -> Result<Value> {
        if !self.is_configured() {
            return Err(ApiError::NotConfigured("alerter.url"));
        }
        let failed = |message: String| ApiError::Alerter {
            status: 502,
            message,
        };
        let changes = method != Method::GET;
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .timeout(timeout);
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(file) = self.token_file.as_ref().filter(|_| changes) {
            // Read each time, so that the token can be rotated.
            let token = Secret::from_file(file).map_err(|error| failed(error.to_string()))?;
            request = request.bearer_auth(token.reveal());
        }
        let mut response = request
            .send()
            .await
            .map_err(|error| failed(format!("cannot be reached: {}", error.without_url())))?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(piece) = response
            .chunk()
            .await
            .map_err(|error| failed(error.without_url().to_string()))?
        {
            if bytes.len() + piece.len() > ANSWER_LIMIT {
                return Err(failed("its answer is too large".to_owned()));
            }
            bytes.extend_from_slice(&piece);
        }
        let document: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if status.is_success() {
            return Ok(document);
        }
        let told = document["message"].as_str().map(str::to_owned);
        let message = told.unwrap_or_else(|| format!("answered {}", status.as_u16()));
        let status = if status == StatusCode::UNAUTHORIZED {
            502
        } else {
            status.as_u16()
        };
        Err(ApiError::Alerter { status, message })
    }
}

/// A text as one segment of a path.
pub fn segment(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => {
                encoded.push(char::from(byte))
            }
            // A dot alone would walk up the path.
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}
