//! The connection to one server: authorization, one repetition after a rotated token, errors read
//! from answers. Everything else of this crate goes through here.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    RETRY_AFTER,
};
use reqwest::{Method, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use watchpost_core::causes::with_causes;

use crate::ask::Schemas;
use crate::{ClientConfig, Error, Result, tls};

/// Longest error text kept from a server that is no InfluxDB (a proxy's page).
const ERROR_TEXT_LIMIT: usize = 512;

/// Largest error answer read; InfluxDB quotes every refused line of a body in it.
const ERROR_BODY_LIMIT: usize = 4 * 1024 * 1024;

/// Refused lines that an error names.
const NAMED_LINES: usize = 3;

/// A client of one server. Clones share their connections.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    base: Url,
    write_base: Url,
    headers: HeaderMap,
    schemas: Schemas,
    config: ClientConfig,
}

/// A request as this crate makes them.
#[derive(Default)]
pub(crate) struct Request<'r> {
    pub(crate) method: Method,
    /// Path below the base URL: `api/v2/buckets`.
    pub(crate) path: &'r str,
    /// Goes to the address of writes.
    pub(crate) is_write: bool,
    /// Query parameters; those without a value are left out.
    pub(crate) query: &'r [(&'r str, Option<&'r str>)],
    pub(crate) body: Option<Body>,
    /// Instead of the client's timeout.
    pub(crate) timeout: Option<Duration>,
}

/// A body and its headers.
#[derive(Clone)]
pub(crate) struct Body {
    pub(crate) bytes: Bytes,
    pub(crate) content_type: &'static str,
    pub(crate) gzip: bool,
}

impl Body {
    pub(crate) fn json(value: &impl serde::Serialize) -> Result<Self> {
        let bytes =
            serde_json::to_vec(value).map_err(|error| Error::Config(format!("body: {error}")))?;
        Ok(Self {
            bytes: bytes.into(),
            content_type: "application/json",
            gzip: false,
        })
    }
}

impl Client {
    /// Makes a client; no connection yet.
    ///
    /// Errors: the URL is none, or its certificate authorities cannot be read.
    pub fn new(config: ClientConfig) -> Result<Self> {
        let base = base(&config.url)?;
        let write_base = match &config.write_url {
            Some(url) => self::base(url)?,
            None => base.clone(),
        };
        let headers = own_headers(&config.headers)?;
        // Redirects are not followed (below), so plain http never turns into https.
        let tls = if [&base, &write_base]
            .iter()
            .any(|url| url.scheme() == "https")
        {
            tls::client_config(config.ca_file.as_deref())?
        } else {
            tls::no_trust()?
        };
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            // A token must not follow a redirect to another host; InfluxDB sends none.
            .redirect(reqwest::redirect::Policy::none())
            .timeout(config.timeout)
            .connect_timeout(config.connect_timeout)
            .pool_max_idle_per_host(config.pool_idle_connections)
            .pool_idle_timeout(config.pool_idle_timeout)
            .tcp_nodelay(true)
            .user_agent(config.user_agent.as_str())
            .build()
            .map_err(|error| Error::Config(describe(error)))?;
        Ok(Self {
            inner: Arc::new(Inner {
                http,
                base,
                write_base,
                headers,
                schemas: Schemas::default(),
                config,
            }),
        })
    }

    /// What the client was made from.
    pub fn config(&self) -> &ClientConfig {
        &self.inner.config
    }

    pub(crate) fn schemas(&self) -> &Schemas {
        &self.inner.schemas
    }

    /// What stands before the paths of VictoriaMetrics' query API: a cluster's name the tenant.
    pub(crate) fn reading_prefix(&self) -> String {
        match self.inner.config.tenant.as_str() {
            "" => String::new(),
            tenant => format!("select/{tenant}/prometheus/"),
        }
    }

    /// What stands before its path of writes.
    pub(crate) fn writing_prefix(&self) -> String {
        match self.inner.config.tenant.as_str() {
            "" => String::new(),
            tenant => format!("insert/{tenant}/influx/"),
        }
    }

    /// The organization's name as a query parameter; none when it is not configured.
    pub(crate) fn org(&self) -> Option<&str> {
        Some(self.inner.config.org.as_str()).filter(|org| !org.is_empty())
    }

    /// Sends a request; any HTTP answer is `Ok`. After a 401 a rotated token is tried once.
    pub(crate) async fn send(&self, request: &Request<'_>) -> Result<Response> {
        let token = self.inner.config.token.current()?;
        let response = self.attempt(request, token.as_deref()).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        match self.inner.config.token.renewed(token.as_deref()) {
            Some(renewed) => self.attempt(request, Some(&renewed)).await,
            None => Ok(response),
        }
    }

    /// Sends a request and reads an error answer as [`Error::Api`].
    pub(crate) async fn send_ok(&self, request: &Request<'_>) -> Result<Response> {
        let response = self.send(request).await?;
        if response.status().is_success() {
            Ok(response)
        } else {
            Err(self.api_error(response).await)
        }
    }

    /// Sends a request and reads its JSON answer.
    pub(crate) async fn json<T: DeserializeOwned>(&self, request: &Request<'_>) -> Result<T> {
        let response = self.send_ok(request).await?;
        self.decode(request.path, response).await
    }

    /// Reads the JSON answer to a call of `path`.
    pub(crate) async fn decode<T: DeserializeOwned>(
        &self,
        path: &str,
        response: Response,
    ) -> Result<T> {
        let bytes = self.read(response, self.inner.config.answer_limit).await?;
        serde_json::from_slice(&bytes).map_err(|error| Error::Answer(format!("{path}: {error}")))
    }

