//! The queries that run or wait: a turn for each, a queue that is bounded, a list, and a way to end one.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::api::error::{ApiError, Code};
use crate::limits::Limits;
use crate::meta::Id;
use crate::query::share::{Place, Shares};

/// Queries at once of those who may read nothing.
const APART: usize = 1;

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Asker {
    /// The user.
    pub user: Id,
    /// The token, or the user without one, whose share of the turns it is.
    pub holder: Id,
    /// Whether they may read any bucket.
    pub reads: bool,
}

/// All queries of the server.
#[derive(Debug)]
pub struct Queries {
    turns: Arc<Semaphore>,
    /// For those who may read nothing: what is left to ask takes no turn of those who may, and no place in the queue.
    apart: Arc<Semaphore>,
    shares: Shares,
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
    holder: Id,
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
    /// The token that asked it, or the user without one.
    pub holder: Id,
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
    _own_turn: OwnedSemaphorePermit,
    _place: Place,
}

impl Queries {
    /// None yet.
    pub fn new(limits: &Limits) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(limits.max_concurrent_queries.max(1))),
            apart: Arc::new(Semaphore::new(APART)),
            shares: Shares::of(limits.max_concurrent_queries, limits.max_queued_queries),
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
    pub async fn enter(&self, text: &str, org: Id, asker: Asker) -> Result<Ticket, ApiError> {
        let started = Instant::now();
        let deadline = started + self.timeout;
        let too_many = || {
            let message = "too many queries of this token run or wait; try again later";
            ApiError::new(Code::TooManyRequests, message).retry_after(1)
        };
        let Asker {
            user,
            holder,
            reads,
        } = asker;
        let place = self.shares.join(holder).ok_or_else(too_many)?;
        // Its own first: what waits for a share that is used up stands in nobody else's way.
        let own_turn = match reads {
            true => self.turn(&place.turns, deadline).await?,
            false => Arc::clone(&place.turns)
                .try_acquire_owned()
                .map_err(|_| too_many())?,
        };
        let turn = match reads {
            true => self.turn(&self.turns, deadline).await?,
            false => Arc::clone(&self.apart)
                .try_acquire_owned()
                .map_err(|_| too_many())?,
        };
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let killed = Arc::new(AtomicBool::new(false));
        let entry = Running {
            text: text.to_owned(),
            org,
            user,
            holder,
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
            _own_turn: own_turn,
            _place: place,
        })
    }

    async fn turn(
        &self,
        turns: &Arc<Semaphore>,
        deadline: Instant,
    ) -> Result<OwnedSemaphorePermit, ApiError> {
        if let Ok(turn) = Arc::clone(turns).try_acquire_owned() {
            return Ok(turn);
        }
        let _waits = Waits::count(&self.waiting, self.max_waiting).ok_or_else(|| {
            let message = format!(
                "{} queries wait already (--max-queued-queries); try again later",
                self.max_waiting
            );
            ApiError::new(Code::TooManyRequests, message).retry_after(1)
        })?;
        let turn = tokio::time::timeout_at(deadline.into(), Arc::clone(turns).acquire_owned());
        match turn.await {
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
            holder: entry.holder,
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

    async fn enter(queries: &Queries, holder: Id) -> Result<Ticket, ApiError> {
        let asker = Asker {
            user: holder,
            holder,
            reads: true,
        };
        queries.enter("q", Id::random(), asker).await
    }

    #[tokio::test]
    async fn who_may_read_nothing_takes_no_turn_of_those_who_may() {
        let queries = queries(1, 0);
        let blind = || Asker {
            user: Id::random(),
            holder: Id::random(),
            reads: false,
        };
        let first = queries.enter("q", Id::random(), blind()).await;
        assert!(first.is_ok());
        let second = queries.enter("q", Id::random(), blind()).await;
        assert_eq!(second.expect_err("no turn").code, Code::TooManyRequests);
        assert!(enter(&queries, Id::random()).await.is_ok());
    }

    #[tokio::test]
    async fn a_killed_query_has_to_end() {
        let queries = queries(1, 1);
        let ticket = enter(&queries, Id::random()).await.expect("a turn");
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
        let first = enter(&queries, Id::random()).await.expect("a turn");
        let second = enter(&queries, Id::random()).await;
        assert_eq!(second.expect_err("no turn").code, Code::TooManyRequests);
        drop(first);
        assert!(enter(&queries, Id::random()).await.is_ok());
    }

    #[tokio::test]
    async fn one_token_leaves_turns_and_places_to_others() {
        let queries = Arc::new(queries(8, 8));
        let greedy = Id::random();
        let asked = (0..40).map(|_| {
            let queries = Arc::clone(&queries);
            tokio::spawn(async move { enter(&queries, greedy).await })
        });
        let asked: Vec<_> = asked.collect();
        while queries.counts() != (6, 6) {
            tokio::task::yield_now().await;
        }
        let other = enter(&queries, Id::random()).await;
        assert!(other.is_ok(), "two turns are left to others");
        let mut refused = 0;
        for one in &asked {
            refused += usize::from(one.is_finished());
        }
        assert_eq!(
            refused,
            40 - 6,
            "six run, of which the tickets are held by the finished"
        );
    }
}
