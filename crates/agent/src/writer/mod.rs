//! One writer per output: takes batches from its buffer, writes them, and acts on the answer.

mod dead_letter;
pub mod delivery;
mod disk_thread;
mod drain;
mod journal;
pub(crate) mod kept;
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
use self::disk_thread::{DiskThread, Ended};
use self::journal::Failure;
pub use self::journal::Journal;
use self::kept::Kept;
use self::pace::{Next, Pace, PaceSettings, Pending};
use crate::batch::Batch;
use crate::buffer::{Buffer, Delivery, Limits, Wish};
use crate::clock;

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
    /// Read from disk, and next to be written when the backlog is due.
    backlog: Option<Delivery>,
    disk: DiskThread,
    kept: Kept,
}

impl Writer {
    /// A writer that has not begun.
    pub fn new(parts: WriterParts, settings: WriterSettings) -> Self {
        Self {
            pace: Pace::new(settings.pace.clone()),
            kept: Kept::of(parts.client.config().kind),
            parts,
            settings,
            rng: fastrand::Rng::new(),
            start: Instant::now(),
            in_flight: None,
            backlog: None,
            disk: DiskThread::default(),
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
            self.employ_disk(false);
            let wake = self.start + self.wake(sending.is_some());
            tokio::select! {
                biased;
                (report, took) = finished(&mut sending) => {
                    sending = None;
                    self.finish(report, took);
                }
                ended = self.disk.ended() => self.disk_ended(ended),
                batch = batches.recv() => match batch {
                    Some(batch) => self.parts.buffer.push(batch, self.now()),
                    None => break,
                },
                Ok(()) = settings.changed() => {
                    let new = settings.borrow_and_update().clone();
                    self.apply(new);
                }
                () = stop.requested() => break,
                () = tokio::time::sleep_until(wake.into()) => {}
            }
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
            backlog: self.backlog.is_some()
                || self.parts.buffer.has_backlog(self.in_flight.as_ref()),
        }
    }

    /// When there is something to do next, should nothing come.
    fn wake(&self, sending: bool) -> Duration {
        let now = self.now();
        let next = match self.pace.next(self.pending(), now) {
            Next::At(time) => time,
            // Their turn comes when what is under way ends: a write, or the disk's reading.
            Next::Fresh | Next::Backlog if sending || self.parts.buffer.is_working() => {
                now + GAUGE_INTERVAL
            }
            Next::Fresh | Next::Backlog => now,
            Next::Idle => now + GAUGE_INTERVAL,
        };
        let disk = self.parts.buffer.work_due(self.in_flight.as_ref());
        next.min(disk.unwrap_or(next)).min(now + GAUGE_INTERVAL)
    }

    /// Gives the disk what is due, or everything that is not on it.
    fn employ_disk(&mut self, save_all: bool) {
        let now = self.now();
        // Not while another is on its way: one at a time is as much memory as catching up is to take.
        let wants_backlog = self.backlog.is_none()
            && self.in_flight.is_none()
            && self.pace.next(self.pending(), now) == Next::Backlog;
        let due = self.parts.buffer.work_due(self.in_flight.as_ref());
        if save_all || wants_backlog || due.is_some_and(|due| due <= now) {
            let wish = Wish {
                backlog: wants_backlog.then_some(self.settings.batch_lines),
                save_all,
            };
            let work = self
                .parts
                .buffer
                .begin_work(self.in_flight.as_mut(), wish, now);
            if let Some(work) = work {
                self.disk.work(work);
            }
        }
        if !self.disk.is_syncing()
            && let Some(work) = self.parts.buffer.begin_sync()
        {
            self.disk.sync(work);
        }
        if !self.disk.is_burying()
            && let Some((file, letters)) = self.parts.journal.take_unburied()
        {
            self.disk.bury(file, letters, clock::now());
        }
    }

    /// Acts on how a job of the disk ended.
    fn disk_ended(&mut self, ended: Ended) {
        let now = self.now();
        match ended {
            Ended::Work(Some(done)) => {
                let taken = self
                    .parts
                    .buffer
                    .finish_work(*done, self.in_flight.as_mut(), now);
                self.backlog = taken.or(self.backlog.take());
                if self.pace.failures() > 0 {
                    self.parts.buffer.release_saved();
                }
                if let Some(report) = self.parts.buffer.take_disk_report() {
                    self.parts.journal.disk(report);
                }
            }
            Ended::Work(None) => {
                self.parts.buffer.lose_disk(self.in_flight.as_mut());
                let died = std::io::Error::other("the thread of the queue died");
                self.parts.journal.disk(Err(died));
            }
            Ended::Sync(Ok(())) => {}
            Ended::Sync(Err(error)) => self.parts.journal.disk(Err(error)),
            Ended::Letters(letters, result) => self.parts.journal.buried(&letters, result, now),
        }
    }

    /// Takes what is due and begins to write it.
    fn begin(&mut self) -> Option<Sending> {
        let now = self.now();
        let delivery = match self.pace.next(self.pending(), now) {
            Next::Fresh => {
                self.pace.begin_fresh(
                    self.parts.buffer.oldest_fresh().unwrap_or(now),
                    &mut self.rng,
                );
                self.parts.buffer.take_fresh(self.settings.batch_lines)?
            }
            Next::Backlog => {
                let delivery = self.backlog.take()?;
                self.pace.begin_backlog(delivery.batch.lines(), now);
                delivery
            }
            Next::At(_) | Next::Idle => return None,
        };
        Some(self.send(delivery))
    }

    /// Writes a delivery.
    fn send(&mut self, delivery: Delivery) -> Sending {
        let (client, bucket): (_, Arc<str>) =
            (self.parts.client.clone(), self.parts.bucket.as_str().into());
        let batch = Arc::clone(&delivery.batch);
        self.in_flight = Some(delivery);
        Box::pin(async move {
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
        })
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
                self.kept
                    .acknowledged(&delivery.batch, self.start.elapsed());
                self.parts.buffer.written(delivery);
            }
            Verdict::Later { after, message } => {
                let now = self.now();
                // One that names a time is there, and has lost nothing: sending more would load it more.
                if after.is_none() {
                    for batch in self.kept.lost(now) {
                        self.parts.buffer.push(batch, now);
                    }
                }
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

    fn account(&mut self) {
        let now = self.now();
        self.parts
            .journal
            .dropped(&self.parts.buffer.take_dropped(), now);
        self.parts.journal.filled(self.parts.buffer.fill());
    }
}

async fn finished(sending: &mut Option<Sending>) -> (Report, Duration) {
    match sending {
        Some(sending) => sending.await,
        None => std::future::pending().await,
    }
}
