//! `simulate`: writes a fleet that does not exist, live or into the past.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinSet;
use watchpost_client::Client;
use watchpost_client::backoff::Backoff;
use watchpost_client::write::Precision;
use watchpost_core::duration::Duration as FluxDuration;
use watchpost_core::time::{NANOS_PER_SECOND, format_rfc3339, parse_rfc3339};
use watchpost_service::http::{Readiness, serve_when_free};
use watchpost_service::metrics::Registry;
use watchpost_service::shutdown::Shutdown;

use crate::batch::Batch;
use crate::cli::SimulateArguments;
use crate::clock;
use crate::config::{AgentConfig, MAX_BATCH_LINES, PRIMARY_OUTPUT};
use crate::metrics::{AgentMetrics, WritingMetrics};
use crate::pipeline::{READY_WRITING, client};
use crate::simulate::Fleet;
use crate::writer::delivery::{Report, Verdict, deliver};
use crate::writer::kept::Kept;

/// Requests under way at once: enough to keep a server of one machine busy, few enough that memory stays
/// at some megabytes.
const CONCURRENT_WRITES: usize = 4;

/// Waits between attempts while the server is away; nothing is lost meanwhile, the values are functions of
/// the time and are made when they are written.
const BACKOFF: Backoff = Backoff {
    initial: Duration::from_millis(500),
    limit: Duration::from_secs(15),
};

/// Writes until its time is over, or it is told to stop.
pub(super) async fn run(arguments: SimulateArguments, config: AgentConfig) -> ExitCode {
    let span = match Span::of(&arguments, clock::now()) {
        Ok(span) => span,
        Err(problem) => {
            watchpost_service::cli::complain(format_args!("watchpost-agent simulate: {problem}\n"));
            return ExitCode::from(watchpost_service::config::EXIT_BAD_CONFIG);
        }
    };
    let interval = arguments.interval.get();
    let fleet = Fleet::new(
        arguments.seed,
        arguments.hosts,
        interval,
        span.start,
        &arguments.incident,
    );
    if let Some(path) = &arguments.print {
        return match print(&fleet, span, path) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => super::fail(&error),
        };
    }
    let shutdown = Shutdown::new();
    if let Err(error) = shutdown.listen_for_signals() {
        return super::fail(&error);
    }
    let client = match client(PRIMARY_OUTPUT, &config.influx) {
        Ok(client) => client,
        Err(error) => return super::fail(&error),
    };
    for incident in &arguments.incident {
        if !fleet
            .hosts()
            .iter()
            .any(|host| incident.concerns(&host.name))
        {
            tracing::warn!(%incident, "No host of the fleet has this name.");
        }
    }
    tracing::info!(
        hosts = arguments.hosts,
        seed = arguments.seed,
        url = config.influx.url,
        bucket = config.influx.bucket,
        from = format_rfc3339(span.start),
        to = span.end.map(format_rfc3339),
        "The simulation starts."
    );
    let (registry, readiness) = (Registry::new(), Readiness::waiting_for(&[READY_WRITING]));
    let metrics = AgentMetrics::new(&registry).writing;
    let telemetry = super::telemetry(registry, readiness.clone());
    serve_when_free(&config.telemetry, telemetry, &shutdown).await;
    let observed = (metrics, readiness);
    let mut simulation = Simulation::new(
        fleet,
        span,
        client,
        &config.influx.bucket,
        arguments.rate,
        observed,
    );
    let outcome = shutdown.unless_requested(simulation.run()).await;
    simulation.finish(outcome.unwrap_or(Ok(())))
}

/// From when to when.
#[derive(Clone, Copy)]
struct Span {
    start: i64,
    /// `None`: until told to stop.
    end: Option<i64>,
    /// The time of the call: what is before it is written as fast as the server takes it.
    now: i64,
}

impl Span {
    fn of(arguments: &SimulateArguments, now: i64) -> Result<Self, String> {
        let start = match arguments.from.as_deref() {
            None => now,
            Some(text) => from(text, now)?,
        };
        if start > now {
            return Err("--from lies in the future".to_owned());
        }
        let nanos = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        let stop = arguments
            .length
            .map(|length| start.saturating_add(nanos(length.get())));
        let end = if arguments.from.is_some() && !arguments.follow {
            Some(stop.unwrap_or(now).min(now))
        } else {
            stop
        };
        if arguments.interval.get().is_zero() {
            return Err("--interval must be longer than zero".to_owned());
        }
        Ok(Self { start, end, now })
    }
}

