//! The part of the turns and of the queue that one token may take, so that others always get some.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

use crate::meta::Id;

/// A token gets at most three turns of four, and as many places in the queue: a dashboard has most of the server while it
/// is alone, and somebody else's query starts at once while it is not.
const SHARE: (usize, usize) = (3, 4);

/// The shares that are in use.
#[derive(Debug)]
pub struct Shares {
    turns: usize,
    places: usize,
    in_use: Arc<Mutex<HashMap<Id, Share>>>,
}

#[derive(Debug)]
struct Share {
    turns: Arc<Semaphore>,
    /// Queries that run or wait.
    held: usize,
}

/// A query's place in its token's share; given back when dropped.
#[derive(Debug)]
pub struct Place {
    holder: Id,
    in_use: Arc<Mutex<HashMap<Id, Share>>>,
    /// The turns of the share.
    pub turns: Arc<Semaphore>,
}

impl Shares {
    /// Of so many turns and so long a queue.
    pub fn of(turns: usize, queue: usize) -> Self {
        let part = |whole: usize| whole.saturating_mul(SHARE.0) / SHARE.1;
        let turns = part(turns).max(1);
        Self {
            turns,
            places: part(queue).saturating_add(turns),
            in_use: Arc::default(),
        }
    }

    /// A place in the share of a token; none if all are taken.
    pub fn join(&self, holder: Id) -> Option<Place> {
        let mut in_use = lock(&self.in_use);
        let share = in_use.entry(holder).or_insert_with(|| Share {
            turns: Arc::new(Semaphore::new(self.turns)),
            held: 0,
        });
        if share.held >= self.places {
            return None;
        }
        share.held += 1;
        Some(Place {
            holder,
            in_use: Arc::clone(&self.in_use),
            turns: Arc::clone(&share.turns),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut in_use = lock(&self.in_use);
        if let Some(share) = in_use.get_mut(&self.holder) {
            share.held -= 1;
            if share.held == 0 {
                in_use.remove(&self.holder);
            }
        }
    }
}

fn lock(in_use: &Mutex<HashMap<Id, Share>>) -> MutexGuard<'_, HashMap<Id, Share>> {
    in_use.lock().unwrap_or_else(PoisonError::into_inner)
}
