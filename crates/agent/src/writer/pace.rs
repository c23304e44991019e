//! When to write, without a clock: fresh data on its interval, failures after a backoff, the backlog at a
//! bounded rate. All times are since the start of the process.

use std::time::Duration;

use watchpost_client::backoff::Backoff;

/// Longest `Retry-After` obeyed: a server that asks for a day means well, but an operator who repairs it
/// wants to see data within minutes.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(600);

/// The settings of a pace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaceSettings {
    /// Time between writes of fresh data.
    pub flush_interval: Duration,
    /// Random delay of a write, at most this.
    pub flush_jitter: Duration,
    /// Waits after failures.
    pub backoff: Backoff,
    /// Lines per second of the backlog.
    pub backlog_rate: u32,
}

/// What to write next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Fresh data, now.
    Fresh,
    /// The oldest of the backlog, now.
    Backlog,
    /// Nothing before this time.
    At(Duration),
    /// Nothing until something changes.
    Idle,
}

/// What there is to write.
#[derive(Clone, Copy, Debug)]
pub struct Pending {
    /// When the oldest fresh batch came; `None` without fresh data.
    pub oldest_fresh: Option<Duration>,
    /// Whether the fresh data fills a request.
    pub full: bool,
    /// Whether there is a backlog.
    pub backlog: bool,
}

/// The state of one output's pace.
#[derive(Debug)]
pub struct Pace {
    settings: PaceSettings,
    /// When the oldest data of the last write of fresh data had come.
    last_fresh: Option<Duration>,
    jitter: Duration,
    failures: u32,
    not_before: Duration,
    backlog_not_before: Duration,
}

impl Pace {
    /// Nothing written yet.
    pub fn new(settings: PaceSettings) -> Self {
        Self {
            settings,
            last_fresh: None,
            jitter: Duration::ZERO,
            failures: 0,
            not_before: Duration::ZERO,
            backlog_not_before: Duration::ZERO,
        }
    }

    /// Other settings from now on.
    pub fn set(&mut self, settings: PaceSettings) {
        self.settings = settings;
    }

    /// Forgets a wait: somebody changed something, or time is short.
    pub fn hurry(&mut self) {
        self.not_before = Duration::ZERO;
    }

    /// How many attempts failed since the last success.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// What to write at `now`. While the server is away the freshest data is what is tried; without any,
    /// the backlog.
    pub fn next(&self, pending: Pending, now: Duration) -> Next {
        let fresh_due = pending.oldest_fresh.map(|arrived| {
            if pending.full {
                now
            } else {
                self.flush_due(arrived)
            }
        });
        let backlog_due = pending.backlog.then_some(self.backlog_not_before);
        let due = |time: Option<Duration>| time.map(|time| time.max(self.not_before));
        match (due(fresh_due), due(backlog_due)) {
            (Some(fresh), _) if fresh <= now => Next::Fresh,
            (_, Some(backlog)) if backlog <= now => Next::Backlog,
            (Some(fresh), Some(backlog)) => Next::At(fresh.min(backlog)),
            (Some(time), None) | (None, Some(time)) => Next::At(time),
            (None, None) => Next::Idle,
        }
    }

    /// Data that came at `arrived` is written at once, unless the last write was less than an interval
    /// ago. A tenth of slack keeps data that comes every interval from missing every other write.
    fn flush_due(&self, arrived: Duration) -> Duration {
        let interval = self.settings.flush_interval;
        let earliest = self
            .last_fresh
            .map_or(arrived, |last| last + interval - interval / 10);
        arrived.max(earliest) + self.jitter
    }

    /// A write of fresh data begins, the oldest of which came at `arrived`.
    pub fn begin_fresh(&mut self, arrived: Duration, rng: &mut fastrand::Rng) {
        self.last_fresh = Some(arrived);
        self.jitter = self.settings.flush_jitter.mul_f64(rng.f64());
    }

