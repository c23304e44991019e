//! Setting a bucket aside: its points stay on the disk, out of the way, until somebody who knows what they are puts them
//! back or removes them.

use std::path::PathBuf;

use crate::error::Result;
use crate::memory::bucket::State;
use crate::segment::bucket_folder;
use crate::store::Storage;
use crate::sync::{lock, read, write};

impl Storage {
    /// Whether any bucket has rows, deleted ones that are still to be carried out included.
    pub fn holds_rows(&self) -> bool {
        let has_rows = |state: &State| {
            !state.segments.is_empty() || !state.active.is_empty() || state.frozen.is_some()
        };
        let buckets = self.all_buckets();
        buckets.iter().any(|bucket| has_rows(&read(&bucket.state)))
    }

    /// The buckets that were written to.
    pub fn bucket_ids(&self) -> Vec<u64> {
        self.all_buckets().iter().map(|bucket| bucket.id).collect()
    }

    /// Takes a bucket out of the store and keeps its files in `DIR/orphaned`; gives their folder, if it has any rows.
    /// Moved back to where they were while no process has the store open, they are there again. For the time of the
    /// opening: what is written to the bucket meanwhile is not set aside.
    pub fn set_aside(&self, id: u64) -> Result<Option<PathBuf>> {
        let _one_at_a_time = lock(&self.maintenance);
        let Some(bucket) = self.bucket(id) else {
            return Ok(None);
        };
        // Rows that are only in the log have no file to move.
        self.seal_all()?;
        let folder = self.layout().data().join(bucket_folder(id));
        let moved = if folder.exists() {
            Some(self.layout().move_aside(self.disk(), &folder)?)
        } else {
            None
        };
        *write(&bucket.state) = State {
            dropped: true,
            ..State::default()
        };
        self.forget_bucket(&bucket);
        self.recount_active();
        Ok(moved)
    }
}
