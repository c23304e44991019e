//! A limit on tries to sign in, by address and by name, so that guessing takes years.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Tries after which one has to wait, unless one of them succeeds.
pub const TRIES: u32 = 5;

/// How long, from the last of them.
pub const WAIT: Duration = Duration::from_secs(60);

/// Addresses and names remembered; when there are more, the oldest go.
const LIMIT: usize = 10_000;

/// Tries that have not succeeded.
#[derive(Debug, Default)]
pub struct Tries {
    counted: Mutex<HashMap<String, (u32, Instant)>>,
}

impl Tries {
    /// Counts a try before its password is looked at, so that a hundred at once are no more than
    /// one after the other.
    ///
    /// # Errors
    /// There were too many: the seconds to wait. Such a try is not counted, nor looked at.
    pub fn begin(&self, keys: [&str; 2], now: Instant) -> Result<(), u64> {
        let mut counted = self.lock();
        let counts = |last: Instant| now.duration_since(last) < WAIT;
        let waits = keys.iter().filter_map(|key| {
            let (count, last) = counted.get(*key)?;
            let wait = WAIT.saturating_sub(now.duration_since(*last));
            (*count >= TRIES && counts(*last)).then(|| wait.as_secs() + 1)
        });
        if let Some(seconds) = waits.max() {
            return Err(seconds);
        }
        for key in keys {
            let (count, last) = counted.entry(key.to_owned()).or_insert((0, now));
            (*count, *last) = (if counts(*last) { *count + 1 } else { 1 }, now);
        }
        if counted.len() > LIMIT {
            counted.retain(|_, (_, last)| counts(*last));
            forget_oldest(&mut counted);
        }
        Ok(())
    }

    /// One has succeeded: those of its address and name are forgiven.
    pub fn succeed(&self, keys: [&str; 2]) {
        let mut counted = self.lock();
        for key in keys {
            counted.remove(key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (u32, Instant)>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget_oldest(counted: &mut HashMap<String, (u32, Instant)>) {
    while counted.len() > LIMIT {
        let oldest = counted.iter().min_by_key(|(_, (_, last))| *last);
        let Some(key) = oldest.map(|(key, _)| key.clone()) else {
            return;
        };
        counted.remove(&key);
    }
}
