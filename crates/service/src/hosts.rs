//! The names a server answers to. A web page of somebody else can have its own name point to this
//! machine (DNS rebinding) and then read what is served here as its own: its browser still says the
//! page's name in `Host`. So a name that cannot be ours is refused, with 421 (RFC 9110, 15.5.20).
//!
//! | listener | requests for other names |
//! |---|---|
//! | on loopback, or with names in the configuration | all are refused |
//! | on the network, without a login | a browser's are refused; programs do not follow a page |
//! | on the network, with a login | are answered: a page of another name has no cookie and no token |
//!
//! Addresses, `localhost` and names without a dot are always ours: no page of the internet has such
//! a name. On the network so are names that only a local network gives (`.local`, `.internal`,
//! `.home.arpa`, `.lan`).

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Json, Response};

/// Endings that only a local network gives: RFC 6762, RFC 8375, ICANN's `.internal`, and routers' `.lan`.
const LOCAL_ENDINGS: [&str; 4] = [".local", ".internal", ".home.arpa", ".lan"];

/// A name that this server does not answer to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the name {0:?} is not known here; {1} lists the names to answer to")]
pub struct UnknownHost(String, &'static str);

/// Whose requests have to be for a known name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strictness {
    All,
    Browsers,
    Nobody,
}

/// The names a listener answers to.
#[derive(Debug, Clone)]
pub struct KnownHosts {
    names: Vec<String>,
    setting: &'static str,
    strictness: Strictness,
    is_local: bool,
}

impl KnownHosts {
    /// For a listener on this address with the names that `setting` (a key or flag, for messages)
    /// lists; a name may begin with a dot for all below it.
    pub fn new(listen: IpAddr, names: &[String], setting: &'static str, has_login: bool) -> Self {
        let is_local = listen.is_loopback();
        let strictness = match (is_local || !names.is_empty(), has_login) {
            (true, _) => Strictness::All,
            (false, false) => Strictness::Browsers,
            (false, true) => Strictness::Nobody,
        };
        Self {
            names: names.iter().map(|name| plain(name)).collect(),
            setting,
            strictness,
            is_local,
        }
    }

    /// Also the host of a URL under which people reach the server; it makes nothing stricter.
    #[must_use]
    pub fn and_of_url(mut self, url: &str) -> Self {
        let host = url.parse::<Uri>().ok();
        let host = host.as_ref().and_then(Uri::host);
        self.names.extend(host.map(plain));
        self
    }

    /// Whether a request is for a name of ours.
    ///
    /// # Errors
    /// It is not.
    pub fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), UnknownHost> {
        let applies = match self.strictness {
            Strictness::All => true,
            Strictness::Browsers => is_of_a_browser(headers),
            Strictness::Nobody => false,
        };
        let named = headers.get(header::HOST);
        let named = named.map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
        let target = uri.authority().map(ToString::to_string);
        for host in named.into_iter().chain(target) {
            if applies && !self.knows(&host) {
                return Err(UnknownHost(host.chars().take(255).collect(), self.setting));
            }
        }
        Ok(())
    }

    /// Whether `host`, with or without a port, is a name of ours.
    fn knows(&self, host: &str) -> bool {
        let name = plain(without_port(host));
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let is_plain = !name.contains('.') || name.ends_with(".localhost");
        let is_listed = self
            .names
            .iter()
            .any(|known| match known.strip_prefix('.') {
                Some(above) => name == above || name.ends_with(known.as_str()),
                None => *known == name,
            });
        is_plain
            || bare.parse::<IpAddr>().is_ok()
            || is_listed
            || (!self.is_local && LOCAL_ENDINGS.iter().any(|ending| name.ends_with(ending)))
    }

    /// Puts the check before routes.
    pub fn guard(self, routes: Router) -> Router {
        routes.layer(from_fn_with_state(Arc::new(self), refuse_others))
    }
}

async fn refuse_others(
    State(known): State<Arc<KnownHosts>>,
    request: Request,
    next: Next,
) -> Response {
    match known.check(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(unknown) => {
            let body = serde_json::json!({ "code": "misdirected", "message": unknown.to_string() });
            (StatusCode::MISDIRECTED_REQUEST, Json(body)).into_response()
        }
    }
}

/// Headers that browsers send and a page cannot keep from being sent, one or the other.
fn is_of_a_browser(headers: &HeaderMap) -> bool {
    let marks = [
        "origin",
        "sec-fetch-site",
        "sec-fetch-mode",
        "cookie",
        "referer",
    ];
    let agent = headers.get(header::USER_AGENT);
    marks.iter().any(|name| headers.contains_key(*name))
        || headers.contains_key(header::ACCEPT_LANGUAGE)
        || agent.is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/"))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Names are the same in any case, and with the dot of the root.
fn plain(name: &str) -> String {
    let name = name.trim().to_ascii_lowercase();
    name.strip_suffix('.').map_or(name.clone(), str::to_owned)
}
