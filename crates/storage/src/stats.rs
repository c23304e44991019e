//! What the store tells about itself: sizes, cardinality, the outcome of a verification.

use crate::damage::Damage;
use crate::range::TimeRange;

/// The whole store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StorageStats {
    /// Sorted by id.
    pub buckets: Vec<BucketStats>,
    /// Bytes of log files.
    pub log_bytes: u64,
    /// Bytes of rows that are not sealed yet, in memory.
    pub memory_bytes: u64,
    /// Bytes of segment files.
    pub segment_bytes: u64,
}

/// One bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketStats {
    pub bucket: u64,
    pub series: usize,
    pub shards: usize,
    pub segments: usize,
    /// Bytes of its segment files.
    pub bytes: u64,
    /// Rows in segment files and in memory; a row that was written twice may count twice until
    /// the next merge.
    pub rows: u64,
    /// From the oldest row to just after the newest; `None` if there are none.
    pub range: Option<TimeRange>,
    /// Sorted by name.
    pub measurements: Vec<MeasurementStats>,
}

/// One measurement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MeasurementStats {
    pub name: String,
    pub series: usize,
    pub fields: usize,
    /// Sorted by key.
    pub tags: Vec<TagStats>,
}

/// One tag of a measurement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagStats {
    pub key: String,
    /// How many different values it has.
    pub values: usize,
}

/// What [`crate::Storage::verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    pub files: usize,
    pub bytes: u64,
    /// Column chunks that were decoded and checked.
    pub chunks: u64,
    /// Empty if all is well.
    pub damages: Vec<Damage>,
}