/// `-7d`, as Flux writes a duration, or a time as RFC 3339.
fn from(text: &str, now: i64) -> Result<i64, String> {
    let problem = || {
        format!(
            "--from {text:?} is neither a duration back from now (-7d) nor a time (2026-01-31T00:00:00Z)"
        )
    };
    if let Some(back) = text.strip_prefix('-') {
        let back: FluxDuration = back.parse().map_err(|_| problem())?;
        return back.subtract_from(now).ok_or_else(problem);
    }
    parse_rfc3339(text).map_err(|_| problem())
}

/// Prints the line protocol, all of it or up to now.
fn print(fleet: &Fleet, span: Span, path: &Path) -> std::io::Result<()> {
    let mut out: Box<dyn std::io::Write> = if path == Path::new("-") {
        Box::new(std::io::stdout().lock())
    } else {
        Box::new(std::fs::File::create(path)?)
    };
    let end = span.end.unwrap_or(span.now);
    let mut tick = fleet.tick_from(span.start);
    while tick <= end {
        if out.write_all(fleet.batch(tick).text().as_bytes()).is_err() && path == Path::new("-") {
            return Ok(()); // The reader has left (`| head`).
        }
        tick = fleet.next_tick(tick);
    }
    out.flush()
}

/// A running simulation.
struct Simulation {
    fleet: Fleet,
    span: Span,
    way: Way,
    rate: Option<u32>,
    progress: ProgressBar,
    began: Instant,
    lines: u64,
    rejected: u64,
    metrics: WritingMetrics,
    readiness: Readiness,
}

impl Simulation {
    fn new(
        fleet: Fleet,
        span: Span,
        client: Client,
        bucket: &str,
        rate: Option<u32>,
        (metrics, readiness): (WritingMetrics, Readiness),
    ) -> Self {
        let past = span.end.unwrap_or(span.now).min(span.now) - span.start;
        let progress = if past < NANOS_PER_SECOND {
            ProgressBar::hidden()
        } else {
            bar(past)
        };
        let began = Instant::now();
        Self {
            fleet,
            span,
            way: Way::new(client, bucket, began),
            rate,
            progress,
            began,
            lines: 0,
            rejected: 0,
            metrics,
            readiness,
        }
    }

    /// Makes batches and writes them, several at a time in the past. Errors: the server refuses us.
    async fn run(&mut self) -> Result<(), String> {
        let mut writes = JoinSet::new();
        let mut cursor = Cursor {
            tick: self.fleet.tick_from(self.span.start),
            host: 0,
        };
        while self.span.end.is_none_or(|end| cursor.tick <= end) {
            let now = clock::now();
            if cursor.tick > now {
                while let Some(report) = writes.join_next().await {
                    self.account(report)?;
                }
                self.progress.finish_and_clear();
                let wait = u64::try_from(cursor.tick - now).unwrap_or(0);
                tokio::time::sleep(Duration::from_nanos(wait)).await;
                continue;
            }
            let until = self.span.end.unwrap_or(i64::MAX).min(now);
            let batch = cursor.next_batch(&self.fleet, until);
            self.progress.set_position(
                u64::try_from((cursor.tick - self.span.start) / NANOS_PER_SECOND).unwrap_or(0),
            );
            self.keep_rate(u64::from(batch.lines())).await;
            if !batch.is_empty() {
                writes.spawn(self.way.clone().write(Arc::new(batch)));
            }
            while writes.len() >= CONCURRENT_WRITES {
                let Some(report) = writes.join_next().await else {
                    break;
                };
                self.account(report)?;
            }
        }
        while let Some(report) = writes.join_next().await {
            self.account(report)?;
        }
        Ok(())
    }

    /// Waits until `lines` more lines are within the rate.
    async fn keep_rate(&self, lines: u64) {
        let Some(rate) = self.rate else { return };
        let due = Duration::from_secs_f64((self.lines + lines) as f64 / f64::from(rate.max(1)));
        tokio::time::sleep_until((self.began + due).into()).await;
    }

    fn account(&mut self, report: Result<Report, tokio::task::JoinError>) -> Result<(), String> {
        let report = report.map_err(|error| error.to_string())?;
        self.lines += report.written;
        self.metrics
            .lines_written
            .with(&[PRIMARY_OUTPUT])
            .add(report.written);
        if report.written > 0 {
            self.readiness.ready(READY_WRITING);
        }
        for letter in &report.dead_letters {
            let lines = u64::from(letter.lines.lines());
            self.rejected += lines;
            self.metrics
                .lines_dropped
                .with(&[PRIMARY_OUTPUT, "rejected"])
                .add(lines);
            tracing::error!(lines, "The server rejects lines: {}", letter.reason);
        }
        self.progress.set_message(format!("{} lines", self.lines));
        match report.verdict {
            Verdict::Refused { status, message } => Err(format!(
                "the server refuses the data: {message} (status {status})"
            )),
            _ => Ok(()),
        }
    }

