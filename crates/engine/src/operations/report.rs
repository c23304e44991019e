//! What `stats` and `verify` tell: the same as JSON for scripts and over HTTP, and as text for people.

use std::fmt;

use serde::{Deserialize, Serialize};
use watchpost_storage::{BucketStats, Damage, MeasurementStats, Storage};

use crate::clock::rfc3339;
use crate::meta::MetaStore;

/// Sizes and cardinality of everything that is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatsReport {
    /// Bytes of log files.
    pub log_bytes: u64,
    /// Bytes of points in memory that are not sealed into segment files yet.
    pub memory_bytes: u64,
    /// Bytes of segment files.
    pub segment_bytes: u64,
    /// By name of the bucket's record.
    pub buckets: Vec<BucketReport>,
}

/// One bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketReport {
    /// Its name, or its id if it has no record.
    pub bucket: String,
    /// How many series it has.
    pub series: usize,
    /// Rows; one that was written twice may count twice until files are merged.
    pub rows: u64,
    /// Bytes of its segment files.
    pub bytes: u64,
    /// Spans of time that are dropped as a whole.
    pub shards: usize,
    /// Its segment files.
    pub segments: usize,
    /// RFC 3339; none if it is empty.
    pub oldest: Option<String>,
    /// RFC 3339; none if it is empty.
    pub newest: Option<String>,
    /// By name.
    pub measurements: Vec<MeasurementReport>,
}

/// One measurement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasurementReport {
    /// Its name.
    pub name: String,
    /// How many series it has.
    pub series: usize,
    /// How many fields it has.
    pub fields: usize,
    /// By key.
    pub tags: Vec<TagReport>,
}

/// One tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagReport {
    /// Its key.
    pub key: String,
    /// How many values it has.
    pub values: usize,
}

/// What reading every byte of every file found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyReport {
    /// Files that were read.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Column chunks that were decoded and checked.
    pub chunks: u64,
    /// What is damaged: the file, the place, what is lost.
    pub damages: Vec<String>,
    /// What was repaired.
    pub repaired: Vec<String>,
}

impl StatsReport {
    /// Of an open store.
    pub fn of(storage: &Storage, meta: &MetaStore) -> Self {
        let stats = storage.stats();
        let state = meta.read();
        let name = |bucket: &BucketStats| {
            let mut records = state.buckets.values();
            let found = records.find(|found| found.id.number() == bucket.bucket);
            found.map_or_else(
                || format!("{:016x}", bucket.bucket),
                |found| found.name.clone(),
            )
        };
        Self {
            log_bytes: stats.log_bytes,
            memory_bytes: stats.memory_bytes,
            segment_bytes: stats.segment_bytes,
            buckets: stats
                .buckets
                .iter()
                .map(|bucket| BucketReport::of(name(bucket), bucket))
                .collect(),
        }
    }
}

impl BucketReport {
    fn of(name: String, stats: &BucketStats) -> Self {
        Self {
            bucket: name,
            series: stats.series,
            rows: stats.rows,
            bytes: stats.bytes,
            shards: stats.shards,
            segments: stats.segments,
            oldest: stats.range.map(|range| rfc3339(range.start)),
            newest: stats.range.map(|range| rfc3339(range.stop - 1)),
            measurements: stats.measurements.iter().map(Into::into).collect(),
        }
    }
}

impl From<&MeasurementStats> for MeasurementReport {
    fn from(stats: &MeasurementStats) -> Self {
        let tags = stats.tags.iter().map(|tag| TagReport {
            key: tag.key.clone(),
            values: tag.values,
        });
        Self {
            name: stats.name.clone(),
            series: stats.series,
            fields: stats.fields,
            tags: tags.collect(),
        }
    }
}

impl VerifyReport {
    /// Reads and checks everything of an open store, which goes on meanwhile.
    ///
    /// # Errors
    /// A file cannot be read at all.
    pub fn of(storage: &Storage) -> watchpost_storage::Result<Self> {
        let report = storage.verify()?;
        let mut found: Vec<Damage> = report.damages;
        // Damage met while the folder was opened may be what the check finds, too.
        for damage in storage.damages() {
            if !found.contains(&damage) {
                found.push(damage);
            }
        }
        Ok(Self {
            files: report.files,
            bytes: report.bytes,
            chunks: report.chunks,
            damages: found.iter().map(ToString::to_string).collect(),
            repaired: Vec::new(),
        })
    }

    /// Whether nothing is damaged, or all of it repaired.
    pub fn is_well(&self) -> bool {
        self.damages.len() <= self.repaired.len()
    }
}

impl fmt::Display for StatsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} bytes in segments, {} in the log",
            self.segment_bytes, self.log_bytes
        )?;
        self.buckets.iter().try_for_each(|bucket| bucket.fmt(f))
    }
}

impl fmt::Display for BucketReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n{}: {} series, {} rows, {} bytes, {} shards",
            self.bucket, self.series, self.rows, self.bytes, self.shards
        )?;
        if let (Some(oldest), Some(newest)) = (&self.oldest, &self.newest) {
            writeln!(f, "  from {oldest} to {newest}")?;
        }
        for measurement in &self.measurements {
            writeln!(
                f,
                "  {}: {} series, {} fields",
                measurement.name, measurement.series, measurement.fields
            )?;
            for tag in &measurement.tags {
                writeln!(f, "    {}: {} values", tag.key, tag.values)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for VerifyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} files, {} bytes, {} chunks checked",
            self.files, self.bytes, self.chunks
        )?;
        let mut list = |what: &str, damages: &[String]| {
            damages
                .iter()
                .try_for_each(|damage| writeln!(f, "{what}: {damage}"))
        };
        list("damaged", &self.damages)?;
        list("repaired", &self.repaired)
    }
}
