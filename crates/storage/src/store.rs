//! The store as its callers see it.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use watchpost_core::point::{FieldType, SeriesKey};

use crate::*;

/// A data folder, open. Share it with `Arc`.
#[derive(Debug)]
pub struct Storage {}

/// Batches in the order of series (measurement, then tags), then field, then time.
#[derive(Debug)]
pub struct Scan {}
impl Iterator for Scan {
    type Item = Result<SeriesBatch>;
    fn next(&mut self) -> Option<Self::Item> {
        todo!()
    }
}
/// Batches in the order of series, then field.
#[derive(Debug)]
pub struct AggregateScan {}
impl Iterator for AggregateScan {
    type Item = Result<AggregateBatch>;
    fn next(&mut self) -> Option<Self::Item> {
        todo!()
    }
}

#[allow(unused_variables)]
impl Storage {
    /// Opens (or begins) a data folder: takes its lock, replays the log. Damage that was found and
    /// worked around is in [`Storage::damages`].
    pub fn open(dir: &Path, options: Options, now: i64) -> Result<Storage> {
        todo!()
    }
    /// Stores a batch; on return it is durable. Rows are refused one by one; an error means
    /// that none of the batch is acknowledged.
    pub fn write(&self, bucket: u64, batch: Batch, now: i64) -> Result<WriteOutcome> {
        todo!()
    }
    /// Rows of a bucket. The rows are those at the time of the call, whatever is written during
    /// the iteration. A bucket nobody wrote to is empty.
    pub fn scan(&self, bucket: u64, request: &ScanRequest) -> Result<Scan> {
        todo!()
    }
    /// One aggregate per series, field and window, from block statistics where they suffice.
    pub fn aggregate(
        &self,
        bucket: u64,
        request: &ScanRequest,
        windowing: &Windowing,
        aggregate: Aggregate,
    ) -> Result<AggregateScan> {
        todo!()
    }
    /// Series with a row in the range, sorted. Conditions on values count as true.
    pub fn series(
        &self,
        bucket: u64,
        range: TimeRange,
        predicate: &Predicate,
    ) -> Result<Vec<Arc<SeriesKey>>> {
        todo!()
    }
    /// Sorted names.
    pub fn measurements(
        &self,
        bucket: u64,
        range: TimeRange,
        predicate: &Predicate,
    ) -> Result<Vec<String>> {
        todo!()
    }
    /// Sorted keys of the matching series' tags.
    pub fn tag_keys(
        &self,
        bucket: u64,
        range: TimeRange,
        predicate: &Predicate,
    ) -> Result<Vec<String>> {
        todo!()
    }
    /// Sorted values of one tag.
    pub fn tag_values(
        &self,
        bucket: u64,
        tag: &str,
        range: TimeRange,
        predicate: &Predicate,
    ) -> Result<Vec<String>> {
        todo!()
    }
    /// Sorted (field, type); a field of two measurements may come with two types.
    pub fn field_keys(
        &self,
        bucket: u64,
        range: TimeRange,
        predicate: &Predicate,
    ) -> Result<Vec<(String, FieldType)>> {
        todo!()
    }
    /// Deletes the rows of a range whose series match (`_measurement` and tag equality, joined by
    /// AND); durable on return.
    pub fn delete(&self, bucket: u64, range: TimeRange, predicate: &Predicate) -> Result<()> {
        todo!()
    }
    /// Removes a bucket with all its rows; durable on return.
    pub fn drop_bucket(&self, bucket: u64) -> Result<()> {
        todo!()
    }
    /// How long the bucket keeps rows, in nanoseconds; `None` for ever. Not kept on disk: say it
    /// again after each open.
    pub fn set_retention(&self, bucket: u64, retention: Option<i64>) {
        todo!()
    }
    /// Drops the shards that lie wholly beyond their bucket's retention.
    pub fn enforce_retention(&self, now: i64) -> Result<Vec<DroppedShard>> {
        todo!()
    }
    /// One round of background work: seals what is due, merges segment files. Call it about once
    /// a second (see [`Storage::wait_for_work`]) from one thread.
    pub fn maintain(&self, now: i64) -> Result<MaintenanceReport> {
        todo!()
    }
    /// Waits until [`Storage::maintain`] has something to do, at most so long.
    pub fn wait_for_work(&self, at_most: Duration) {
        todo!()
    }
    /// Seals all rows and merges every shard to its final form.
    pub fn compact(&self) -> Result<MaintenanceReport> {
        todo!()
    }
    /// Writes a consistent copy of everything acknowledged before the call; writes go on meanwhile.
    pub fn backup(&self, into: &mut dyn Write) -> Result<u64> {
        todo!()
    }
    /// Unpacks a backup into a new folder, which can then be opened.
    pub fn restore(from: &mut dyn Read, dir: &Path) -> Result<u64> {
        todo!()
    }
    /// Reads and checks every byte of every file.
    pub fn verify(&self) -> Result<VerifyReport> {
        todo!()
    }
    /// Rewrites damaged files without their damaged parts and keeps the originals in
    /// `DIR/damaged`. Gives what was lost.
    pub fn repair(&self) -> Result<Vec<Damage>> {
        todo!()
    }
    /// Damage met since the store was opened, the opening included.
    pub fn damages(&self) -> Vec<Damage> {
        todo!()
    }
    pub fn stats(&self) -> StorageStats {
        todo!()
    }
    /// A small named document, checksummed and replaced as a whole (the engine's own records).
    /// In backups, and checked by verify.
    pub fn document(&self, name: &str) -> Result<Option<Vec<u8>>> {
        todo!()
    }
    /// Replaces a document; durable on return.
    pub fn put_document(&self, name: &str, bytes: &[u8]) -> Result<()> {
        todo!()
    }
    /// Removes a document, if there is one.
    pub fn remove_document(&self, name: &str) -> Result<()> {
        todo!()
    }
    /// Sorted names.
    pub fn documents(&self) -> Result<Vec<String>> {
        todo!()
    }
    /// Seals what is in memory, so that the next opening has no log to replay.
    pub fn close(self) -> Result<()> {
        todo!()
    }
}
