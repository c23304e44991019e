//! The queries that run or wait: a turn for each, a queue that is bounded, a list, and a way to end one.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::api::error::{ApiError, Code};
use crate::limits::Limits;
use crate::meta::Id;

/// All queries of the server.
#[derive(Debug)]
pub struct Queries {
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
    max_waiting: usize,
    timeout: Duration,
    next: AtomicU64,
    running: Arc<Mutex<BTreeMap<u64, Running>>>,
}

#[derive(Debug)]
struct Running {
    text: String,
    org: Id,
    user: Id,
    started: Instant,
    killed: Arc<AtomicBool>,
}

/// A query that runs.
#[derive(Debug, Clone)]
pub struct QueryInformation {
    /// Its number, for [`Queries::kill`].
    pub id: u64,
    /// Its text.
    pub text: String,
    /// Its organization.
    pub org: Id,
    /// Whose it is.
    pub user: Id,
    /// How long it has run.
    pub runs_for: Duration,
}

/// The right to run; given back when dropped.
#[derive(Debug)]
pub struct Ticket {
    id: u64,
    started: Instant,
    deadline: Instant,
    killed: Arc<AtomicBool>,
    running: Arc<Mutex<BTreeMap<u64, Running>>>,
    _turn: OwnedSemaphorePermit,
}

impl Queries {
    /// None yet.
    pub fn new(limits: &Limits) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(limits.max_concurrent_queries.max(1))),
            waiting: AtomicUsize::new(0),
            max_waiting: limits.max_queued_queries,
            timeout: limits.query_timeout(),
            next: AtomicU64::new(1),
            running: Arc::default(),
        }
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// Too many wait already, or none came in time.
    pub async fn enter(&self, text: &str, org: Id, user: Id) -> Result<Ticket, ApiError> {
        let started = Instant::now();
        let deadline = started + self.timeout;
        let turn = match Arc::clone(&self.turns).try_acquire_owned() {
            Ok(turn) => turn,
            Err(_) => self.wait(deadline).await?,
        };
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let killed = Arc::new(AtomicBool::new(false));
        let entry = Running {
            text: text.to_owned(),
            org,
            user,
            started,
            killed: Arc::clone(&killed),
        };
        lock(&self.running).insert(id, entry);
        Ok(Ticket {
            id,
            started,
            deadline,
            killed,
            running: Arc::clone(&self.running),
            _turn: turn,
        })
    }

    async fn wait(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, ApiError> {
        let _waits = Waits::count(&self.waiting, self.max_waiting).ok_or_else(|| {
            let message = format!(
                "{} queries wait already (--max-queued-queries); try again later",
                self.max_waiting
            );
            ApiError::new(Code::TooManyRequests, message).retry_after(1)
        })?;
        let turn =
            tokio::time::timeout_at(deadline.into(), Arc::clone(&self.turns).acquire_owned()).await;
        match turn {
            Ok(Ok(turn)) => Ok(turn),
            _ => {
                let message = "the query waited too long for its turn (--max-concurrent-queries); try again later";
                Err(ApiError::new(Code::TooManyRequests, message).retry_after(5))
            }
        }
    }

    /// The queries that run, oldest first.
    pub fn running(&self) -> Vec<QueryInformation> {
        let running = lock(&self.running);
        let entries = running.iter().map(|(id, entry)| QueryInformation {
            id: *id,
            text: entry.text.clone(),
            org: entry.org,
            user: entry.user,
            runs_for: entry.started.elapsed(),
        });
        entries.collect()
    }

    /// Ends a query; whether it ran.
    pub fn kill(&self, id: u64) -> bool {
        let running = lock(&self.running);
        running
            .get(&id)
            .inspect(|entry| entry.killed.store(true, Ordering::Relaxed))
            .is_some()
    }

    /// How many run and wait.
    pub fn counts(&self) -> (usize, usize) {
        (
            lock(&self.running).len(),
            self.waiting.load(Ordering::Relaxed),
        )
    }
}

/// Counts a waiting query for as long as it waits, also when its caller goes away.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn count(waiting: &'a AtomicUsize, most: usize) -> Option<Self> {
        let counted = waiting.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| {
            (now < most).then_some(now + 1)
        });
        counted.ok().map(|_| Self(waiting))
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Ticket {
    /// Why the query has to end, if it has to.
    pub fn must_end(&self) -> Option<&'static str> {
        if self.killed.load(Ordering::Relaxed) {
            return Some("the query was killed");
        }
        (Instant::now() > self.deadline)
            .then_some("the query took too long (--query-timeout-seconds)")
    }

    /// Whether no running query began later.
    pub fn is_newest(&self) -> bool {
        lock(&self.running).keys().next_back() == Some(&self.id)
    }

    /// How long it has run, waiting included.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        lock(&self.running).remove(&self.id);
    }
}

fn lock(
    running: &Mutex<BTreeMap<u64, Running>>,
) -> std::sync::MutexGuard<'_, BTreeMap<u64, Running>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queries(concurrent: usize, queued: usize) -> Queries {
        let limits = Limits {
            max_concurrent_queries: concurrent,
            max_queued_queries: queued,
            ..Limits::default()
        };
        Queries::new(&limits)
    }

    #[tokio::test]
    async fn a_killed_query_has_to_end() {
        let queries = queries(1, 1);
        let ticket = queries
            .enter("q", Id::random(), Id::random())
            .await
            .expect("a turn");
        assert_eq!(ticket.must_end(), None);
        let running = queries.running();
        assert_eq!(running.len(), 1);
        assert!(queries.kill(running[0].id));
        assert_eq!(ticket.must_end(), Some("the query was killed"));
        drop(ticket);
        assert_eq!(queries.counts(), (0, 0));
        assert!(!queries.kill(running[0].id));
    }

    #[tokio::test]
    async fn one_more_than_the_queue_holds_is_refused() {
        let queries = queries(1, 0);
        let first = queries
            .enter("q", Id::random(), Id::random())
            .await
            .expect("a turn");
        let second = queries.enter("q", Id::random(), Id::random()).await;
        assert_eq!(second.expect_err("no turn").code, Code::TooManyRequests);
        drop(first);
        assert!(queries.enter("q", Id::random(), Id::random()).await.is_ok());
    }
}
