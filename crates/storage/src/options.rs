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
    /// How files are reached; tests put faults in.
    pub disk: Disk,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            memory_bytes: 32 * 1024 * 1024,
            seal_after: 10 * 60 * 1_000_000_000,
            max_series_per_bucket: 1_000_000,
            disk: Disk::default(),
        }
    }
}
