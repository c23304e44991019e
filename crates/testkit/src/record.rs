//! A growing list that one thread fills and a test reads.

use std::sync::{Arc, Mutex, PoisonError};

use crate::wait;

/// What a receiver or a daemon has recorded, in the order it came. Clones share the list.
#[derive(Debug)]
pub struct Record<T> {
    items: Arc<Mutex<Vec<T>>>,
}

impl<T> Clone for Record<T> {
    fn clone(&self) -> Record<T> {
        Record {
            items: self.items.clone(),
        }
    }
}

impl<T> Default for Record<T> {
    fn default() -> Record<T> {
        Record {
            items: Arc::default(),
        }
    }
}

impl<T: Clone> Record<T> {
    pub(crate) fn push(&self, item: T) {
        self.with(|items| items.push(item));
    }

    /// Everything so far.
    pub fn all(&self) -> Vec<T> {
        self.with(|items| items.clone())
    }

    pub fn len(&self) -> usize {
        self.with(|items| items.len())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn clear(&self) {
        self.with(Vec::clear);
    }

    /// The first item that fits, if it has come.
    pub fn find(&self, fits: impl Fn(&T) -> bool) -> Option<T> {
        self.with(|items| items.iter().find(|item| fits(item)).cloned())
    }

    /// Waits until at least `count` have come; returns all. Not for tests on tokio, see
    /// [`Record::wait_async`].
    ///
    /// # Panics
    /// After [`wait::PATIENCE`].
    pub fn wait(&self, count: usize) -> Vec<T> {
        wait::until(&format!("{count} recorded items"), || self.at_least(count))
    }

    /// As [`Record::wait`], for tests that run on tokio.
    ///
    /// # Panics
    /// After [`wait::PATIENCE`].
    pub async fn wait_async(&self, count: usize) -> Vec<T> {
        wait::until_async(&format!("{count} recorded items"), || self.at_least(count)).await
    }

    fn at_least(&self, count: usize) -> Option<Vec<T>> {
        self.with(|items| (items.len() >= count).then(|| items.clone()))
    }

    fn with<R>(&self, act: impl FnOnce(&mut Vec<T>) -> R) -> R {
        // A test that panicked while it held the list has not broken it.
        act(&mut self.items.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
