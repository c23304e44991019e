//! The load itself: operations begin when the schedule says, and latencies count from then.
//!
//! In the open model the operation `n` is due at `n / rate` after the start. If all connections
//! are busy it waits, and that wait is part of its latency: what a user would have waited. A
//! generator that waits for the answer before it sends the next request hides exactly that
//! ("coordinated omission": G. Tene, How NOT to Measure Latency).

mod failure;
mod query_job;
mod recorder;
mod write_job;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use watchpost_client::backoff::Backoff;
use watchpost_service::shutdown::Shutdown;

pub use self::failure::{Failure, FailureKind};
pub use self::query_job::QueryJob;
pub use self::recorder::{Latency, Recorder, Summary, Tick};
pub use self::write_job::{Pass, WriteJob};

/// What is done again and again.
pub trait Job: Send + Sync + 'static {
    /// What an operation needs, made before its time comes.
    type Input: Send + Sync;

    /// Makes an operation ready.
    fn prepare(&self, number: u64) -> Self::Input;

    /// Performs it once; called again for a failure that may pass.
    fn perform(
        &self,
        number: u64,
        input: &Self::Input,
    ) -> impl Future<Output = Result<u64, Failure>> + Send;

    /// Which of the recorder's labels the operation counts under.
    fn label(&self, _number: u64) -> usize {
        0
    }
}

/// How much, when, and for how long.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Operations under way at a time.
    pub connections: usize,
    /// Number of the first operation.
    pub first: u64,
    /// Operations to perform; the schedule may end before.
    pub count: u64,
    /// Operations a second in the open model; `None` in the closed one.
    pub rate: Option<f64>,
    /// No operation begins later than this after the start.
    pub duration: Option<Duration>,
    /// Operations due in this first time are recorded apart.
    pub warmup: Duration,
    /// How long an operation is repeated before the load gives up.
    pub retry_for: Duration,
}

impl Plan {
    /// How long the open model takes when nothing is late; `None` in the closed one.
    fn scheduled(&self) -> Option<Duration> {
        let whole = Duration::try_from_secs_f64(self.count as f64 / self.rate?).ok()?;
        Some(self.duration.map_or(whole, |duration| whole.min(duration)))
    }
}

/// Why a load ended before its schedule did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It did not.
    Complete,
    /// Someone asked it to.
    Interrupted,
    /// The server does not take it, whenever it comes.
    Failed(Failure),
}

/// Performs the plan; returns when every operation that began has ended.
pub async fn run<J: Job>(
    job: &Arc<J>,
    plan: &Plan,
    recorder: &Arc<Recorder>,
    stop: &Shutdown,
) -> Ended {
    let start = Instant::now();
    recorder.begin(start, plan.warmup);
    let next = Arc::new(AtomicU64::new(0));
    let abort = stop.child();
    let mut workers = JoinSet::new();
    for _ in 0..plan.connections {
        let worker = Worker {
            job: Arc::clone(job),
            plan: plan.clone(),
            recorder: Arc::clone(recorder),
            next: Arc::clone(&next),
            stop: abort.clone(),
            start,
        };
        workers.spawn(worker.work());
    }
    let mut failed = None;
    while let Some(ended) = workers.join_next().await {
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => {
                failed.get_or_insert(failure);
            }
            Err(panic) => {
                failed.get_or_insert(Failure::new(FailureKind::Client, panic.to_string()));
            }
        }
    }
    let ended = match failed {
        Some(failure) => Ended::Failed(failure),
        None if stop.is_requested() => Ended::Interrupted,
        None => Ended::Complete,
    };
    recorder.end(match plan.scheduled() {
        // The last operation may be done before its turn is over.
        Some(length) if ended == Ended::Complete => Instant::now().max(start + length),
        _ => Instant::now(),
    });
    ended
}

/// One connection.
struct Worker<J> {
    job: Arc<J>,
    plan: Plan,
    recorder: Arc<Recorder>,
    next: Arc<AtomicU64>,
    stop: Shutdown,
    start: Instant,
}

impl<J: Job> Worker<J> {
    /// Takes operations until there are no more. A failure that ends the load stops the others.
    async fn work(self) -> Result<(), Failure> {
        while !self.stop.is_requested() {
            let turn = self.next.fetch_add(1, Ordering::Relaxed);
            if turn >= self.plan.count {
                break;
            }
            let number = self.plan.first + turn;
            let input = self.job.prepare(number);
            let Some(due) = self.wait_for_turn(turn).await else {
                break;
            };
            if let Err(failure) = self.operation(number, &input, due).await {
                self.stop.request();
                return Err(failure);
            }
        }
        Ok(())
    }

    /// When the operation should begin, once that has come; `None` when the schedule has ended.
    async fn wait_for_turn(&self, turn: u64) -> Option<Instant> {
        let due = match self.plan.rate {
            Some(rate) => self.start + Duration::from_secs_f64(turn as f64 / rate),
            None => Instant::now(),
        };
        if self
            .plan
            .duration
            .is_some_and(|duration| due >= self.start + duration)
        {
            return None;
        }
        if Instant::now() < due {
            self.stop.unless_requested(sleep_until(due)).await?;
            // With a connection free, whatever is late now is the client's own doing.
            self.recorder.woke(Instant::now() - due);
        }
        Some(due)
    }

    /// Performs an operation, repeated while its failure may pass.
    async fn operation(&self, number: u64, input: &J::Input, due: Instant) -> Result<(), Failure> {
        let label = self.job.label(number);
        let begun = Instant::now();
        let mut random = fastrand::Rng::with_seed(number);
        for attempt in 1.. {
            let failure = match self.job.perform(number, input).await {
                Ok(points) => {
                    self.recorder.done(label, due, Instant::now(), points);
                    return Ok(());
                }
                Err(failure) => failure,
            };
            self.recorder.failed(label, failure.kind);
            if !failure.may_pass {
                return Err(failure);
            }
            if begun.elapsed() >= self.plan.retry_for {
                let retry_for = self.plan.retry_for;
                return Err(failure.after(retry_for));
            }
            let wait = BACKOFF.delay_at_least(attempt, failure.wait, &mut random);
            let left = self.plan.retry_for.saturating_sub(begun.elapsed());
            let asked = timeout(wait.min(left), self.stop.requested()).await.is_ok();
            if asked {
                break;
            }
        }
        Ok(())
    }
}

/// Waits between repetitions: short, for the time until a server is back is measured.
const BACKOFF: Backoff = Backoff {
    initial: Duration::from_millis(50),
    limit: Duration::from_millis(500),
};

/// Waits, unless asked to stop before; `true` if the time has passed.
pub async fn pause(length: Duration, stop: &Shutdown) -> bool {
    stop.unless_requested(sleep(length)).await.is_some()
}
