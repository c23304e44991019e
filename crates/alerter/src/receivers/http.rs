//! What the HTTP channels share: one client, and what an answer means.

use std::path::Path;
use std::time::Duration;

use reqwest::{RequestBuilder, StatusCode};

use super::{ANSWER_LIMIT, cut, permanent, transient};
use crate::alert::{Nanos, SECOND};
use crate::pipeline::delivery::Failure;

/// A receiver may ask for at most this pause.
const LONGEST_PAUSE: Nanos = 3_600 * SECOND;
/// Idle connections kept to one receiver: messages to it never overlap.
const IDLE_CONNECTIONS: usize = 1;

/// A client of HTTP channels: rustls with the authorities of a file (PEM) or the machine's, no
/// redirects (a secret must not follow one).
///
/// Errors: the authorities cannot be read.
pub fn client(ca_file: Option<&Path>) -> Result<reqwest::Client, String> {
    let tls = match watchpost_client::tls::client_config(ca_file) {
        Ok(tls) => tls,
        // For plain http, on a machine without certificate authorities.
        Err(error) if ca_file.is_none() => {
            tracing::warn!(%error, "receivers that are reached over https will not work");
            watchpost_client::tls::no_trust().map_err(|error| error.to_string())?
        }
        Err(error) => return Err(error.to_string()),
    };
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .user_agent(concat!("watchpost-alerter/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| error.to_string())
}

/// Sends the request. 2xx is taken; 408, 425, 429 and 5xx may work later; the rest never will.
/// Gives status and body.
pub(super) async fn exchange(request: RequestBuilder) -> Result<String, Failure> {
    // The URL may be a secret; errors are given without it.
    let response = request.send().await.map_err(|error| Failure {
        unanswered: !error.is_connect() && !error.is_builder(),
        unreachable: !error.is_builder(),
        ..transient(describe(&error))
    })?;
    let status = response.status();
    let retry_after = response
        .headers()
        .get(reqwest::header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse::<i64>().ok())
        .map(|seconds| seconds.saturating_mul(SECOND).clamp(0, LONGEST_PAUSE));
    let body = body_start(response).await;
    let retry_after = retry_after.or_else(|| pause_in(&body));
    if status.is_success() {
        return Ok(body);
    }
    let reason = format!("{status}: {body}");
    let later = matches!(
        status,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
    );
    if later || status.is_server_error() {
        return Err(Failure {
            retry_after,
            ..transient(reason)
        });
    }
    Err(permanent(reason))
}

/// The pause that Discord (`retry_after`) and Telegram (`parameters.retry_after`) ask for in the body,
/// in seconds.
fn pause_in(body: &str) -> Option<Nanos> {
    let body: serde_json::Value = serde_json::from_str(body).ok()?;
    let named = [&body["retry_after"], &body["parameters"]["retry_after"]];
    let seconds = named.into_iter().find_map(serde_json::Value::as_f64)?;
    let nanos = (seconds * SECOND as f64) as Nanos;
    Some(nanos.clamp(0, LONGEST_PAUSE))
}

/// The first bytes of the body: as much as the history of a chat needs. A receiver that answers
/// more is not read to the end.
async fn body_start(mut response: reqwest::Response) -> String {
    const READ_LIMIT: usize = 512 * 1024;
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        bytes.extend_from_slice(&chunk);
        if bytes.len() >= READ_LIMIT {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A part of a form (RFC 7578).
pub(super) struct Part {
    /// Its headers, without their end.
    head: String,
    body: Vec<u8>,
}

impl Part {
    pub(super) fn field(name: &str, text: &str) -> Part {
        Part {
            head: format!("Content-Disposition: form-data; name=\"{name}\""),
            body: text.as_bytes().to_vec(),
        }
    }

    /// The chart, as a file of this name.
    pub(super) fn png(name: &str, body: Vec<u8>) -> Part {
        let head = format!(
            "Content-Disposition: form-data; name=\"{name}\"; filename=\"chart.png\"\r\nContent-Type: image/png"
        );
        Part { head, body }
    }
}

/// A form: its `Content-Type` and its body. The line between the parts is of random digits, which no
/// value can know.
pub(super) fn multipart(parts: &[Part]) -> (String, Vec<u8>) {
    let boundary = format!("watchpost-{:032x}", fastrand::u128(..));
    let mut body = Vec::new();
    for Part {
        head,
        body: content,
    } in parts
    {
        body.extend_from_slice(format!("--{boundary}\r\n{head}\r\n\r\n").as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body)
}

/// An answer for the log: one line, cut.
pub(super) fn shown(body: &str) -> String {
    let line: String = body
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    cut(line.trim(), ANSWER_LIMIT)
}

fn describe(error: &reqwest::Error) -> String {
    use std::error::Error as _;
    let kind = if error.is_timeout() {
        "timed out"
    } else if error.is_connect() {
        "cannot connect"
    } else {
        "request failed"
    };
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    // The outermost error names the URL, the deepest one the cause.
    let cause = if error.source().is_some() {
        format!(": {deepest}")
    } else {
        String::new()
    };
    format!("{kind}{cause}")
}
