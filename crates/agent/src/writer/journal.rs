//! What a writer tells: to the log (what repeats itself once a minute), to the self-metrics, to `/ready`,
//! and to the dead-letter file.

use std::time::Duration;

use watchpost_service::http::Readiness;

use super::dead_letter::DeadLetterFile;
use super::delivery::{DeadLetter, Report};
use crate::buffer::{Dropped, Fill};
use crate::metrics::WritingMetrics;

/// How often what repeats itself is told in the log.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Dead letters that wait for a slow disk; beyond it they are told in the log alone. As many lines as two
/// full requests hold.
const MAX_UNBURIED_LINES: u64 = 10_000;

/// The journal of one writer. `now` is the time since the start of the process.
#[derive(Debug)]
pub struct Journal {
    output: String,
    metrics: WritingMetrics,
    readiness: Readiness,
    /// The part of `/ready` that writing is.
    part: &'static str,
    dead_letters: DeadLetterFile,
    /// Letters that are to be put aside.
    unburied: Vec<DeadLetter>,
    unburied_lines: u64,
    letters_untold: u64,
    dropped_untold: u64,
    logged_untold: u64,
    failure: Reminder,
    burial: Reminder,
    overflow: Reminder,
    overflow_log_error: Reminder,
    disk_failed: bool,
}

/// Lets something be told at once, and then once a minute.
#[derive(Debug, Default)]
struct Reminder {
    last: Option<Duration>,
}

impl Reminder {
    /// Whether it is to be told at `now`; if so, it counts as told.
    fn is_due(&mut self, now: Duration) -> bool {
        let due = self
            .last
            .is_none_or(|last| now.saturating_sub(last) >= LOG_INTERVAL);
        if due {
            self.last = Some(now);
        }
        due
    }
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
            unburied: Vec::new(),
            unburied_lines: 0,
            letters_untold: 0,
            dropped_untold: 0,
            logged_untold: 0,
            failure: Reminder::default(),
            burial: Reminder::default(),
            overflow: Reminder::default(),
            overflow_log_error: Reminder::default(),
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
        for letter in report.dead_letters.iter() {
            self.lay_out(letter);
        }
    }

    /// Counts a dead letter and keeps it for [`Journal::take_unburied`].
    fn lay_out(&mut self, letter: &DeadLetter) {
        let lines = u64::from(letter.lines.lines());
        let output = self.output.as_str();
        self.metrics
            .lines_dropped
            .with(&[output, "rejected"])
            .add(lines);
        if self.unburied_lines + lines <= MAX_UNBURIED_LINES {
            self.unburied_lines += lines;
            self.unburied.push(letter.clone());
        } else {
            tracing::error!(
                output,
                lines,
                "The server rejects lines, they cannot be put aside as fast: {}",
                letter.reason
            );
        }
    }

    /// The dead letters since this was asked last, and the file they belong in.
    pub(super) fn take_unburied(&mut self) -> Option<(DeadLetterFile, Vec<DeadLetter>)> {
        self.unburied_lines = 0;
        let letters = std::mem::take(&mut self.unburied);
        (!letters.is_empty()).then(|| (self.dead_letters.clone(), letters))
    }

    /// How putting them aside ended: told at first and then once a minute.
    pub(super) fn buried(
        &mut self,
        letters: &[DeadLetter],
        result: std::io::Result<()>,
        now: Duration,
    ) {
        let lines = letters.iter().map(|letter| u64::from(letter.lines.lines()));
        self.letters_untold += lines.sum::<u64>();
        if result.is_ok() && !self.burial.is_due(now) {
            return;
        }
        let lines = std::mem::take(&mut self.letters_untold);
        let output = self.output.as_str();
        let reason = letters.first().map_or("", |letter| letter.reason.as_str());
        let file = self
            .dead_letters
            .path()
            .map(|path| path.display().to_string());
        match result {
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
        self.failure = Reminder::default();
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
        if !self.failure.is_due(now) {
            return;
        }
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

    /// Whether the disk takes data: a change is told.
    pub(super) fn disk(&mut self, report: std::io::Result<()>) {
        let output = self.output.as_str();
        match report {
            Err(error) if !self.disk_failed => {
                self.disk_failed = true;
                tracing::error!(output, %error, "The queue on disk takes no data; memory keeps what it can.");
            }
            Ok(()) if self.disk_failed => {
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
            self.logged_untold += dropped.logged;
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
        if let Some(error) = &dropped.log_error
            && self.overflow_log_error.is_due(now)
        {
            tracing::error!(output, "{error}");
        }
        if self.dropped_untold + self.logged_untold > 0 && self.overflow.is_due(now) {
            self.tell_overflow();
        }
    }

    fn tell_overflow(&mut self) {
        let output = self.output.as_str();
        let lines = std::mem::take(&mut self.dropped_untold);
        let logged = std::mem::take(&mut self.logged_untold);
        if lines > 0 {
            tracing::error!(
                output,
                lines,
                "The buffer is full; the oldest data is dropped."
            );
        }
        if logged > 0 {
            tracing::warn!(
                output,
                lines = logged,
                "The buffer is full; the oldest data goes to buffer.overflow_log."
            );
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
    pub(super) fn ended(&mut self, fill: Fill) {
        self.tell_overflow();
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
                "Stopped before the server took all data; there is no queue on disk to keep it, or it takes no data."
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

#[cfg(test)]
mod tests {
    use super::{LOG_INTERVAL, Reminder};
    use std::time::Duration;

    #[test]
    fn what_repeats_itself_is_told_at_once_and_then_once_a_minute() {
        let mut reminder = Reminder::default();
        let begin = Duration::from_secs(5);
        assert!(reminder.is_due(begin));
        assert!(!reminder.is_due(begin));
        assert!(!reminder.is_due(begin + LOG_INTERVAL - Duration::from_millis(1)));
        assert!(reminder.is_due(begin + LOG_INTERVAL));
        assert!(!reminder.is_due(begin + LOG_INTERVAL + Duration::from_secs(1)));
    }
}