    fn finish(&self, outcome: Result<(), String>) -> ExitCode {
        self.progress.finish_and_clear();
        let seconds = self.began.elapsed().as_secs_f64();
        let lines_per_second = (self.lines as f64 / seconds.max(0.001)).round();
        tracing::info!(
            lines = self.lines,
            rejected = self.rejected,
            seconds,
            lines_per_second,
            "The simulation has ended."
        );
        match outcome {
            Ok(()) if self.rejected == 0 => ExitCode::SUCCESS,
            Ok(()) => ExitCode::FAILURE,
            Err(problem) => {
                watchpost_service::cli::complain(format_args!(
                    "watchpost-agent simulate: {problem}\n"
                ));
                ExitCode::FAILURE
            }
        }
    }
}

/// How far the making of batches is: a tick, and the next host of it.
struct Cursor {
    tick: i64,
    host: usize,
}

impl Cursor {
    /// The next lines, up to a full request or the tick after `until`.
    fn next_batch(&mut self, fleet: &Fleet, until: i64) -> Batch {
        let mut lines = Vec::new();
        let mut count = 0;
        while self.tick <= until && count < LINES_WANTED {
            let before = lines.len();
            fleet.append(self.host, self.tick, &mut lines);
            count += lines[before..]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count();
            self.host += 1;
            if self.host >= fleet.hosts().len() {
                self.host = 0;
                self.tick = fleet.next_tick(self.tick);
            }
        }
        Batch::new(String::from_utf8_lossy(&lines).into_owned())
    }
}

/// A batch is full beyond this: the points of one more host still fit a request.
const LINES_WANTED: usize = MAX_BATCH_LINES as usize - 50;

/// Where batches go, shared by those that are written at a time.
#[derive(Clone)]
struct Way {
    client: Client,
    bucket: Arc<str>,
    /// What the server may lose by a crash.
    kept: Arc<Mutex<Kept>>,
    began: Instant,
}

impl Way {
    fn new(client: Client, bucket: &str, began: Instant) -> Way {
        Way {
            kept: Arc::new(Mutex::new(Kept::of(client.config().kind))),
            client,
            bucket: bucket.into(),
            began,
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a batch, waiting for a server that is away; what it may have lost meanwhile goes again.
    async fn write(self, batch: Arc<Batch>) -> Report {
        let mut rng = fastrand::Rng::new();
        let mut attempt = 0;
        let mut whole = Report {
            written: 0,
            remaining: Batch::default(),
            dead_letters: Vec::new(),
            verdict: Verdict::Complete,
        };
        // The next is the last.
        let mut waiting = vec![batch];
        while let Some(batch) = waiting.pop() {
            let send = |part: Arc<Batch>| {
                let (client, bucket) = (self.client.clone(), Arc::clone(&self.bucket));
                async move {
                    client
                        .write(&bucket, Precision::Nanoseconds, part.text().as_bytes())
                        .await
                }
            };
            let mut report = deliver(Arc::clone(&batch), send).await;
            whole.written += report.written;
            whole.dead_letters.append(&mut report.dead_letters);
            match report.verdict {
                Verdict::Complete => {
                    attempt = 0;
                    self.kept().acknowledged(&batch, self.began.elapsed());
                }
                Verdict::Later { after, message } => {
                    attempt += 1;
                    if attempt == 1 {
                        tracing::warn!("The server takes no data, the simulation waits: {message}");
                    }
                    if after.is_none() {
                        waiting.extend(self.kept().lost(self.began.elapsed()));
                    }
                    waiting.push(Arc::new(report.remaining));
                    let wait = BACKOFF.delay_at_least(attempt, after, &mut rng);
                    tokio::time::sleep(wait).await;
                }
                refused @ Verdict::Refused { .. } => {
                    whole.verdict = refused;
                    return whole;
                }
            }
        }
        whole
    }
}

/// Seconds of the past, on standard error where that is a terminal.
fn bar(past: i64) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {percent}% {msg}, {eta} left");
    let bar = ProgressBar::new(u64::try_from(past / NANOS_PER_SECOND).unwrap_or(0));
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
