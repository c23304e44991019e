//! Latencies and counts of a load, in constant memory however long it lasts.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::FailureKind;

/// Longest latency told apart, in microseconds: an hour. A longer one counts as an hour.
const LONGEST: u64 = 3_600_000_000;

/// Digits of a latency: 3 keeps every value within 0.1 %.
const DIGITS: u8 = 3;

/// Points of a distribution in a report: each halves the distance to 1 in so many steps.
const DISTRIBUTION_STEPS: u32 = 5;

/// A latency in numbers, all in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// The shortest.
    pub min: f64,
    /// The mean.
    pub mean: f64,
    /// Half were done in this time.
    pub p50: f64,
    /// 95 %.
    pub p95: f64,
    /// 99 %.
    pub p99: f64,
    /// 99.9 %.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

/// One second of a load.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Tick {
    /// Seconds since the start.
    pub second: u64,
    /// Operations that were done.
    pub operations: u64,
    /// Points or rows they carried.
    pub points: u64,
    /// Attempts that failed.
    pub failures: u64,
    /// Median latency, ms.
    pub p50: f64,
    /// 99th percentile, ms.
    pub p99: f64,
    /// Longest latency, ms.
    pub max: f64,
}

/// What a load came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Operations done, without those of the warm-up.
    pub operations: u64,
    /// Points written or rows read by them.
    pub points: u64,
    /// Seconds from the end of the warm-up to the last answer.
    pub seconds: f64,
    /// Operations a second.
    pub operations_per_second: f64,
    /// Points or rows a second.
    pub points_per_second: f64,
    /// From the intended start to the end of the answer.
    pub latency: Latency,
    /// Quantile and latency in ms, for a plot.
    pub distribution: Vec<(f64, f64)>,
    /// Operations and latency of the warm-up.
    pub warmup: Option<(u64, Latency)>,
    /// Failed attempts by kind.
    pub failures: BTreeMap<String, u64>,
    /// 99th percentile of how late the client itself was, ms.
    pub own_delay_p99: f64,
    /// Latency by label, where there are several.
    pub by_label: BTreeMap<String, (u64, Latency)>,
    /// Second by second.
    pub timeline: Vec<Tick>,
}

/// Records a load; shared by its workers.
#[derive(Debug)]
pub struct Recorder {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    start: Option<Instant>,
    warmup: Duration,
    end: Option<Instant>,
    all: Histogram<u64>,
    warm: Histogram<u64>,
    own_delay: Histogram<u64>,
    labels: Vec<(String, Histogram<u64>)>,
    failures: BTreeMap<FailureKind, u64>,
    points: u64,
    current: Histogram<u64>,
    tick: Tick,
    timeline: Vec<Tick>,
    slow_limit: Option<Duration>,
    last_slow: Option<Instant>,
}

impl Recorder {
    /// An empty record; operations count under one of `labels`.
    pub fn new(labels: Vec<String>) -> Self {
        let labels = labels.into_iter().map(|label| (label, histogram()));
        Self {
            inner: Mutex::new(Inner {
                start: None,
                warmup: Duration::ZERO,
                end: None,
                all: histogram(),
                warm: histogram(),
                own_delay: histogram(),
                labels: labels.collect(),
                failures: BTreeMap::new(),
                points: 0,
                current: histogram(),
                tick: Tick::default(),
                timeline: Vec::new(),
                slow_limit: None,
                last_slow: None,
            }),
        }
    }

    /// Remembers when the last operation that took longer than `limit` was done.
    pub fn watch_slow(&self, limit: Duration) {
        self.lock().slow_limit = Some(limit);
    }

    /// When the last slow operation was done.
    pub fn last_slow(&self) -> Option<Instant> {
        self.lock().last_slow
    }

    /// The load begins; a second load into the same record continues it.
    pub fn begin(&self, start: Instant, warmup: Duration) {
        let mut inner = self.lock();
        if inner.start.is_none() {
            inner.start = Some(start);
            inner.warmup = warmup;
        }
    }

    /// The load has ended.
    pub fn end(&self, end: Instant) {
        self.lock().end = Some(end);
    }

    /// A worker that had time woke so much later than it wanted.
    pub fn woke(&self, late: Duration) {
        self.lock().own_delay.saturating_record(micros(late));
    }

