//! The settings of a store, each with the reason for its default.

use crate::disk::Disk;

/// Settings; `Options::default()` suits a site of some hundred hosts.
#[derive(Clone, Debug)]
pub struct Options {
    /// Bytes of unsealed rows in memory at which they are sealed into segment files. Also bounds
    /// the log, and with it the time to open after a crash (about 1 ms a megabyte). Writers that
    /// are faster than sealing may fill twice this while as much is being sealed, so four times
    /// this is the most that rows take.
    pub memory_bytes: usize,
    /// Rows are sealed at this age even if they are few, so that the log of a quiet site does
    /// not grow old. Nanoseconds.
    pub seal_after: i64,
    /// Most series of one bucket. Each costs about 1 KB of memory; beyond it somebody has put
    /// an id or a time into a tag.
    pub max_series_per_bucket: usize,
    /// Most fields of one bucket, over all measurements and types. Each costs about 300 bytes of memory, and 100 in each
    /// segment that has it; beyond it somebody has put an id or a time into the names.
    pub max_fields_per_bucket: usize,
    /// Most days (UTC) in which one bucket has rows. Each is a folder with a file, opened at the start, and 1 KB of memory.
    pub max_days_per_bucket: usize,
    /// How far after `now` the time of a row may be, in nanoseconds; `None`: any. Rows of the future outlive every
    /// retention.
    pub max_future: Option<i64>,
    /// Descriptors for segment files that were read lately, and as many for those that were removed while somebody
    /// read them. More segments than that are opened again when they are read.
    pub max_open_segments: usize,
    /// How files are reached; tests put faults in.
    pub disk: Disk,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            memory_bytes: 32 * 1024 * 1024,
            seal_after: 10 * 60 * 1_000_000_000,
            max_series_per_bucket: 1_000_000,
            max_fields_per_bucket: 100_000,
            // 27 years, a day a shard.
            max_days_per_bucket: 10_000,
            max_future: None,
            max_open_segments: 128,
            disk: Disk::default(),
        }
    }
}
