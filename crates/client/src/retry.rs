//! Repeating a query or a management call while its error is transient.

use std::future::Future;
use std::time::Duration;

use crate::backoff::Backoff;
use crate::{Error, Result};

/// Longest `Retry-After` that is obeyed inside a retry loop; a server that asks for more is told
/// to the caller instead.
const RETRY_AFTER_LIMIT: Duration = Duration::from_secs(120);

/// How often and how to repeat.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    /// Attempts in all, at least 1.
    pub attempts: u32,
    /// The waits between them.
    pub backoff: Backoff,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 4,
            backoff: Backoff {
                initial: Duration::from_millis(200),
                limit: Duration::from_secs(5),
            },
        }
    }
}

impl Retry {
    /// Runs `call` until it succeeds, fails for good, or the attempts are used up; `sleep` waits
    /// (`tokio::time::sleep`, or a virtual clock in tests).
    pub async fn run<T, C, S>(
        &self,
        rng: &mut fastrand::Rng,
        mut sleep: impl FnMut(Duration) -> S,
        mut call: impl FnMut() -> C,
    ) -> Result<T>
    where
        C: Future<Output = Result<T>>,
        S: Future<Output = ()>,
    {
        let mut attempt = 1;
        loop {
            let error = match call().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let asked = match &error {
                Error::Api { retry_after, .. } => *retry_after,
                _ => None,
            };
            if attempt >= self.attempts
                || !error.is_transient()
                || asked.is_some_and(|wait| wait > RETRY_AFTER_LIMIT)
            {
                return Err(error);
            }
            sleep(self.backoff.delay_at_least(attempt, asked, rng)).await;
            attempt += 1;
        }
    }
}
