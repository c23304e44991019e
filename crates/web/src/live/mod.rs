//! What is new, as it comes: one task watches the fleet, one more each host that somebody looks at.
//! All followers share them.

pub(crate) mod alerts;
mod copies;
mod poll;

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use watchpost_core::time::NANOS_PER_MILLI;
use watchpost_service::shutdown::Shutdown;

use crate::alerter::Alerter;
use crate::config::LiveConfig;
use crate::database::Database;
use crate::fleet::{Ages, Fleet, Host};
use crate::{ApiError, Result};

use self::alerts::Alerts;

/// Events a slow follower may be behind before it misses some.
const BACKLOG: usize = 16;

/// An event as it goes to followers.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// New values, as JSON.
    Update(Arc<str>),
    /// Whether the database answers, as JSON.
    Status(Arc<str>),
}

/// The watched fleet. Clones share it.
#[derive(Clone)]
pub(crate) struct Live {
    inner: Arc<Inner>,
}

struct Inner {
    database: Database,
    alerter: Alerter,
    alerts: Alerts,
    config: LiveConfig,
    fleet: RwLock<Fleet>,
    /// How often the fleet has had news.
    revision: AtomicU64,
    /// How old the newest copy of the server was at the last sweep, seconds, where some are made.
    copies: RwLock<Option<i64>>,
    /// Why the database does not answer, if it does not.
    problem: RwLock<Option<ApiErrorText>>,
    /// When the database last answered, nanoseconds since 1970; at first when we began to ask.
    answered: AtomicI64,
    events: broadcast::Sender<Event>,
    hosts: Mutex<HashMap<String, broadcast::Sender<Event>>>,
    places: Arc<Semaphore>,
    shutdown: Shutdown,
}

/// Code and message of the error that keeps us from looking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiErrorText {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// When the database last answered, nanoseconds since 1970.
    pub(crate) answered: i64,
}

/// A follower's channel and its place.
pub(crate) struct Following {
    pub(crate) events: broadcast::Receiver<Event>,
    /// Given back when the follower leaves.
    pub(crate) _place: OwnedSemaphorePermit,
}

impl Live {
    pub(crate) fn new(
        database: Database,
        config: LiveConfig,
        alerter: Alerter,
        shutdown: &Shutdown,
    ) -> Live {
        let places = Arc::new(Semaphore::new(config.max_followers));
        let inner = Inner {
            database,
            alerter,
            alerts: Alerts::default(),
            config,
            fleet: RwLock::default(),
            revision: AtomicU64::new(0),
            copies: RwLock::default(),
            problem: RwLock::default(),
            answered: AtomicI64::new(crate::now()),
            events: broadcast::channel(BACKLOG).0,
            hosts: Mutex::default(),
            places,
            shutdown: shutdown.clone(),
        };
        Live {
            inner: Arc::new(inner),
        }
    }

    /// The fleet as it is now.
    pub(crate) fn fleet<T>(&self, read: impl FnOnce(&Fleet) -> T) -> T {
        read(
            &self
                .inner
                .fleet
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    pub(crate) fn ages(&self) -> Ages {
        let nanos = |length: Duration| i64::try_from(length.as_nanos()).unwrap_or(i64::MAX);
        Ages {
            late: nanos(self.inner.config.late_after.get()),
            offline: nanos(self.inner.config.offline_after.get()),
            answered: self.problem().map(|problem| problem.answered),
        }
    }

    /// Why the database does not answer, if it does not.
    pub(crate) fn problem(&self) -> Option<ApiErrorText> {
        self.inner
            .problem
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How old the newest copy of the server was at the last sweep, seconds, where some are made.
    pub(crate) fn copies(&self) -> Option<i64> {
        *self
            .inner
            .copies
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the database answers, as an event.
    pub(crate) fn status(&self) -> Event {
        let document = match self.problem() {
            None => json!({ "database": "up" }),
            Some(error) => {
                let silent_ms = (crate::now() - error.answered).max(0) / NANOS_PER_MILLI;
                json!({ "database": "down", "code": error.code, "message": error.message, "silent_ms": silent_ms })
            }
        };
        Event::Status(document.to_string().into())
    }

    /// Follows the fleet.
    ///
    /// Errors: all places are taken.
    pub(crate) fn follow(&self) -> Result<Following> {
        Ok(Following {
            _place: self.place()?,
            events: self.inner.events.subscribe(),
        })
    }

    /// Follows all series of one host.
    pub(crate) fn follow_host(&self, host: &str) -> Result<Following> {
        let place = self.place()?;
        let mut hosts = self
            .inner
            .hosts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = hosts.get(host) {
            return Ok(Following {
                _place: place,
                events: sender.subscribe(),
            });
        }
        let (sender, events) = broadcast::channel(BACKLOG);
        hosts.insert(host.to_owned(), sender);
        let (live, host) = (self.clone(), host.to_owned());
        self.inner
            .shutdown
            .spawn(async move { poll::host(live, host).await });
        Ok(Following {
            _place: place,
            events,
        })
    }

    fn place(&self) -> Result<OwnedSemaphorePermit> {
        let places = Arc::clone(&self.inner.places);
        places
            .try_acquire_owned()
            .map_err(|_| ApiError::TooManyFollowers(self.inner.config.max_followers))
    }

    /// A number that differs whenever the fleet has news.
    pub(crate) fn revision(&self) -> u64 {
        self.inner.revision.load(Ordering::Relaxed)
    }

    /// What fires about the hosts.
    pub(crate) fn alerts(&self) -> &Alerts {
        &self.inner.alerts
    }

    /// A host's document with the alerts that fire about it.
    pub(crate) fn document(&self, host: &Host, now: i64) -> Value {
        let mut document = host.document(now, self.ages());
        if self.inner.alerter.is_configured() {
            document["alerts"] = json!(self.inner.alerts.of(&host.name));
        }
        document
    }

    /// Starts to watch the fleet, and its alerts where there is an alerter.
    pub(crate) fn start(&self) {
        let live = self.clone();
        if self.inner.alerter.is_configured() {
            let (alerter, stop) = (self.inner.alerter.clone(), self.inner.shutdown.clone());
            let alerts = self.inner.alerts.clone();
            self.inner
                .shutdown
                .spawn(async move { alerts.watch(alerter, stop).await });
        }
        self.inner
            .shutdown
            .spawn(async move { poll::fleet(live).await });
    }

    fn report(&self, result: std::result::Result<(), &ApiError>) {
        let problem = result.err().map(|error| ApiErrorText {
            code: error.code(),
            message: error.to_string(),
            answered: self.inner.answered.load(Ordering::Relaxed),
        });
        if problem.is_none() {
            self.inner.answered.store(crate::now(), Ordering::Relaxed);
        }
        let changed = {
            let mut known = self
                .inner
                .problem
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            let changed = known.is_some() != problem.is_some();
            *known = problem;
            changed
        };
        if changed {
            match self.problem() {
                Some(error) => {
                    tracing::warn!(error = error.message, "the database does not answer")
                }
                None => tracing::info!("the database answers"),
            }
            // Without followers there is nobody to tell.
            let _ = self.inner.events.send(self.status());
        }
    }
}
