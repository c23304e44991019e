//! Checks of passwords: slow on purpose, and asked for by anybody, so that they have turns, a queue and a brake of their
//! own, which nothing else waits for.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::api::error::{ApiError, Code};
use crate::auth::brake::{Brake, Guess};
use crate::auth::password::PasswordHash;
use crate::auth::token::TokenHash;
use crate::meta::{Authorization, Id};

/// Checks that wait for a turn at most: at 0.2 s each the last one waits as long as a person does.
const MOST_WAITING: usize = 32;

/// How long one waits for its turn.
const WAIT: Duration = Duration::from_secs(10);

/// Checks at once: half of the cores, for the other half have writes and queries to serve.
fn turns() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (cores / 2).clamp(1, 4)
}

/// A password's hash, and the quick one of the text that was found to match it.
type Known = (PasswordHash, TokenHash);

/// The turns, the queue and the brake.
#[derive(Debug)]
pub struct PasswordChecks {
    turns: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    brake: Brake,
    /// Passwords of version 1's clients that were found right; one for each authorization, so there are never more.
    known: Mutex<HashMap<Id, Known>>,
    /// Rounds of hashing so far.
    rounds: Arc<AtomicU64>,
}

impl Default for PasswordChecks {
    fn default() -> Self {
        let turns = turns();
        Self {
            turns: Arc::new(Semaphore::new(turns)),
            queue: Arc::new(Semaphore::new(turns + MOST_WAITING)),
            brake: Brake::default(),
            known: Mutex::default(),
            rounds: Arc::default(),
        }
    }
}

/// The right to hash one password at a time; given back when dropped.
#[derive(Debug)]
pub struct Turn {
    _turn: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
}

/// A name and password that somebody sent, and from where.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The user's name.
    pub name: &'a str,
    /// The password.
    pub password: &'a str,
    /// The other end of the connection; none where it is not known, which counts as one address.
    pub from: Option<IpAddr>,
    /// The time, nanoseconds since 1970.
    pub now: i64,
}

impl Attempt<'_> {
    fn guess(&self) -> Guess {
        let from = self.from.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        Guess::of(self.name, from)
    }
}

impl PasswordChecks {
    /// Waits for a turn to hash a password.
    ///
    /// # Errors
    /// Too many wait already, or it took too long.
    pub async fn turn(&self) -> Result<Turn, ApiError> {
        let busy = || {
            let message = "too many passwords are being checked; try again later";
            ApiError::new(Code::TooManyRequests, message).retry_after(5)
        };
        let place = Arc::clone(&self.queue)
            .try_acquire_owned()
            .map_err(|_| busy())?;
        let turn = tokio::time::timeout(WAIT, Arc::clone(&self.turns).acquire_owned()).await;
        match turn {
            Ok(Ok(turn)) => Ok(Turn {
                _turn: turn,
                _place: place,
            }),
            _ => Err(busy()),
        }
    }

    /// Whether the password is the hashed one. Without a hash it takes as long, so that no answer's time says which users
    /// there are.
    ///
    /// # Errors
    /// Too many tries of that user or address, or too many checks at once.
    pub async fn check(
        &self,
        attempt: Attempt<'_>,
        hash: Option<PasswordHash>,
    ) -> Result<bool, ApiError> {
        let guess = attempt.guess();
        self.brake.count(&guess, attempt.now).map_err(|seconds| {
            let message = "too many tries to sign in; try again later";
            ApiError::new(Code::TooManyRequests, message).retry_after(seconds)
        })?;
        let turn = self.turn().await?;
        let password = attempt.password.to_owned();
        let rounds = Arc::clone(&self.rounds);
        let check = tokio::task::spawn_blocking(move || {
            let is_known = hash.is_some();
            let hash = hash.unwrap_or_else(PasswordHash::of_nobody);
            rounds.fetch_add(hash.rounds(), Ordering::Relaxed);
            let matches = hash.matches(&password);
            drop(turn);
            matches && is_known
        });
        let matches = check.await.map_err(ApiError::internal)?;
        if matches {
            self.brake.give_back(&guess);
        }
        Ok(matches)
    }

    /// Rounds of hashing that all checks took so far: what an answer's time is made of.
    pub fn rounds(&self) -> u64 {
        self.rounds.load(Ordering::Relaxed)
    }

    /// Whether the password is that of an authorization of version 1's clients, none if the name is not known. They send
    /// it with each request: what was found right is remembered as a hash, until the password changes or the server ends.
    ///
    /// # Errors
    /// As [`PasswordChecks::check`].
    pub async fn check_legacy(
        &self,
        attempt: Attempt<'_>,
        authorization: Option<&Authorization>,
    ) -> Result<bool, ApiError> {
        let hash = authorization
            .and_then(|one| one.legacy.as_ref())
            .and_then(|legacy| legacy.password.clone());
        if let (Some(authorization), Some(hash)) = (authorization, &hash)
            && self.is_known(authorization.id, hash, attempt.password)
        {
            return Ok(true);
        }
        let matches = self.check(attempt, hash.clone()).await?;
        if let (true, Some(authorization), Some(hash)) = (matches, authorization, hash) {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.insert(authorization.id, (hash, TokenHash::of(attempt.password)));
        }
        Ok(matches)
    }

    fn is_known(&self, id: Id, hash: &PasswordHash, password: &str) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .get(&id)
            .is_some_and(|(of, found)| of == hash && found.matches(password))
    }
}
