//! What a writer tells: to the log (what repeats itself once a minute), to the self-metrics, to `/ready`,
//! and to the dead-letter file.

use std::time::Duration;

use watchpost_service::http::Readiness;

use super::dead_letter::DeadLetterFile;
use super::delivery::{DeadLetter, Report};
use crate::buffer::{Dropped, Fill};
use crate::clock;
use crate::metrics::WritingMetrics;

/// How often what repeats itself is told in the log.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// The journal of one writer. `now` is the time since the start of the process.
#[derive(Debug)]
pub struct Journal {
    output: String,
    metrics: WritingMetrics,
    readiness: Readiness,
    /// The part of `/ready` that writing is.
    part: &'static str,
    dead_letters: DeadLetterFile,
    last_failure_told: Option<Duration>,
    last_drop_told: Option<Duration>,
    dropped_untold: u64,
    disk_failed: bool,
}

/// A write that failed.
#[derive(Debug)]
pub(super) struct Failure<'a> {
    /// What the server said.
    pub(super) message: &'a str,
    /// Its status, if it refuses us rather than being away.
    pub(super) status: Option<u16>,
    /// Failures since the last success.
    pub(super) failures: u32,
    /// Nothing is written for this long.
    pub(super) wait: Duration,
}

impl Journal {
    /// The journal of `output`, whose state is that of `part` of the readiness.
    pub fn new(
        output: &str,
        metrics: WritingMetrics,
        readiness: Readiness,
        part: &'static str,
        dead_letters: DeadLetterFile,
    ) -> Self {
        readiness.not_ready(part, "nothing written yet");
        Self {
            output: output.to_owned(),
            metrics,
            readiness,
            part,
            dead_letters,
            last_failure_told: None,
            last_drop_told: None,
            dropped_untold: 0,
            disk_failed: false,
        }
    }

    /// Counts a delivery and puts its dead letters aside.
    pub(super) fn delivered(&mut self, report: &Report, took: Duration, outcome: &str) {
        let output = self.output.as_str();
        self.metrics
            .lines_written
            .with(&[output])
            .add(report.written);
        self.metrics
            .write_seconds
            .with(&[output])
            .observe(took.as_secs_f64());
        self.metrics.writes.with(&[output, outcome]).increment();
        if !report.dead_letters.is_empty() {
            self.bury(&report.dead_letters);
        }
    }

    fn bury(&self, letters: &[DeadLetter]) {
        let output = self.output.as_str();
        let lines = letters
            .iter()
            .map(|letter| u64::from(letter.lines.lines()))
            .sum();
        self.metrics
            .lines_dropped
            .with(&[output, "rejected"])
            .add(lines);
        let reason = letters.first().map_or("", |letter| letter.reason.as_str());
        let file = self
            .dead_letters
            .path()
            .map(|path| path.display().to_string());
        match self.dead_letters.append(letters, clock::now()) {
            Ok(()) => tracing::error!(
                output,
                lines,
                file,
                "The server rejects lines, they are put aside: {reason}"
            ),
            Err(error) => {
                tracing::error!(output, lines, file, %error, "The server rejects lines, they cannot be put aside: {reason}");
            }
        }
    }

    /// A write succeeded, after `failures` that did not.
    pub(super) fn succeeded(&mut self, failures: u32, fill: Fill) {
        if failures > 0 {
            let backlog_lines = fill.disk_lines;
            tracing::info!(
                output = self.output,
                backlog_lines,
                "The server takes data again."
            );
        }
        self.last_failure_told = None;
        self.readiness.ready(self.part);
    }

    /// A write failed: told at first and then once a minute.
    pub(super) fn failed(&mut self, failure: &Failure<'_>, now: Duration) {
        let Failure {
            message,
            status,
            failures,
            wait,
        } = failure;
        let hint = status.map_or("", hint);
        self.readiness
            .not_ready(self.part, format!("{message}{hint}"));
        if self
            .last_failure_told
            .is_some_and(|last| now.saturating_sub(last) < LOG_INTERVAL)
        {
            return;
        }
        self.last_failure_told = Some(now);
        let (output, wait_seconds) = (self.output.as_str(), wait.as_secs_f64());
        match status {
            Some(status) => tracing::error!(
                output,
                status,
                failures,
                wait_seconds,
                "The server refuses our data, it is kept: {message}{hint}"
            ),
            None => {
                tracing::warn!(
                    output,
                    failures,
                    wait_seconds,
                    "The server takes no data, it is kept: {message}"
                );
            }
        }
    }

    /// Whether the disk took nothing when it was asked last.
    pub(super) fn disk_failed(&self) -> bool {
        self.disk_failed
    }

    /// How it went when the disk was `asked`: a change is told.
    pub(super) fn disk(&mut self, error: Option<std::io::Error>, asked: bool) {
        let output = self.output.as_str();
        match error {
            Some(error) if !self.disk_failed => {
                self.disk_failed = true;
                tracing::error!(output, %error, "The queue on disk takes no data; memory keeps what it can.");
            }
            None if asked && self.disk_failed => {
                self.disk_failed = false;
                tracing::info!(output, "The queue on disk takes data again.");
            }
            _ => {}
        }
    }

    /// Counts what the buffer dropped, and tells it once a minute.
    pub(super) fn dropped(&mut self, dropped: &Dropped, now: Duration) {
        let output = self.output.as_str();
        for (reason, lines) in &dropped.lines {
            self.metrics
                .lines_dropped
                .with(&[output, reason])
                .add(*lines);
            self.dropped_untold += lines;
        }
        if dropped.logged > 0 {
            self.metrics
                .lines_dropped
                .with(&[output, "overflow_log"])
                .add(dropped.logged);
        }
        if dropped.corrupt > 0 {
            self.metrics
                .queue_corrupt
                .with(&[output])
                .add(dropped.corrupt);
            let damaged = dropped.corrupt;
            tracing::error!(
                output,
                damaged,
                "The queue on disk is damaged; what cannot be read is skipped."
            );
        }
        if let Some(error) = &dropped.log_error {
            tracing::error!(output, "{error}");
        }
        let told_lately = self
            .last_drop_told
            .is_some_and(|last| now.saturating_sub(last) < LOG_INTERVAL);
        if self.dropped_untold > 0 && !told_lately {
            let lines = std::mem::take(&mut self.dropped_untold);
            tracing::error!(
                output,
                lines,
                "The buffer is full; the oldest data is dropped."
            );
            self.last_drop_told = Some(now);
        }
    }

    /// Brings the gauges of the buffer up to date.
    pub(super) fn filled(&self, fill: Fill) {
        let (lines, bytes) = (&self.metrics.buffer_lines, &self.metrics.buffer_bytes);
        lines
            .with(&[&self.output, "memory"])
            .set(fill.memory_lines as f64);
        lines
            .with(&[&self.output, "disk"])
            .set(fill.disk_lines as f64);
        bytes
            .with(&[&self.output, "memory"])
            .set(fill.memory_bytes as f64);
        bytes
            .with(&[&self.output, "disk"])
            .set(fill.disk_bytes as f64);
    }

    /// The writer has ended with this much left.
    pub(super) fn ended(&self, fill: Fill) {
        let output = self.output.as_str();
        if fill.memory_lines > 0 {
            self.metrics
                .lines_dropped
                .with(&[output, "shutdown"])
                .add(fill.memory_lines);
            let lines = fill.memory_lines;
            tracing::error!(
                output,
                lines,
                "Stopped before the server took all data; there is no queue on disk to keep it."
            );
        } else {
            tracing::info!(
                output,
                kept_lines = fill.disk_lines,
                "The writer has stopped."
            );
        }
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
