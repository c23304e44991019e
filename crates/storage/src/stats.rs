//! What the store tells about itself: sizes, cardinality, the outcome of a verification.

use std::collections::BTreeSet;

use crate::damage::Damage;
use crate::memory::bucket::State;
use crate::memory::hot::Hot;
use crate::range::TimeRange;
use crate::store::Storage;
use crate::sync::read;

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

impl Storage {
    /// Sizes and cardinality, from memory alone.
    pub fn stats(&self) -> StorageStats {
        let mut stats = StorageStats {
            log_bytes: self.log.bytes(),
            ..StorageStats::default()
        };
        for bucket in self.all_buckets() {
            let state = read(&bucket.state);
            stats.memory_bytes += state.active.bytes as u64;
            stats.memory_bytes += state
                .frozen
                .as_ref()
                .map_or(0, |frozen| frozen.rows.bytes as u64);
            let of_bucket = BucketStats::of(bucket.id, &state);
            stats.segment_bytes += of_bucket.bytes;
            stats.buckets.push(of_bucket);
        }
        stats
    }
}

impl BucketStats {
    fn of(bucket: u64, state: &State) -> BucketStats {
        let segments = &state.segments;
        let hots = [
            Some(&state.active),
            state.frozen.as_ref().map(|frozen| frozen.rows.as_ref()),
        ];
        let hots = || hots.into_iter().flatten();
        let ranges = segments
            .iter()
            .map(|segment| segment.range)
            .chain(hots().filter_map(Hot::range));
        let shards: BTreeSet<i64> = segments
            .iter()
            .map(|segment| segment.origin.shard.start)
            .collect();
        BucketStats {
            bucket,
            series: state.index.len(),
            shards: shards.len(),
            segments: segments.len(),
            bytes: segments.iter().map(|segment| segment.bytes).sum(),
            rows: segments.iter().map(|segment| segment.rows).sum::<u64>()
                + hots().map(|hot| hot.rows as u64).sum::<u64>(),
            range: ranges.reduce(TimeRange::hull),
            measurements: state
                .index
                .measurements()
                .map(|(name, measurement)| {
                    let tags = measurement.tags.iter();
                    MeasurementStats {
                        name: name.to_string(),
                        series: measurement.series_count(),
                        fields: measurement.field_count(),
                        tags: tags
                            .map(|(key, values)| TagStats {
                                key: key.to_string(),
                                values: values.len(),
                            })
                            .collect(),
                    }
                })
                .collect(),
        }
    }
}