    /// A write of `lines` lines of the backlog begins.
    pub fn begin_backlog(&mut self, lines: u32, now: Duration) {
        let cost = Duration::from_secs_f64(
            f64::from(lines) / f64::from(self.settings.backlog_rate.max(1)),
        );
        self.backlog_not_before = self.backlog_not_before.max(now) + cost;
    }

    /// A write succeeded.
    pub fn succeeded(&mut self) {
        self.failures = 0;
        self.not_before = Duration::ZERO;
    }

    /// A write failed; gives how long nothing is written now.
    pub fn failed(
        &mut self,
        now: Duration,
        retry_after: Option<Duration>,
        rng: &mut fastrand::Rng,
    ) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let asked = retry_after.map(|after| after.min(MAX_RETRY_AFTER));
        let delay = self
            .settings
            .backoff
            .delay_at_least(self.failures, asked, rng);
        self.not_before = now + delay;
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn pace() -> Pace {
        Pace::new(PaceSettings {
            flush_interval: ms(1000),
            flush_jitter: Duration::ZERO,
            backoff: Backoff {
                initial: ms(1000),
                limit: ms(60_000),
            },
            backlog_rate: 1000,
        })
    }

    fn pending(oldest_fresh: Option<u64>, backlog: bool) -> Pending {
        Pending {
            oldest_fresh: oldest_fresh.map(ms),
            full: false,
            backlog,
        }
    }

    #[test]
    fn data_that_comes_every_interval_is_written_as_it_comes() {
        let (mut pace, mut rng) = (pace(), fastrand::Rng::with_seed(1));
        for arrived in [1000, 2003, 2998, 4001] {
            assert_eq!(
                pace.next(pending(Some(arrived), false), ms(arrived)),
                Next::Fresh,
                "at {arrived}"
            );
            pace.begin_fresh(ms(arrived), &mut rng);
        }
        assert_eq!(
            pace.next(pending(Some(4100), false), ms(4100)),
            Next::At(ms(4901))
        );
    }

    #[test]
    fn fresh_data_goes_before_the_backlog_and_the_backlog_keeps_its_rate() {
        let mut pace = pace();
        assert_eq!(pace.next(pending(Some(0), true), ms(0)), Next::Fresh);
        pace.begin_fresh(ms(0), &mut fastrand::Rng::with_seed(1));
        assert_eq!(pace.next(pending(None, true), ms(0)), Next::Backlog);
        pace.begin_backlog(500, ms(0));
        assert_eq!(pace.next(pending(None, true), ms(100)), Next::At(ms(500)));
        assert_eq!(pace.next(pending(None, true), ms(500)), Next::Backlog);
    }

    #[test]
    fn after_a_failure_it_waits_as_long_as_the_server_asks() {
        let (mut pace, mut rng) = (pace(), fastrand::Rng::with_seed(1));
        assert_eq!(pace.failed(ms(0), Some(ms(30_000)), &mut rng), ms(30_000));
        assert_eq!(
            pace.next(pending(Some(0), true), ms(29_999)),
            Next::At(ms(30_000))
        );
        assert_eq!(
            pace.failed(ms(0), Some(ms(86_400_000)), &mut rng),
            MAX_RETRY_AFTER
        );
        pace.succeeded();
        assert_eq!(pace.next(pending(Some(0), true), ms(1)), Next::Fresh);
    }

    #[test]
    fn backoff_grows_and_is_jittered() {
        let (mut pace, mut rng) = (pace(), fastrand::Rng::with_seed(1));
        let waits: Vec<Duration> = (0..10)
            .map(|_| pace.failed(ms(0), None, &mut rng))
            .collect();
        assert!((ms(500)..=ms(1000)).contains(&waits[0]), "{:?}", waits[0]);
        assert!(
            (ms(30_000)..=ms(60_000)).contains(&waits[9]),
            "{:?}",
            waits[9]
        );
    }
}
