//! Sessions of browsers, in memory: a restart signs everybody out.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ring::digest::{SHA256, digest};

use super::Who;
use super::users::{Stamp, random};

/// Name of the cookie.
pub const COOKIE: &str = "watchpost_session";

/// Sessions at a time; beyond it the one that ends first goes.
const LIMIT: usize = 10_000;

#[derive(Debug)]
struct Session {
    who: Who,
    stamp: Stamp,
    end: Instant,
}

/// Who is signed in.
#[derive(Debug, Default)]
pub struct Sessions {
    /// By the hash of the cookie's value, so that memory holds no cookie.
    known: Mutex<HashMap<Vec<u8>, Session>>,
}

impl Sessions {
    /// Begins a session of a user whose entry has this stamp; gives the cookie's value.
    pub fn begin(&self, who: Who, stamp: Stamp, length: Duration) -> Option<String> {
        let id = random()?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        known.retain(|_, session| session.end > now);
        if known.len() >= LIMIT
            && let Some(first) = known
                .iter()
                .min_by_key(|(_, session)| session.end)
                .map(|(key, _)| key.clone())
        {
            known.remove(&first);
        }
        let end = now + length;
        known.insert(key(&id), Session { who, stamp, end });
        Some(id)
    }

    /// Whose session this is, and the stamp of the entry by which it began.
    pub fn find(&self, id: &str) -> Option<(Who, Stamp)> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let session = known.get(&key(id))?;
        (session.end > Instant::now()).then(|| (session.who.clone(), session.stamp))
    }

    /// Ends a session.
    pub fn end(&self, id: &str) {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&key(id));
    }
}

fn key(id: &str) -> Vec<u8> {
    digest(&SHA256, id.as_bytes()).as_ref().to_vec()
}

/// The `Set-Cookie` header of a session below `path`; an empty id ends it in the browser.
pub fn cookie(id: &str, path: &str, length: Duration, secure: bool) -> String {
    let age = if id.is_empty() { 0 } else { length.as_secs() };
    let secure = if secure { "; Secure" } else { "" };
    format!("{COOKIE}={id}; Path={path}; HttpOnly; SameSite=Strict; Max-Age={age}{secure}")
}

/// The session's id in a `Cookie` header.
pub fn id_in(cookies: &str) -> Option<&str> {
    cookies.split(';').find_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == COOKIE && !value.is_empty()).then_some(value)
    })
}
