//! Sessions of users who signed in with a password: a cookie, kept in memory, gone with the process.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::auth::token::{TokenHash, generate};
use crate::meta::Id;

/// The cookie's name, as InfluxDB's.
pub const COOKIE: &str = "influxdb-oss-session";

/// How long a session lasts after it was last used, nanoseconds: one hour, as InfluxDB's default.
pub const LIFETIME: i64 = 3_600 * 1_000_000_000;

/// Sessions kept at most: beyond it the oldest go, so that signing in again and again cannot fill the memory.
const MAX_SESSIONS: usize = 1_000;

/// The sessions that are open.
#[derive(Debug, Default)]
pub struct Sessions {
    open: Mutex<HashMap<TokenHash, Session>>,
}

#[derive(Debug, Clone, Copy)]
struct Session {
    user: Id,
    expires: i64,
}

impl Sessions {
    /// Opens a session and gives the cookie's value.
    pub fn open(&self, user: Id, now: i64) -> String {
        let key = generate();
        let mut open = self.lock();
        open.retain(|_, session| session.expires > now);
        if open.len() >= MAX_SESSIONS
            && let Some(oldest) = open
                .iter()
                .min_by_key(|(_, session)| session.expires)
                .map(|(key, _)| key.clone())
        {
            open.remove(&oldest);
        }
        open.insert(
            TokenHash::of(&key),
            Session {
                user,
                expires: now + LIFETIME,
            },
        );
        key
    }

    /// The user of an open session, which lasts longer by being used.
    pub fn user(&self, key: &str, now: i64) -> Option<Id> {
        let mut open = self.lock();
        let session = open.get_mut(&TokenHash::of(key))?;
        if session.expires <= now {
            return None;
        }
        session.expires = now + LIFETIME;
        Some(session.user)
    }

    /// Ends a session.
    pub fn close(&self, key: &str) {
        self.lock().remove(&TokenHash::of(key));
    }

    /// Ends all sessions of a user: their password changed, or they may not sign in any more.
    pub fn close_all(&self, user: Id) {
        self.lock().retain(|_, session| session.user != user);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TokenHash, Session>> {
        self.open
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_when_closed_or_unused() {
        let sessions = Sessions::default();
        let user = Id::random();
        let key = sessions.open(user, 0);
        assert_eq!(sessions.user(&key, LIFETIME - 1), Some(user));
        assert_eq!(
            sessions.user(&key, LIFETIME + 1),
            Some(user),
            "use made it longer"
        );
        assert_eq!(sessions.user(&key, 3 * LIFETIME), None);
        let key = sessions.open(user, 0);
        sessions.close(&key);
        assert_eq!(sessions.user(&key, 1), None);
    }
}
