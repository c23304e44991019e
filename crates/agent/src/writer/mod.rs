//! One writer per output: takes batches from its buffer, writes them, and acts on the answer.

mod dead_letter;
pub mod delivery;
pub mod pace;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use watchpost_client::Client;
use watchpost_client::write::Precision;
use watchpost_service::http::Readiness;
use watchpost_service::shutdown::Shutdown;

pub use self::dead_letter::DeadLetterFile;
use self::delivery::{Report, Verdict, deliver};
use self::pace::{Next, Pace, PaceSettings, Pending};
use crate::batch::Batch;
use crate::buffer::{Buffer, Delivery, Limits};
use crate::clock;
use crate::metrics::AgentMetrics;

/// How often what repeats itself is told in the log.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

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
    /// Name of the output.
    pub name: String,
    /// The server.
    pub client: Client,
    /// The bucket.
    pub bucket: String,
    /// The buffer.
    pub buffer: Buffer,
    /// For lines the server will not have.
    pub dead_letters: DeadLetterFile,
    /// Self-metrics.
    pub metrics: AgentMetrics,
    /// Told whether writing works, under the part of this name.
    pub readiness: (Readiness, &'static str),
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
    last_complaint: Option<Duration>,
    last_drop_told: Option<Duration>,
    dropped_untold: u64,
    disk_failed: bool,
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
            last_complaint: None,
            last_drop_told: None,
            dropped_untold: 0,
            disk_failed: false,
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
            if self.disk_failed {
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
        let name = self.parts.name.as_str();
        self.parts
            .metrics
            .lines_written
            .with(&[name])
            .add(report.written);
        self.parts
            .metrics
            .write_seconds
            .with(&[name])
            .observe(took.as_secs_f64());
        if !report.dead_letters.is_empty() {
            self.bury(&report);
        }
        let outcome = match report.verdict {
            Verdict::Complete => {
                self.succeed();
                self.parts.buffer.written(delivery);
                "written"
            }
            Verdict::Later { after, message } => {
                self.parts
                    .buffer
                    .failed(delivery, Arc::new(report.remaining));
                self.complain(after, &message, None);
                "retry"
            }
            Verdict::Refused { status, message } => {
                self.parts
                    .buffer
                    .failed(delivery, Arc::new(report.remaining));
                self.complain(None, &message, Some(status));
                "refused"
            }
        };
        self.parts
            .metrics
            .writes
            .with(&[&self.parts.name, outcome])
            .increment();
    }

    fn succeed(&mut self) {
        if self.pace.failures() > 0 {
            let fill = self.parts.buffer.fill();
            tracing::info!(
                output = self.parts.name,
                backlog_lines = fill.disk_lines,
                "The server takes data again."
            );
        }
        self.pace.succeeded();
        self.last_complaint = None;
        self.parts.readiness.0.ready(self.parts.readiness.1);
    }

    /// Notes a failure, and tells it at first and then once a minute.
    fn complain(&mut self, after: Option<Duration>, message: &str, status: Option<u16>) {
        let now = self.now();
        let wait = self.pace.failed(now, after, &mut self.rng);
        let hint = status.map_or("", hint);
        self.parts
            .readiness
            .0
            .not_ready(self.parts.readiness.1, format!("{message}{hint}"));
        if self
            .last_complaint
            .is_some_and(|last| now - last < LOG_INTERVAL)
        {
            return;
        }
        self.last_complaint = Some(now);
        let (output, wait_seconds) = (self.parts.name.as_str(), wait.as_secs_f64());
        let failures = self.pace.failures();
        match status {
            Some(status) => {
                tracing::error!(
                    output,
                    status,
                    failures,
                    wait_seconds,
                    "The server refuses our data, it is kept: {message}{hint}"
                );
            }
            None => tracing::warn!(
                output,
                failures,
                wait_seconds,
                "The server takes no data, it is kept: {message}"
            ),
        }
    }

    /// Puts lines aside that the server will never have.
    fn bury(&mut self, report: &Report) {
        let lines = report
            .dead_letters
            .iter()
            .map(|letter| u64::from(letter.lines.lines()))
            .sum();
        let name = self.parts.name.as_str();
        self.parts
            .metrics
            .lines_dropped
            .with(&[name, "rejected"])
            .add(lines);
        let reason = report
            .dead_letters
            .first()
            .map_or("", |letter| letter.reason.as_str());
        match self
            .parts
            .dead_letters
            .append(&report.dead_letters, clock::now())
        {
            Ok(()) => tracing::error!(
                output = name,
                lines,
                file = self
                    .parts
                    .dead_letters
                    .path()
                    .map(|path| path.display().to_string()),
                "The server rejects lines, they are put aside: {reason}"
            ),
            Err(error) => tracing::error!(
                output = name,
                lines,
                %error,
                "The server rejects lines, and they cannot be put aside: {reason}"
            ),
        }
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
        }
        match self.parts.buffer.take_disk_error() {
            Some(error) if !self.disk_failed => {
                self.disk_failed = true;
                tracing::error!(output = self.parts.name, %error, "The queue on disk takes no data; memory keeps what it can.");
            }
            Some(_) => {}
            None if due && self.disk_failed => {
                self.disk_failed = false;
                tracing::info!(
                    output = self.parts.name,
                    "The queue on disk takes data again."
                );
            }
            None => {}
        }
    }

    /// Counts what was dropped, tells it once a minute, and brings the gauges up to date.
    fn account(&mut self) {
        let name = self.parts.name.as_str();
        let dropped = self.parts.buffer.take_dropped();
        for (reason, lines) in &dropped.lines {
            self.parts
                .metrics
                .lines_dropped
                .with(&[name, reason])
                .add(*lines);
            self.dropped_untold += lines;
        }
        if dropped.logged > 0 {
            self.parts
                .metrics
                .lines_dropped
                .with(&[name, "overflow_log"])
                .add(dropped.logged);
        }
        if dropped.corrupt > 0 {
            self.parts
                .metrics
                .queue_corrupt
                .with(&[name])
                .add(dropped.corrupt);
            tracing::error!(
                output = name,
                damaged = dropped.corrupt,
                "The queue on disk is damaged; what cannot be read is skipped."
            );
        }
        if let Some(error) = dropped.log_error {
            tracing::error!(output = name, "{error}");
        }
        let now = self.start.elapsed();
        let told_lately = self
            .last_drop_told
            .is_some_and(|last| now - last < LOG_INTERVAL);
        if self.dropped_untold > 0 && !told_lately {
            tracing::error!(
                output = name,
                lines = self.dropped_untold,
                "The buffer is full; the oldest data is dropped."
            );
            self.dropped_untold = 0;
            self.last_drop_told = Some(now);
        }
        let fill = self.parts.buffer.fill();
        let metrics = &self.parts.metrics;
        metrics
            .buffer_lines
            .with(&[name, "memory"])
            .set(fill.memory_lines as f64);
        metrics
            .buffer_lines
            .with(&[name, "disk"])
            .set(fill.disk_lines as f64);
        metrics
            .buffer_bytes
            .with(&[name, "memory"])
            .set(fill.memory_bytes as f64);
        metrics
            .buffer_bytes
            .with(&[name, "disk"])
            .set(fill.disk_bytes as f64);
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
            self.parts.buffer.failed(delivery, remaining);
            let now = self.now();
            self.parts.buffer.sync(None, now, true);
        }
        self.account();
        let fill = self.parts.buffer.fill();
        let (lost, kept) = (fill.memory_lines, fill.disk_lines);
        if lost > 0 {
            self.parts
                .metrics
                .lines_dropped
                .with(&[&self.parts.name, "shutdown"])
                .add(lost);
            tracing::error!(
                output = self.parts.name,
                lines = lost,
                "Stopped before the server took all data; there is no queue on disk to keep it."
            );
        } else {
            tracing::info!(
                output = self.parts.name,
                kept_lines = kept,
                "The writer has stopped."
            );
        }
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

/// What a status means to whoever reads the log.
fn hint(status: u16) -> &'static str {
    match status {
        401 => " (is the token right? influx.token_file)",
        403 => " (the token may not write to this bucket)",
        404 => " (is there such a bucket and organization? influx.bucket, influx.org)",
        _ => "",
    }
}

async fn finished(sending: &mut Option<Sending>) -> (Report, Duration) {
    match sending {
        Some(sending) => sending.await,
        None => std::future::pending().await,
    }
}
