//! What a client needs to know, as a plain value.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use watchpost_query::Kind;

use crate::token::TokenSource;

/// Where the server is and how to talk to it.
#[derive(Clone)]
pub struct ClientConfig {
    /// Base URL, `http://127.0.0.1:8086`; a path in it is kept (a proxy's prefix).
    pub url: String,
    /// What stands behind it.
    pub kind: Kind,
    /// Base URL of writes, where it is another than that of queries: a cluster's `vminsert`.
    pub write_url: Option<String>,
    /// `account` or `account:project` of a VictoriaMetrics cluster whose paths name it; empty otherwise.
    pub tenant: String,
    /// More headers of each request: what a proxy in front of the server asks for. Their values are secret.
    pub headers: Vec<(String, String)>,
    /// Organization by name; empty where no call needs one.
    pub org: String,
    /// Where the API token comes from.
    pub token: TokenSource,
    /// Longest a request takes from connecting to the end of its answer.
    pub timeout: Duration,
    /// Longest a connection takes to come about.
    pub connect_timeout: Duration,
    /// Compress bodies that are written; answers are taken compressed either way.
    pub gzip: bool,
    /// `User-Agent` header: `watchpost-agent/0.1.0`.
    pub user_agent: String,
    /// Idle connections kept. Two suffice for one writer and one query beside it.
    pub pool_idle_connections: usize,
    /// How long an idle connection is kept; below the usual 90 s of proxies and servers, so that
    /// the client closes first.
    pub pool_idle_timeout: Duration,
    /// PEM file of the certificate authorities to trust instead of the machine's own.
    pub ca_file: Option<PathBuf>,
    /// Largest answer of a management call; the longest known, a page of 100 tasks, is below 1 MiB.
    pub answer_limit: usize,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:8086".into(),
            kind: Kind::default(),
            write_url: None,
            tenant: String::new(),
            headers: Vec::new(),
            org: "watchpost".into(),
            token: TokenSource::none(),
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(3),
            gzip: true,
            user_agent: concat!("watchpost/", env!("CARGO_PKG_VERSION")).into(),
            pool_idle_connections: 2,
            pool_idle_timeout: Duration::from_secs(60),
            ca_file: None,
            answer_limit: 16 * 1024 * 1024,
        }
    }
}

impl ClientConfig {
    /// The same with what stands behind the address: the kind by its name (an unknown one is InfluxDB 2), the
    /// address of writes and the tenant, if there are any, and the headers of a proxy.
    #[must_use]
    pub fn on_server(
        self,
        kind: &str,
        write_url: &str,
        tenant: &str,
        headers: Vec<(String, String)>,
    ) -> Self {
        Self {
            kind: kind.parse().unwrap_or_default(),
            write_url: Some(write_url.to_owned()).filter(|url| !url.is_empty()),
            tenant: tenant.to_owned(),
            headers,
            ..self
        }
    }

    /// The defaults with a server, an organization and a token.
    pub fn new(url: impl Into<String>, org: impl Into<String>, token: TokenSource) -> Self {
        Self {
            url: url.into(),
            org: org.into(),
            token,
            ..Self::default()
        }
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("ClientConfig")
            .field("url", &self.url)
            .field("kind", &self.kind)
            .field("write_url", &self.write_url)
            .field("tenant", &self.tenant)
            .field("headers", &headers)
            .field("org", &self.org)
            .field("token", &self.token)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
