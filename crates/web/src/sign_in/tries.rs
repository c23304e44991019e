//! A limit on failed tries to sign in, by address and by name, so that guessing takes years.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failed tries after which one has to wait.
pub const TRIES: u32 = 5;

/// How long, from the last failed one.
pub const WAIT: Duration = Duration::from_secs(60);

/// Addresses and names remembered; when there are more, those that wait least go.
const LIMIT: usize = 10_000;

/// Failed tries.
#[derive(Debug, Default)]
pub struct Tries {
    failed: Mutex<HashMap<String, (u32, Instant)>>,
}

impl Tries {
    /// Seconds to wait before the next try, if there are too many.
    pub fn wait(&self, keys: [&str; 2], now: Instant) -> Option<u64> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = keys.iter().filter_map(|key| {
            let (count, last) = failed.get(*key)?;
            let passed = now.duration_since(*last);
            (*count >= TRIES && passed < WAIT).then(|| (WAIT - passed).as_secs() + 1)
        });
        waits.max()
    }

    /// A try has failed.
    pub fn fail(&self, keys: [&str; 2], now: Instant) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.retain(|_, (_, last)| now.duration_since(*last) < WAIT);
        for key in keys {
            if failed.len() < LIMIT || failed.contains_key(key) {
                let entry = failed.entry(key.to_owned()).or_insert((0, now));
                *entry = (entry.0 + 1, now);
            }
        }
    }

    /// One has succeeded.
    pub fn succeed(&self, keys: [&str; 2]) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys {
            failed.remove(key);
        }
    }
}
