//! What the handlers work with.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use watchpost_service::hosts::KnownHosts;
use watchpost_service::metrics::{CounterVec, HistogramVec, Registry};
use watchpost_service::shutdown::Shutdown;

use crate::address::Public;
use crate::alerter::Alerter;
use crate::annotation::Annotations;
use crate::config::WebConfig;
use crate::database::Database;
use crate::live::Live;
use crate::pages::Templates;
use crate::pages::fleet::Rendered;
use crate::sign_in::sessions::{self, Sessions};
use crate::sign_in::tries::Tries;
use crate::sign_in::users_file::UsersFile;
use crate::{ApiError, Result};

/// Passwords verified at a time: each takes a core for some 30 ms.
const PASSWORDS_AT_ONCE: usize = 2;

/// Upper bounds of request times, in seconds.
const SECONDS: &[f64] = &[0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0];

/// Everything, shared by all requests.
#[derive(Clone)]
pub(crate) struct App(Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) config: WebConfig,
    pub(crate) hosts: KnownHosts,
    /// Where a proxy serves the pages, if that is known.
    pub(crate) public: Option<Public>,
    pub(crate) database: Database,
    pub(crate) live: Live,
    pub(crate) alerter: Alerter,
    pub(crate) annotations: Annotations,
    pub(crate) templates: Templates,
    pub(crate) rendered: Rendered,
    pub(crate) users: Option<UsersFile>,
    pub(crate) sessions: Sessions,
    pub(crate) tries: Tries,
    pub(crate) passwords: Semaphore,
    pub(crate) registry: Registry,
    pub(crate) requests: CounterVec,
    pub(crate) seconds: HistogramVec,
    pub(crate) shutdown: Shutdown,
}

impl App {
    /// Errors: a client cannot be made, or the users file cannot be read.
    pub(crate) fn new(config: WebConfig, shutdown: &Shutdown) -> Result<App> {
        let users = match &config.http.users_file {
            Some(path) => Some(
                UsersFile::open(path.clone())
                    .map_err(|error| ApiError::Internal(error.to_string()))?,
            ),
            None => None,
        };
        let alerter = Alerter::new(&config.alerter)?;
        let database = Database::new(&config)?;
        let live = Live::new(
            database.clone(),
            config.live.clone(),
            alerter.clone(),
            shutdown,
        );
        let registry = Registry::new();
        Ok(App(Arc::new(Parts {
            annotations: Annotations::new(&config, database.kind(), &alerter)?,
            alerter,
            templates: Templates::new(config.http.pages_folder.as_deref())?,
            rendered: Rendered::default(),
            requests: registry.counter_vec(
                "watchpost_web_requests_total",
                "Requests by route and status.",
                &["route", "status"],
            ),
            seconds: registry.histogram_vec(
                "watchpost_web_request_seconds",
                "Time to the first byte of an answer.",
                &["route"],
                SECONDS,
            ),
            hosts: config.http.known_hosts(),
            public: Public::read(&config.http.public_url),
            config,
            database,
            live,
            users,
            sessions: Sessions::default(),
            tries: Tries::default(),
            passwords: Semaphore::new(PASSWORDS_AT_ONCE),
            registry,
            shutdown: shutdown.clone(),
        })))
    }
}

impl Parts {
    /// Whether a browser's `Origin` is that of our pages: the host that was asked for, or that of
    /// `http.public_url`, since some proxies ask by a host of their own.
    pub(crate) fn is_own_origin(&self, origin: &str, host: &str) -> bool {
        let named = origin.split_once("://").map(|(_, named)| named);
        named == Some(host) || self.public.as_ref().is_some_and(|own| own.origin == origin)
    }

    /// The `Set-Cookie` header of a session; an empty id ends it.
    pub(crate) fn cookie(&self, id: &str, length: Duration) -> String {
        let path = self.public.as_ref().map_or("/", |own| own.path.as_str());
        sessions::cookie(id, path, length, self.config.http.is_secure())
    }
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
