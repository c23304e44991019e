//! How long to wait before the next attempt: exponential, capped, jittered, as a pure value.
//!
//! Equal jitter (half fixed, half random) spreads a fleet's attempts evenly after an outage (Marc Brooker, "Exponential Backoff
//! And Jitter", AWS Architecture Blog, 2015).

use std::time::Duration;

/// The shape of the waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Upper bound of the first wait.
    pub initial: Duration,
    /// Upper bound of every wait.
    pub limit: Duration,
}

impl Default for Backoff {
    /// 1 s doubling to 1 min: a server that restarts is met within seconds, one that is down for
    /// hours is asked once a minute.
    fn default() -> Self {
        Self {
            initial: Duration::from_secs(1),
            limit: Duration::from_secs(60),
        }
    }
}

impl Backoff {
    /// The wait before attempt `attempt` (1 is the first repetition): between half and the whole of
    /// `initial * 2^(attempt-1)`, at most `limit`. The lower half keeps a lone client from storming.
    pub fn delay(&self, attempt: u32, rng: &mut fastrand::Rng) -> Duration {
        let factor = 2_u32.saturating_pow(attempt.saturating_sub(1).min(31));
        let bound = self.initial.saturating_mul(factor).min(self.limit);
        bound.mul_f64(0.5 + rng.f64() / 2.0)
    }

    /// Like [`Backoff::delay`], but never before the server's `Retry-After` is over.
    pub fn delay_at_least(
        &self,
        attempt: u32,
        retry_after: Option<Duration>,
        rng: &mut fastrand::Rng,
    ) -> Duration {
        self.delay(attempt, rng)
            .max(retry_after.unwrap_or_default())
    }
}
