//! Requests that a query sends (`http.get`, `requests.post`, notification endpoints): to the hosts that the operator
//! listed, for callers who may, for a bounded time, until the query has to end.
//!
//! Each hop is resolved here and the connection goes to an address that was checked. Redirects are followed one by one,
//! each as if the script had asked for it; what authorizes a request stays behind when the host changes.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, LOCATION};
use reqwest::{Method, Response, StatusCode, Url};
use watchpost_flux::effects::{HttpAnswer, HttpRequest};
use watchpost_flux::error::{Error, ErrorKind};
use watchpost_service::egress::{Egress, Refused};

use crate::query::source::Check;

/// The longest answer that a request of a query may get: it is held in memory.
const ANSWER_BYTES: usize = 1 << 20;

/// The longest a request may take, whatever the script says, redirects included: it holds one of the query's turns.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);

/// Redirects that are followed, as many as Go's client follows, which InfluxDB sends with.
const REDIRECTS: usize = 10;

/// How soon a request that waits hears that its query has to end.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// Sends a request and waits for its answer, or until `check` fails.
///
/// # Errors
/// The host may not be reached, could not be, answered too much or too late, or the query has to end.
pub async fn send(
    egress: &Egress,
    request: HttpRequest,
    check: Check<'_>,
) -> Result<HttpAnswer, Error> {
    let asked = Duration::from_nanos(u64::try_from(request.timeout).unwrap_or(0));
    let limit = match asked.is_zero() {
        true => REQUEST_LIMIT,
        false => asked.min(REQUEST_LIMIT),
    };
    let url = request.url.clone();
    let answer = async {
        match tokio::time::timeout(limit, exchange(egress, request)).await {
            Ok(answer) => answer,
            Err(_) => Err(failed(
                &url,
                format!("no answer within {} s", limit.as_secs_f64()),
            )),
        }
    };
    let must_end = async {
        loop {
            if let Err(reason) = check() {
                return reason;
            }
            tokio::time::sleep(CHECK_INTERVAL).await;
        }
    };
    tokio::select! {
        reason = must_end => Err(reason),
        answer = answer => answer,
    }
}

fn failed(url: &str, reason: impl std::fmt::Display) -> Error {
    Error::invalid(format!("the request to {url} failed: {reason}"))
}

/// A refusal, with what an operator could do.
fn refused(url: &str, reason: &Refused) -> Error {
    let message = format!("the request to {url} was refused: {reason} (--allow-requests-to)");
    Error::new(ErrorKind::Forbidden, message)
}

async fn exchange(egress: &Egress, request: HttpRequest) -> Result<HttpAnswer, Error> {
    let mut hop = Hop::of(request)?;
    for _ in 0..=REDIRECTS {
        let answer = hop.send(egress).await?;
        match hop.redirected(&answer)? {
            None => return read(&hop.url, answer).await,
            Some(next) => hop = next,
        }
    }
    Err(failed(
        hop.url.as_str(),
        format!("more than {REDIRECTS} redirects"),
    ))
}

/// One request of a chain of redirects.
struct Hop {
    method: Method,
    url: Url,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Hop {
    fn of(request: HttpRequest) -> Result<Self, Error> {
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| Error::invalid(format!("{:?} is no HTTP method", request.method)))?;
        let url = Url::parse(&request.url).map_err(|error| failed(&request.url, error))?;
        Ok(Self {
            method,
            url,
            headers: request.headers,
            body: request.body,
        })
    }

    async fn send(&self, egress: &Egress) -> Result<Response, Error> {
        let url = self.url.as_str();
        let addresses = self.addresses(egress).await?;
        let host = self.url.host_str().unwrap_or_default();
        let client = reqwest::Client::builder()
            // A proxy would resolve the name itself, to whatever it likes.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .resolve_to_addrs(host, &addresses)
            .build()
            .map_err(|error| failed(url, error))?;
        let mut outgoing = client
            .request(self.method.clone(), self.url.clone())
            .body(self.body.clone());
        for (name, value) in &self.headers {
            outgoing = outgoing.header(name, value);
        }
        outgoing.send().await.map_err(|error| failed(url, error))
    }

    /// Where the host is, all of it checked.
    async fn addresses(&self, egress: &Egress) -> Result<Vec<SocketAddr>, Error> {
        let url = self.url.as_str();
        if !matches!(self.url.scheme(), "http" | "https") {
            let reason = format!("{} is not http or https", self.url.scheme());
            return Err(failed(url, reason));
        }
        let (Some(host), Some(port)) = (self.url.host_str(), self.url.port_or_known_default())
        else {
            return Err(failed(url, "it names no host"));
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let grant = egress
            .grant(host, port)
            .map_err(|reason| refused(url, &reason))?;
        let found = tokio::net::lookup_host((host, port)).await;
        let found: Vec<SocketAddr> = found.map_err(|error| failed(url, error))?.collect();
        grant
            .check(found.iter().map(SocketAddr::ip))
            .map_err(|reason| refused(url, &reason))?;
        Ok(found)
    }

    /// The request that a redirect asks for; none if the answer is no redirect.
    fn redirected(&self, answer: &Response) -> Result<Option<Self>, Error> {
        let status = answer.status();
        let keeps_body = matches!(
            status,
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
        );
        let is_redirect = keeps_body
            || matches!(
                status,
                StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER
            );
        let location = answer.headers().get(LOCATION);
        let Some(location) = location.filter(|_| is_redirect) else {
            return Ok(None);
        };
        let url = location
            .to_str()
            .ok()
            .and_then(|text| self.url.join(text).ok())
            .ok_or_else(|| failed(self.url.as_str(), "its redirect names no URL"))?;
        let is_same_host = url.origin() == self.url.origin();
        let follows = |name: &str| {
            let is = |known: HeaderName| name.eq_ignore_ascii_case(known.as_str());
            let is_about_body = is(CONTENT_TYPE) || is(CONTENT_LENGTH);
            // To another host none but those of the body: any header of the script's own may be a secret.
            match is_about_body {
                true => keeps_body,
                false => is_same_host,
            }
        };
        let headers = self.headers.iter().filter(|(name, _)| follows(name));
        let (method, body) = match keeps_body {
            true => (self.method.clone(), self.body.clone()),
            false if self.method == Method::HEAD => (Method::HEAD, Vec::new()),
            false => (Method::GET, Vec::new()),
        };
        Ok(Some(Self {
            method,
            url,
            headers: headers.cloned().collect(),
            body,
        }))
    }
}

async fn read(url: &Url, mut answer: Response) -> Result<HttpAnswer, Error> {
    let status = answer.status().as_u16();
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = answer
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), text(value.as_bytes())))
        .collect();
    let mut body = Vec::new();
    loop {
        let chunk = answer.chunk().await;
        let Some(chunk) = chunk.map_err(|error| failed(url.as_str(), error))? else {
            break;
        };
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_BYTES {
            return Err(Error::exhausted(format!(
                "the answer of {url} is longer than {ANSWER_BYTES} bytes"
            )));
        }
    }
    Ok(HttpAnswer {
        status,
        headers,
        body,
    })
}
