//! One writer per output: takes batches from its buffer, writes them, and acts on the answer.

mod dead_letter;
pub mod delivery;
mod journal;
pub mod pace;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use watchpost_client::Client;
use watchpost_client::write::Precision;
use watchpost_service::shutdown::Shutdown;

pub use self::dead_letter::DeadLetterFile;
use self::delivery::{Report, Verdict, deliver};
use self::journal::Failure;
pub use self::journal::Journal;
use self::pace::{Next, Pace, PaceSettings, Pending};
use crate::batch::Batch;
use crate::buffer::{Buffer, Delivery, Limits};

/// How often gauges are brought up to date while nothing happens.
const GAUGE_INTERVAL: Duration = Duration::from_secs(5);

/// What may change while a writer runs.
#[derive(Clone, Debug)]
pub struct WriterSettings {
    /// Limits of the buffer.
    pub limits: Limits,
    /// When to write.
    pub pace: PaceSettings,
    /// Most lines of one request.
    pub batch_lines: u32,
    /// Time to drain when told to stop.
    pub drain_timeout: Duration,
}

/// What a writer is made of.
pub struct WriterParts {
    /// The server.
    pub client: Client,
    /// The bucket.
    pub bucket: String,
    /// The buffer.
    pub buffer: Buffer,
    /// What it tells of itself.
    pub journal: Journal,
}

type Sending = Pin<Box<dyn Future<Output = (Report, Duration)> + Send>>;

/// A writer and its state.
pub struct Writer {
    parts: WriterParts,
    settings: WriterSettings,
    pace: Pace,
    rng: fastrand::Rng,
    start: Instant,
    in_flight: Option<Delivery>,
}

impl Writer {
    /// A writer that has not begun.
    pub fn new(parts: WriterParts, settings: WriterSettings) -> Self {
        Self {
            pace: Pace::new(settings.pace.clone()),
            parts,
            settings,
            rng: fastrand::Rng::new(),
            start: Instant::now(),
            in_flight: None,
        }
    }

