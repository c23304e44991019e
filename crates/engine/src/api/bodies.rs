//! Bodies of requests while they are in memory: on one account, of which a caller gets a part.
//!
//! A body that is not finished costs as much as one that is. Each is counted as it grows, by what was allocated for it,
//! and refused when the account is used up, so that uploads that never end take memory neither from queries nor from the
//! writes of others.

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes};
use http_body_util::BodyExt as _;

use crate::api::compression;
use crate::api::error::{ApiError, Code};
use crate::meta::Id;

/// Half of the server's memory limit is for bodies, and half of that for those of one token (or of all that bring none):
/// the largest body of the default limits fits on a server of 256 MiB.
const PART: usize = 2;

/// How much a body grows by at least: a few system calls' worth.
const STEP: usize = 64 << 10;

/// Seconds after which a refused client may try again: a batch is stored in less.
const RETRY_AFTER: u32 = 2;

/// The account.
#[derive(Debug)]
pub struct Bodies {
    limit: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    by_holder: HashMap<Option<Id>, usize>,
}

/// What a body takes; given back when dropped.
#[derive(Debug)]
pub struct Charge {
    bodies: Arc<Bodies>,
    holder: Option<Id>,
    bytes: usize,
}

impl Bodies {
    /// An account of a server with a limit of memory, bytes.
    pub fn within(memory: usize) -> Self {
        Self {
            limit: memory / PART,
            held: Mutex::default(),
        }
    }

    /// Nothing yet, for a token.
    pub fn charge(self: &Arc<Self>, holder: Option<Id>) -> Charge {
        Charge {
            bodies: Arc::clone(self),
            holder,
            bytes: 0,
        }
    }

    /// Bytes on the account.
    pub fn held(&self) -> usize {
        self.lock().all
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Charge {
    /// Takes more.
    ///
    /// # Errors
    /// The account, or the token's part of it, is used up.
    fn grow(&mut self, bytes: usize) -> Result<(), ApiError> {
        let limit = self.bodies.limit;
        let mut held = self.bodies.lock();
        let own = held.by_holder.get(&self.holder).copied().unwrap_or(0);
        let fits =
            held.all.saturating_add(bytes) <= limit && own.saturating_add(bytes) <= limit / PART;
        if !fits {
            let message = "the bodies of requests take as much memory as they may (a half of --max-memory-bytes, of which \
                one token gets a half); try again later, with smaller batches";
            return Err(ApiError::new(Code::Unavailable, message).retry_after(RETRY_AFTER));
        }
        held.all += bytes;
        *held.by_holder.entry(self.holder).or_insert(0) += bytes;
        drop(held);
        self.bytes += bytes;
        Ok(())
    }

    /// Makes room in a buffer for so many bytes more, at most up to `limit`.
    fn reserve(&mut self, buffer: &mut Vec<u8>, more: usize, limit: usize) -> Result<(), ApiError> {
        let needed = buffer.len() + more;
        if needed <= buffer.capacity() {
            return Ok(());
        }
        let doubled = buffer.capacity().saturating_mul(2).max(STEP);
        let capacity = doubled.min(limit.max(STEP)).max(needed);
        self.grow(capacity - buffer.capacity())?;
        let reserved = buffer.try_reserve_exact(capacity - buffer.len());
        reserved.map_err(|error| {
            let message = format!("no memory for the request's body: {error}");
            ApiError::new(Code::Unavailable, message).retry_after(RETRY_AFTER)
        })
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let mut held = self.bodies.lock();
        held.all -= self.bytes;
        let own = held.by_holder.entry(self.holder).or_insert(0);
        *own -= self.bytes;
        if *own == 0 {
            held.by_holder.remove(&self.holder);
        }
    }
}

/// Reads a body.
///
/// # Errors
/// It is longer than the limit, the account is used up, or the connection broke.
pub async fn read(mut body: Body, limit: usize, charge: &mut Charge) -> Result<Bytes, ApiError> {
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            ApiError::invalid(format!("the request body could not be read: {error}"))
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if read.len() + data.len() > limit {
            return Err(compression::too_large(limit));
        }
        charge.reserve(&mut read, data.len(), limit)?;
        read.extend_from_slice(&data);
    }
    Ok(Bytes::from(read))
}

/// Reads what a decoder makes of a body.
///
/// # Errors
/// It is longer than the limit, the account is used up, or the decoder fails.
pub fn read_decoded(
    mut decoder: impl Read,
    limit: usize,
    charge: &mut Charge,
) -> Result<Bytes, ApiError> {
    let mut plain = Vec::new();
    let mut piece = vec![0; STEP];
    loop {
        let length = decoder.read(&mut piece).map_err(|error| {
            ApiError::invalid(format!(
                "the body is not the gzip that Content-Encoding says: {error}"
            ))
        })?;
        if length == 0 {
            return Ok(Bytes::from(plain));
        }
        if plain.len() + length > limit {
            return Err(compression::too_large(limit));
        }
        charge.reserve(&mut plain, length, limit)?;
        plain.extend_from_slice(&piece[..length]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_gets_a_part_and_what_is_dropped_is_given_back() {
        let bodies = Arc::new(Bodies::within(400 << 10));
        let (one, other) = (Some(Id::random()), Some(Id::random()));
        let mut first = bodies.charge(one);
        assert!(first.grow(100 << 10).is_ok());
        assert!(bodies.charge(one).grow(1).is_err(), "its part is used up");
        let mut second = bodies.charge(other);
        assert!(second.grow(100 << 10).is_ok());
        assert!(bodies.charge(None).grow(1).is_err(), "all is used up");
        drop(first);
        assert!(bodies.charge(one).grow(100 << 10).is_ok());
        drop(second);
        assert_eq!(bodies.held(), 0);
    }

    #[tokio::test]
    async fn a_body_is_charged_while_it_is_held() {
        let bodies = Arc::new(Bodies::within(1 << 20));
        let mut charge = bodies.charge(None);
        let body = Body::from(vec![7; 100_000]);
        let read = read(body, 200_000, &mut charge).await.expect("is read");
        assert_eq!(read.len(), 100_000);
        assert!(bodies.held() >= 100_000);
        drop(charge);
        assert_eq!(bodies.held(), 0);
    }
}
