//! What became of each batch: one byte a batch, which is all a run remembers of what it sent.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// What is known of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchState {
    /// Never sent.
    Unsent,
    /// Sent, never acknowledged: the server may hold all, some or none of it.
    Unknown,
    /// Acknowledged.
    Acknowledged,
}

/// The states of all batches of a run, shared by its writers.
#[derive(Debug)]
pub struct Ledger {
    states: Vec<AtomicU8>,
    /// One past the highest batch that was ever sent.
    end: AtomicU64,
}

impl Ledger {
    /// A ledger for so many batches, none sent.
    pub fn new(batches: u64) -> Self {
        Self {
            states: (0..batches).map(|_| AtomicU8::new(0)).collect(),
            end: AtomicU64::new(0),
        }
    }

    /// Notes that a batch is about to be sent.
    pub fn sent(&self, batch: u64) {
        self.end.fetch_max(batch + 1, Ordering::Relaxed);
        self.set(batch, 1);
    }

    /// Notes that a batch was acknowledged.
    pub fn acknowledged(&self, batch: u64) {
        self.set(batch, 2);
    }

    /// What is known of a batch.
    pub fn state(&self, batch: u64) -> BatchState {
        let place = usize::try_from(batch).unwrap_or(usize::MAX);
        match self
            .states
            .get(place)
            .map_or(0, |state| state.load(Ordering::Relaxed))
        {
            0 => BatchState::Unsent,
            1 => BatchState::Unknown,
            _ => BatchState::Acknowledged,
        }
    }

    /// One past the highest batch that was sent.
    pub fn end(&self) -> u64 {
        self.end.load(Ordering::Relaxed)
    }

    /// Batches of a state among those up to [`Ledger::end`].
    pub fn count(&self, state: BatchState) -> u64 {
        let fitting = (0..self.end()).filter(|batch| self.state(*batch) == state);
        fitting.count() as u64
    }

    fn set(&self, batch: u64, state: u8) {
        let place = usize::try_from(batch).unwrap_or(usize::MAX);
        if let Some(slot) = self.states.get(place) {
            slot.fetch_max(state, Ordering::Relaxed);
        }
    }
}