    /// Writes what comes from `batches` until they end or `stop` is given, then drains within its bound.
    pub async fn run(
        mut self,
        mut batches: mpsc::Receiver<Arc<Batch>>,
        mut settings: watch::Receiver<WriterSettings>,
        stop: Shutdown,
    ) {
        let mut sending: Option<Sending> = None;
        loop {
            if sending.is_none() {
                sending = self.begin();
            }
            let wake = self.wake(sending.is_some());
            tokio::select! {
                biased;
                (report, took) = finished(&mut sending) => {
                    sending = None;
                    self.finish(report, took);
                }
                batch = batches.recv() => match batch {
                    Some(batch) => self.parts.buffer.push(batch, self.now()),
                    None => break,
                },
                Ok(()) = settings.changed() => {
                    let new = settings.borrow_and_update().clone();
                    self.apply(new);
                }
                () = stop.requested() => break,
                () = tokio::time::sleep_until((self.start + wake).into()) => {}
            }
            self.sync_if_due();
            self.account();
        }
        batches.close();
        while let Some(batch) = batches.recv().await {
            self.parts.buffer.push(batch, self.now());
        }
        self.drain(sending).await;
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn apply(&mut self, settings: WriterSettings) {
        self.parts.buffer.set_limits(settings.limits.clone());
        self.pace.set(settings.pace.clone());
        self.pace.hurry();
        self.settings = settings;
    }

    fn pending(&self) -> Pending {
        Pending {
            oldest_fresh: self.parts.buffer.oldest_fresh(),
            full: self.parts.buffer.fresh_lines() >= u64::from(self.settings.batch_lines),
            backlog: self.parts.buffer.has_backlog(),
        }
    }

    /// When there is something to do next, should nothing come.
    fn wake(&self, sending: bool) -> Duration {
        let now = self.now();
        let next = match self.pace.next(self.pending(), now) {
            _ if sending => now + GAUGE_INTERVAL,
            Next::Fresh | Next::Backlog => now,
            Next::At(time) => time,
            Next::Idle => now + GAUGE_INTERVAL,
        };
        let sync = self.parts.buffer.sync_due(self.in_flight.as_ref());
        // A disk that takes nothing is asked again once a second, not at once.
        let sync = sync.map(|due| {
            if self.parts.journal.disk_failed() {
                now + self.settings.limits.sync_interval
            } else {
                due
            }
        });
        next.min(sync.unwrap_or(next)).min(now + GAUGE_INTERVAL)
    }

    /// Takes what is due and begins to write it.
    fn begin(&mut self) -> Option<Sending> {
        let now = self.now();
        let lines = self.settings.batch_lines;
        let delivery = match self.pace.next(self.pending(), now) {
            Next::Fresh => {
                self.pace.begin_fresh(
                    self.parts.buffer.oldest_fresh().unwrap_or(now),
                    &mut self.rng,
                );
                self.parts.buffer.take_fresh(lines)?
            }
            Next::Backlog => {
                let delivery = self.parts.buffer.take_backlog(lines)?;
                self.pace.begin_backlog(delivery.batch.lines(), now);
                delivery
            }
            Next::At(_) | Next::Idle => return None,
        };
        let (client, bucket): (_, Arc<str>) =
            (self.parts.client.clone(), self.parts.bucket.as_str().into());
        let batch = Arc::clone(&delivery.batch);
        self.in_flight = Some(delivery);
        Some(Box::pin(async move {
            let began = Instant::now();
            let send = |part: Arc<Batch>| {
                let (client, bucket) = (client.clone(), Arc::clone(&bucket));
                async move {
                    client
                        .write(&bucket, Precision::Nanoseconds, part.text().as_bytes())
                        .await
                }
            };
            (deliver(batch, send).await, began.elapsed())
        }))
    }

    /// Acts on how a delivery ended.
    fn finish(&mut self, report: Report, took: Duration) {
        let Some(delivery) = self.in_flight.take() else {
            return;
        };
        let outcome = match report.verdict {
            Verdict::Complete => "written",
            Verdict::Later { .. } => "retry",
            Verdict::Refused { .. } => "refused",
        };
        self.parts.journal.delivered(&report, took, outcome);
        match report.verdict {
            Verdict::Complete => {
                self.parts
                    .journal
                    .succeeded(self.pace.failures(), self.parts.buffer.fill());
                self.pace.succeeded();
                self.parts.buffer.written(delivery);
            }
            Verdict::Later { after, message } => {
                self.parts.buffer.failed(delivery, &report.remaining);
                self.fail(after, &message, None);
            }
            Verdict::Refused { status, message } => {
                self.parts.buffer.failed(delivery, &report.remaining);
                self.fail(None, &message, Some(status));
            }
        }
    }

    fn fail(&mut self, after: Option<Duration>, message: &str, status: Option<u16>) {
        let now = self.now();
        let wait = self.pace.failed(now, after, &mut self.rng);
        let failure = Failure {
            message,
            status,
            failures: self.pace.failures(),
            wait,
        };
        self.parts.journal.failed(&failure, now);
    }

    fn sync_if_due(&mut self) {
        let now = self.now();
        let due = self
            .parts
            .buffer
            .sync_due(self.in_flight.as_ref())
            .is_some_and(|due| due <= now);
        if due {
            self.parts.buffer.sync(self.in_flight.as_mut(), now, false);
            if self.pace.failures() > 0 {
                self.parts.buffer.release_synced();
            }
        }
        self.parts
            .journal
            .disk(self.parts.buffer.take_disk_error(), due);
    }

    fn account(&mut self) {
        let now = self.now();
        self.parts
            .journal
            .dropped(&self.parts.buffer.take_dropped(), now);
        self.parts.journal.filled(self.parts.buffer.fill());
    }

    /// The end: everything to disk, so that it is safe; then to the server as far as time allows. A server
    /// that fails once is not tried again if the disk has it all.
    async fn drain(&mut self, mut sending: Option<Sending>) {
        let now = self.now();
        self.parts.buffer.sync(self.in_flight.as_mut(), now, true);
        self.pace.hurry();
        let deadline = tokio::time::Instant::now() + self.settings.drain_timeout;
        while tokio::time::Instant::now() < deadline {
            if sending.is_none() {
                sending = self.begin_draining();
            }
            if sending.is_none() {
                break;
            }
            let Ok((report, took)) =
                tokio::time::timeout_at(deadline, finished(&mut sending)).await
            else {
                break;
            };
            sending = None;
            let complete = report.verdict == Verdict::Complete;
            self.finish(report, took);
            if !complete && self.parts.buffer.fill().memory_lines == 0 {
                break;
            }
            if !complete {
                let pause = tokio::time::Instant::now() + self.settings.pace.backoff.initial;
                tokio::time::sleep_until(pause.min(deadline)).await;
            }
        }
        if let Some(delivery) = self.in_flight.take() {
            let remaining = Arc::clone(&delivery.batch);
            self.parts.buffer.failed(delivery, &remaining);
            let now = self.now();
            self.parts.buffer.sync(None, now, true);
        }
        self.account();
        self.parts.journal.ended(self.parts.buffer.fill());
    }

    /// Whatever there is, without waiting for its time.
    fn begin_draining(&mut self) -> Option<Sending> {
        let pending = self.pending();
        if pending.oldest_fresh.is_none() && !pending.backlog {
            return None;
        }
        self.pace = Pace::new(PaceSettings {
            flush_interval: Duration::ZERO,
            flush_jitter: Duration::ZERO,
            backlog_rate: u32::MAX,
            ..self.settings.pace.clone()
        });
        self.begin()
    }
}

async fn finished(sending: &mut Option<Sending>) -> (Report, Duration) {
    match sending {
        Some(sending) => sending.await,
        None => std::future::pending().await,
    }
}
