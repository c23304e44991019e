//! Clients of version 1 that sign each request with a name and a password (`influx v1 auth`).
//!
//! A password is checked slowly on purpose, which no write can wait for each time: what was found right is remembered
//! in memory, as a hash, until the password changes or the server ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use crate::auth::password::PasswordHash;
use crate::auth::token::TokenHash;
use crate::meta::{Authorization, Id};

/// Slow checks at once: guessing passwords must not take all cores from those who know theirs.
const CHECKS: usize = 1;

/// A password's hash, and the quick one of the text that was found to match it.
type Known = (PasswordHash, TokenHash);

/// The checks of passwords, and what they found.
#[derive(Debug)]
pub struct LegacyPasswords {
    /// One for each authorization, so there are never more.
    known: Mutex<HashMap<Id, Known>>,
    turns: Arc<Semaphore>,
}

impl Default for LegacyPasswords {
    fn default() -> Self {
        Self {
            known: Mutex::default(),
            turns: Arc::new(Semaphore::new(CHECKS)),
        }
    }
}

impl LegacyPasswords {
    /// Whether the password is the authorization's.
    pub async fn matches(&self, authorization: &Authorization, password: &str) -> bool {
        let legacy = authorization.legacy.as_ref();
        let Some(hash) = legacy.and_then(|legacy| legacy.password.clone()) else {
            return false;
        };
        if self.is_known(authorization.id, &hash, password) {
            return true;
        }
        let Ok(turn) = Arc::clone(&self.turns).acquire_owned().await else {
            return false;
        };
        // Another request of the same client may have found it meanwhile.
        if self.is_known(authorization.id, &hash, password) {
            return true;
        }
        let (checked, text) = (hash.clone(), password.to_owned());
        let check = tokio::task::spawn_blocking(move || {
            let matches = checked.matches(&text);
            drop(turn);
            matches
        });
        let matches = check.await.unwrap_or(false);
        if matches {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.insert(authorization.id, (hash, TokenHash::of(password)));
        }
        matches
    }

    fn is_known(&self, id: Id, hash: &PasswordHash, password: &str) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .get(&id)
            .is_some_and(|(of, found)| of == hash && found.matches(password))
    }
}