    /// Sends a request whose answer has no content.
    pub(crate) async fn done(&self, request: &Request<'_>) -> Result<()> {
        self.send_ok(request).await.map(drop)
    }

    /// The next piece of an answer's body.
    pub(crate) async fn chunk(&self, response: &mut Response) -> Result<Option<Bytes>> {
        response
            .chunk()
            .await
            .map_err(|error| self.connection(error))
    }

    async fn attempt(&self, request: &Request<'_>, token: Option<&str>) -> Result<Response> {
        let base = match request.is_write {
            true => &self.inner.write_base,
            false => &self.inner.base,
        };
        let mut url = base
            .join(request.path)
            .map_err(|error| Error::Config(error.to_string()))?;
        if request.query.iter().any(|(_, value)| value.is_some()) {
            let present = request
                .query
                .iter()
                .filter_map(|(name, value)| Some((*name, (*value)?)));
            url.query_pairs_mut().extend_pairs(present);
        }
        let mut headers = self.inner.headers.clone();
        headers.insert(
            ACCEPT,
            HeaderValue::from_static("application/json, application/csv"),
        );
        if let Some(token) = token {
            let mut value = HeaderValue::try_from(format!("Token {token}")).map_err(|_| {
                Error::Config("the token holds a character that no header may".into())
            })?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let mut builder = self.inner.http.request(request.method.clone(), url);
        if let Some(body) = &request.body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(body.content_type));
            if body.gzip {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            builder = builder.body(body.bytes.clone());
        }
        if let Some(limit) = request.timeout {
            builder = builder.timeout(limit);
        }
        builder
            .headers(headers)
            .send()
            .await
            .map_err(|error| self.connection(error))
    }

    fn connection(&self, error: reqwest::Error) -> Error {
        Error::Connection {
            url: self.inner.config.url.clone(),
            message: describe(error),
        }
    }

    /// Reads a whole body of at most `limit` bytes.
    pub(crate) async fn read(&self, mut response: Response, limit: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.chunk(&mut response).await? {
            if bytes.len() + piece.len() > limit {
                return Err(Error::TooLarge {
                    limit,
                    unit: "bytes",
                });
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    /// Reads an error answer: InfluxDB's JSON, version 1's, or the text of whatever stands between.
    pub(crate) async fn api_error(&self, response: Response) -> Error {
        let status = response.status();
        let header = |name: &str| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let code = header("x-platform-error-code");
        let in_header = header("x-influxdb-error");
        let retry_after = header(RETRY_AFTER.as_str()).and_then(|text| retry_after(&text));
        let body = match self.read(response, ERROR_BODY_LIMIT).await {
            Ok(body) => body,
            Err(error @ Error::Connection { .. }) => return error,
            Err(_) => Vec::new(),
        };
        let json: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let member = |name: &str| json.get(name)?.as_str().map(str::to_owned);
        let reason = || status.canonical_reason().unwrap_or("error").to_owned();
        let text = || {
            let text = String::from_utf8_lossy(&body);
            Some(
                text.trim()
                    .chars()
                    .take(ERROR_TEXT_LIMIT)
                    .collect::<String>(),
            )
            .filter(|text| !text.is_empty())
        };
        let lines = refused_lines(&json);
        Error::Api {
            status: status.as_u16(),
            code: member("code")
                .or(code)
                .unwrap_or_else(|| reason().to_lowercase()),
            message: member("message")
                .or_else(|| member("error"))
                .or(in_header)
                .or_else(text)
                .unwrap_or_else(reason)
                + &lines,
            retry_after,
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("config", &self.inner.config)
            .finish_non_exhaustive()
    }
}

/// The first lines that InfluxDB 3 names beside its message.
fn refused_lines(json: &serde_json::Value) -> String {
    let list = json.get("data").and_then(serde_json::Value::as_array);
    let member = |line: &serde_json::Value, name: &str| Some(line.get(name)?.as_str()?.to_owned());
    let line = |line: &serde_json::Value| {
        let (text, why) = (
            member(line, "original_line")?,
            member(line, "error_message")?,
        );
        Some(format!(": {text:?}: {why}"))
    };
    let lines = list.into_iter().flatten().take(NAMED_LINES);
    lines.filter_map(line).collect()
}

/// The address that paths are joined to.
fn base(url: &str) -> Result<Url> {
    let bad_url =
        |reason: String| Error::Config(format!("{url:?} is not a server's URL: {reason}"));
    let mut base = Url::parse(url).map_err(|error| bad_url(error.to_string()))?;
    if !matches!(base.scheme(), "http" | "https") {
        return Err(bad_url("it starts with http:// or https://".into()));
    }
    if !base.username().is_empty() || base.password().is_some() {
        return Err(Error::Config(
            "a server's URL holds no user and password; use a token".into(),
        ));
    }
    if !base.path().ends_with('/') {
        let path = format!("{}/", base.path());
        base.set_path(&path);
    }
    Ok(base)
}

fn own_headers(headers: &[(String, String)]) -> Result<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let refused = |what: &str| Error::Config(format!("header {name:?}: {what}"));
        let key = HeaderName::try_from(name).map_err(|_| refused("is no name of a header"))?;
        let mut value = HeaderValue::try_from(value)
            .map_err(|_| refused("its value holds a character that no header may"))?;
        value.set_sensitive(true);
        map.insert(key, value);
    }
    Ok(map)
}

/// `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3); a date that is past is now.
fn retry_after(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// An error with its causes, without the URL (the caller names the server, and parameters are noise).
fn describe(error: reqwest::Error) -> String {
    let timeout = error.is_timeout();
    let error = error.without_url();
    let message = match timeout {
        true => "timed out".to_owned(),
        false => error.to_string(),
    };
    with_causes(message, &error)
}