    /// An operation that was due at `due` is done.
    pub fn done(&self, label: usize, due: Instant, now: Instant, points: u64) {
        let mut inner = self.lock();
        let latency = now.saturating_duration_since(due);
        let value = micros(latency);
        inner.advance(now);
        inner.current.saturating_record(value);
        inner.tick.operations += 1;
        inner.tick.points += points;
        if inner.slow_limit.is_some_and(|limit| latency > limit) {
            inner.last_slow = Some(now);
        }
        if inner.start.is_some_and(|start| due < start + inner.warmup) {
            inner.warm.saturating_record(value);
            return;
        }
        inner.all.saturating_record(value);
        inner.points += points;
        if let Some((_, histogram)) = inner.labels.get_mut(label) {
            histogram.saturating_record(value);
        }
    }

    /// An attempt failed.
    pub fn failed(&self, _label: usize, kind: FailureKind) {
        let mut inner = self.lock();
        inner.advance(Instant::now());
        inner.tick.failures += 1;
        *inner.failures.entry(kind).or_default() += 1;
    }

    /// Operations done so far, with the warm-up, and the seconds that are complete.
    pub fn progress(&self) -> (u64, Vec<Tick>) {
        let inner = self.lock();
        let done = inner.all.len() + inner.warm.len();
        let recent = inner.timeline.len().saturating_sub(32);
        (done, inner.timeline[recent..].to_vec())
    }

    /// What it came to.
    pub fn summary(&self) -> Summary {
        let mut inner = self.lock();
        if inner.tick.operations + inner.tick.failures > 0 {
            inner.close_tick();
        }
        let seconds = inner.measured_seconds();
        let operations = inner.all.len();
        let rate = |count: u64| {
            if seconds > 0.0 {
                count as f64 / seconds
            } else {
                0.0
            }
        };
        let failures = inner.failures.iter();
        let several = inner.labels.len() > 1;
        let labels = inner
            .labels
            .iter()
            .filter(|(_, one)| several && !one.is_empty());
        Summary {
            operations,
            points: inner.points,
            seconds,
            operations_per_second: rate(operations),
            points_per_second: rate(inner.points),
            latency: latency(&inner.all),
            distribution: distribution(&inner.all),
            warmup: (!inner.warm.is_empty()).then(|| (inner.warm.len(), latency(&inner.warm))),
            failures: failures
                .map(|(kind, count)| (kind.name().to_owned(), *count))
                .collect(),
            own_delay_p99: millis(inner.own_delay.value_at_quantile(0.99)),
            by_label: labels
                .map(|(name, one)| (name.clone(), (one.len(), latency(one))))
                .collect(),
            timeline: inner.timeline.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Closes the seconds that have passed.
    fn advance(&mut self, now: Instant) {
        let Some(start) = self.start else { return };
        let second = now.saturating_duration_since(start).as_secs();
        while self.tick.second < second {
            self.close_tick();
        }
    }

    fn close_tick(&mut self) {
        let next = self.tick.second + 1;
        if !self.current.is_empty() {
            self.tick.p50 = millis(self.current.value_at_quantile(0.5));
            self.tick.p99 = millis(self.current.value_at_quantile(0.99));
            self.tick.max = millis(self.current.max());
            self.current.reset();
        }
        self.timeline.push(self.tick);
        self.tick = Tick {
            second: next,
            ..Tick::default()
        };
    }

    fn measured_seconds(&self) -> f64 {
        let (Some(start), Some(end)) = (self.start, self.end) else {
            return 0.0;
        };
        let whole = end.saturating_duration_since(start);
        whole.saturating_sub(self.warmup).as_secs_f64()
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, DIGITS).expect("the bounds are constants that fit")
}

fn micros(length: Duration) -> u64 {
    u64::try_from(length.as_micros()).unwrap_or(LONGEST)
}

fn millis(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}

fn latency(histogram: &Histogram<u64>) -> Latency {
    if histogram.is_empty() {
        return Latency::default();
    }
    let at = |quantile| millis(histogram.value_at_quantile(quantile));
    Latency {
        min: millis(histogram.min()),
        mean: histogram.mean() / 1_000.0,
        p50: at(0.5),
        p95: at(0.95),
        p99: at(0.99),
        p999: at(0.999),
        max: millis(histogram.max()),
    }
}

fn distribution(histogram: &Histogram<u64>) -> Vec<(f64, f64)> {
    let values = histogram.iter_quantiles(DISTRIBUTION_STEPS);
    let mut points: Vec<(f64, f64)> = values
        .map(|value| {
            (
                value.quantile_iterated_to(),
                millis(value.value_iterated_to()),
            )
        })
        .collect();
    points.dedup();
    points
}
